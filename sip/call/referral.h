// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_CALL_REFERRAL_H_
#define CALLCONTROL_SIP_CALL_REFERRAL_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sip/transfer/sip_header.h"
#include "sip/transfer/sip_status.h"
#include "sip/transfer/sip_uri.h"
#include "sip/transfer/transfer_types.h"

// What a far end asks for by REFER, and whether it gets that. Pure.
namespace callcontrol::sip {

enum class ReferralMode {
  kOff,       // 405, and REFER is not in Allow.
  kDecline,   // 603.
  kDelegate,  // A client decides: CallEngine::DecideRefer().
  kExecute,   // The server carries out what the policy allows.
};

// What becomes of REFERs of the far ends of some calls.
struct ReferralPolicy {
  ReferralMode mode = ReferralMode::kOff;
  // Patterns of whom calls may be placed to (FitsTarget()). Empty: nobody with
  // kExecute, whomever a client accepts with kDelegate.
  std::vector<std::string> targets{};
  // The trunk that those calls go by. Empty: none, the URI says where.
  std::string trunk{};
  // How long a client has to decide.
  Milliseconds decision_limit{5'000};
  // How long the new call may ring.
  Milliseconds ring_limit{180'000};
  // How long the far end may keep its call after a success, before it is hung
  // up.
  Milliseconds bye_wait{32'000};
  // The 2xx to a REFER; 0: 200 to a far end whose Contact is a GRUU, which
  // knows RFC 7647, 202 (RFC 3515, 2.4.2) to all others.
  int accept_status = 0;

  bool operator==(const ReferralPolicy&) const = default;
};

// Whom a REFER wants called, as its Refer-To says.
struct ReferTarget {
  // Without headers and method parameter; otherwise byte by byte.
  SipUri uri{};
  // Of the URI, for the INVITE, not escaped: those that RFC 3261, 19.1.5 does
  // not call dangerous. Others are left out.
  std::vector<SipHeader> headers{};
  // The value of the Replaces among them (RFC 3891); empty for none.
  std::string replaces{};

  bool operator==(const ReferTarget&) const = default;
};

// Reads a Refer-To value (RFC 3515, 2.1) of a peer: a name-addr, whatever
// parameters follow it, or a URI without brackets. Errors: INVALID_ARGUMENT,
// about field "refer_to", reason SCHEME for a URI of another scheme and for one
// that wants another method than INVITE, BAD_URI, BAD_CHAR and TOO_LONG for one
// that cannot be read.
absl::StatusOr<ReferTarget> ReadReferTarget(std::string_view refer_to);

// Whether `uri` fits a pattern of ReferralPolicy, in which "*" stands for any
// text on its side of the "@", and for everybody where it stands alone:
// "USER@HOST", or "USER@HOST:PORT" for a URI with a port; "HOST" for one
// without a user; a number for a tel: URI. Hosts are compared without regard to
// case. Parameters of a user or a number lead calls elsewhere, so that only a
// pattern that has a ";" fits them, or one with "*" for the user.
bool FitsTarget(std::string_view pattern, const SipUri& uri);

// How a REFER stands that asks for `target`.
struct ReferralRequest {
  absl::StatusOr<ReferTarget> target{};
  // Its URI leads to this server.
  bool leads_here = false;
  // It wants a call of this server's replaced, which can be done.
  bool replaces_own = false;
  // How many REFERs led to the call that it came in.
  int depth = 0;
};

// Nullopt where it may be carried out (or shown to a client), or how it is
// refused: 400, 403 or 603, of which none ends the dialog (RFC 5057, 5.1), with
// the cause for people as its phrase.
std::optional<SipStatus> RefuseReferral(const ReferralPolicy& policy,
                                        const ReferralRequest& request);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_CALL_REFERRAL_H_
