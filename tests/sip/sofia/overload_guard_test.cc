// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/overload_guard.h"

#include <chrono>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr milliseconds kLimit{250};

TEST(OverloadGuardTest, RefusesOnceTheLimitIsPassedAndNoLonger) {
  OverloadGuard guard(kLimit);
  EXPECT_FALSE(guard.Refuses(kLimit, {}));
  EXPECT_TRUE(guard.Refuses(milliseconds(251), {}));
  EXPECT_FALSE(guard.Refuses(milliseconds(0), {}));
}

TEST(OverloadGuardTest, WithoutALimitItNeverRefuses) {
  OverloadGuard guard(milliseconds(0));
  EXPECT_FALSE(guard.Refuses(std::chrono::hours(1), {}));
  EXPECT_EQ(guard.TakeNews(), std::nullopt);
}

TEST(OverloadGuardTest, TellsTheBeginningOnce) {
  OverloadGuard guard(kLimit);
  guard.Refuses(milliseconds(300), {});
  EXPECT_THAT(guard.TakeNews(), Optional(HasSubstr("for 300 ms")));
  guard.Refuses(milliseconds(400), {});
  EXPECT_EQ(guard.TakeNews(), std::nullopt);
}

TEST(OverloadGuardTest, AnotherShortageLaterIsToldAsWell) {
  OverloadGuard guard(kLimit);
  MonotonicTime now{};
  guard.Refuses(milliseconds(300), now);
  guard.Look(now += seconds(2));
  guard.TakeNews();
  guard.Refuses(milliseconds(700), now += std::chrono::hours(1));
  EXPECT_THAT(guard.TakeNews(), Optional(HasSubstr("for 700 ms")));
}

// One that holds its load at what it can do takes calls now and then.
TEST(OverloadGuardTest, TellsTheEndWhenNothingWasRefusedForAWhile) {
  OverloadGuard guard(kLimit);
  MonotonicTime now{};
  guard.Refuses(milliseconds(300), now);
  guard.TakeNews();
  guard.Refuses(milliseconds(300), now += seconds(1));
  guard.Refuses(milliseconds(0), now += milliseconds(1));
  EXPECT_THAT(guard.over_at(), Optional(now + milliseconds(1999)));
  guard.Look(now += milliseconds(1998));
  EXPECT_EQ(guard.TakeNews(), std::nullopt);
  guard.Look(now += milliseconds(1));
  EXPECT_THAT(guard.TakeNews(), Optional(HasSubstr("refused: 2")));
  EXPECT_EQ(guard.over_at(), std::nullopt);
  guard.Look(now += seconds(9));
  EXPECT_EQ(guard.TakeNews(), std::nullopt);
}

}  // namespace
}  // namespace callcontrol::sip
