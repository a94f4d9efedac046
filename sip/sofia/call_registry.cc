// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/call_registry.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace callcontrol::sip {

SofiaCall& CallRegistry::Keep(std::unique_ptr<SofiaCall> call) {
  SofiaCall& kept = *call;
  by_sip_call_id_.emplace(kept.snapshot().sip_call_id, &kept);
  calls_.emplace(kept.snapshot().call_id, std::move(call));
  return kept;
}

std::unique_ptr<SofiaCall> CallRegistry::Take(const SofiaCall& call) {
  auto held = calls_.extract(call.snapshot().call_id);
  if (held.empty()) return nullptr;
  const auto [first, last] =
      by_sip_call_id_.equal_range(call.snapshot().sip_call_id);
  const auto named = std::find_if(
      first, last, [&](const auto& entry) { return entry.second == &call; });
  if (named != last) by_sip_call_id_.erase(named);
  return std::move(held.mapped());
}

SofiaCall* CallRegistry::Find(const std::string& call_id) const {
  const auto it = calls_.find(call_id);
  return it == calls_.end() ? nullptr : it->second.get();
}

SofiaCall* CallRegistry::FindBySipCallId(const std::string& sip_call_id) const {
  const auto [first, last] = by_sip_call_id_.equal_range(sip_call_id);
  SofiaCall* found = nullptr;
  for (auto it = first; it != last; ++it) {
    if (found == nullptr || it->second->live()) found = it->second;
  }
  return found;
}

SofiaCall* CallRegistry::FindDialog(const TargetDialog& dialog) const {
  const auto [first, last] = by_sip_call_id_.equal_range(dialog.call_id);
  const auto found = std::find_if(first, last, [&](const auto& named) {
    return named.second->IsDialog(dialog);
  });
  return found == last ? nullptr : found->second;
}

SofiaCall* CallRegistry::FindReplaced(const sip_replaces_t& replaces,
                                      int& answer) const {
  answer = 400;
  if (replaces.rp_to_tag == nullptr || replaces.rp_from_tag == nullptr) {
    return nullptr;
  }
  answer = 481;
  const auto [first, last] =
      by_sip_call_id_.equal_range(std::string_view(replaces.rp_call_id));
  for (auto it = first; it != last; ++it) {
    const std::optional<int> status = it->second->AnswerToReplaces(replaces);
    if (!status) continue;
    answer = *status;
    return it->second;
  }
  return nullptr;
}

std::vector<std::string> CallRegistry::ids() const {
  std::vector<std::string> ids;
  ids.reserve(calls_.size());
  for (const auto& [id, call] : calls_) ids.push_back(id);
  return ids;
}

void CallRegistry::Clear() {
  by_sip_call_id_.clear();
  calls_.clear();
}

}  // namespace callcontrol::sip
