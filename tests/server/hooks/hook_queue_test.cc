// SPDX-License-Identifier: Apache-2.0
#include "server/hooks/hook_queue.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

// The half of a pause that is random is nothing, or all of it.
constexpr double kShortest = 0;

HookDelivery Event(const std::string& transfer, int sequence,
                   const std::string& origin = "http://a:80") {
  HookDelivery delivery;
  delivery.id = absl::StrCat(transfer, "-", sequence);
  delivery.kind = HookKind::kEvent;
  delivery.transfer_id = transfer;
  delivery.sequence = sequence;
  delivery.origin = origin;
  return delivery;
}

HookDelivery Action(const std::string& transfer, int sequence,
                    const std::string& origin = "http://a:80") {
  HookDelivery delivery = Event(transfer, sequence, origin);
  delivery.kind = HookKind::kAction;
  return delivery;
}

HookAttempt Http(int status) { return {.http_status = status}; }

HookAttempt Broken() { return {.error = "Connection refused"}; }

HookAttempt Refused() { return {.error = "not allowed", .permanent = true}; }

class HookQueueTest : public ::testing::Test {
 protected:
  // The ids that are sent now.
  std::vector<std::string> Start() {
    std::vector<std::string> ids;
    while (const HookDelivery* delivery = queue_.StartNext(now_)) {
      ids.push_back(delivery->id);
    }
    return ids;
  }

  void Add(const HookDelivery& delivery) { queue_.Add(delivery, true, now_); }

  void End(const std::string& id, const HookAttempt& attempt,
           double jitter = kShortest) {
    queue_.OnAttempt(id, attempt, jitter, now_);
  }

  void Pass(milliseconds time) { now_ += time; }

  // What the store was told, as "+id", "!id" for a dead one and "-id".
  std::vector<std::string> Changes() {
    std::vector<std::string> texts;
    for (const HookChange& change : queue_.TakeChanges()) {
      if (const auto* removed = std::get_if<HookRemoved>(&change)) {
        texts.push_back("-" + removed->id);
      } else {
        const auto& delivery = std::get<HookDelivery>(change);
        texts.push_back((delivery.dead ? "!" : "+") + delivery.id);
      }
    }
    return texts;
  }

  const HookDelivery& Find(const std::string& id) {
    return queue_.Find(id)->delivery;
  }

  HookLimits limits_;
  HookQueue queue_{limits_};
  HookTime now_{seconds(1'000)};
};

TEST_F(HookQueueTest, WhatArrivesIsGone) {
  Add(Event("t", 1));
  EXPECT_THAT(Start(), ElementsAre("t-1"));
  EXPECT_EQ(Find("t-1").attempts, 1);
  End("t-1", Http(204));
  EXPECT_EQ(queue_.Find("t-1"), nullptr);
  EXPECT_EQ(queue_.pending(), 0U);
  EXPECT_THAT(Changes(), ElementsAre("+t-1", "-t-1"));
  EXPECT_FALSE(queue_.NextWake().has_value());
}

TEST_F(HookQueueTest, EventsOfATransferGoOneAfterTheOther) {
  Add(Event("t", 1));
  Add(Event("t", 2));
  EXPECT_THAT(Start(), ElementsAre("t-1"));
  EXPECT_THAT(Start(), IsEmpty());
  End("t-1", Http(503));
  Pass(milliseconds(499));
  EXPECT_THAT(Start(), IsEmpty());
  Pass(milliseconds(1));
  EXPECT_THAT(Start(), ElementsAre("t-1"));
  End("t-1", Http(200));
  EXPECT_THAT(Start(), ElementsAre("t-2"));
}

TEST_F(HookQueueTest, TransfersDoNotWaitForEachOther) {
  Add(Event("t", 1));
  Add(Event("u", 1));
  EXPECT_THAT(Start(), ElementsAre("t-1", "u-1"));
  End("t-1", Broken());
  End("u-1", Http(200));
  Add(Event("u", 2));
  EXPECT_THAT(Start(), ElementsAre("u-2"));
}

TEST_F(HookQueueTest, TheActionFollowsTheLastEvent) {
  Add(Event("t", 1));
  Add(Action("t", 2));
  EXPECT_THAT(Start(), ElementsAre("t-1"));
  End("t-1", Http(200));
  EXPECT_THAT(Start(), ElementsAre("t-2"));
}

TEST_F(HookQueueTest, AGivenUpEventNoLongerHoldsTheAction) {
  Add(Event("t", 1));
  Add(Action("t", 2));
  Start();
  End("t-1", Http(404));
  EXPECT_THAT(Start(), ElementsAre("t-2"));
}

TEST_F(HookQueueTest, TheActionWaitsOnlySoLong) {
  Add(Event("t", 1));
  Pass(seconds(100));
  Add(Action("t", 2));
  EXPECT_THAT(Start(), ElementsAre("t-1"));
  Pass(limits_.action_wait - milliseconds(1));
  EXPECT_THAT(Start(), IsEmpty());
  EXPECT_EQ(queue_.NextWake(), now_ + milliseconds(1));
  Pass(milliseconds(1));
  EXPECT_THAT(Start(), ElementsAre("t-2"));
  End("t-2", Http(200));
  // The event goes on being tried.
  End("t-1", Http(500));
  Pass(seconds(1));
  EXPECT_THAT(Start(), ElementsAre("t-1"));
}

TEST_F(HookQueueTest, ANewDeliveryWaitsForTheDisk) {
  queue_.Add(Event("t", 1), false, now_);
  EXPECT_THAT(Start(), IsEmpty());
  queue_.OnStored("t-1", now_);
  EXPECT_THAT(Start(), ElementsAre("t-1"));
}

TEST_F(HookQueueTest, ADiskThatIsSilentHoldsItOnlySoLong) {
  queue_.Add(Event("t", 1), false, now_);
  Pass(limits_.save_wait - milliseconds(1));
  EXPECT_THAT(Start(), IsEmpty());
  Pass(milliseconds(1));
  EXPECT_THAT(Start(), ElementsAre("t-1"));
}

TEST_F(HookQueueTest, ADiskThatFailsHoldsNothing) {
  queue_.Add(Event("t", 1), false, now_);
  queue_.Add(Event("u", 1), false, now_);
  queue_.OnStoreTrouble(now_);
  EXPECT_THAT(Start(), ElementsAre("t-1", "u-1"));
}

TEST_F(HookQueueTest, TheDiskCannotHurryARetry) {
  Add(Event("t", 1));
  Start();
  End("t-1", Http(500));
  queue_.OnStored("t-1", now_);
  queue_.OnStored("nobody", now_);
  queue_.OnStoreTrouble(now_);
  EXPECT_THAT(Start(), IsEmpty());
}

class StatusTest : public HookQueueTest,
                   public ::testing::WithParamInterface<int> {};

class RetriedTest : public StatusTest {};
TEST_P(RetriedTest, IsTriedAgain) {
  Add(Event("t", 1));
  Start();
  End("t-1", Http(GetParam()));
  EXPECT_FALSE(Find("t-1").dead);
  EXPECT_EQ(Find("t-1").last_status, GetParam());
  EXPECT_THAT(Changes(), ElementsAre("+t-1", "+t-1"));
  EXPECT_TRUE(queue_.NextWake().has_value());
}
INSTANTIATE_TEST_SUITE_P(Status, RetriedTest,
                         ::testing::Values(408, 429, 500, 502, 503, 504, 599));

class FinalTest : public StatusTest {};
TEST_P(FinalTest, IsADeadLetter) {
  Add(Event("t", 1));
  Start();
  End("t-1", Http(GetParam()));
  EXPECT_TRUE(Find("t-1").dead);
  EXPECT_EQ(Find("t-1").last_error, absl::StrCat("HTTP ", GetParam()));
  EXPECT_EQ(queue_.pending(), 0U);
  EXPECT_EQ(queue_.dead(), 1U);
  EXPECT_THAT(Changes(), ElementsAre("+t-1", "!t-1"));
}
INSTANTIATE_TEST_SUITE_P(Status, FinalTest,
                         ::testing::Values(101, 199, 300, 301, 307, 400, 401,
                                           404, 410, 499));

TEST_F(HookQueueTest, ABrokenConnectionIsTriedAgainARefusedAddressIsNot) {
  Add(Event("t", 1));
  Add(Event("u", 1));
  Start();
  End("t-1", Broken());
  End("u-1", Refused());
  EXPECT_FALSE(Find("t-1").dead);
  EXPECT_EQ(Find("t-1").last_error, "Connection refused");
  EXPECT_TRUE(Find("u-1").dead);
  EXPECT_EQ(Find("u-1").last_error, "not allowed");
}

TEST(RetryPauseTest, DoublesUpToTheLongestAndHalfOfItIsRandom) {
  const HookLimits limits{.first_retry = seconds(1),
                          .longest_retry = seconds(10)};
  EXPECT_EQ(RetryPause(limits, 1, {}, 0), milliseconds(500));
  EXPECT_EQ(RetryPause(limits, 1, {}, 0.5), milliseconds(750));
  EXPECT_EQ(RetryPause(limits, 2, {}, 0), milliseconds(1'000));
  EXPECT_EQ(RetryPause(limits, 4, {}, 0), milliseconds(4'000));
  EXPECT_EQ(RetryPause(limits, 5, {}, 0), milliseconds(5'000));
  EXPECT_EQ(RetryPause(limits, 2'000'000'000, {}, 0), milliseconds(5'000));
  EXPECT_LT(RetryPause(limits, 9, {}, 0.999), seconds(10));
}

TEST(RetryPauseTest, IsAsLongAsTheReceiverAskedForWithinReason) {
  const HookLimits limits{.first_retry = seconds(1),
                          .longest_retry = seconds(10)};
  EXPECT_EQ(RetryPause(limits, 1, seconds(3), 0), seconds(3));
  EXPECT_EQ(RetryPause(limits, 5, seconds(1), 0), seconds(5));
  EXPECT_EQ(RetryPause(limits, 1, seconds(86'400), 0), seconds(10));
}

TEST_F(HookQueueTest, IsGivenUpAfterSoManyAttempts) {
  Add(Event("t", 1));
  for (int attempt = 1; attempt <= limits_.max_attempts; ++attempt) {
    EXPECT_THAT(Start(), ElementsAre("t-1"));
    EXPECT_FALSE(Find("t-1").dead);
    End("t-1", Http(500));
    Pass(limits_.longest_retry);
  }
  EXPECT_TRUE(Find("t-1").dead);
  EXPECT_THAT(Start(), IsEmpty());
}

TEST_F(HookQueueTest, IsGivenUpByAgeButNeverUntried) {
  Add(Event("t", 1));
  Add(Event("t", 2));
  Start();
  End("t-1", Http(500));
  Pass(limits_.max_age);
  EXPECT_THAT(Start(), ElementsAre("t-1"));
  End("t-1", Http(500));
  EXPECT_TRUE(Find("t-1").dead);
  EXPECT_THAT(Start(), ElementsAre("t-2"));
  End("t-2", Http(500));
  EXPECT_TRUE(Find("t-2").dead);
}

TEST_F(HookQueueTest, ADeadOneIsRevivedWithAllItsAttempts) {
  Add(Event("t", 1));
  Start();
  End("t-1", Http(404));
  Pass(limits_.max_age);
  Changes();
  EXPECT_TRUE(queue_.Retry("t-1", now_));
  EXPECT_EQ(Find("t-1").attempts, 0);
  EXPECT_THAT(Changes(), ElementsAre("+t-1"));
  EXPECT_EQ(queue_.dead(), 0U);
  EXPECT_THAT(Start(), ElementsAre("t-1"));
  End("t-1", Http(500));
  EXPECT_FALSE(Find("t-1").dead);
}

TEST_F(HookQueueTest, ARevivedOneTakesItsPlaceAmongTheOthers) {
  Add(Event("t", 1));
  Start();
  End("t-1", Http(404));
  Add(Event("t", 2));
  Add(Event("t", 3));
  EXPECT_TRUE(queue_.Retry("t-1", now_));
  EXPECT_THAT(Start(), ElementsAre("t-1"));
  End("t-1", Http(200));
  EXPECT_THAT(Start(), ElementsAre("t-2"));
  // But not in front of one that is under way.
  Add(Event("u", 1));
  Start();
  End("u-1", Http(404));
  Add(Event("u", 2));
  Start();
  EXPECT_TRUE(queue_.Retry("u-1", now_));
  EXPECT_THAT(Start(), IsEmpty());
  End("u-2", Http(200));
  EXPECT_THAT(Start(), ElementsAre("u-1"));
}

TEST_F(HookQueueTest, OneThatWaitsIsHurried) {
  Add(Event("t", 1));
  Start();
  EXPECT_TRUE(queue_.Retry("t-1", now_));  // Under way already.
  End("t-1", Http(500));
  EXPECT_THAT(Start(), IsEmpty());
  EXPECT_TRUE(queue_.Retry("t-1", now_));
  EXPECT_THAT(Start(), ElementsAre("t-1"));
  EXPECT_EQ(Find("t-1").attempts, 2);
  EXPECT_FALSE(queue_.Retry("nobody", now_));
}

class SmallQueueTest : public HookQueueTest {
 protected:
  void Limit(const HookLimits& limits) {
    std::destroy_at(&queue_);
    std::construct_at(&queue_, limits);
  }
};

TEST_F(SmallQueueTest, AHostHasOnlySoManyConnections) {
  Limit({.max_per_host = 2});
  for (const char* transfer : {"t", "u", "v"}) Add(Event(transfer, 1));
  Add(Event("w", 1, "http://b:80"));
  EXPECT_THAT(Start(), ::testing::UnorderedElementsAre("t-1", "u-1", "w-1"));
  End("u-1", Http(200));
  EXPECT_THAT(Start(), ElementsAre("v-1"));
}

TEST_F(SmallQueueTest, HostsTakeTurnsForTheConnectionsOfAll) {
  Limit({.max_per_host = 2, .max_at_once = 2});
  for (const char* transfer : {"t", "u", "v"}) Add(Event(transfer, 1));
  Add(Event("w", 1, "http://b:80"));
  EXPECT_THAT(Start(), ElementsAre("t-1", "w-1"));
  End("w-1", Http(200));
  EXPECT_THAT(Start(), ElementsAre("u-1"));
}

TEST_F(HookQueueTest, AHostEarnsItsConnections) {
  for (int i = 0; i < 40; ++i) Add(Event(absl::StrCat("t", i), 1));
  const std::vector<std::string> first = Start();
  EXPECT_EQ(first.size(), 4U);
  End(first[0], Http(200));
  EXPECT_EQ(Start().size(), 5U) << "one came back, and four more are allowed";
  End(first[1], Http(503));
  End(first[2], Http(200));
  Start();
  EXPECT_EQ(queue_.sending(), limits_.max_per_host);
}

TEST_F(HookQueueTest, AHostThatIsSilentHasOne) {
  for (int i = 0; i < 9; ++i) Add(Event(absl::StrCat("t", i), 1));
  const std::vector<std::string> first = Start();
  for (const std::string& id : first) End(id, Broken());
  const std::vector<std::string> one = Start();
  EXPECT_EQ(one.size(), 1U);
  // Until it speaks again.
  End(one[0], Http(204));
  EXPECT_EQ(Start().size(), 2U);
}

TEST_F(HookQueueTest, OneAttemptWithoutAnAnswerStopsNobody) {
  for (int i = 0; i < 40; ++i) Add(Event(absl::StrCat("t", i), 1));
  std::vector<std::string> sent = Start();
  End(sent[0], Http(200));
  End(sent[1], Http(200));
  Start();
  End(sent[2], Broken());
  EXPECT_GE(queue_.sending(), 4U);
  End(sent[3], Http(200));
  EXPECT_FALSE(Start().empty());
}

TEST_F(SmallQueueTest, OneHostLeavesRoomForTheOthers) {
  Limit({.max_pending = 8});
  for (int i = 1; i <= 7; ++i) Add(Event("t", i));
  EXPECT_FALSE(Find("t-6").dead);
  EXPECT_TRUE(Find("t-7").dead);
  Add(Event("u", 1, "http://b:80"));
  EXPECT_FALSE(Find("u-1").dead);
}

TEST_F(HookQueueTest, WhatWasLostIsStoredAgain) {
  Add(Event("t", 1));
  Add(Event("u", 1));
  Start();
  End("u-1", Http(404));
  Changes();
  queue_.StoreAll();
  EXPECT_THAT(Changes(), ElementsAre("+t-1", "!u-1"));
}

TEST_F(SmallQueueTest, SilentHostsLeaveHalfToTheOthers) {
  Limit({.max_per_host = 1, .max_at_once = 4});
  for (int i = 0; i < 4; ++i) {
    const std::string host = absl::StrCat("http://dead", i, ":80");
    Add(Event(absl::StrCat("t", i), 1, host));
    Add(Event(absl::StrCat("u", i), 1, host));
  }
  for (const std::string& id : Start()) End(id, Broken());
  EXPECT_EQ(Start().size(), 2U);
  Add(Event("v", 1, "http://alive:80"));
  EXPECT_THAT(Start(), ElementsAre("v-1"));
}

TEST_F(SmallQueueTest, OneThatDiesForWantOfRoomIsStillSeen) {
  Limit({.max_bytes = 1'500});
  HookDelivery large = Event("t", 1);
  large.body = std::string(900, 'x');
  Add(large);
  large = Event("t", 2);
  large.body = std::string(900, 'x');
  Add(large);
  EXPECT_TRUE(Find("t-2").dead);
  EXPECT_THAT(Find("t-2").last_error, ::testing::HasSubstr("too many"));
}

TEST_F(SmallQueueTest, EventsThatAreTooManyAreDeadAtOnceActionsLater) {
  Limit({.max_pending = 2});
  for (int i = 1; i <= 3; ++i) Add(Event("t", i));
  EXPECT_TRUE(Find("t-3").dead);
  EXPECT_THAT(Find("t-3").last_error, ::testing::HasSubstr("too many"));
  EXPECT_THAT(Changes(), ElementsAre("+t-1", "+t-2", "!t-3"));
  for (const char* transfer : {"u", "v", "w"}) Add(Action(transfer, 1));
  EXPECT_FALSE(Find("v-1").dead);
  EXPECT_TRUE(Find("w-1").dead);
}

TEST_F(SmallQueueTest, TheOldestDeadLettersGo) {
  Limit({.max_dead_letters = 2});
  for (int i = 1; i <= 3; ++i) {
    Add(Event("t", i));
    Start();
    End(absl::StrCat("t-", i), Http(404));
  }
  EXPECT_EQ(queue_.Find("t-1"), nullptr);
  EXPECT_EQ(queue_.dead(), 2U);
  EXPECT_THAT(Changes(), ElementsAre("+t-1", "!t-1", "+t-2", "!t-2", "+t-3",
                                     "!t-3", "-t-1"));
}

TEST_F(SmallQueueTest, DeadLettersMakeRoomForWhatIsAlive) {
  Limit({.max_bytes = 3'000});
  HookDelivery large = Event("t", 1);
  large.body = std::string(1'500, 'x');
  Add(large);
  Start();
  End("t-1", Http(404));
  large = Event("t", 2);
  large.body = std::string(1'500, 'x');
  Add(large);
  EXPECT_EQ(queue_.Find("t-1"), nullptr);
  EXPECT_FALSE(Find("t-2").dead);
  large = Event("t", 3);
  large.body = std::string(1'500, 'x');
  Add(large);
  EXPECT_TRUE(Find("t-3").dead) << "it is seen, until the next one dies";
}

TEST_F(HookQueueTest, WhatAnEarlierLifeLeftIsTakenUp) {
  HookDelivery tried = Event("t", 1);
  tried.attempts = 3;
  queue_.Restore(tried, seconds(60), now_);
  queue_.Restore(Event("t", 2), seconds(50), now_);
  queue_.Restore(Action("t", 3), seconds(40), now_);
  HookDelivery dead = Event("u", 1);
  dead.dead = true;
  queue_.Restore(dead, limits_.max_age, now_);
  queue_.Restore(Event("t", 1), seconds(0), now_);  // Known.
  EXPECT_THAT(Changes(), IsEmpty());
  EXPECT_EQ(queue_.pending(), 3U);
  EXPECT_EQ(queue_.dead(), 1U);
  // Old as it is, the action lets the events go first.
  EXPECT_THAT(Start(), ElementsAre("t-1"));
  EXPECT_EQ(Find("t-1").attempts, 4);
  End("t-1", Http(200));
  EXPECT_THAT(Start(), ElementsAre("t-2"));
  End("t-2", Http(200));
  EXPECT_THAT(Start(), ElementsAre("t-3"));
}

// ---- What must hold whatever happens ------------------------------------

// Deliveries of ten transfers to three hosts, sent to receivers that do what
// they like, with a dispatcher that is as slow as it likes.
class RandomWalk {
 public:
  explicit RandomWalk(unsigned seed) : random_(seed) {}

  void Run() {
    for (int step = 0; step < 400; ++step) Step();
    // A good end: everybody answers 200 from now on.
    for (int i = 0; i < 2'000 && queue_.pending() > 0; ++i) {
      Start();
      while (!sending_.empty()) EndOne(Http(200));
      now_ += limits_.longest_retry;
    }
    EXPECT_EQ(queue_.pending(), 0U);
    EXPECT_EQ(queue_.sending(), 0U);
    EXPECT_FALSE(queue_.NextWake().has_value());
    ExpectStoreIsTrue();
  }

 private:
  int Below(int bound) {
    return std::uniform_int_distribution<int>(0, bound - 1)(random_);
  }

  void Step() {
    switch (Below(6)) {
      case 0:
      case 1:
        AddOne();
        break;
      case 2:
        Start();
        break;
      case 3:
        if (!sending_.empty()) EndOne(Random());
        break;
      case 4:
        now_ += milliseconds(Below(2'000));
        break;
      default:
        if (!known_.empty()) {
          queue_.Retry(known_[static_cast<std::size_t>(
                           Below(static_cast<int>(known_.size())))],
                       now_);
        }
    }
    ExpectStoreIsTrue();
  }

  void AddOne() {
    const int number = Below(10);
    const std::string transfer = absl::StrCat("t", number);
    const std::string origin = absl::StrCat("http://h:", number % 3);
    int& sequence = sequences_[transfer];
    if (sequence < 0) return;
    const bool last = Below(5) == 0;
    ++sequence;
    HookDelivery delivery = last ? Action(transfer, sequence, origin)
                                 : Event(transfer, sequence, origin);
    if (last) sequence = -1;
    known_.push_back(delivery.id);
    const bool stored = Below(2) == 0;
    queue_.Add(delivery, stored, now_);
    if (!stored && Below(2) == 0) queue_.OnStored(delivery.id, now_);
  }

  void Start() {
    while (const HookDelivery* delivery = queue_.StartNext(now_)) {
      const std::string lane = absl::StrCat(
          delivery->transfer_id,
          delivery->kind == HookKind::kAction ? " action" : " events");
      EXPECT_TRUE(lanes_.insert(lane).second) << "two at once: " << lane;
      EXPECT_LE(delivery->attempts, limits_.max_attempts);
      sending_.emplace_back(delivery->id, lane);
      const auto to_host = [&](const auto& other) {
        return queue_.Find(other.first)->delivery.origin == delivery->origin;
      };
      EXPECT_LE(
          static_cast<std::size_t>(std::ranges::count_if(sending_, to_host)),
          limits_.max_per_host);
      EXPECT_LE(sending_.size(), limits_.max_at_once);
    }
  }

  void EndOne(const HookAttempt& attempt) {
    const auto which =
        sending_.begin() + Below(static_cast<int>(sending_.size()));
    const auto [id, lane] = *which;
    sending_.erase(which);
    lanes_.erase(lane);
    queue_.OnAttempt(id, attempt, 0.3, now_);
  }

  HookAttempt Random() {
    switch (Below(5)) {
      case 0:
        return Http(200);
      case 1:
        return Http(404);
      case 2:
        return Broken();
      case 3:
        return Refused();
      default:
        return Http(503);
    }
  }

  // The rows that the changes make are the entries of the queue.
  void ExpectStoreIsTrue() {
    for (const HookChange& change : queue_.TakeChanges()) {
      if (const auto* removed = std::get_if<HookRemoved>(&change)) {
        rows_.erase(removed->id);
      } else {
        const auto& delivery = std::get<HookDelivery>(change);
        rows_[delivery.id] = delivery.dead;
      }
    }
    std::map<std::string, bool> entries;
    for (const auto& [number, entry] : queue_.entries()) {
      entries[entry.delivery.id] = entry.delivery.dead;
    }
    ASSERT_EQ(rows_, entries);
  }

  std::mt19937 random_;
  HookLimits limits_{.action_wait = milliseconds(700),
                     .max_attempts = 4,
                     .first_retry = milliseconds(100),
                     .longest_retry = milliseconds(1'000),
                     .max_pending = 20,
                     .max_dead_letters = 5,
                     .max_per_host = 2,
                     .max_at_once = 5};
  HookQueue queue_{limits_};
  HookTime now_{seconds(1'000)};
  std::map<std::string, int> sequences_;
  std::vector<std::string> known_;
  std::vector<std::pair<std::string, std::string>> sending_;
  std::set<std::string> lanes_;
  std::map<std::string, bool> rows_;
};

TEST(HookQueueInvariantsTest, HoldInRandomOrders) {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    RandomWalk(seed).Run();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace callcontrol::server
