// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_NEWEST_BELOW_H_
#define CALLCONTROL_SERVER_NEWEST_BELOW_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

namespace callcontrol::server {

// The last `most` of `items` with numbers below `before`, the highest first.
template <typename Item>
std::vector<std::pair<std::uint64_t, Item>> NewestBelow(
    const std::map<std::uint64_t, Item>& items, std::uint64_t before,
    std::size_t most) {
  std::vector<std::pair<std::uint64_t, Item>> newest;
  for (auto item = std::make_reverse_iterator(items.lower_bound(before));
       item != items.rend() && newest.size() < most; ++item) {
    newest.push_back(*item);
  }
  return newest;
}

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_NEWEST_BELOW_H_
