// SPDX-License-Identifier: Apache-2.0
#include "sip/call/registration.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = RegistrationChange::Kind;
using Step = Registration::Step;

constexpr MonotonicTime kStart{};

MATCHER(Sends, "") { return arg.send && !arg.over; }
MATCHER(DoesNothing, "") { return !arg.send && !arg.over && !arg.change; }
MATCHER_P(Tells, kind, "") { return arg.change && arg.change->kind == kind; }

RegisterAnswer Ok(std::optional<seconds> expires = std::nullopt) {
  return {.status = {200, "OK"}, .contact_expires = expires};
}

RegisterAnswer Refusal(int code) { return {.status = {code, "No"}}; }

class RegistrationTest : public ::testing::Test {
 protected:
  // REGISTER --->   <--- 200
  void Register(seconds granted = seconds(3'600)) {
    EXPECT_THAT(registration_.Begin(kStart), Sends());
    EXPECT_THAT(registration_.OnAnswer(Ok(granted), kStart, 0),
                Tells(Kind::kRegistered));
  }

  // When the next REGISTER leaves.
  MonotonicTime::duration Wait() const {
    return *registration_.state().next - kStart;
  }

  Registration registration_{RegistrationTerms{.aor = "sip:bob@far.example"}};
};

TEST_F(RegistrationTest, ABindingIsRefreshedBeforeItsEnd) {
  Register();
  EXPECT_EQ(registration_.NextDeadline(), kStart + seconds(3'240));
  EXPECT_THAT(registration_.OnTime(kStart + seconds(3'239)), DoesNothing());
  EXPECT_THAT(registration_.OnTime(kStart + seconds(3'240)), Sends());
  EXPECT_EQ(registration_.expires(), seconds(3'600));
  // Nothing to tell about a refresh.
  EXPECT_THAT(registration_.OnAnswer(Ok(), kStart + seconds(3'241), 0),
              DoesNothing());
  EXPECT_EQ(registration_.NextDeadline(), kStart + seconds(3'241 + 3'240));
}

TEST_F(RegistrationTest, AShortOneIsRefreshedWithRoomForARetry) {
  Register(seconds(120));
  EXPECT_EQ(Wait(), seconds(60));
  Registration other({.aor = "sip:bob@far.example"});
  other.Begin(kStart);
  other.OnAnswer(Ok(seconds(300)), kStart, 0);
  EXPECT_EQ(*other.state().next - kStart, seconds(230));
}

TEST_F(RegistrationTest, OurContactSaysHowLongItIsAndThenTheHeader) {
  registration_.Begin(kStart);
  registration_.OnAnswer({.status = {200, ""},
                          .contact_expires = seconds(600),
                          .expires = seconds(60)},
                         kStart, 0);
  EXPECT_EQ(registration_.state().bound_until, kStart + seconds(600));
  registration_.Renew(registration_.terms(), kStart);
  registration_.OnAnswer({.status = {200, ""}, .expires = seconds(60)}, kStart,
                         0);
  EXPECT_EQ(registration_.state().bound_until, kStart + seconds(60));
  registration_.Renew(registration_.terms(), kStart);
  registration_.OnAnswer({.status = {200, ""}}, kStart, 0);
  EXPECT_EQ(registration_.state().bound_until, kStart + seconds(3'600));
}

TEST_F(RegistrationTest, MoreThanWasAskedForIsNotCountedOn) {
  Register(seconds(7'200));
  EXPECT_EQ(registration_.state().bound_until, kStart + seconds(3'600));
}

TEST_F(RegistrationTest, ATwoHundredWithoutABindingIsARefusal) {
  registration_.Begin(kStart);
  EXPECT_THAT(registration_.OnAnswer(Ok(seconds(0)), kStart, 0),
              Tells(Kind::kFailed));
  EXPECT_FALSE(registration_.bound());
}

TEST_F(RegistrationTest, A423IsMetOnce) {
  registration_.Begin(kStart);
  RegisterAnswer brief = Refusal(423);
  brief.min_expires = seconds(4'000);
  Step step = registration_.OnAnswer(brief, kStart, 0);
  EXPECT_THAT(step, Sends());
  EXPECT_FALSE(step.change);
  EXPECT_EQ(registration_.expires(), seconds(4'000));
  brief.min_expires = seconds(5'000);
  EXPECT_THAT(registration_.OnAnswer(brief, kStart, 0), Tells(Kind::kFailed));
  EXPECT_EQ(registration_.expires(), seconds(4'000));
}

TEST_F(RegistrationTest, A423ThatAsksForNothingIsARefusal) {
  for (const auto least :
       {std::optional<seconds>(), std::optional(seconds(3'600)),
        std::optional(seconds(4'000'000'000))}) {
    Registration registration({.aor = "sip:bob@far.example"});
    registration.Begin(kStart);
    RegisterAnswer brief = Refusal(423);
    brief.min_expires = least;
    EXPECT_THAT(registration.OnAnswer(brief, kStart, 0), Tells(Kind::kFailed));
  }
}

TEST_F(RegistrationTest, WhatA423SaidIsRemembered) {
  registration_.Begin(kStart);
  RegisterAnswer brief = Refusal(423);
  brief.min_expires = seconds(4'000);
  registration_.OnAnswer(brief, kStart, 0);
  registration_.OnAnswer(Ok(), kStart, 0);
  registration_.Renew(registration_.terms(), kStart);
  EXPECT_EQ(registration_.expires(), seconds(4'000));
}

TEST_F(RegistrationTest, TheBackOffGrowsAndIsSpread) {
  registration_.Begin(kStart);
  EXPECT_THAT(registration_.OnAnswer(Refusal(403), kStart, 0),
              Tells(Kind::kFailed));
  EXPECT_EQ(Wait(), seconds(15));
  for (const auto& [draw, wait] : {std::pair{0.5, milliseconds(45'000)},
                                   {0.0, milliseconds(60'000)},
                                   {0.0, milliseconds(120'000)}}) {
    EXPECT_THAT(registration_.OnTime(*registration_.state().next), Sends());
    EXPECT_THAT(registration_.OnAnswer(Refusal(503), kStart, draw),
                DoesNothing())
        << "one line is enough";
    EXPECT_EQ(Wait(), wait);
  }
  for (int i = 0; i < 100; ++i) {
    registration_.OnTime(*registration_.state().next);
    registration_.OnAnswer(Refusal(408), kStart, 0.999);
    EXPECT_LE(Wait(), seconds(1'800));
  }
  EXPECT_GT(Wait(), seconds(1'790));
}

TEST_F(RegistrationTest, ASuccessAfterFailuresIsNews) {
  registration_.Begin(kStart);
  registration_.OnAnswer(Refusal(503), kStart, 0);
  registration_.OnTime(*registration_.state().next);
  EXPECT_THAT(registration_.OnAnswer(Ok(), kStart, 0),
              Tells(Kind::kRegistered));
  EXPECT_EQ(registration_.state().failures, 0);
}

TEST_F(RegistrationTest, RetryAfterIsHonouredWithinReason) {
  registration_.Begin(kStart);
  RegisterAnswer busy = Refusal(503);
  busy.retry_after = seconds(600);
  registration_.OnAnswer(busy, kStart, 0);
  EXPECT_EQ(Wait(), seconds(600));
  registration_.OnTime(*registration_.state().next);
  busy.retry_after = seconds(4'000'000'000);
  registration_.OnAnswer(busy, kStart, 0);
  EXPECT_EQ(Wait(), seconds(86'400));
  registration_.OnTime(*registration_.state().next);
  busy.retry_after = seconds(1);
  registration_.OnAnswer(busy, kStart, 0);
  EXPECT_EQ(Wait(), seconds(60)) << "the third failure";
}

TEST_F(RegistrationTest, ARefreshThatFailsIsTriedAgainWhileTheBindingLasts) {
  Register(seconds(60));
  const MonotonicTime refresh = kStart + seconds(30);
  EXPECT_THAT(registration_.OnTime(refresh), Sends());
  EXPECT_THAT(registration_.OnAnswer(Refusal(500), refresh, 0.99),
              Tells(Kind::kFailed));
  EXPECT_TRUE(registration_.bound());
  EXPECT_EQ(Wait(), seconds(45));
}

TEST_F(RegistrationTest, ABindingThatIsNotRefreshedIsLost) {
  Register(seconds(60));
  EXPECT_THAT(registration_.OnTime(kStart + seconds(30)), Sends());
  // Nobody answers.
  EXPECT_EQ(registration_.NextDeadline(), kStart + seconds(60));
  const Step step = registration_.OnTime(kStart + seconds(60));
  EXPECT_THAT(step, Tells(Kind::kLost));
  EXPECT_FALSE(step.send) << "one REGISTER at a time";
  EXPECT_FALSE(registration_.bound());
}

TEST_F(RegistrationTest, TheEndTakesTheBindingBack) {
  Register();
  EXPECT_THAT(registration_.End(kStart), Sends());
  EXPECT_EQ(registration_.expires(), seconds(0));
  EXPECT_EQ(registration_.NextDeadline(), kStart + seconds(2));
  const Step step = registration_.OnAnswer(Refusal(503), kStart, 0);
  EXPECT_TRUE(step.over);
  EXPECT_THAT(step, Tells(Kind::kUnregistered));
  EXPECT_FALSE(registration_.OnTime(kStart + seconds(1)).send);
}

TEST_F(RegistrationTest, WithoutABindingItEndsAtOnce) {
  registration_.Begin(kStart);
  registration_.OnAnswer(Refusal(403), kStart, 0);
  const Step step = registration_.End(kStart);
  EXPECT_TRUE(step.over);
  EXPECT_FALSE(step.send);
}

TEST_F(RegistrationTest, TheEndWaitsForTheOpenRegister) {
  registration_.Begin(kStart);
  registration_.ExpectAnswerBy(kStart + seconds(64));
  EXPECT_THAT(registration_.End(kStart), DoesNothing());
  EXPECT_EQ(registration_.expires(), seconds(3'600));
  EXPECT_EQ(registration_.NextDeadline(), kStart + seconds(1));
  EXPECT_THAT(registration_.OnAnswer(Ok(), kStart, 0), Sends());
  EXPECT_EQ(registration_.expires(), seconds(0));
}

TEST_F(RegistrationTest, TheEndOfOneThatIsRefusedMeanwhileIsTheEnd) {
  registration_.Begin(kStart);
  registration_.End(kStart);
  EXPECT_TRUE(registration_.OnAnswer(Refusal(408), kStart, 0).over);
}

TEST_F(RegistrationTest, ARegisterThatNobodyAnswersIsGivenUp) {
  Register();
  const MonotonicTime refresh = kStart + seconds(3'240);
  registration_.OnTime(refresh);
  EXPECT_EQ(registration_.NextDeadline(), kStart + seconds(3'600));
  registration_.ExpectAnswerBy(refresh + seconds(64));
  EXPECT_EQ(registration_.NextDeadline(), refresh + seconds(64));
  EXPECT_FALSE(registration_.OnTime(refresh + seconds(63)).timed_out);
  EXPECT_TRUE(registration_.OnTime(refresh + seconds(64)).timed_out);
  EXPECT_FALSE(registration_.OnTime(refresh + seconds(64)).timed_out)
      << "told once";
  // Another address is asked.
  registration_.ExpectAnswerBy(refresh + seconds(128));
  EXPECT_TRUE(registration_.OnTime(refresh + seconds(128)).timed_out);
  EXPECT_THAT(registration_.OnAnswer(Refusal(408), refresh + seconds(128), 0),
              Tells(Kind::kFailed));
  EXPECT_TRUE(registration_.bound());
}

TEST_F(RegistrationTest, TheEndWaitsForNobodyForLong) {
  Register();
  registration_.Renew(registration_.terms(), kStart);
  registration_.ExpectAnswerBy(kStart + seconds(64));
  registration_.End(kStart);
  registration_.ExpectAnswerBy(kStart + seconds(64));
  MonotonicTime now = kStart + seconds(1);
  EXPECT_TRUE(registration_.OnTime(now).timed_out);
  EXPECT_THAT(registration_.OnAnswer(Refusal(408), now, 0), Sends());
  EXPECT_EQ(registration_.expires(), seconds(0));
  registration_.ExpectAnswerBy(now + seconds(64));
  now += seconds(2);
  EXPECT_EQ(registration_.NextDeadline(), now);
  EXPECT_TRUE(registration_.OnTime(now).timed_out);
  EXPECT_TRUE(registration_.OnAnswer(Refusal(408), now, 0).over);
}

TEST_F(RegistrationTest, OnlyABindingIsGranted) {
  registration_.Begin(kStart);
  EXPECT_FALSE(registration_.OnAnswer(Refusal(403), kStart, 0).granted);
  registration_.Renew(registration_.terms(), kStart);
  EXPECT_FALSE(registration_.OnAnswer(Ok(seconds(0)), kStart, 0).granted);
  registration_.Renew(registration_.terms(), kStart);
  EXPECT_TRUE(registration_.OnAnswer(Ok(), kStart, 0).granted);
}

TEST_F(RegistrationTest, ARefreshThatGrantsNothingUnbinds) {
  Register();
  registration_.Renew(registration_.terms(), kStart);
  EXPECT_THAT(registration_.OnAnswer(Ok(seconds(0)), kStart, 0),
              Tells(Kind::kLost));
  EXPECT_FALSE(registration_.bound());
  EXPECT_EQ(registration_.NextDeadline(), kStart + seconds(15));
}

TEST_F(RegistrationTest, ARefusedRefreshEndsTheServiceRoute) {
  registration_.Begin(kStart);
  RegisterAnswer ok = Ok();
  ok.service_route = {"sip:p1.example;lr"};
  registration_.OnAnswer(ok, kStart, 0);
  RegisterAnswer silence = Refusal(408);
  silence.from_registrar = false;
  registration_.Renew(registration_.terms(), kStart);
  registration_.OnAnswer(silence, kStart, 0);
  EXPECT_EQ(registration_.state().service_route, ok.service_route);
  registration_.Renew(registration_.terms(), kStart);
  registration_.OnAnswer(Refusal(403), kStart, 0);
  EXPECT_THAT(registration_.state().service_route, IsEmpty());
  EXPECT_TRUE(registration_.bound());
}

TEST_F(RegistrationTest, ARenewalAsksAtOnceOrAfterTheOpenRegister) {
  Register();
  RegistrationTerms terms = registration_.terms();
  terms.expires = seconds(600);
  EXPECT_THAT(registration_.Renew(terms, kStart), Sends());
  EXPECT_EQ(registration_.expires(), seconds(600));
  terms.expires = seconds(900);
  EXPECT_THAT(registration_.Renew(terms, kStart), DoesNothing());
  EXPECT_THAT(registration_.OnAnswer(Ok(), kStart, 0), Sends());
  EXPECT_EQ(registration_.expires(), seconds(900));
}

TEST_F(RegistrationTest, EachTwoHundredReplacesTheServiceRoute) {
  registration_.Begin(kStart);
  RegisterAnswer ok = Ok();
  ok.service_route = {"sip:p1.example;lr", "sip:p2.example;x;LR"};
  registration_.OnAnswer(ok, kStart, 0);
  EXPECT_THAT(registration_.state().service_route,
              ElementsAre("sip:p1.example;lr", "sip:p2.example;x;LR"));
  EXPECT_EQ(RouteHeader(registration_.state().service_route),
            "<sip:p1.example;lr>, <sip:p2.example;x;LR>");
  registration_.Renew(registration_.terms(), kStart);
  registration_.OnAnswer(Ok(), kStart, 0);
  EXPECT_THAT(registration_.state().service_route, IsEmpty());
}

TEST_F(RegistrationTest, ARouteThatCannotBeFollowedIsNot) {
  for (const char* const bad :
       {"sip:p1.example", "sip:p1.example;lrx", "tel:+1;lr", "p1;lr",
        "sip:p1.example;lr?Route=x", ""}) {
    EXPECT_FALSE(IsUsableRoute({"sip:p0.example;lr", bad}, true)) << bad;
  }
  EXPECT_FALSE(IsUsableRoute(std::vector<std::string>(11, "sip:p;lr"), true));
  registration_.Begin(kStart);
  RegisterAnswer ok = Ok();
  ok.service_route = {"sip:p1.example"};
  const Step step = registration_.OnAnswer(ok, kStart, 0);
  EXPECT_THAT(registration_.state().service_route, IsEmpty());
  EXPECT_NE(step.change->status.reason, "");
}

TEST_F(RegistrationTest, TheFirstHopOfARouteIsByATransportThatIsSpoken) {
  for (const char* const plain :
       {"sip:p;lr", "sip:p;lr;transport=UDP", "sip:p;transport=tcp;lr"}) {
    EXPECT_TRUE(IsUsableRoute({plain}, false)) << plain;
  }
  for (const char* const tls : {"sips:p;lr", "sip:p;lr;transport=tls"}) {
    EXPECT_FALSE(IsUsableRoute({tls}, false)) << tls;
    EXPECT_TRUE(IsUsableRoute({tls}, true)) << tls;
  }
  const std::string other = "sip:p;lr;transport=sctp";
  EXPECT_FALSE(IsUsableRoute({other}, true));
  EXPECT_TRUE(IsUsableRoute({"sip:p;lr", other, "sips:p;lr"}, false))
      << "what is further away is for others to reach";
}

TEST_F(RegistrationTest, ARouteThatARefreshBringsAndNobodyCanFollowIsToldOnce) {
  Register();
  RegisterAnswer ok = Ok();
  ok.service_route = {"sip:p1.example"};
  registration_.Renew(registration_.terms(), kStart);
  EXPECT_THAT(registration_.OnAnswer(ok, kStart, 0), Tells(Kind::kRegistered));
  registration_.Renew(registration_.terms(), kStart);
  EXPECT_THAT(registration_.OnAnswer(ok, kStart, 0), DoesNothing());
}

TEST(SameBindingTest, IsWhatTheRegistrarKnowsItBy) {
  const RegistrationTerms terms{
      .aor = "sip:a@b", .registrar = "sip:b", .contact_user = "a"};
  RegistrationTerms other = terms;
  other.expires = seconds(60);
  EXPECT_TRUE(SameBinding(terms, other));
  other.contact_user = "c";
  EXPECT_FALSE(SameBinding(terms, other));
}

}  // namespace
}  // namespace callcontrol::sip
