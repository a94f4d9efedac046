// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_NEWEST_BELOW_H_
#define CALLCONTROL_SERVER_NEWEST_BELOW_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <type_traits>
#include <utility>
#include <vector>

namespace callcontrol::server {

// What `share` makes of the last `most` of `items` with numbers below `before`,
// the highest first.
template <typename Item, typename Share>
auto NewestBelow(const std::map<std::uint64_t, Item>& items,
                 std::uint64_t before, std::size_t most, Share share) {
  using Shared = std::decay_t<std::invoke_result_t<Share, const Item&>>;
  std::vector<std::pair<std::uint64_t, Shared>> newest;
  newest.reserve(std::min(most, items.size()));
  for (auto item = std::make_reverse_iterator(items.lower_bound(before));
       item != items.rend() && newest.size() < most; ++item) {
    newest.emplace_back(item->first, share(item->second));
  }
  return newest;
}

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_NEWEST_BELOW_H_
