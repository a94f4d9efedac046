// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/next_hop.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace callcontrol::sip {
namespace {

absl::StatusOr<SipAddress> Checked(SipAddress address) {
  if (address.transport == SipTransport::kTls) {
    return absl::UnavailableError("SIP over TLS is not served");
  }
  return address;
}

}  // namespace

void FindNextHop(CallHost& host, const SipTarget& target,
                 absl::AnyInvocable<bool()> wanted, NextHopReady ready) {
  if (const std::optional<SipAddress> address = NumericAddress(target)) {
    std::move(ready)(Checked(*address));
    return;
  }
  host.resolver().Resolve(
      target, host.options().dns_limit,
      [&host, wanted = std::move(wanted), ready = std::move(ready)](
          absl::StatusOr<std::vector<SipAddress>> found) mutable {
        host.loop().Post([wanted = std::move(wanted), ready = std::move(ready),
                          found = std::move(found)]() mutable {
          if (!wanted()) return;
          if (!found.ok()) {
            std::move(ready)(found.status());
          } else {
            std::move(ready)(Checked(found->front()));
          }
        });
      });
}

}  // namespace callcontrol::sip
