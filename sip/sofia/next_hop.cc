// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/next_hop.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
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

std::string WhyUnreachable(const CallHost& host, const SipAddress& next_hop) {
  std::string why;
  if (host.tls() != nullptr && next_hop.transport == SipTransport::kTls) {
    why = host.tls()->ProblemWith(next_hop);
  }
  return why.empty() ? "the far end's address could not be reached" : why;
}

}  // namespace callcontrol::sip
