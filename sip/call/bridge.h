// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_CALL_BRIDGE_H_
#define CALLCONTROL_SIP_CALL_BRIDGE_H_

#include <string>
#include <string_view>
#include <vector>

#include "sip/transfer/sip_status.h"
#include "sip/transfer/transfer_types.h"

// What passes from one leg to the other of a bridge, a signalling-only
// back-to-back user agent (RFC 7092, 3.1). Pure.
namespace callcontrol::sip {

// How an incoming call is bridged.
struct BridgeTerms {
  // The trunk of the other leg. Empty: none, `to` says where it goes.
  std::string trunk{};
  // Whom it calls; empty: the user of the request-URI, at the trunk.
  std::string to{};
  // How long it may ring.
  Milliseconds ring_limit{180'000};
  // Names of the headers that pass from the caller's INVITE into the other
  // one, "X-*" for all that begin so.
  std::vector<std::string> pass_headers{};
  // What becomes of the other leg when one was transferred away: it is kept, or
  // ends.
  bool keep_when_transferred = false;

  bool operator==(const BridgeTerms&) const = default;
};

// Whether a header of this name passes. Case does not matter (RFC 3261, 7.3.1).
bool PassesHeader(std::string_view name,
                  const std::vector<std::string>& pass_headers);

// How a request that one leg refused with `refusal`, from 300, is refused on
// the other. What is between this server and its neighbour becomes the server's
// own failure: challenges (the caller has no such password), what this server
// asked for or left out, a neighbour that is overloaded (RFC 3261, 16.7, step
// 6).
SipStatus RelayedRefusal(const SipStatus& refusal);

// The same for a request inside the dialog. A leg that is gone is no reason to
// give the other one up by 481 or 408: it gets a BYE.
SipStatus RelayedDialogRefusal(const SipStatus& refusal);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_CALL_BRIDGE_H_
