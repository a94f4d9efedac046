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

bool HasSource(const Trunk& trunk, const IpAddress& source) {
  return std::ranges::any_of(trunk.sources, [&](const IpNetwork& network) {
    return network.Contains(source);
  });
}

}  // namespace

std::shared_ptr<const Trunk> TrunkOf(const std::optional<IpAddress>& source,
                                     std::string_view user,
                                     const Trunks& trunks,
                                     const RegisteredAt& registered_at) {
  if (!source) return nullptr;
  const auto is_registered_there = [&](const Trunk& trunk) {
    const auto registered = registered_at.find(trunk.name);
    return registered != registered_at.end() && registered->second == *source;
  };
  const auto has_source = [&](const Trunk& trunk) {
    if (trunk.sources.empty()) return is_registered_there(trunk);
    return HasSource(trunk, *source);
  };
  std::shared_ptr<const Trunk> first = FirstOf(trunks, has_source);
  if (first == nullptr) return nullptr;
  // The user is the caller's word: it only tells apart accounts at one
  // neighbour, and never leads to another trunk's trust.
  const auto is_of_the_neighbour = [&](const Trunk& trunk) {
    return std::ranges::is_permutation(trunk.sources, first->sources) ||
           (is_registered_there(trunk) && is_registered_there(*first));
  };
  const auto is_for_it = [&](const Trunk& trunk) {
    return trunk.registration &&
           UnescapeUri(trunk.registration->contact_user) == user;
  };
  std::shared_ptr<const Trunk> found = FirstOf(trunks, [&](const Trunk& trunk) {
    return is_for_it(trunk) && has_source(trunk) && is_of_the_neighbour(trunk);
  });
  return found != nullptr ? found : first;
}

bool MayComeFrom(const std::optional<IpAddress>& source, const Trunk& trunk,
                 const RegisteredAt& registered_at) {
  if (!source) return false;
  if (!trunk.sources.empty()) return HasSource(trunk, *source);
  const auto registered = registered_at.find(trunk.name);
  return registered == registered_at.end() || registered->second == *source;
}

std::shared_ptr<const Trunk> FindTrunk(std::string_view name,
                                       const Trunks& trunks) {
  return FirstOf(trunks,
                 [&](const Trunk& trunk) { return trunk.name == name; });
}

bool CanCallBy(std::string_view name, const Trunk* found) {
  return name.empty() || (found != nullptr && !found->uri.empty());
}

}  // namespace callcontrol::sip
