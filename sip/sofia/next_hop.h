// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_NEXT_HOP_H_
#define CALLCONTROL_SIP_SOFIA_NEXT_HOP_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "sip/call/trunk.h"
#include "sip/dns/sip_route.h"
#include "sip/sofia/call_host.h"

namespace callcontrol::sip {

using NextHopReady =
    absl::AnyInvocable<void(absl::StatusOr<SipAddress> next_hop) &&>;

using AddressesReady = absl::AnyInvocable<
    void(absl::StatusOr<std::vector<SipAddress>> addresses) &&>;

// Hands out the addresses of `target` in the order in which to try them (RFC
// 3263, 4.3), never none: at once for a numeric one, else when the name is
// looked up. `ready` is dropped where `wanted` says by then that nobody waits
// any more. Each is yet to become a next hop.
//
// Threads: SIP thread only; both are called there. Errors: UNAVAILABLE, a
// sentence for people. Time: at most EngineOptions::dns_limit.
void FindAddresses(CallHost& host, const SipTarget& target,
                   absl::AnyInvocable<bool()> wanted, AddressesReady ready);

// Hands out where a request to `target` goes (RFC 3263): at once for a numeric
// address, else when the name is looked up. `ready` is dropped where `wanted`
// says by then that nobody waits any more. Over TLS the next hop says whom its
// certificate must speak for.
//
// Threads: SIP thread only; both are called there. Errors: UNAVAILABLE, a
// sentence for people. Time: at most EngineOptions::dns_limit.
void FindNextHop(CallHost& host, const SipTarget& target,
                 absl::AnyInvocable<bool()> wanted, NextHopReady ready);

// `address`, which was found for `target`, as a next hop. Errors: as above,
// where SIP over TLS would be needed and is not configured.
absl::StatusOr<SipAddress> NextHopTo(SipAddress address,
                                     const SipTarget& target,
                                     const EngineOptions& options);

// Where a request outside any dialog goes, before any look-up: to `next_hop`,
// or the request-URI where that is empty, or else to the first of `route`.
// `trunk`: by which it goes, null for none. Nullopt where that is no URI.
std::optional<SipTarget> FirstHopOf(const std::string& request_uri,
                                    const std::string& next_hop,
                                    const std::vector<std::string>& route,
                                    const Trunk* trunk);

// How a dialog is reached, beside what its leg knows.
struct DialogReach {
  // Begun with a sips: URI.
  bool sips = false;
  // Whom certificates must speak for; empty: the host that they lead to.
  std::string tls_name{};
};

// The Contact that `leg` sends its requests to (the remote target of RFC 3261,
// 12); null where the far end gave none. Until the leg is rerouted.
const sip_contact_t* RemoteTargetOf(nta_leg_t* leg);

// FindNextHop() of where `leg` sends its requests.
void FindNextHopOf(CallHost& host, nta_leg_t* leg, const DialogReach& reach,
                   absl::AnyInvocable<bool()> wanted, NextHopReady ready);

// Why a request to `next_hop` came to ClientTransaction::Ending::kFailed, for
// people.
std::string WhyUnreachable(const CallHost& host, const SipAddress& next_hop);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_NEXT_HOP_H_
