// SPDX-License-Identifier: Apache-2.0
#include "base/busy_meter.h"

#include <chrono>

#include "gtest/gtest.h"

namespace callcontrol {
namespace {

using std::chrono::milliseconds;

class BusyMeterTest : public ::testing::Test {
 protected:
  void Pass(milliseconds time) { now_ += time; }
  void Works(milliseconds time) {
    for (milliseconds passed{0}; passed < time; passed += milliseconds(1)) {
      Pass(milliseconds(1));
      meter_.OnLook(now_, false);
    }
  }
  void Pauses() { meter_.OnLook(now_, true); }

  BusyMeter::Time now_{std::chrono::hours(1)};
  BusyMeter meter_;
};

TEST_F(BusyMeterTest, WorkWithoutAPauseAddsUp) {
  Pauses();
  Works(milliseconds(300));
  EXPECT_EQ(meter_.busy(), milliseconds(300));
}

TEST_F(BusyMeterTest, APauseEndsIt) {
  Pauses();
  Works(milliseconds(300));
  Pauses();
  EXPECT_EQ(meter_.busy(), milliseconds(0));
  Works(milliseconds(5));
  EXPECT_EQ(meter_.busy(), milliseconds(5));
}

TEST_F(BusyMeterTest, AMachineThatStoodStillWasNotAtWork) {
  Pauses();
  Pass(std::chrono::minutes(5));
  meter_.OnLook(now_, false);
  EXPECT_EQ(meter_.busy(), milliseconds(10));
}

TEST_F(BusyMeterTest, WaitingIsNoWork) {
  for (int i = 0; i < 100; ++i) {
    Pauses();
    Pass(milliseconds(5));
    meter_.OnWake(now_);
    Works(milliseconds(1));
  }
  EXPECT_EQ(meter_.busy(), milliseconds(1));
}

TEST_F(BusyMeterTest, ALookIsDueEachMillisecond) {
  EXPECT_TRUE(meter_.IsDue(now_));
  Pauses();
  EXPECT_FALSE(meter_.IsDue(now_ + std::chrono::microseconds(999)));
  EXPECT_TRUE(meter_.IsDue(now_ + milliseconds(1)));
}

}  // namespace
}  // namespace callcontrol
