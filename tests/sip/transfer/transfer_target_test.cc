// SPDX-License-Identifier: Apache-2.0
//
// A transfer whose target's call still rings (RFC 5589, 7.6).
#include <string>

#include "gtest/gtest.h"
#include "tests/sip/transfer/transfer_flow.h"

namespace callcontrol::sip {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Action = TransferAction;
using Outcome = TransferOutcome;
using Verdict = TransferVerdict;

TransferPolicy Ringing(bool hold_first = false) {
  TransferPolicy policy;
  policy.awaits_target = true;
  policy.hold_first = hold_first;
  return policy;
}

TEST(TransferTargetTest, TheReferWaitsForTheAnswerAndForNothingElse) {
  TransferFlow transfer(Ringing());
  transfer.LegIsReady();
  transfer.Pass(seconds(600));
  EXPECT_THAT(transfer.asked, IsEmpty());
  EXPECT_THAT(transfer.told, IsEmpty());
  transfer.TargetAnswers();
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kAwaitLeg));
  transfer.LegIsReady();
  EXPECT_THAT(transfer.asked,
              ElementsAre(Action::kAwaitLeg, Action::kSendRefer));
}

TEST(TransferTargetTest, OnceItIsAnsweredTheLegHasToBeReady) {
  TransferFlow transfer(Ringing());
  transfer.TargetAnswers();
  transfer.Pass(seconds(5));
  EXPECT_THAT(transfer.told, ElementsAre(Ended(Outcome::kLegNotReady)));
}

TEST(TransferTargetTest, ARefusalIsTheTransfersOutcome) {
  TransferFlow transfer(Ringing());
  transfer.LegIsReady();
  transfer.TargetIsOver(486, "Busy Here");
  EXPECT_THAT(transfer.told, ElementsAre(Ended(Outcome::kTargetFailed)));
  EXPECT_EQ(transfer.Result()->verdict, Verdict::kFailure);
  EXPECT_EQ(transfer.Result()->final_status, 486);
  EXPECT_EQ(transfer.Result()->reason, "Busy Here");
  EXPECT_THAT(transfer.asked, IsEmpty());
}

TEST(TransferTargetTest, AnEndWithoutAStatusHasNone) {
  TransferFlow transfer(Ringing());
  transfer.TargetIsOver(0, "hung up");
  EXPECT_THAT(transfer.told, ElementsAre(Ended(Outcome::kTargetFailed)));
  EXPECT_EQ(transfer.Result()->final_status, std::nullopt);
}

TEST(TransferTargetTest, TheFarEndIsHeldWhileItRings) {
  TransferFlow transfer(Ringing(true));
  transfer.LegIsReady();
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kHold));
  transfer.HoldIsAnswered(200);
  transfer.LegIsReady();
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kHold)) << "no REFER yet";
  transfer.TargetIsOver(480, "Gone");
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kHold, Action::kResume));
  transfer.ResumeIsAnswered(200);
  EXPECT_THAT(transfer.told, ElementsAre(Ended(Outcome::kTargetFailed)));
}

TEST(TransferTargetTest, AnAnswerDuringTheHoldIsRemembered) {
  TransferFlow transfer(Ringing(true));
  transfer.LegIsReady();
  transfer.TargetAnswers();
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kHold));
  transfer.HoldIsAnswered(200);
  transfer.LegIsReady();
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kHold, Action::kAwaitLeg,
                                          Action::kSendRefer));
}

TEST(TransferTargetTest, AHoldThatIsOnItsWayIsGivenUpWithTheTarget) {
  TransferFlow transfer(Ringing(true));
  transfer.LegIsReady();
  transfer.TargetIsOver(486, "Busy Here");
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kHold, Action::kAbandonHold));
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTargetFailed);
}

TEST(TransferTargetTest, WhatBecomesOfItLaterIsTheFarEndsToTell) {
  TransferFlow transfer(Ringing());
  transfer.TargetAnswers();
  transfer.LegIsReady();
  transfer.TargetIsOver(0, "replaced");
  EXPECT_THAT(transfer.told, IsEmpty());
}

TEST(TransferTargetTest, AClientThatFailuresHangUpForGetsThat) {
  TransferPolicy policy = Ringing();
  policy.on_failure = LegAction::kHangUp;
  TransferFlow transfer(policy);
  transfer.TargetIsOver(486, "Busy Here");
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kSendBye));
}

TEST(TransferTargetTest, AFarEndThatHangsUpMeanwhileEndsIt) {
  TransferFlow transfer(Ringing());
  transfer.FarEndHangsUp();
  EXPECT_THAT(transfer.told.back(), Ended(Outcome::kLegEndedBeforeRefer));
  transfer.TargetAnswers();
  EXPECT_THAT(transfer.asked, IsEmpty());
}

}  // namespace
}  // namespace callcontrol::sip
