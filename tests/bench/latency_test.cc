// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/latency.h"

#include <chrono>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::bench {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

TEST(SentTimeTest, IsTheLastWordOfTheReason) {
  EXPECT_EQ(SentTime("OK 2026-11-24\t21:38:34.307656\t1795556314.307656"),
            WallTime(seconds(1'795'556'314) + microseconds(307'656)));
  EXPECT_EQ(SentTime("OK"), std::nullopt);
  EXPECT_EQ(SentTime("Not Found"), std::nullopt);
}

TEST(LatenciesTest, WhatComesDuringTheWarmUpIsLeftOut) {
  Latencies latencies(seconds(2));
  const WallTime begin{};
  latencies.Add(begin, begin + microseconds(900'000));
  latencies.Add(begin + seconds(4), begin + seconds(4) + microseconds(50));
  latencies.Add(begin + seconds(5), begin + seconds(5) + microseconds(70));
  EXPECT_EQ(latencies.Json(),
            "\"latencies\":2,\"p50_us\":50,\"p99_us\":50,\"most_us\":70");
}

TEST(LatenciesTest, WithoutSamplesThePercentilesAreZero) {
  EXPECT_THAT(Latencies(seconds(0)).Json(), HasSubstr("\"p99_us\":0"));
}

}  // namespace
}  // namespace callcontrol::bench
