// SPDX-License-Identifier: Apache-2.0
#include "sip/call/session_timer.h"

#include <chrono>
#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::IsEmpty;
using Due = SessionTimer::Due;
using Refresher = SessionTimerTerms::Refresher;

constexpr MonotonicTime kStart{};

// A session of ours whose 2xx said this.
SessionTimer Agreed(int interval, std::optional<Refresher> refresher) {
  SessionTimer timer({});
  timer.OnAnswer({.supported = true,
                  .interval = seconds(interval),
                  .refresher = refresher},
                 kStart);
  return timer;
}

// ---- Ours -----------------------------------------------------------------

TEST(SessionTimerTest, AnInviteAsksForWhatIsConfigured) {
  EXPECT_THAT(SessionTimer({.interval = seconds(600)}).RequestHeaders(),
              ElementsAre(FieldsAre("Session-Expires", "600")));
  EXPECT_THAT(SessionTimer({.interval = seconds(600), .least = seconds(120)})
                  .RequestHeaders(),
              ElementsAre(FieldsAre("Session-Expires", "600"),
                          FieldsAre("Min-SE", "120")));
  EXPECT_THAT(SessionTimer({.interval = seconds(0)}).RequestHeaders(),
              IsEmpty());
}

TEST(SessionTimerTest, WhoRefreshesDoesSoAfterHalfTheTime) {
  SessionTimer timer = Agreed(120, Refresher::kUac);
  EXPECT_EQ(timer.next(), kStart + seconds(60));
  EXPECT_EQ(timer.OnTime(kStart + milliseconds(59'999)), Due::kNothing);
  EXPECT_EQ(timer.OnTime(kStart + seconds(60)), Due::kRefresh);
  EXPECT_THAT(timer.RequestHeaders(),
              ElementsAre(FieldsAre("Session-Expires", "120;refresher=uac")));
  // The refresh is not answered: 120 - min(32, 120 / 3).
  EXPECT_EQ(timer.next(), kStart + seconds(88));
  EXPECT_EQ(timer.OnTime(kStart + seconds(88)), Due::kExpired);
  EXPECT_EQ(timer.next(), std::nullopt);
}

TEST(SessionTimerTest, WhoDoesNotOnlyWaits) {
  SessionTimer timer = Agreed(90, Refresher::kUas);
  // 90 - 90 / 3
  EXPECT_EQ(timer.next(), kStart + seconds(60));
  EXPECT_EQ(timer.OnTime(kStart + seconds(60)), Due::kExpired);
}

TEST(SessionTimerTest, WhoAskedRefreshesWhereNobodySays) {
  EXPECT_EQ(Agreed(120, std::nullopt).next(), kStart + seconds(60));
}

TEST(SessionTimerTest, WithoutSessionExpiresInTheAnswerThereIsNone) {
  SessionTimer timer({});
  timer.OnAnswer({.supported = true}, kStart);
  EXPECT_EQ(timer.next(), std::nullopt);
  EXPECT_THAT(timer.RequestHeaders(), IsEmpty()) << "it was declined";
}

// The far end counts by what it said.
TEST(SessionTimerTest, AnAnswerMayBeShorterThanTheLeast) {
  EXPECT_EQ(Agreed(60, Refresher::kUac).next(), kStart + seconds(30));
  EXPECT_EQ(Agreed(0, Refresher::kUac).next(), std::nullopt);
}

TEST(SessionTimerTest, AFarEndThatKeepsRaisingItIsNotFollowedForEver) {
  SessionTimer timer({.interval = seconds(90)});
  EXPECT_TRUE(timer.OnRefused({.least = seconds(100)}));
  EXPECT_TRUE(timer.OnRefused({.least = seconds(101)}));
  EXPECT_FALSE(timer.OnRefused({.least = seconds(102)}));
  EXPECT_FALSE(timer.IsTooShort({.supported = true, .interval = seconds(90)}))
      << "what it takes is not what this side takes";
}

TEST(SessionTimerTest, AnotherLeastIsTakenOverOnce) {
  SessionTimer timer({.interval = seconds(90)});
  EXPECT_TRUE(timer.OnRefused({.least = seconds(300)}));
  EXPECT_THAT(timer.RequestHeaders(),
              ElementsAre(FieldsAre("Session-Expires", "300"),
                          FieldsAre("Min-SE", "300")));
  EXPECT_FALSE(timer.OnRefused({.least = seconds(300)})) << "no progress";
  EXPECT_FALSE(timer.OnRefused({}));
  EXPECT_FALSE(timer.OnRefused({.least = seconds(100'000'000)}));
}

TEST(SessionTimerTest, ARefreshThatIsRefusedIsTriedAgain) {
  SessionTimer timer = Agreed(120, Refresher::kUac);
  ASSERT_EQ(timer.OnTime(kStart + seconds(60)), Due::kRefresh);
  timer.OnRefreshFailed(kStart + seconds(60));
  EXPECT_EQ(timer.next(), kStart + seconds(74));
  EXPECT_EQ(timer.OnTime(kStart + seconds(87)), Due::kRefresh);
  timer.OnRefreshFailed(kStart + seconds(87));
  EXPECT_EQ(timer.next(), kStart + seconds(88)) << "no time is left";
}

// ---- Theirs ---------------------------------------------------------------

TEST(SessionTimerTest, WhatIsTooShortIsRefused) {
  const SessionTimer timer({.least = seconds(120)});
  EXPECT_TRUE(timer.IsTooShort({.supported = true, .interval = seconds(119)}));
  EXPECT_EQ(timer.LeastHeader(), "120");
  EXPECT_FALSE(timer.IsTooShort({.supported = true, .interval = seconds(120)}));
  EXPECT_FALSE(timer.IsTooShort({.interval = seconds(60)})) << "a proxy's";
  EXPECT_FALSE(timer.IsTooShort({.supported = true}));
}

TEST(SessionTimerTest, TheTermsOfARequestAreAgreedTo) {
  SessionTimer timer({});
  timer.OnRequest({.supported = true,
                   .interval = seconds(300),
                   .refresher = Refresher::kUac});
  EXPECT_EQ(timer.ReplyHeaders().session_expires, "300;refresher=uac");
  EXPECT_TRUE(timer.ReplyHeaders().required);
  EXPECT_EQ(timer.next(), std::nullopt) << "not before the answer";
  timer.Start(kStart);
  EXPECT_EQ(timer.next(), kStart + seconds(268));
}

TEST(SessionTimerTest, WeRefreshWhereTheyLeaveItToUs) {
  for (const auto refresher :
       {std::optional<Refresher>(), std::optional(Refresher::kUas)}) {
    SessionTimer timer({});
    timer.OnRequest(
        {.supported = true, .interval = seconds(300), .refresher = refresher});
    EXPECT_EQ(timer.ReplyHeaders().session_expires, "300;refresher=uas");
    EXPECT_FALSE(timer.ReplyHeaders().required);
    timer.Start(kStart);
    EXPECT_EQ(timer.next(), kStart + seconds(150));
  }
}

TEST(SessionTimerTest, WhoKnowsOfNoTimerIsRefreshed) {
  SessionTimer timer({});
  timer.OnRequest({.interval = seconds(300), .refresher = Refresher::kUac});
  EXPECT_EQ(timer.ReplyHeaders().session_expires, "300;refresher=uas");
}

TEST(SessionTimerTest, WhoCanButDoesNotAskGetsOurs) {
  SessionTimer timer({});
  timer.OnRequest({.supported = true});
  EXPECT_EQ(timer.ReplyHeaders().session_expires, "1800;refresher=uas");
  SessionTimer longer({});
  longer.OnRequest({.supported = true, .least = seconds(3'600)});
  EXPECT_EQ(longer.ReplyHeaders().session_expires, "3600;refresher=uas");
  SessionTimer none({.interval = seconds(0)});
  none.OnRequest({.supported = true});
  EXPECT_EQ(none.ReplyHeaders().session_expires, "");
}

TEST(SessionTimerTest, WhoCannotGetsNone) {
  SessionTimer timer({});
  timer.OnRequest({});
  EXPECT_EQ(timer.ReplyHeaders().session_expires, "");
  timer.Start(kStart);
  EXPECT_EQ(timer.next(), std::nullopt);
}

TEST(SessionTimerTest, AProxysTooShortIntervalIsNotAgreedTo) {
  SessionTimer timer({});
  timer.OnRequest({.interval = seconds(1)});
  EXPECT_EQ(timer.ReplyHeaders().session_expires, "");
}

TEST(SessionTimerTest, ARefreshOfTheirsBeginsTheTimeAnew) {
  SessionTimer timer({});
  const SessionTimerTerms terms{
      .supported = true, .interval = seconds(90), .refresher = Refresher::kUac};
  timer.OnRequest(terms);
  timer.Start(kStart);
  timer.OnRequest(terms);
  timer.Start(kStart + seconds(45));
  EXPECT_EQ(timer.OnTime(kStart + seconds(60)), Due::kNothing);
  EXPECT_EQ(timer.next(), kStart + seconds(105));
}

TEST(SessionTimerTest, OurRefreshingOutlastsARequestThatSaysNothing) {
  SessionTimer timer = Agreed(300, Refresher::kUac);
  timer.OnRequest({});
  EXPECT_EQ(timer.ReplyHeaders().session_expires, "300;refresher=uas");
  SessionTimer theirs = Agreed(300, Refresher::kUas);
  theirs.OnRequest({});
  EXPECT_EQ(theirs.ReplyHeaders().session_expires, "");
}

}  // namespace
}  // namespace callcontrol::sip
