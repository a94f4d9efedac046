// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/sip_loop.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Runs `action` on the SIP thread and waits for what it returns.
template <typename Action>
auto OnLoop(SipLoop& loop, Action action) {
  std::packaged_task<decltype(action())()> task(std::move(action));
  auto result = task.get_future();
  loop.Post([task = std::move(task)]() mutable { task(); });
  return result.get();
}

TEST(SipLoopTest, RunsTasksOnItsThreadInOrder) {
  std::vector<int> order;
  {
    SipLoop loop;
    EXPECT_FALSE(loop.OnThisThread());
    for (int i = 0; i < 3; ++i) {
      loop.Post([&loop, &order, i] {
        EXPECT_TRUE(loop.OnThisThread());
        order.push_back(i);
      });
    }
  }
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(SipLoopTest, ATaskMayPostAnother) {
  std::latch done(1);
  SipLoop loop;
  loop.Post([&] { loop.Post([&] { done.count_down(); }); });
  done.wait();
}

// Half a second is how long an idle loop waits. Nothing here may wait that
// long: what is posted wakes the loop.
TEST(SipLoopTest, WhatIsPostedDoesNotWaitForAnIdleLoop) {
  const Clock::time_point begin = Clock::now();
  {
    SipLoop loop;
    std::latch done(1);
    loop.Post([&] { loop.Post([&] { done.count_down(); }); });
    done.wait();
  }
  EXPECT_LT(Clock::now() - begin, milliseconds(400));
}

TEST(SipLoopTest, ManyThreadsMayPost) {
  int count = 0;  // Only the SIP thread touches it.
  {
    SipLoop loop;
    std::vector<std::thread> threads;
    threads.reserve(8);
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) loop.Post([&count] { ++count; });
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(count, 8000);
}

TEST(SipLoopTest, MayGoAtAnyMoment) {
  // The SIP thread is in another place of its turn each time.
  for (int round = 0; round < 200; ++round) {
    bool ran = false;
    {
      SipLoop loop;
      OnLoop(loop, [] {});
      loop.Post([&ran] { ran = true; });
      if (round % 2 == 0) OnLoop(loop, [] {});
    }
    EXPECT_TRUE(ran);
  }
}

TEST(SipLoopTest, HasALoopOfSofiaWhileItLives) {
  SipLoop loop;
  EXPECT_TRUE(OnLoop(loop, [&loop] { return loop.root() != nullptr; }));
}

// ---- Timers -------------------------------------------------------------

TEST(SipLoopTest, ATimerRunsAtItsDeadlineAndNotBefore) {
  SipLoop loop;
  std::promise<Clock::time_point> ran;
  const auto deadline = OnLoop(loop, [&] {
    const Clock::time_point at = Clock::now() + milliseconds(5);
    loop.timers().Add(at, [&] {
      EXPECT_TRUE(loop.OnThisThread());
      ran.set_value(Clock::now());
    });
    return at;
  });

  const Clock::time_point at = ran.get_future().get();

  EXPECT_GE(at, deadline);
  // Half a second is how long an idle loop waits: it did not wait that long.
  EXPECT_LT(at, deadline + milliseconds(400));
}

TEST(SipLoopTest, TimersRunInTheOrderOfTheirDeadlines) {
  SipLoop loop;
  std::string order;  // Only the SIP thread touches it until `done`.
  std::latch done(1);
  loop.Post([&] {
    const Clock::time_point now = Clock::now();
    loop.timers().Add(now + milliseconds(3), [&] {
      order += 'c';
      done.count_down();
    });
    loop.timers().Add(now + milliseconds(1), [&] { order += 'a'; });
    loop.timers().Add(now + milliseconds(2), [&] { order += 'b'; });
  });
  done.wait();
  EXPECT_EQ(order, "abc");
}

TEST(SipLoopTest, ATimerMayStartTheNext) {
  SipLoop loop;
  std::latch done(1);
  loop.Post([&] {
    loop.timers().Add(Clock::now(), [&] {
      loop.timers().Add(Clock::now() + milliseconds(1),
                        [&] { done.count_down(); });
    });
  });
  done.wait();
}

TEST(SipLoopTest, ATimerThatIsCancelledDoesNotRun) {
  SipLoop loop;
  bool ran = false;  // Only the SIP thread touches it until `done`.
  std::latch done(1);
  loop.Post([&] {
    const Clock::time_point now = Clock::now();
    const TimerQueue::Id id =
        loop.timers().Add(now + milliseconds(1), [&] { ran = true; });
    loop.timers().Add(now + milliseconds(2), [&] { done.count_down(); });
    loop.timers().Cancel(id);
  });
  done.wait();
  EXPECT_FALSE(ran);
}

TEST(SipLoopTest, TimersThatAreStillOpenGoWithTheLoop) {
  const auto held = std::make_shared<int>(0);
  {
    SipLoop loop;
    OnLoop(loop, [&] {
      loop.timers().Add(Clock::now() + std::chrono::hours(1), [held] {});
    });
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

// ---- How the loop is ----------------------------------------------------

TEST(SipLoopTest, AnIdleLoopTurnsAllTheTime) {
  const SipLoop loop;
  EXPECT_GE(loop.lag(), std::chrono::nanoseconds(0));
  EXPECT_LT(loop.lag(), std::chrono::seconds(1));
}

TEST(SipLoopTest, ABlockedLoopLags) {
  SipLoop loop;
  std::latch blocked(1);
  std::latch release(1);
  loop.Post([&] {
    blocked.count_down();
    release.wait();
  });
  blocked.wait();

  // However little time has passed since: all of it is lag.
  const Clock::time_point since = Clock::now();
  const auto passed = Clock::now() - since;
  EXPECT_GE(loop.lag(), passed);

  release.count_down();
}

TEST(SipLoopTest, EveryTurnIsNoticed) {
  SipLoop loop;
  std::promise<void> checked;
  loop.Post([&] {
    const Clock::time_point first = Clock::now();
    // A task of a task runs in the next turn, which began after `first`.
    loop.Post([&, first] {
      const auto lag = loop.lag();
      EXPECT_LE(lag, Clock::now() - first);
      checked.set_value();
    });
  });
  checked.get_future().wait();
}

// Tasks and deadlines that come one behind the other, with time between them,
// are no overload.
TEST(SipLoopTest, ALoopWithPausesIsNotBusy) {
  SipLoop loop;
  const Clock::time_point end = Clock::now() + milliseconds(600);
  std::chrono::nanoseconds most{0};
  while (Clock::now() < end) {
    most = std::max(most, OnLoop(loop, [&] { return loop.busy(); }));
    std::promise<void> later;
    loop.Post([&] {
      loop.timers().Add(Clock::now() + milliseconds(2),
                        [&] { later.set_value(); });
    });
    later.get_future().wait();
  }
  EXPECT_LT(most, milliseconds(100));
}

TEST(SipLoopTest, ALoopWithoutAPauseIsBusy) {
  SipLoop loop;
  std::promise<std::chrono::nanoseconds> busy;
  std::function<void()> work = [&] {
    if (loop.busy() > milliseconds(100)) {
      busy.set_value(loop.busy());
    } else {
      loop.Post([&] { work(); });
    }
  };
  loop.Post([&] { work(); });
  EXPECT_GT(busy.get_future().get(), milliseconds(100));
}

}  // namespace
}  // namespace callcontrol::sip
