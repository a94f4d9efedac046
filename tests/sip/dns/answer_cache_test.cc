// SPDX-License-Identifier: Apache-2.0
#include "sip/dns/answer_cache.h"

#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr AnswerCache::TimePoint kStart{std::chrono::hours(1)};

Route Kept(seconds ttl) { return {.hosts = {{{}, {"::1"}}}, .ttl = ttl}; }

TEST(AnswerCacheTest, KeepsARouteForItsTtl) {
  AnswerCache cache(10, seconds(300));
  cache.Insert({.host = "a"}, Kept(seconds(5)), kStart);
  EXPECT_NE(cache.Find({.host = "a"}, kStart + milliseconds(4999)), nullptr);
  EXPECT_EQ(cache.Find({.host = "a"}, kStart + seconds(5)), nullptr);
}

TEST(AnswerCacheTest, CapsTheTtl) {
  AnswerCache cache(10, seconds(300));
  cache.Insert({.host = "a"}, Kept(seconds(86'400)), kStart);
  EXPECT_NE(cache.Find({.host = "a"}, kStart + seconds(299)), nullptr);
  EXPECT_EQ(cache.Find({.host = "a"}, kStart + seconds(300)), nullptr);
}

TEST(AnswerCacheTest, DoesNotKeepATtlOfZero) {
  AnswerCache cache(10, seconds(300));
  cache.Insert({.host = "a"}, Kept(seconds(0)), kStart);
  EXPECT_EQ(cache.Find({.host = "a"}, kStart), nullptr);
}

TEST(AnswerCacheTest, TellsTargetsApart) {
  AnswerCache cache(10, seconds(300));
  cache.Insert({.host = "a"}, Kept(seconds(5)), kStart);
  EXPECT_NE(cache.Find({.host = "A"}, kStart), nullptr);
  EXPECT_EQ(cache.Find({.host = "b"}, kStart), nullptr);
  EXPECT_EQ(cache.Find({.host = "a", .port = 5060}, kStart), nullptr);
  EXPECT_EQ(cache.Find({.host = "a", .secure = true}, kStart), nullptr);
  EXPECT_EQ(cache.Find({.host = "a", .transport = SipTransport::kUdp}, kStart),
            nullptr);
}

TEST(AnswerCacheTest, MakesRoomByDroppingWhatEndsFirst) {
  AnswerCache cache(2, seconds(300));
  cache.Insert({.host = "long"}, Kept(seconds(100)), kStart);
  cache.Insert({.host = "short"}, Kept(seconds(10)), kStart);
  cache.Insert({.host = "new"}, Kept(seconds(50)), kStart);
  EXPECT_NE(cache.Find({.host = "long"}, kStart), nullptr);
  EXPECT_EQ(cache.Find({.host = "short"}, kStart), nullptr);
  EXPECT_NE(cache.Find({.host = "new"}, kStart), nullptr);
}

}  // namespace
}  // namespace callcontrol::sip
