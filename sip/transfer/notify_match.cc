// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/notify_match.h"

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

namespace callcontrol::sip {
namespace {

constexpr std::string_view kPackage = "refer";

// The newest open transfer, else the newest one at all: only one is open at a
// time, and what is not its is the tail of one before.
std::optional<std::size_t> Newest(
    const std::vector<NotifyCandidate>& candidates) {
  std::optional<std::size_t> newest;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (!newest || candidates[i].open || !candidates[*newest].open) newest = i;
  }
  return newest;
}

std::optional<std::size_t> WithCseq(
    const std::vector<NotifyCandidate>& candidates, std::string_view id) {
  std::uint32_t cseq = 0;
  if (!absl::SimpleAtoi(std::string(id), &cseq)) return std::nullopt;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const std::vector<std::uint32_t>& used = candidates[i].refer_cseqs;
    if (std::ranges::find(used, cseq) != used.end()) return i;
  }
  return std::nullopt;
}

}  // namespace

NotifyMatch MatchNotify(const std::optional<EventHeader>& event,
                        const std::vector<NotifyCandidate>& candidates) {
  NotifyMatch match;
  if (event && !absl::EqualsIgnoreCase(event->package, std::string(kPackage))) {
    match.answer = 489;
    return match;
  }
  const std::optional<std::size_t> newest = Newest(candidates);
  if (!newest) return match;

  match.transfer = newest;
  if (!event) {
    match.warning = "NO_EVENT";
  } else if (event->id) {
    const std::optional<std::size_t> named = WithCseq(candidates, *event->id);
    if (named) {
      match.transfer = named;
    } else {
      match.warning = "ID_MISMATCH";
    }
  }
  if (event && event->package != kPackage) match.warning = "EVENT_CASE";
  if (!match.warning.empty() && candidates[*match.transfer].strict) {
    return NotifyMatch();
  }
  match.answer = 200;
  return match;
}

}  // namespace callcontrol::sip
