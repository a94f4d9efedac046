// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/timer_queue.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using Time = TimerQueue::Time;

// An instant of a clock that the test keeps.
Time At(int milliseconds) {
  return Time() + std::chrono::milliseconds(milliseconds);
}

// Closures write their letter here.
class TimerQueueTest : public ::testing::Test {
 protected:
  TimerQueue::Id Add(int at, char letter) {
    return timers_.Add(At(at), [this, letter] { ran_ += letter; });
  }

  TimerQueue timers_;
  std::string ran_;
};

TEST_F(TimerQueueTest, AnEmptyQueueHasNoDeadline) {
  EXPECT_EQ(timers_.Next(), std::nullopt);
  timers_.RunDue(At(1000));
}

TEST_F(TimerQueueTest, RunsAtTheDeadlineAndNotBefore) {
  Add(10, 'a');
  timers_.RunDue(At(9));
  EXPECT_EQ(ran_, "");
  timers_.RunDue(At(10));
  EXPECT_EQ(ran_, "a");
}

TEST_F(TimerQueueTest, RunsOnce) {
  Add(10, 'a');
  timers_.RunDue(At(10));
  timers_.RunDue(At(20));
  EXPECT_EQ(ran_, "a");
}

TEST_F(TimerQueueTest, RunsInTheOrderOfTheDeadlines) {
  Add(30, 'c');
  Add(10, 'a');
  Add(20, 'b');
  timers_.RunDue(At(30));
  EXPECT_EQ(ran_, "abc");
}

TEST_F(TimerQueueTest, EqualDeadlinesRunInTheOrderInWhichTheyWereAdded) {
  for (const char letter : std::string("abcdef")) Add(10, letter);
  timers_.RunDue(At(10));
  EXPECT_EQ(ran_, "abcdef");
}

TEST_F(TimerQueueTest, NextIsTheEarliestDeadlineLeft) {
  Add(20, 'b');
  EXPECT_EQ(timers_.Next(), At(20));
  const TimerQueue::Id first = Add(10, 'a');
  EXPECT_EQ(timers_.Next(), At(10));
  timers_.Cancel(first);
  EXPECT_EQ(timers_.Next(), At(20));
  timers_.RunDue(At(20));
  EXPECT_EQ(timers_.Next(), std::nullopt);
}

TEST_F(TimerQueueTest, WhatIsCancelledDoesNotRun) {
  Add(10, 'a');
  const TimerQueue::Id id = Add(10, 'b');
  Add(10, 'c');
  timers_.Cancel(id);
  timers_.RunDue(At(10));
  EXPECT_EQ(ran_, "ac");
}

TEST_F(TimerQueueTest, CancellingWhatRanHitsNobodyElse) {
  const TimerQueue::Id id = Add(10, 'a');
  timers_.RunDue(At(10));
  Add(10, 'b');
  timers_.Cancel(id);
  timers_.Cancel(id);
  timers_.RunDue(At(10));
  EXPECT_EQ(ran_, "ab");
}

TEST_F(TimerQueueTest, AClosureMayCancelOneThatIsDue) {
  std::optional<TimerQueue::Id> later;
  timers_.Add(At(10), [&] {
    ran_ += 'a';
    timers_.Cancel(*later);
  });
  later = Add(10, 'b');
  Add(10, 'c');
  timers_.RunDue(At(10));
  EXPECT_EQ(ran_, "ac");
}

TEST_F(TimerQueueTest, AClosureMayCancelItself) {
  std::optional<TimerQueue::Id> own;
  own = timers_.Add(At(10), [&] {
    timers_.Cancel(*own);
    ran_ += 'a';
  });
  timers_.RunDue(At(10));
  EXPECT_EQ(ran_, "a");
}

TEST_F(TimerQueueTest, WhatBecomesDueMeanwhileWaitsForTheNextCall) {
  timers_.Add(At(10), [&] {
    ran_ += 'a';
    Add(10, 'b');
  });
  timers_.RunDue(At(10));
  EXPECT_EQ(ran_, "a");
  EXPECT_EQ(timers_.Next(), At(10));
  timers_.RunDue(At(10));
  EXPECT_EQ(ran_, "ab");
}

TEST_F(TimerQueueTest, AClosureThatAddsAnEarlierOneHoldsNobodyUp) {
  timers_.Add(At(10), [&] {
    ran_ += 'a';
    Add(5, 'x');
  });
  Add(20, 'b');
  timers_.RunDue(At(20));
  EXPECT_EQ(ran_, "ab") << "both were due";
  timers_.RunDue(At(20));
  EXPECT_EQ(ran_, "abx");
}

TEST_F(TimerQueueTest, OwnsClosuresUntilTheyRanOrWereCancelled) {
  const auto held = std::make_shared<int>(0);
  timers_.Add(At(10), [held] {});
  const TimerQueue::Id id = timers_.Add(At(20), [held] {});
  timers_.Add(At(30), [held] {});
  EXPECT_EQ(held.use_count(), 4);
  timers_.RunDue(At(10));
  EXPECT_EQ(held.use_count(), 3);
  timers_.Cancel(id);
  EXPECT_EQ(held.use_count(), 2);
  timers_ = TimerQueue();
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace callcontrol::sip
