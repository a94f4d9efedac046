// SPDX-License-Identifier: Apache-2.0
//
// What a client's cancelling can do, and cannot (protocol.md, 16).
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

TEST(TransferCancelTest, BeforeTheReferLeavesNothingWill) {
  TransferFlow transfer;
  EXPECT_EQ(transfer.ClientCancels(), CancelOutcome::kWithdrawn);
  EXPECT_THAT(transfer.told, ElementsAre(Ended(Outcome::kCancelled)));
  EXPECT_EQ(transfer.Result()->verdict, Verdict::kFailure);
  transfer.LegIsReady();
  EXPECT_THAT(transfer.asked, IsEmpty()) << "no REFER";
}

TEST(TransferCancelTest, WhileTheNextHopIsLookedUpNothingLeft) {
  TransferFlow transfer;
  transfer.LegIsReady();
  EXPECT_EQ(transfer.ClientCancels(), CancelOutcome::kWithdrawn);
  EXPECT_EQ(transfer.phase(), TransferPhase::kDone) << "the holder must look";
}

TEST(TransferCancelTest, BetweenTwoTriesTheRefusedOneIsGone) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Answers(491);
  EXPECT_EQ(transfer.ClientCancels(), CancelOutcome::kWithdrawn);
  EXPECT_EQ(transfer.Result()->verdict, Verdict::kFailure);
  EXPECT_EQ(transfer.Result()->refer_status, 491);
}

TEST(TransferCancelTest, AHoldThatIsOnItsWayIsGivenUp) {
  TransferPolicy policy;
  policy.hold_first = true;
  TransferFlow transfer(policy);
  transfer.LegIsReady();
  EXPECT_EQ(transfer.ClientCancels(), CancelOutcome::kWithdrawn);
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kHold, Action::kAbandonHold));
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kCancelled);
}

TEST(TransferCancelTest, AFarEndOnHoldIsTakenOff) {
  TransferPolicy policy;
  policy.hold_first = true;
  TransferFlow transfer(policy);
  transfer.LegIsReady();
  transfer.HoldIsAnswered(200);
  transfer.Clear();
  EXPECT_EQ(transfer.ClientCancels(), CancelOutcome::kWithdrawn);
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kResume));
  EXPECT_THAT(transfer.told, IsEmpty());
  transfer.ResumeIsAnswered(200);
  EXPECT_THAT(transfer.told, ElementsAre(Ended(Outcome::kCancelled)));
}

TEST(TransferCancelTest, TheCallStaysWhateverThePolicy) {
  TransferPolicy policy;
  policy.hold_first = true;
  policy.on_failure = LegAction::kHangUp;
  TransferFlow transfer(policy);
  transfer.LegIsReady();
  transfer.HoldIsAnswered(200);
  transfer.Sent();
  transfer.Answers(491);
  transfer.Clear();
  EXPECT_EQ(transfer.ClientCancels(), CancelOutcome::kWithdrawn);
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kResume));
  transfer.ResumeIsAnswered(200);
  EXPECT_EQ(transfer.Result()->cleared_by, ClearedBy::kNobody);
}

TEST(TransferCancelTest, AnOpenReferMayStillBeActedUpon) {
  TransferFlow transfer;
  transfer.Sent();
  EXPECT_EQ(transfer.ClientCancels(), CancelOutcome::kUnsubscribed);
  EXPECT_THAT(transfer.told, ElementsAre(Ended(Outcome::kCancelled)));
  EXPECT_EQ(transfer.Result()->verdict, Verdict::kUnknown);
  EXPECT_THAT(transfer.asked, IsEmpty()) << "no subscription is known of yet";
  transfer.Answers(202);
  transfer.Notifies(Terminated(200));
  EXPECT_TRUE(transfer.Result()) << "nothing is told after it";
}

TEST(TransferCancelTest, ASubscriptionIsEnded) {
  TransferFlow transfer;
  transfer.Progressing();
  EXPECT_EQ(transfer.ClientCancels(), CancelOutcome::kUnsubscribed);
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kUnsubscribe));
  EXPECT_EQ(transfer.Result()->verdict, Verdict::kUnknown);
  EXPECT_EQ(transfer.Result()->last_status, 180);
  EXPECT_EQ(transfer.Result()->cleared_by, ClearedBy::kNobody);
}

TEST(TransferCancelTest, ASubscriptionThatEndedIsLeftAlone) {
  TransferFlow transfer;
  transfer.Accepted();
  transfer.Notifies(TerminatedWithout("noresource"));
  EXPECT_EQ(transfer.ClientCancels(), CancelOutcome::kUnsubscribed);
  EXPECT_THAT(transfer.asked, IsEmpty());
}

TEST(TransferCancelTest, AnOutcomeThatIsKnownStays) {
  TransferFlow transfer;
  transfer.Progressing();
  transfer.Notifies(Terminated(200));
  EXPECT_EQ(transfer.ClientCancels(), CancelOutcome::kTooLate);
  EXPECT_EQ(transfer.phase(), TransferPhase::kClearing);
  transfer.FarEndHangsUp();
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTransferred);
  EXPECT_EQ(transfer.ClientCancels(), CancelOutcome::kTooLate);
}

TEST(TransferCancelTest, AFinalStatusThatCameEarlyIsKnown) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Notifies(Terminated(200));
  EXPECT_EQ(transfer.ClientCancels(), CancelOutcome::kTooLate);
  transfer.Answers(202);
  EXPECT_EQ(transfer.phase(), TransferPhase::kClearing);
}

}  // namespace
}  // namespace callcontrol::sip
