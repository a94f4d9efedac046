// SPDX-License-Identifier: Apache-2.0
#include "sip/dns/answer_cache.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace callcontrol::sip {
namespace {

// The host comes last: it alone may hold any character.
std::string KeyOf(const SipTarget& target) {
  const int transport =
      target.transport ? static_cast<int>(*target.transport) : -1;
  return absl::StrCat(ExplicitPort(target).value_or(0), " ", transport, " ",
                      target.secure ? 1 : 0, " ",
                      absl::AsciiStrToLower(target.host));
}

}  // namespace

const Route* AnswerCache::Find(const SipTarget& target, TimePoint now) const {
  const auto found = entries_.find(KeyOf(target));
  if (found == entries_.end() || found->second.end <= now) return nullptr;
  return &found->second.route;
}

void AnswerCache::Insert(const SipTarget& target, const Route& route,
                         TimePoint now) {
  const std::chrono::seconds ttl = std::min(route.ttl, max_ttl_);
  if (capacity_ == 0 || ttl <= std::chrono::seconds(0)) return;
  const std::string key = KeyOf(target);
  if (entries_.size() >= capacity_ && !entries_.contains(key)) {
    entries_.erase(std::ranges::min_element(
        entries_, {}, [](const auto& keyed) { return keyed.second.end; }));
  }
  entries_.insert_or_assign(key, Entry{route, now + ttl});
}

}  // namespace callcontrol::sip
