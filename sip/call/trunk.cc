// SPDX-License-Identifier: Apache-2.0
#include "sip/call/trunk.h"

#include <algorithm>

#include "sip/transfer/sip_uri.h"

namespace callcontrol::sip {
namespace {

template <typename Condition>
std::shared_ptr<const Trunk> FirstOf(const Trunks& trunks,
                                     const Condition& condition) {
  const auto found = std::ranges::find_if(
      trunks, [&](const auto& trunk) { return condition(*trunk); });
  return found == trunks.end() ? nullptr : *found;
}

}  // namespace

std::shared_ptr<const Trunk> TrunkOf(const std::optional<IpAddress>& source,
                                     std::string_view user,
                                     const Trunks& trunks,
                                     const RegisteredAt& registered_at) {
  if (!source) return nullptr;
  const auto has_source = [&](const Trunk& trunk) {
    const auto registered = registered_at.find(trunk.name);
    if (trunk.sources.empty() && registered != registered_at.end()) {
      return registered->second == *source;
    }
    return std::ranges::any_of(trunk.sources, [&](const IpNetwork& network) {
      return network.Contains(*source);
    });
  };
  const auto is_for_it = [&](const Trunk& trunk) {
    return trunk.registration &&
           UnescapeUri(trunk.registration->contact_user) == user;
  };
  std::shared_ptr<const Trunk> found = FirstOf(trunks, [&](const Trunk& trunk) {
    return is_for_it(trunk) && has_source(trunk);
  });
  return found != nullptr ? found : FirstOf(trunks, has_source);
}

std::shared_ptr<const Trunk> FindTrunk(std::string_view name,
                                       const Trunks& trunks) {
  return FirstOf(trunks,
                 [&](const Trunk& trunk) { return trunk.name == name; });
}

}  // namespace callcontrol::sip
