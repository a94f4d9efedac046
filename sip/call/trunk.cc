// SPDX-License-Identifier: Apache-2.0
#include "sip/call/trunk.h"

#include <algorithm>

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
                                     const Trunks& trunks) {
  if (!source) return nullptr;
  return FirstOf(trunks, [&](const Trunk& trunk) {
    return std::ranges::any_of(trunk.sources, [&](const IpNetwork& network) {
      return network.Contains(*source);
    });
  });
}

std::shared_ptr<const Trunk> FindTrunk(std::string_view name,
                                       const Trunks& trunks) {
  return FirstOf(trunks,
                 [&](const Trunk& trunk) { return trunk.name == name; });
}

}  // namespace callcontrol::sip
