// SPDX-License-Identifier: Apache-2.0
//
// Input: the Event header ("-": none), then one part for each transfer of the
// dialog: "open", "strict" and CSeq numbers, as words.
#include "sip/transfer/notify_match.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/property.h"

namespace callcontrol::sip {
namespace {

using fuzz::Require;

NotifyCandidate ReadCandidate(std::string_view words) {
  NotifyCandidate candidate;
  while (!words.empty()) {
    const std::string_view word = fuzz::TakeUntil(words, ' ');
    std::uint32_t cseq = 0;
    candidate.open = candidate.open || word == "open";
    candidate.strict = candidate.strict || word == "strict";
    if (absl::SimpleAtoi(absl::string_view(word.data(), word.size()), &cseq)) {
      candidate.refer_cseqs.push_back(cseq);
    }
  }
  return candidate;
}

void CheckMatch(const std::optional<EventHeader>& event,
                const std::vector<NotifyCandidate>& candidates) {
  const NotifyMatch match = MatchNotify(event, candidates);
  Require(match.answer == 200 || match.answer == 481 || match.answer == 489,
          "a NOTIFY is answered 200, 481 or 489");
  Require(match.transfer.has_value() == (match.answer == 200),
          "a NOTIFY that is taken belongs to a transfer");
  if (!match.transfer) {
    Require(match.warning.empty(), "a refusal overlooks nothing");
    return;
  }
  Require(*match.transfer < candidates.size(), "the transfer is one of them");
  Require(match.warning.empty() || match.warning == "EVENT_CASE" ||
              match.warning == "NO_EVENT" || match.warning == "ID_MISMATCH",
          "a warning is one of the three");
  Require(match.warning.empty() || !candidates[*match.transfer].strict,
          "a strict transfer overlooks nothing");
}

}  // namespace
}  // namespace callcontrol::sip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace callcontrol;
  fuzz::FuzzInput input(data, size);
  const std::string_view event = input.Part();
  std::vector<sip::NotifyCandidate> candidates;
  while (!input.empty()) {
    candidates.push_back(sip::ReadCandidate(input.Part()));
  }
  sip::CheckMatch(event == "-" ? std::nullopt : sip::ReadEvent(event),
                  candidates);
  return 0;
}
