// SPDX-License-Identifier: Apache-2.0
#include "sip/call/referral_machine.h"

#include <chrono>
#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using namespace std::chrono_literals;

constexpr char kFinal[] = "terminated;reason=noresource";

// A machine and a clock that a test moves.
class ReferralMachineTest : public ::testing::Test {
 protected:
  static std::optional<ReferralNotify> Told(int code, std::string phrase,
                                            std::string state) {
    return ReferralNotify{{code, std::move(phrase)}, std::move(state)};
  }
  // What is due now happens.
  ReferralStep Wait(Milliseconds time) {
    now_ += time;
    return machine_.OnTime(now_);
  }
  // Begun, and its first NOTIFY answered.
  void Begin(const ReferralTerms& terms = {}) {
    machine_ = ReferralMachine(terms);
    machine_.Begin(now_);
    machine_.OnNotifyAnswer(200, now_);
  }
  ReferralStep Outcome(int code, bool clears_leg = false) {
    return machine_.OnOutcome({code, "Phrase"}, clears_leg, now_);
  }
  ReferralPhase phase() const { return machine_.state().phase; }

  MonotonicTime now_{1h};
  ReferralMachine machine_{ReferralTerms{}};
};

TEST_F(ReferralMachineTest, ASuccessWaitsForTheBye) {
  const ReferralStep begun = machine_.Begin(now_);
  EXPECT_EQ(begun,
            (ReferralStep{.notify = Told(100, "Trying", "active;expires=240"),
                          .carry_out = true}));
  EXPECT_EQ(Outcome(200).notify, std::nullopt);  // One at a time.
  EXPECT_EQ(machine_.OnNotifyAnswer(200, now_),
            (ReferralStep{.notify = Told(200, "Phrase", kFinal)}));
  EXPECT_EQ(machine_.OnNotifyAnswer(200, now_), ReferralStep{});
  EXPECT_EQ(phase(), ReferralPhase::kClearing);
  EXPECT_FALSE(machine_.subscribed());
  EXPECT_EQ(machine_.NextDeadline(), now_ + 32s);
  EXPECT_EQ(Wait(31'999ms), ReferralStep{});
  EXPECT_EQ(Wait(1ms), (ReferralStep{.clear_leg = true, .over = true}));
}

TEST_F(ReferralMachineTest, AByeAfterTheSuccessEndsIt) {
  Begin();
  Outcome(200);
  machine_.OnNotifyAnswer(200, now_);
  EXPECT_EQ(machine_.OnLegOver(), ReferralStep{.over = true});
  EXPECT_TRUE(machine_.over());
}

TEST_F(ReferralMachineTest, AByeBeforeChangesNothingButTheEnd) {
  Begin();
  EXPECT_EQ(machine_.OnLegOver(), ReferralStep{});
  EXPECT_EQ(Outcome(200).notify, Told(200, "Phrase", kFinal));
  EXPECT_EQ(machine_.OnNotifyAnswer(200, now_), ReferralStep{.over = true});
}

TEST_F(ReferralMachineTest, AFailureKeepsTheCall) {
  Begin();
  EXPECT_EQ(Outcome(486).notify, Told(486, "Phrase", kFinal));
  EXPECT_EQ(machine_.OnNotifyAnswer(200, now_), ReferralStep{.over = true});
}

TEST_F(ReferralMachineTest, AReferrerLeftAloneIsHungUpOnceItIsTold) {
  Begin();
  EXPECT_EQ(Outcome(487, true),
            (ReferralStep{.notify = Told(487, "Phrase", kFinal)}));
  EXPECT_EQ(Wait(3'999ms), ReferralStep{});
  EXPECT_EQ(Wait(1ms), (ReferralStep{.clear_leg = true, .over = true}));
  EXPECT_EQ(machine_.OnNotifyAnswer(200, now_), ReferralStep{});
}

// What was asked for never comes to an end.
TEST_F(ReferralMachineTest, ItIsGivenUp) {
  Begin();
  EXPECT_EQ(Wait(240s),
            (ReferralStep{.notify = Told(408, "Request Timeout", kFinal)}));
  EXPECT_FALSE(machine_.open());
}

TEST_F(ReferralMachineTest, TheOutcomeDoesNotWaitLongForAnAnswer) {
  machine_.Begin(now_);
  EXPECT_EQ(Outcome(200), ReferralStep{});
  EXPECT_EQ(Wait(3'999ms), ReferralStep{});
  EXPECT_EQ(Wait(1ms), (ReferralStep{.notify = Told(200, "Phrase", kFinal)}));
  EXPECT_EQ(Wait(4s), ReferralStep{});
  EXPECT_EQ(phase(), ReferralPhase::kClearing);
}

TEST_F(ReferralMachineTest, ProgressIsToldOnceASecond) {
  Begin();
  EXPECT_EQ(machine_.OnProgress({180, "Ringing"}, now_), ReferralStep{});
  EXPECT_EQ(machine_.NextDeadline(), now_ + 1s);
  EXPECT_EQ(machine_.OnProgress({183, "Session Progress"}, now_ + 400ms),
            ReferralStep{});
  EXPECT_EQ(Wait(1s).notify,
            Told(183, "Session Progress", "active;expires=239"));
  machine_.OnNotifyAnswer(200, now_);
  // What was told is not told again.
  EXPECT_EQ(machine_.OnProgress({183, "Again"}, now_ + 2s), ReferralStep{});
  EXPECT_EQ(machine_.OnProgress({200, "No Progress"}, now_ + 2s),
            ReferralStep{});
}

TEST_F(ReferralMachineTest, AClientAccepts) {
  machine_ = ReferralMachine(ReferralTerms{.asks = true});
  EXPECT_EQ(
      machine_.Begin(now_),
      (ReferralStep{.notify = Told(100, "Trying", "pending;expires=240")}));
  machine_.OnNotifyAnswer(200, now_);
  EXPECT_EQ(machine_.NextDeadline(), now_ + 5s);
  now_ += 2s;
  EXPECT_EQ(machine_.OnAccepted(now_),
            (ReferralStep{.notify = Told(100, "Trying", "active;expires=238"),
                          .carry_out = true}));
  EXPECT_EQ(machine_.OnAccepted(now_), ReferralStep{});
}

TEST_F(ReferralMachineTest, NobodyDecides) {
  Begin({.asks = true});
  EXPECT_EQ(Wait(5s), (ReferralStep{.notify = Told(603, "Decline", kFinal)}));
  EXPECT_FALSE(machine_.open());
  EXPECT_EQ(machine_.OnAccepted(now_), ReferralStep{});
}

TEST_F(ReferralMachineTest, NobodyListens) {
  machine_ = ReferralMachine(ReferralTerms{.subscribed = false});
  EXPECT_EQ(machine_.Begin(now_), ReferralStep{.carry_out = true});
  EXPECT_EQ(machine_.NextDeadline(), now_ + 240s);
  EXPECT_EQ(machine_.OnProgress({180, "Ringing"}, now_ + 2s), ReferralStep{});
  EXPECT_EQ(Outcome(200), ReferralStep{});
  EXPECT_EQ(phase(), ReferralPhase::kClearing);
}

TEST_F(ReferralMachineTest, AnswersThatEndTheSubscription) {
  for (const int code :
       {404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604}) {
    machine_ = ReferralMachine(ReferralTerms{});
    machine_.Begin(now_);
    machine_.OnNotifyAnswer(code, now_);
    EXPECT_FALSE(machine_.subscribed()) << code;
    EXPECT_TRUE(machine_.open()) << code;
    EXPECT_EQ(Outcome(486), ReferralStep{.over = true}) << code;
  }
  for (const int code : {200, 202, 401, 500, 503, 603}) {
    machine_ = ReferralMachine(ReferralTerms{});
    machine_.Begin(now_);
    machine_.OnNotifyAnswer(code, now_);
    EXPECT_TRUE(machine_.subscribed()) << code;
  }
}

TEST_F(ReferralMachineTest, ASubscriptionIsRefreshedAndEnded) {
  Begin();
  std::chrono::seconds granted{};
  EXPECT_EQ(machine_.OnSubscribe(1h, granted, now_).notify,
            Told(100, "Trying", "active;expires=240"));
  EXPECT_EQ(granted, 240s);
  machine_.OnNotifyAnswer(200, now_);
  EXPECT_EQ(machine_.OnSubscribe(10s, granted, now_).notify,
            Told(100, "Trying", "active;expires=10"));
  EXPECT_EQ(granted, 10s);
  machine_.OnNotifyAnswer(200, now_);
  EXPECT_EQ(Wait(10s).notify, Told(100, "Trying", "terminated;reason=timeout"));
  EXPECT_TRUE(machine_.open());
  machine_.OnNotifyAnswer(200, now_);
  // Nobody listens; it ends all the same.
  EXPECT_EQ(machine_.NextDeadline(), now_ + 230s);
  EXPECT_EQ(Wait(230s), ReferralStep{.over = true});

  Begin();
  EXPECT_EQ(machine_.OnSubscribe(0s, granted, now_).notify,
            Told(100, "Trying", "terminated;reason=timeout"));
  EXPECT_EQ(granted, 0s);
  EXPECT_FALSE(machine_.subscribed());
  EXPECT_TRUE(machine_.open());
}

}  // namespace
}  // namespace callcontrol::sip
