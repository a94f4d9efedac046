// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_CALL_TRUNK_H_
#define CALLCONTROL_SIP_CALL_TRUNK_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_network.h"
#include "sip/call/digest.h"
#include "sip/call/referral.h"
#include "sip/call/registration.h"
#include "sip/call/session_timer.h"
#include "sip/transfer/refer_to.h"

// The neighbours that calls come from and go to. Pure.
namespace callcontrol::sip {

// A configured neighbour: a carrier, a PBX, a session border controller.
struct Trunk {
  std::string name{};
  // HOST[:PORT], and the same as "sip:HOST[:PORT][[;transport=tls]". Empty:
  // calls only come from it.
  std::string address{};
  std::string uri{};
  // Whom the certificates of its servers must speak for; empty: the host of the
  // URI that leads to them.
  std::string tls_name{};
  // Calls from there are its calls.
  std::vector<IpNetwork> sources{};
  // For its challenges, where a request brings no others.
  std::optional<Credentials> credentials{};
  // How numbers and users become URIs on its calls.
  TargetPolicy targets{};
  SessionTimerPolicy session_timer{};
  // What becomes of REFERs of its far ends.
  ReferralPolicy referrals{};
  // Unset: it is not registered at.
  std::optional<RegistrationTerms> registration{};
  // It is of this server's trust domain: identities are told to it, and taken
  // from it (RFC 3325).
  bool trusted = false;

  bool operator==(const Trunk&) const = default;
};

// Trunks are read again while calls of the old ones are up: each call keeps its
// own.
using Trunks = std::vector<std::shared_ptr<const Trunk>>;

// Where the registrations of trunks are, by the trunks' names.
using RegisteredAt = std::map<std::string, IpAddress, std::less<>>;

// The first trunk whose calls come from `source`; null for none, and where the
// transport did not tell. One without networks has the address that it is
// registered at. Of several with the same networks as the first, or registered
// at `source` like it, the first that is registered with the user that the call
// is for. `user`: of the request-URI, unescaped.
std::shared_ptr<const Trunk> TrunkOf(const std::optional<IpAddress>& source,
                                     std::string_view user,
                                     const Trunks& trunks,
                                     const RegisteredAt& registered_at);

// Whether requests of `trunk` come from `source`; also where nothing is known
// of where they come from.
bool MayComeFrom(const std::optional<IpAddress>& source, const Trunk& trunk,
                 const RegisteredAt& registered_at);

// Null for none of that name.
std::shared_ptr<const Trunk> FindTrunk(std::string_view name,
                                       const Trunks& trunks);

// Whether calls can be placed as wanted: by no trunk (`name` is empty), or by
// `found`, what FindTrunk() found of that name, where it has an address.
bool CanCallBy(std::string_view name, const Trunk* found);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_CALL_TRUNK_H_
