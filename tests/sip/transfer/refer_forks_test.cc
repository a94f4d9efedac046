// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/refer_forks.h"

#include "gtest/gtest.h"
#include "tests/sip/transfer/transfer_flow.h"

namespace callcontrol::sip {
namespace {

TEST(ReferForksTest, OneFarEndTellsItsStory) {
  ReferForks forks;
  EXPECT_TRUE(forks.OnNotify("a", Active(100)));
  EXPECT_FALSE(forks.IsOver("a"));
  EXPECT_TRUE(forks.OnNotify("a", Active(180)));
  EXPECT_TRUE(forks.OnNotify("a", Terminated(486)));
  EXPECT_TRUE(forks.IsOver("a"));
}

TEST(ReferForksTest, AFailureWaitsForTheOthers) {
  ReferForks forks;
  EXPECT_TRUE(forks.OnNotify("a", Active(100)));
  EXPECT_TRUE(forks.OnNotify("b", Active(100)));
  EXPECT_FALSE(forks.OnNotify("a", Terminated(486)));
  EXPECT_TRUE(forks.OnNotify("b", Active(180)));
  EXPECT_TRUE(forks.OnNotify("b", Terminated(603)));
}

TEST(ReferForksTest, TheFirstSuccessCountsAtOnce) {
  ReferForks forks;
  forks.OnNotify("a", Active(100));
  forks.OnNotify("b", Active(100));
  EXPECT_TRUE(forks.OnNotify("b", Terminated(200)));
}

TEST(ReferForksTest, ASubscriptionThatOnlyEndsWaitsAsWell) {
  ReferForks forks;
  forks.OnNotify("a", Active(100));
  forks.OnNotify("b", Active(100));
  EXPECT_FALSE(forks.OnNotify("a", TerminatedWithout("noresource")));
  EXPECT_TRUE(forks.OnNotify("b", TerminatedWithout("noresource")));
}

TEST(ReferForksTest, WhatFailedMakesNoMoreProgress) {
  ReferForks forks;
  forks.OnNotify("a", Active(100));
  forks.OnNotify("b", Active(100));
  forks.OnNotify("a", Active(486));
  EXPECT_FALSE(forks.OnNotify("a", Active(180)));
  EXPECT_FALSE(forks.OnNotify("a", Terminated(486)));
}

}  // namespace
}  // namespace callcontrol::sip
