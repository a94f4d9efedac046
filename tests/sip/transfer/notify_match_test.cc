// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/notify_match.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

// The NOTIFY is answered 200 and told to the transfer of that index.
MATCHER_P(BelongsTo, index, "") {
  return arg.answer == 200 && arg.transfer == std::size_t{index} &&
         arg.warning.empty();
}
MATCHER_P2(BelongsTo, index, warning, "") {
  return arg.answer == 200 && arg.transfer == std::size_t{index} &&
         arg.warning == warning;
}
MATCHER_P(IsRefused, answer, "") {
  return arg.answer == answer && !arg.transfer && arg.warning.empty();
}

NotifyCandidate Open(std::vector<std::uint32_t> cseqs) {
  return {.refer_cseqs = std::move(cseqs), .open = true};
}
NotifyCandidate Ended(std::vector<std::uint32_t> cseqs) {
  return {.refer_cseqs = std::move(cseqs), .open = false};
}
NotifyCandidate Strict(std::vector<std::uint32_t> cseqs) {
  return {.refer_cseqs = std::move(cseqs), .open = true, .strict = true};
}

using Candidates = std::vector<NotifyCandidate>;

// A NOTIFY with this Event header, on a dialog with these transfers.
NotifyMatch Notify(std::string_view event, const Candidates& transfers) {
  return MatchNotify(ReadEvent(event), transfers);
}
NotifyMatch NotifyWithoutEvent(const Candidates& transfers) {
  return MatchNotify(std::nullopt, transfers);
}

// ---- 47: the dialog must know the transfer ------------------------------

TEST(NotifyMatchTest, TheEventOfTheOpenTransferMatches) {
  EXPECT_THAT(Notify("refer", {Open({2})}), BelongsTo(0u));
  EXPECT_THAT(Notify("refer;id=2", {Open({2})}), BelongsTo(0u));
}

TEST(NotifyMatchTest, WithoutAnyTransferNothingMatches) {
  EXPECT_THAT(Notify("refer", {}), IsRefused(481));
  EXPECT_THAT(Notify("refer;id=2", {}), IsRefused(481));
  EXPECT_THAT(NotifyWithoutEvent({}), IsRefused(481));
}

// ---- 48 and F12: leniency with the event --------------------------------

TEST(NotifyMatchTest, ACapitalEventIsTakenWithAWarning) {
  EXPECT_THAT(Notify("Refer", {Open({2})}), BelongsTo(0u, "EVENT_CASE"));
  EXPECT_THAT(Notify("REFER;id=2", {Open({2})}), BelongsTo(0u, "EVENT_CASE"));
}

TEST(NotifyMatchTest, AMissingEventIsTakenWithAWarning) {
  EXPECT_THAT(NotifyWithoutEvent({Open({2})}), BelongsTo(0u, "NO_EVENT"));
}

TEST(NotifyMatchTest, AnUnreadableEventCountsAsNone) {
  EXPECT_THAT(Notify("", {Open({2})}), BelongsTo(0u, "NO_EVENT"));
  EXPECT_THAT(Notify(";id=2", {Open({2})}), BelongsTo(0u, "NO_EVENT"));
}

TEST(NotifyMatchTest, LeniencyHelpsTheTailOfATransferToo) {
  EXPECT_THAT(Notify("Refer", {Ended({2})}), BelongsTo(0u, "EVENT_CASE"));
  EXPECT_THAT(NotifyWithoutEvent({Ended({2})}), BelongsTo(0u, "NO_EVENT"));
}

TEST(NotifyMatchTest, APackageThatOnlyBeginsLikeReferIsAnother) {
  EXPECT_THAT(Notify("refer.winfo", {Open({2})}), IsRefused(489));
  EXPECT_THAT(Notify("refers", {Open({2})}), IsRefused(489));
}

// ---- 49 and F13: the id -------------------------------------------------

TEST(NotifyMatchTest, TheIdMayNameAnyReferOfTheTransfer) {
  // 2 was challenged, 3 is its retry: peers use either.
  EXPECT_THAT(Notify("refer;id=2", {Open({2, 3})}), BelongsTo(0u));
  EXPECT_THAT(Notify("refer;id=3", {Open({2, 3})}), BelongsTo(0u));
}

TEST(NotifyMatchTest, TheNameOfTheIdHasNoCase) {
  EXPECT_THAT(Notify("refer;ID=2", {Open({2})}), BelongsTo(0u));
}

TEST(NotifyMatchTest, AWrongIdIsTakenWithAWarning) {
  // 0, 1 and the NOTIFY's own CSeq have been seen.
  for (const char* event : {"refer;id=0", "refer;id=1", "refer;id=4711"}) {
    EXPECT_THAT(Notify(event, {Open({2})}), BelongsTo(0u, "ID_MISMATCH"))
        << event;
  }
}

TEST(NotifyMatchTest, AnIdThatIsNoCseqIsWrong) {
  for (const char* event :
       {"refer;id=abc", "refer;id=-2", "refer;id=2.0", "refer;id=4294967298",
        "refer;id=99999999999999999999"}) {
    EXPECT_THAT(Notify(event, {Open({2})}), BelongsTo(0u, "ID_MISMATCH"))
        << event;
  }
}

TEST(NotifyMatchTest, TheLargestCseqMatches) {
  EXPECT_THAT(Notify("refer;id=4294967295", {Open({4294967295})}),
              BelongsTo(0u));
}

TEST(NotifyMatchTest, AnEmptyIdIsNone) {
  EXPECT_THAT(Notify("refer;id=", {Open({2})}), BelongsTo(0u));
  EXPECT_THAT(Notify("refer;id", {Open({2})}), BelongsTo(0u));
}

TEST(NotifyMatchTest, AWrongIdWithAnotherCaseOfTheEventIsStillTaken) {
  EXPECT_THAT(Notify("Refer;id=1", {Open({2})}), BelongsTo(0u, "EVENT_CASE"));
}

// ---- F32: several transfers in one dialog -------------------------------

TEST(NotifyMatchTest, WithoutAnIdTheOpenTransferIsMeant) {
  EXPECT_THAT(Notify("refer", {Ended({2}), Open({3})}), BelongsTo(1u));
  EXPECT_THAT(NotifyWithoutEvent({Ended({2}), Open({3})}),
              BelongsTo(1u, "NO_EVENT"));
}

TEST(NotifyMatchTest, OfSeveralOpenOnesTheNewestIsMeant) {
  EXPECT_THAT(Notify("refer", {Open({2}), Open({3})}), BelongsTo(1u));
}

TEST(NotifyMatchTest, AnOpenOneGoesBeforeANewerEndedOne) {
  EXPECT_THAT(Notify("refer", {Open({2}), Ended({3})}), BelongsTo(0u));
}

TEST(NotifyMatchTest, OfEndedOnesTheNewestIsMeant) {
  EXPECT_THAT(Notify("refer", {Ended({2}), Ended({3})}), BelongsTo(1u));
}

TEST(NotifyMatchTest, ALateNotifyWithAnOldIdGoesToTheOldTransfer) {
  const Candidates transfers{Ended({2}), Ended({3, 4}), Open({5})};
  EXPECT_THAT(Notify("refer;id=2", transfers), BelongsTo(0u));
  EXPECT_THAT(Notify("refer;id=4", transfers), BelongsTo(1u));
  EXPECT_THAT(Notify("refer;id=5", transfers), BelongsTo(2u));
}

TEST(NotifyMatchTest, AnIdOfNoTransferGoesToTheOpenOne) {
  EXPECT_THAT(Notify("refer;id=1", {Ended({2}), Open({3})}),
              BelongsTo(1u, "ID_MISMATCH"));
}

// ---- 50: other packages -------------------------------------------------

TEST(NotifyMatchTest, AnotherPackageIsABadEvent) {
  for (const char* event :
       {"presence", "dialog;id=2", "keep-alive", "talk", "message-summary"}) {
    EXPECT_THAT(Notify(event, {Open({2})}), IsRefused(489)) << event;
    EXPECT_THAT(Notify(event, {}), IsRefused(489)) << event;
  }
}

// ---- `strict` -----------------------------------------------------------

TEST(NotifyMatchTest, AStrictTransferTakesWhatIsRight) {
  EXPECT_THAT(Notify("refer", {Strict({2})}), BelongsTo(0u));
  EXPECT_THAT(Notify("refer;id=2", {Strict({2})}), BelongsTo(0u));
}

TEST(NotifyMatchTest, AStrictTransferRefusesWhatNeedsLeniency) {
  EXPECT_THAT(Notify("Refer", {Strict({2})}), IsRefused(481));
  EXPECT_THAT(Notify("Refer;id=2", {Strict({2})}), IsRefused(481));
  EXPECT_THAT(Notify("refer;id=1", {Strict({2})}), IsRefused(481));
  EXPECT_THAT(NotifyWithoutEvent({Strict({2})}), IsRefused(481));
}

TEST(NotifyMatchTest, StrictnessIsThatOfTheTransferThatIsMeant) {
  // The old one was strict, the open one is not.
  NotifyCandidate old = Strict({2});
  old.open = false;
  EXPECT_THAT(NotifyWithoutEvent({old, Open({3})}), BelongsTo(1u, "NO_EVENT"));
  EXPECT_THAT(Notify("Refer;id=2", {old, Open({3})}), IsRefused(481));
}

}  // namespace
}  // namespace callcontrol::sip
