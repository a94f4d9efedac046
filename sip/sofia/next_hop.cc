// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/next_hop.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/tls_layer.h"

namespace callcontrol::sip {

absl::StatusOr<SipAddress> NextHopTo(SipAddress address,
                                     const SipTarget& target,
                                     const EngineOptions& options) {
  if (!target.unknown_transport.empty()) {
    return absl::UnavailableError(
        absl::StrCat("transport=", target.unknown_transport,
                     " leads there, which this server does not speak"));
  }
  if (address.transport != SipTransport::kTls) return address;
  if (!options.tls) {
    return absl::UnavailableError(
        absl::StrCat(target.secure ? "a sips: URI" : "transport=tls",
                     " leads there, and SIP over TLS is not configured "
                     "(sip.tls)"));
  }
  // It goes into a URI for Sofia, and is compared with certificates.
  const bool sane = IsDnsName(target.tls_name) ||
                    NumericAddress({.host = target.tls_name}).has_value();
  if (!sane) {
    return absl::UnavailableError(
        "the host that TLS leads to is neither a name nor an address");
  }
  address.tls_name = target.tls_name;
  return address;
}

void FindAddresses(CallHost& host, const SipTarget& target,
                   absl::AnyInvocable<bool()> wanted, AddressesReady ready) {
  if (const std::optional<SipAddress> address = NumericAddress(target)) {
    std::move(ready)(std::vector<SipAddress>{*address});
    return;
  }
  host.resolver().Resolve(
      target, host.options().dns_limit,
      [&host, wanted = std::move(wanted), ready = std::move(ready)](
          absl::StatusOr<std::vector<SipAddress>> found) mutable {
        host.loop().Post([wanted = std::move(wanted), ready = std::move(ready),
                          found = std::move(found)]() mutable {
          if (wanted()) std::move(ready)(std::move(found));
        });
      });
}

void FindNextHop(CallHost& host, const SipTarget& target,
                 absl::AnyInvocable<bool()> wanted, NextHopReady ready) {
  FindAddresses(host, target, std::move(wanted),
                [&host, target, ready = std::move(ready)](
                    absl::StatusOr<std::vector<SipAddress>> found) mutable {
                  if (!found.ok()) {
                    std::move(ready)(found.status());
                  } else {
                    std::move(ready)(NextHopTo(std::move(found->front()),
                                               target, host.options()));
                  }
                });
}

std::optional<SipTarget> FirstHopOf(const std::string& request_uri,
                                    const std::string& next_hop,
                                    const std::vector<std::string>& route,
                                    const Trunk* trunk) {
  std::optional<SipTarget> target =
      TargetOf(next_hop.empty() ? request_uri : next_hop);
  if (target && !route.empty()) {
    // RFC 3261, 8.1.2. How to get there is the trunk's to say where the route
    // does not; one over TLS does not go on without, whatever the route says.
    const SipTarget neighbour = *target;
    target = TargetOf(route.front());
    if (target && !target->transport) target->transport = neighbour.transport;
    if (target &&
        (neighbour.secure || neighbour.transport == SipTransport::kTls)) {
      target->secure = true;
    }
  }
  if (!target) return std::nullopt;
  // RFC 3261, 8.1.2: the way to a sips: URI is TLS, whatever it is.
  if (IsSips(request_uri)) target->secure = true;
  if (trunk != nullptr && !trunk->tls_name.empty()) {
    target->tls_name = trunk->tls_name;
  }
  return target;
}

const sip_contact_t* RemoteTargetOf(nta_leg_t* leg) {
  const sip_contact_t* target = nullptr;
  nta_leg_get_route(leg, nullptr, &target);
  return target;
}

void FindNextHopOf(CallHost& host, nta_leg_t* leg, const DialogReach& reach,
                   absl::AnyInvocable<bool()> wanted, NextHopReady ready) {
  const sip_route_t* route = nullptr;
  const sip_contact_t* target = nullptr;
  nta_leg_get_route(leg, &route, &target);
  if (route == nullptr && target == nullptr) {
    std::move(ready)(absl::UnavailableError("the far end gave no address"));
    return;
  }
  SipTarget next = TargetOf(route != nullptr ? *route->r_url : *target->m_url);
  // RFC 3261, 8.1.2: the way to a sips: URI is TLS, whatever it is.
  if (reach.sips ||
      (target != nullptr && target->m_url->url_type == url_sips)) {
    next.secure = true;
  }
  if (!reach.tls_name.empty()) next.tls_name = reach.tls_name;
  FindNextHop(host, next, std::move(wanted), std::move(ready));
}

std::string WhyUnreachable(const CallHost& host, const SipAddress& next_hop) {
  std::string why;
  if (host.tls() != nullptr && next_hop.transport == SipTransport::kTls) {
    why = host.tls()->ProblemWith(next_hop);
  }
  return why.empty() ? "the far end's address could not be reached" : why;
}

}  // namespace callcontrol::sip
