// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/transfer_machine.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/sip/transfer/transfer_flow.h"

// The rows of protocol.md 3.3, state by state.
namespace callcontrol::sip {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Action = TransferAction;
using Outcome = TransferOutcome;
using Phase = TransferPhase;
using Verdict = TransferVerdict;

// ---- PREP ------------------------------------------------------------------

TEST(TransferPrepTest, TheReferLeavesWhenTheLegIsReady) {
  TransferFlow transfer;
  EXPECT_EQ(transfer.phase(), Phase::kPrep);
  transfer.LegIsReady();
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kSendRefer));
  EXPECT_THAT(transfer.told, IsEmpty());
  transfer.ReferLeaves(101);
  EXPECT_THAT(transfer.told, ElementsAre(SentWithCseq(101)));
  EXPECT_EQ(transfer.phase(), Phase::kSent);
}

TEST(TransferPrepTest, TheReferIsAskedForOnce) {
  TransferFlow transfer;
  transfer.LegIsReady();
  transfer.LegIsReady();
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kSendRefer));
}

TEST(TransferPrepTest, AnAckThatNeverComesEndsItNotReady) {
  TransferFlow transfer;
  transfer.Pass(milliseconds(4'999));
  EXPECT_THAT(transfer.told, IsEmpty());
  transfer.Pass(milliseconds(1));
  EXPECT_THAT(transfer.told, ElementsAre(Ended(Outcome::kLegNotReady)));
  EXPECT_EQ(transfer.Result()->verdict, Verdict::kFailure);
  EXPECT_EQ(transfer.Result()->cleared_by, ClearedBy::kNobody);
}

TEST(TransferPrepTest, TheFarEndHangsUpFirst) {
  TransferFlow transfer;
  transfer.FarEndHangsUp();
  EXPECT_THAT(transfer.told, ElementsAre(Warned("LEG_ENDED"),
                                         Ended(Outcome::kLegEndedBeforeRefer)));
  EXPECT_EQ(transfer.Result()->cleared_by, ClearedBy::kFarEnd);
  transfer.LegIsReady();
  EXPECT_THAT(transfer.asked, IsEmpty()) << "no REFER after a BYE";
}

TEST(TransferPrepTest, TheNextHopCannotBeFound) {
  TransferFlow transfer;
  transfer.LegIsReady();
  transfer.SendFails("no such name");
  EXPECT_THAT(transfer.told, ElementsAre(Ended(Outcome::kTransportFailed)));
  EXPECT_EQ(transfer.Result()->reason, "no such name");
}

TEST(TransferPrepTest, AHangUpWhileTheNextHopIsLookedUpSendsNoRefer) {
  TransferFlow transfer;
  transfer.LegIsReady();
  transfer.WeHangUp();
  EXPECT_THAT(transfer.asked,
              ElementsAre(Action::kSendRefer, Action::kSendBye));
  EXPECT_EQ(transfer.phase(), Phase::kByeing) << "the holder must look";
  transfer.ReferLeaves();
  EXPECT_THAT(transfer.told, IsEmpty());
  transfer.ByeIsAnswered(200);
  EXPECT_THAT(transfer.told, ElementsAre(Ended(Outcome::kLocalHangup)));
  EXPECT_EQ(transfer.Result()->verdict, Verdict::kFailure);
}

// ---- PREP: hold -------------------------------------------------------------

TransferPolicy HeldFirst() {
  TransferPolicy policy;
  policy.hold_first = true;
  return policy;
}

TEST(TransferHoldTest, TheFarEndIsHeldBeforeTheRefer) {
  TransferFlow transfer(HeldFirst());
  transfer.LegIsReady();
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kHold));
  EXPECT_EQ(transfer.phase(), Phase::kHolding);
  transfer.Clear();
  transfer.HoldIsAnswered(200);
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kAwaitLeg));
  transfer.LegIsReady();
  EXPECT_THAT(transfer.asked,
              ElementsAre(Action::kAwaitLeg, Action::kSendRefer));
  EXPECT_THAT(transfer.told, IsEmpty());
}

TEST(TransferHoldTest, ARefusedHoldEndsIt) {
  TransferFlow transfer(HeldFirst());
  transfer.LegIsReady();
  transfer.HoldIsAnswered(488);
  EXPECT_THAT(transfer.told, ElementsAre(Ended(Outcome::kHoldFailed)));
  EXPECT_EQ(transfer.Result()->verdict, Verdict::kFailure);
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kHold)) << "no REFER";
}

TEST(TransferHoldTest, ARefusedHoldEndsNothingWhereThatIsThePolicy) {
  TransferPolicy policy = HeldFirst();
  policy.refer_unheld = true;
  TransferFlow transfer(policy);
  transfer.LegIsReady();
  transfer.HoldIsAnswered(488);
  EXPECT_THAT(transfer.told, ElementsAre(Warned("HOLD_FAILED")));
  transfer.LegIsReady();
  transfer.ReferLeaves();
  transfer.Clear();
  transfer.Answers(603, "Decline");
  EXPECT_THAT(transfer.asked, IsEmpty()) << "nothing to undo";
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kReferDeclined);
}

TEST(TransferHoldTest, AHoldThatIsNotAnsweredIsGivenUp) {
  TransferFlow transfer(HeldFirst());
  transfer.LegIsReady();
  transfer.Pass(milliseconds(9'999));
  EXPECT_THAT(transfer.told, IsEmpty());
  transfer.Pass(milliseconds(1));
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kHold, Action::kAbandonHold));
  EXPECT_THAT(transfer.told, ElementsAre(Ended(Outcome::kHoldFailed)));
}

TEST(TransferHoldTest, AFailureTakesTheFarEndOffHold) {
  TransferFlow transfer(HeldFirst());
  transfer.LegIsReady();
  transfer.HoldIsAnswered(200);
  transfer.Accepted();
  transfer.Notifies(Terminated(486, "Busy Here"));
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kResume));
  EXPECT_THAT(transfer.told, ElementsAre(FinalStatus(486)));
  transfer.ResumeIsAnswered(200);
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTargetFailed);
}

TEST(TransferHoldTest, ANotifyWhileTheHoldEndsDoesNotKeepTheTransferOpen) {
  TransferFlow transfer(HeldFirst());
  transfer.LegIsReady();
  transfer.HoldIsAnswered(200);
  transfer.Accepted();
  transfer.Notifies(Active(486, "Busy Here"));
  transfer.Notifies(ActiveFor(3));
  transfer.ResumeIsAnswered(200);
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTargetFailed);
}

TEST(TransferHoldTest, AFarEndThatIsNotOnHoldNeedsNoResume) {
  TransferFlow transfer(HeldFirst());
  transfer.LegIsReady();
  transfer.HoldIsAnswered(200);
  transfer.Accepted();
  transfer.Notifies(Terminated(486, "Busy Here"));
  transfer.Clear();
  transfer.ResumeIsAnswered(0);
  EXPECT_THAT(transfer.told, ElementsAre(Ended(Outcome::kTargetFailed)));
}

TEST(TransferHoldTest, AResumeThatFailsIsToldAndChangesNothing) {
  TransferFlow transfer(HeldFirst());
  transfer.LegIsReady();
  transfer.HoldIsAnswered(200);
  transfer.Accepted();
  transfer.Notifies(Terminated(486));
  transfer.Clear();
  transfer.Pass(seconds(10));
  EXPECT_THAT(transfer.told, ElementsAre(Warned("RESUME_FAILED"),
                                         Ended(Outcome::kTargetFailed)));
}

TEST(TransferHoldTest, ACallThatWasOnHoldStaysSo) {
  TransferFlow transfer(HeldFirst());
  transfer.LegIsReady();
  transfer.HoldIsAnswered(0);
  transfer.Sent();
  transfer.Answers(404, "Not Found");
  EXPECT_THAT(transfer.asked, IsEmpty());
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kReferRejected);
}

TEST(TransferHoldTest, ACallThatIsHungUpNeedsNoResume) {
  TransferPolicy policy = HeldFirst();
  policy.on_failure = LegAction::kHangUp;
  TransferFlow transfer(policy);
  transfer.LegIsReady();
  transfer.HoldIsAnswered(200);
  transfer.Sent();
  transfer.Answers(404, "Not Found");
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kSendBye));
}

TEST(TransferHoldTest, TheFarEndHangsUpWhileItIsPutOnHold) {
  TransferFlow transfer(HeldFirst());
  transfer.LegIsReady();
  transfer.FarEndHangsUp();
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kLegEndedBeforeRefer);
  transfer.Clear();
  transfer.HoldIsAnswered(200);
  EXPECT_THAT(transfer.asked, IsEmpty());
}

TEST(TransferChallengeTest, AChallengeThatCanBeAnsweredIsNoEnd) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Answers(
      ReferAnswer{.status = {401, "Unauthorized"}, .answerable = true});
  EXPECT_THAT(transfer.told, ElementsAre(AnsweredWith(401)));
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kSendRefer));
  transfer.ReferLeaves(102);
  transfer.Clear();
  transfer.Answers(401, "Unauthorized");
  EXPECT_THAT(transfer.told,
              ElementsAre(AnsweredWith(401), Ended(Outcome::kReferAuthFailed)));
}

// ---- BACKOFF ----------------------------------------------------------------

TEST(TransferBackoffTest, AReferThatMeetsAnInviteLeavesAgainTwice) {
  TransferPolicy policy;
  policy.glare_backoffs = {milliseconds(1'500), milliseconds(1'500)};
  TransferFlow transfer(policy);
  transfer.LegIsReady();
  for (std::uint32_t cseq = 101; cseq < 103; ++cseq) {
    transfer.ReferLeaves(cseq);
    transfer.Clear();
    transfer.Answers(491, "Request Pending");
    EXPECT_THAT(transfer.told,
                ElementsAre(AnsweredWith(491), Warned("REFER_RETRIED")));
    EXPECT_EQ(transfer.phase(), Phase::kBackoff);
    transfer.Pass(milliseconds(1'499));
    EXPECT_THAT(transfer.asked, IsEmpty());
    transfer.Pass(milliseconds(1));
    EXPECT_THAT(transfer.asked, ElementsAre(Action::kAwaitLeg));
    transfer.LegIsReady();
  }
  transfer.ReferLeaves(103);
  transfer.Clear();
  transfer.Answers(491, "Request Pending");
  EXPECT_THAT(transfer.told,
              ElementsAre(AnsweredWith(491), Ended(Outcome::kReferRejected)));
}

ReferAnswer RetryAfter(int status, int after) {
  ReferAnswer answer;
  answer.status = {status, "Later"};
  answer.retry_after = seconds(after);
  return answer;
}

TransferPolicy Patient() {
  TransferPolicy policy;
  policy.retry_after_max = seconds(5);
  return policy;
}

TEST(TransferBackoffTest, ARetryAfterIsWaitedForOnce) {
  for (const int status : {480, 500, 503, 600, 603}) {
    SCOPED_TRACE(status);
    TransferFlow transfer(Patient());
    transfer.Sent();
    transfer.Answers(RetryAfter(status, 2));
    EXPECT_THAT(transfer.told,
                ElementsAre(AnsweredWith(status), Warned("REFER_RETRIED")));
    transfer.Clear();
    transfer.Pass(milliseconds(1'999));
    EXPECT_THAT(transfer.asked, IsEmpty());
    transfer.Pass(milliseconds(1));
    EXPECT_THAT(transfer.asked, ElementsAre(Action::kAwaitLeg));
    transfer.LegIsReady();
    transfer.ReferLeaves(102);
    transfer.Clear();
    transfer.Answers(RetryAfter(status, 2));
    EXPECT_EQ(transfer.Result()->retry_after, seconds(2));
    EXPECT_EQ(transfer.Result()->refer_status, status);
  }
}

TEST(TransferBackoffTest, WhatTheRefusalSaidIsNotOfTheNextRefer) {
  TransferFlow transfer(Patient());
  transfer.Sent();
  ReferAnswer busy = RetryAfter(503, 2);
  busy.sip_reason = "Q.850;cause=42";
  transfer.Answers(busy);
  transfer.Pass(seconds(2));
  transfer.LegIsReady();
  transfer.ReferLeaves(102);
  transfer.Answers(202);
  transfer.Notifies(Active(486, "Busy Here"));
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTargetFailed);
  EXPECT_EQ(transfer.Result()->retry_after, std::nullopt);
  EXPECT_EQ(transfer.Result()->sip_reason, "");
}

TEST(TransferBackoffTest, ARetryAfterIsOnlyToldOtherwise) {
  TransferFlow unasked;
  unasked.Sent();
  unasked.Answers(RetryAfter(503, 2));
  EXPECT_EQ(unasked.Result()->outcome, Outcome::kReferRejected);
  EXPECT_EQ(unasked.Result()->retry_after, seconds(2));
  TransferFlow too_long(Patient());
  too_long.Sent();
  too_long.Answers(RetryAfter(503, 6));
  EXPECT_EQ(too_long.Result()->outcome, Outcome::kReferRejected);
  TransferFlow of_another_kind(Patient());
  of_another_kind.Sent();
  of_another_kind.Answers(RetryAfter(404, 1));
  EXPECT_EQ(of_another_kind.Result()->outcome, Outcome::kReferRejected);
  TransferFlow without(Patient());
  without.Sent();
  without.Answers(503);
  EXPECT_EQ(without.Result()->outcome, Outcome::kReferRejected);
}

TEST(TransferBackoffTest, TheFarEndHangsUpMeanwhile) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Answers(491);
  transfer.FarEndHangsUp();
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kLegEndedBeforeRefer);
}

TEST(TransferBackoffTest, AHangUpMeanwhileIsAFailure) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Answers(491);
  transfer.WeHangUp();
  transfer.ByeIsAnswered(200);
  EXPECT_EQ(transfer.Result()->verdict, Verdict::kFailure);
}

// ---- SENT ------------------------------------------------------------------

TEST(TransferSentTest, AnyTwoHundredIsAcceptance) {
  for (const int code : {200, 202, 204, 299}) {
    TransferFlow transfer;
    transfer.Sent();
    transfer.Answers(code);
    EXPECT_THAT(transfer.told, ElementsAre(AnsweredWith(code)));
    EXPECT_EQ(transfer.phase(), Phase::kAccepted);
  }
}

TEST(TransferSentTest, ProvisionalAnswersChangeNothing) {
  TransferFlow transfer;
  transfer.Sent();
  EXPECT_THAT(
      transfer.machine.OnReferProvisional({100, "Trying"}, transfer.now).events,
      IsEmpty());
  EXPECT_THAT(
      transfer.machine.OnReferProvisional({183, "Progress"}, transfer.now)
          .events,
      ElementsAre(Warned("UNEXPECTED_PROVISIONAL")));
  EXPECT_EQ(transfer.phase(), Phase::kSent);
}

TEST(TransferSentTest, ANotifyMayOvertakeTheAnswer) {
  TransferFlow transfer;
  transfer.Sent();
  //                        <- NOTIFY 100, then 202
  transfer.Notifies(Active(100, "Trying"));
  EXPECT_THAT(transfer.told, ElementsAre(Status(100)));
  EXPECT_EQ(transfer.phase(), Phase::kSent);
  transfer.Answers(202);
  EXPECT_EQ(transfer.phase(), Phase::kProgress);
}

TEST(TransferSentTest, AFinalNotifyThatOvertakesTheAnswerWaitsForIt) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Notifies(Terminated(200, "OK"));
  EXPECT_THAT(transfer.told, ElementsAre(FinalStatus(200)));
  EXPECT_EQ(transfer.phase(), Phase::kSent);
  transfer.Answers(202);
  EXPECT_EQ(transfer.phase(), Phase::kClearing);
}

TEST(TransferSentTest, AFinalNotifyBeatsARefusal) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Notifies(Terminated(200, "OK"));
  transfer.Answers(500, "Oops");
  EXPECT_THAT(transfer.told, ElementsAre(FinalStatus(200), AnsweredWith(500),
                                         Warned("CONFLICT")));
  EXPECT_EQ(transfer.phase(), Phase::kClearing);
}

TEST(TransferSentTest, AFinalNotifyBeatsSilence) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Notifies(Terminated(200, "OK"));
  transfer.Pass(seconds(32));
  EXPECT_EQ(transfer.phase(), Phase::kClearing);
  transfer.Pass(milliseconds(500));
  transfer.ByeIsAnswered(200);
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTransferred);
  EXPECT_EQ(transfer.Result()->refer_status, 0);
}

TEST(TransferSentTest, AFailureThatOvertookTheAnswerKeepsTheLeg) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Notifies(Terminated(486, "Busy Here"));
  transfer.Answers(202);
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTargetFailed);
  EXPECT_EQ(transfer.Result()->cleared_by, ClearedBy::kNobody);
}

TEST(TransferSentTest, AcceptedWithoutSubscription) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Answers({.status = {202, "Accepted"}, .no_subscription = true});
  EXPECT_THAT(transfer.told,
              ElementsAre(AnsweredWith(202), Warned("NO_SUBSCRIPTION")));
  EXPECT_EQ(transfer.phase(), Phase::kUnmonitored);
  transfer.Pass(milliseconds(31'999));
  EXPECT_THAT(transfer.asked, IsEmpty());
  transfer.Pass(milliseconds(1));
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kSendBye));
  transfer.ByeIsAnswered(200);
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kAcceptedNoSubscription);
  EXPECT_EQ(transfer.Result()->verdict, Verdict::kUnknown);
}

struct Refusal {
  int code;
  Outcome outcome;
};
class TransferRefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(TransferRefusalTest, EndsTheTransferAndKeepsTheLeg) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Answers(GetParam().code, "No");
  EXPECT_THAT(transfer.told, ElementsAre(AnsweredWith(GetParam().code),
                                         Ended(GetParam().outcome)));
  EXPECT_THAT(transfer.asked, IsEmpty());
  const TransferResult result = *transfer.Result();
  EXPECT_EQ(result.verdict, Verdict::kFailure);
  EXPECT_EQ(result.refer_status, GetParam().code);
  EXPECT_EQ(result.reason, "No");
  EXPECT_EQ(result.cleared_by, ClearedBy::kNobody);
  EXPECT_FALSE(result.final_status.has_value());
}

INSTANTIATE_TEST_SUITE_P(
    EveryKind, TransferRefusalTest,
    ::testing::Values(Refusal{300, Outcome::kReferRedirected},
                      Refusal{302, Outcome::kReferRedirected},
                      Refusal{400, Outcome::kReferRejected},
                      Refusal{401, Outcome::kReferAuthFailed},
                      Refusal{407, Outcome::kReferAuthFailed},
                      Refusal{403, Outcome::kReferDeclined},
                      Refusal{603, Outcome::kReferDeclined},
                      Refusal{404, Outcome::kReferRejected},
                      Refusal{405, Outcome::kReferNotSupported},
                      Refusal{420, Outcome::kReferNotSupported},
                      Refusal{501, Outcome::kReferNotSupported},
                      Refusal{429, Outcome::kReferRejected},
                      Refusal{500, Outcome::kReferRejected},
                      Refusal{503, Outcome::kReferRejected},
                      Refusal{699, Outcome::kReferRejected}),
    [](const auto& test) { return std::to_string(test.param.code); });

TEST(TransferSentTest, WhatARefusalCarriesIsInTheResult) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Answers({.status = {302, "Moved"},
                    .retry_after = seconds(7),
                    .contacts = {"sip:a@b"},
                    .sip_reason = "Q.850;cause=17"});
  const TransferResult result = *transfer.Result();
  EXPECT_EQ(result.retry_after, seconds(7));
  EXPECT_THAT(result.contacts, ElementsAre("sip:a@b"));
  EXPECT_EQ(result.sip_reason, "Q.850;cause=17");
}

TEST(TransferSentTest, ATransportErrorEndsIt) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.SendFails("connection refused");
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTransportFailed);
  EXPECT_EQ(transfer.Result()->verdict, Verdict::kFailure);
}

// ---- The probe -------------------------------------------------------------

TEST(TransferProbeTest, A481IsDoubtedAndTheLegKeptWhenItAnswers) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Answers(481);
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kSendProbe));
  EXPECT_EQ(transfer.phase(), Phase::kProbing);
  transfer.ProbeIsAnswered(200);
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kReferRejected);
  EXPECT_EQ(transfer.Result()->cleared_by, ClearedBy::kNobody);
}

TEST(TransferProbeTest, A481ToTheProbeMeansThatTheLegIsLost) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Answers(481);
  transfer.ProbeIsAnswered(481);
  EXPECT_THAT(transfer.asked,
              ElementsAre(Action::kSendProbe, Action::kSendBye));
  transfer.ByeIsAnswered(481);
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kLegLost);
  EXPECT_EQ(transfer.Result()->verdict, Verdict::kFailure);
}

TEST(TransferProbeTest, SilenceIsToldOneT1AfterTimerF) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Pass(seconds(32));
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kSendProbe));
  EXPECT_FALSE(transfer.Result().has_value());
  transfer.Pass(milliseconds(500));
  EXPECT_THAT(transfer.told, ElementsAre(Warned("LEG_SUSPECT"),
                                         Ended(Outcome::kReferTimeout)));
}

TEST(TransferProbeTest, A408IsATimeout) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Answers(408);
  transfer.ProbeIsAnswered(200);
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kReferTimeout);
  EXPECT_EQ(transfer.Result()->refer_status, 408);
}

TEST(TransferProbeTest, ALateNotifyRevivesATransferWhoseAnswerWasLost) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Pass(seconds(32));
  transfer.Notifies(Active(180, "Ringing"));
  EXPECT_THAT(transfer.told, ElementsAre(Warned("LEG_SUSPECT"), Status(180),
                                         Warned("LATE_ACCEPT")));
  EXPECT_EQ(transfer.phase(), Phase::kProgress);
  transfer.Pass(seconds(2));
  EXPECT_FALSE(transfer.Result().has_value());
}

TEST(TransferProbeTest, ALateAnswerRevivesIt) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Pass(seconds(32));
  transfer.Answers(202);
  EXPECT_EQ(transfer.phase(), Phase::kAccepted);
}

// ---- SENT_NOLEG ------------------------------------------------------------

TEST(TransferSentNoLegTest, RefusedAfterTheBye) {
  for (const int code : {481, 487, 603}) {
    TransferFlow transfer;
    transfer.Sent();
    transfer.FarEndHangsUp("Q.850;cause=16");
    EXPECT_EQ(transfer.phase(), Phase::kSentNoLeg);
    transfer.Answers(code);
    EXPECT_EQ(transfer.Result()->outcome, Outcome::kLegEndedDuringRefer);
    EXPECT_EQ(transfer.Result()->verdict, Verdict::kFailure);
    EXPECT_EQ(transfer.Result()->cleared_by, ClearedBy::kFarEnd);
    EXPECT_THAT(transfer.asked, IsEmpty()) << "there is no leg to probe";
  }
}

TEST(TransferSentNoLegTest, NeverAnswered) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.FarEndHangsUp();
  transfer.Pass(seconds(32));
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kLegEndedDuringRefer);
}

TEST(TransferSentNoLegTest, AcceptedAfterTheBye) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.FarEndHangsUp();
  transfer.Answers(202);
  EXPECT_EQ(transfer.phase(), Phase::kLegLost);
  transfer.Pass(seconds(2));
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kLegEndedUnconfirmed);
  EXPECT_EQ(transfer.Result()->verdict, Verdict::kUnknown);
}

TEST(TransferSentNoLegTest, MoreByesAreNoNews) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.FarEndHangsUp("Q.850;cause=16");
  transfer.Clear();
  transfer.FarEndHangsUp("Q.850;cause=17");
  EXPECT_THAT(transfer.told, IsEmpty());
  transfer.Answers(481);
  EXPECT_EQ(transfer.machine.state().cleared_by, ClearedBy::kFarEnd);
}

TEST(TransferSentNoLegTest, AcceptedWithoutSubscriptionAfterTheBye) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.FarEndHangsUp();
  transfer.Answers({.status = {202, ""}, .no_subscription = true});
  transfer.Pass(seconds(2));
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kLegEndedUnconfirmed);
}

TEST(TransferSentNoLegTest, FinalNotifyAfterTheBye) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.FarEndHangsUp();
  transfer.Notifies(Terminated(200, "OK"));
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTransferred);
}

// ---- ACCEPTED and PROGRESS -------------------------------------------------

TEST(TransferProgressTest, TheWholeStoryWithOurBye) {
  TransferFlow transfer;
  transfer.LegIsReady();
  transfer.ReferLeaves(7);
  transfer.Answers(202, "Accepted");
  transfer.Notifies(Active(100, "Trying"));
  transfer.Notifies(Active(180, "Ringing"));
  transfer.Notifies(Terminated(200, "OK"));
  EXPECT_THAT(transfer.told,
              ElementsAre(SentWithCseq(7), AnsweredWith(202), Status(100),
                          Status(180), FinalStatus(200)));
  transfer.Clear();
  transfer.Pass(milliseconds(499));
  EXPECT_THAT(transfer.asked, IsEmpty()) << "the far end may send BYE first";
  transfer.Pass(milliseconds(1));
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kSendBye));
  transfer.ByeIsAnswered(200);
  const TransferResult result = *transfer.Result();
  EXPECT_EQ(result.outcome, Outcome::kTransferred);
  EXPECT_EQ(result.verdict, Verdict::kSuccess);
  EXPECT_EQ(result.refer_status, 202);
  EXPECT_EQ(result.final_status, 200);
  EXPECT_EQ(result.cleared_by, ClearedBy::kServer);
  EXPECT_EQ(result.bye_status, 200);
  EXPECT_EQ(result.duration, milliseconds(500));
}

TEST(TransferProgressTest, A603IsADecline) {
  TransferFlow transfer;
  transfer.Progressing();
  transfer.Notifies(Terminated(603, "Decline"));
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kReferDeclined);
}

TEST(TransferProgressTest, OtherFinalsAreTheTargetsFailure) {
  for (const int code : {302, 404, 408, 486, 487, 503, 600, 607}) {
    TransferFlow transfer;
    transfer.Progressing();
    ReferNotify notify = Terminated(code, "No");
    notify.body.sip_reason = "Q.850;cause=17";
    transfer.Notifies(notify);
    const TransferResult result = *transfer.Result();
    EXPECT_EQ(result.outcome, Outcome::kTargetFailed) << code;
    EXPECT_EQ(result.final_status, code);
    EXPECT_EQ(result.reason, "No");
    EXPECT_EQ(result.sip_reason, "Q.850;cause=17");
    EXPECT_EQ(result.cleared_by, ClearedBy::kNobody);
    EXPECT_THAT(transfer.asked, IsEmpty());
  }
}

TEST(TransferProgressTest, AFinalStatusOfAnActiveSubscriptionIsFinal) {
  TransferFlow transfer;
  transfer.Accepted();
  transfer.Notifies(Active(200, "OK"));
  EXPECT_EQ(transfer.phase(), Phase::kClearing);
  transfer.Clear();
  transfer.Notifies(Terminated(200, "OK"));
  EXPECT_THAT(transfer.told, IsEmpty()) << "the expected second half";
}

TEST(TransferProgressTest, EachNotifyIsToldOnce) {
  TransferFlow transfer;
  transfer.Accepted();
  ReferNotify ringing = Active(180, "Ringing");
  ringing.cseq = 50;
  transfer.Notifies(ringing);
  transfer.Notifies(ringing);
  EXPECT_THAT(transfer.told, ElementsAre(Status(180)));
  ringing.cseq = 51;
  transfer.Notifies(ringing);
  EXPECT_THAT(transfer.told, ElementsAre(Status(180), Status(180)));
}

TEST(TransferProgressTest, AnUnreadableBodyIsAWarning) {
  TransferFlow transfer;
  transfer.Accepted();
  transfer.Notifies(Unreadable());
  EXPECT_THAT(transfer.told, ElementsAre(Warned("NOTIFY_UNPARSED")));
  EXPECT_EQ(transfer.phase(), Phase::kAccepted);
}

TEST(TransferProgressTest, NoSubscriptionStateIsForgiven) {
  TransferFlow transfer;
  transfer.Accepted();
  ReferNotify notify;
  notify.body.status = SipStatus{180, "Ringing"};
  transfer.Notifies(notify);
  EXPECT_THAT(transfer.told,
              ElementsAre(Warned("NO_SUBSCRIPTION_STATE"), Status(180)));
  notify.body.status = SipStatus{200, "OK"};
  transfer.Notifies(notify);
  EXPECT_EQ(transfer.phase(), Phase::kClearing);
}

TEST(TransferProgressTest, NoNotifyIsAWarningUnlessStrict) {
  TransferFlow lenient;
  lenient.Accepted();
  lenient.Pass(seconds(33));
  EXPECT_THAT(lenient.told, ElementsAre(Warned("NO_NOTIFY_YET")));
  lenient.Notifies(Terminated(200, "OK"));
  EXPECT_EQ(lenient.phase(), Phase::kClearing) << "40 s of silence is normal";

  TransferFlow strict({.strict = true});
  strict.Accepted();
  strict.Pass(seconds(32));
  EXPECT_EQ(strict.phase(), Phase::kUnmonitored);
  strict.Pass(seconds(32));
  strict.ByeIsAnswered(200);
  EXPECT_EQ(strict.Result()->outcome, Outcome::kAcceptedNoNotify);
}

TEST(TransferProgressTest, NothingUntilTheFinalLimitHangsUp) {
  TransferFlow transfer;
  transfer.Accepted();
  transfer.Pass(seconds(360));
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kSendBye));
  transfer.ByeIsAnswered(200);
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kAcceptedNoNotify);
  EXPECT_EQ(transfer.Result()->verdict, Verdict::kUnknown);
}

TEST(TransferProgressTest, ProgressButNoFinalStatusKeepsTheLeg) {
  TransferFlow transfer;
  transfer.Progressing();
  transfer.Pass(seconds(360));
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kNoFinalStatus);
  EXPECT_EQ(transfer.Result()->last_status, 180);
  EXPECT_FALSE(transfer.Result()->final_status.has_value());
  EXPECT_EQ(transfer.Result()->cleared_by, ClearedBy::kNobody);
  EXPECT_THAT(transfer.asked, IsEmpty());
}

TEST(TransferProgressTest, RingingForThreeMinutesIsNoTimeout) {
  TransferFlow transfer;
  transfer.Progressing();
  transfer.Pass(seconds(200));
  transfer.Notifies(Terminated(200, "OK"));
  EXPECT_EQ(transfer.phase(), Phase::kClearing);
}

TEST(TransferProgressTest, AnExpiredSubscriptionIsOnlyAWarning) {
  TransferFlow transfer;
  transfer.Accepted();
  ReferNotify notify = Active(180);
  notify.subscription->expires = seconds(2);
  transfer.Notifies(notify);
  transfer.Clear();
  transfer.Pass(seconds(2));
  EXPECT_THAT(transfer.told, ElementsAre(Warned("SUBSCRIPTION_EXPIRED")));
  transfer.Pass(seconds(3));
  transfer.Notifies(Terminated(200, "OK"));
  EXPECT_EQ(transfer.phase(), Phase::kClearing);
}

TransferPolicy Refreshing() {
  TransferPolicy policy;
  policy.refresh = true;
  return policy;
}

TEST(TransferRefreshTest, ASubscriptionIsRefreshedInTime) {
  TransferFlow transfer(Refreshing());
  transfer.Accepted();
  transfer.Notifies(ActiveFor(60));
  transfer.Clear();
  // max(60 / 2, 60 - 32)
  transfer.Pass(milliseconds(29'999));
  EXPECT_THAT(transfer.asked, IsEmpty());
  transfer.Pass(milliseconds(1));
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kRefresh));
  transfer.RefreshIsAnswered({.status = 200, .expires = seconds(100)});
  transfer.Clear();
  // max(100 / 2, 100 - 32)
  transfer.Pass(milliseconds(67'999));
  EXPECT_THAT(transfer.asked, IsEmpty());
  transfer.Pass(milliseconds(1));
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kRefresh));
  EXPECT_THAT(transfer.told, IsEmpty());
}

TEST(TransferRefreshTest, EachNotifyStartsTheTimeAnew) {
  TransferFlow transfer;
  transfer.Accepted();
  transfer.Notifies(ActiveFor(300));
  transfer.Notifies(ActiveFor(20));
  transfer.Pass(seconds(19));
  transfer.Notifies(ActiveFor(20));
  transfer.Clear();
  transfer.Pass(milliseconds(19'999));
  EXPECT_THAT(transfer.told, IsEmpty());
  transfer.Pass(milliseconds(1));
  EXPECT_THAT(transfer.told, ElementsAre(Warned("SUBSCRIPTION_EXPIRED")));
}

TEST(TransferRefreshTest, IsNotAskedForByDefault) {
  TransferFlow transfer;
  transfer.Accepted();
  transfer.Notifies(ActiveFor(60));
  transfer.Pass(seconds(60));
  EXPECT_THAT(transfer.asked, IsEmpty());
}

TEST(TransferRefreshTest, SomeRefusalsEndTheSubscription) {
  for (const int status :
       {404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604}) {
    SCOPED_TRACE(status);
    TransferFlow transfer(Refreshing());
    transfer.Progressing();
    transfer.RefreshIsAnswered({.status = status});
    EXPECT_THAT(transfer.told, ElementsAre(Warned("SUBSCRIPTION_ENDED")));
    EXPECT_EQ(transfer.phase(), Phase::kSubWait);
  }
}

TEST(TransferRefreshTest, OtherRefusalsLeaveItUntilItExpires) {
  for (const int status : {403, 408, 423, 500, 503}) {
    SCOPED_TRACE(status);
    TransferFlow transfer(Refreshing());
    transfer.Progressing();
    transfer.RefreshIsAnswered({.status = status});
    EXPECT_THAT(transfer.told, ElementsAre(Warned("REFRESH_REFUSED")));
    transfer.Notifies(Terminated(200));
    EXPECT_EQ(transfer.phase(), Phase::kClearing);
  }
}

TEST(TransferProgressTest, FloodsAreCutButNeverTheFinalStatus) {
  TransferFlow transfer;
  transfer.Accepted();
  for (int i = 0; i < 200; ++i) transfer.Notifies(Active(180));
  const auto flood = transfer.told;
  EXPECT_EQ(flood.size(), 21U) << "20 a second, and the warning";
  EXPECT_THAT(flood.back(), Warned("NOTIFY_FLOOD"));
  transfer.Notifies(Terminated(200, "OK"));
  EXPECT_EQ(transfer.phase(), Phase::kClearing);
}

TEST(TransferProgressTest, FloodsOfFinalsAndEndsAreCutToo) {
  TransferFlow transfer;
  transfer.Sent();
  for (int i = 0; i < 500; ++i) {
    transfer.Notifies(Active(i % 2 == 0 ? 486 : 487));
    transfer.Notifies(Terminated(180));
  }
  EXPECT_LT(transfer.told.size(), 60U);
}

// ---- The subscription ends -------------------------------------------------

TEST(TransferSubscriptionTest, EndsWithoutFinalStatus) {
  for (const char* reason : {"noresource", "timeout", "invariant", "", "odd"}) {
    TransferFlow transfer;
    transfer.Progressing();
    transfer.Notifies(TerminatedWithout(reason));
    EXPECT_THAT(transfer.told, ElementsAre(Warned("SUBSCRIPTION_ENDED")));
    EXPECT_EQ(transfer.phase(), Phase::kSubWait) << reason;
    transfer.Pass(seconds(2));
    EXPECT_EQ(transfer.phase(), Phase::kUnmonitored);
    transfer.Pass(seconds(32));
    EXPECT_THAT(transfer.asked, ElementsAre(Action::kSendBye));
    transfer.ByeIsAnswered(200);
    EXPECT_EQ(transfer.Result()->outcome, Outcome::kAcceptedUnconfirmed);
    EXPECT_EQ(transfer.Result()->subscription_reason, reason);
  }
}

TEST(TransferSubscriptionTest, TheMinimalNotifierOfRfc3515) {
  TransferFlow transfer;
  transfer.Accepted();
  //                        <- NOTIFY 100, terminated: the only one ever
  transfer.Notifies(Terminated(100, "Trying"));
  EXPECT_THAT(transfer.told,
              ElementsAre(Status(100), Warned("SUBSCRIPTION_ENDED")));
  EXPECT_EQ(transfer.phase(), Phase::kSubWait);
}

TEST(TransferSubscriptionTest, AFinalStatusMayStillFollow) {
  TransferFlow transfer;
  transfer.Progressing();
  transfer.Notifies(TerminatedWithout("timeout"));
  transfer.Pass(seconds(1));
  transfer.Notifies(Terminated(486, "Busy Here"));
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTargetFailed);
}

TEST(TransferSubscriptionTest, EndsBeforeTheAnswerToTheRefer) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Notifies(Terminated(100, "Trying"));
  transfer.Answers(202);
  EXPECT_EQ(transfer.phase(), Phase::kSubWait);
}

TEST(TransferSubscriptionTest, RejectedAndGiveupAreDeclines) {
  for (const char* reason : {"rejected", "giveup"}) {
    TransferFlow transfer;
    transfer.Accepted();
    transfer.Notifies(TerminatedWithout(reason));
    EXPECT_EQ(transfer.Result()->outcome, Outcome::kReferDeclined);
    EXPECT_EQ(transfer.Result()->verdict, Verdict::kFailure);
  }
}

TEST(TransferSubscriptionTest, ProbationAndDeactivatedTellNothing) {
  for (const char* reason : {"probation", "deactivated"}) {
    TransferFlow transfer;
    transfer.Accepted();
    ReferNotify notify = TerminatedWithout(reason);
    notify.subscription->retry_after = seconds(30);
    transfer.Notifies(notify);
    const TransferResult result = *transfer.Result();
    EXPECT_EQ(result.outcome, Outcome::kSubscriptionRejectedByPeer);
    EXPECT_EQ(result.verdict, Verdict::kUnknown);
    EXPECT_EQ(result.retry_after, seconds(30));
    EXPECT_EQ(result.cleared_by, ClearedBy::kNobody);
  }
}

// ---- The far end's BYE -----------------------------------------------------

TEST(TransferByeTest, InsteadOfANotify) {
  TransferFlow transfer;
  transfer.Accepted();
  transfer.FarEndHangsUp("SIP;cause=200");
  EXPECT_THAT(transfer.told, ElementsAre(Warned("LEG_ENDED")));
  transfer.Pass(seconds(2));
  const TransferResult result = *transfer.Result();
  EXPECT_EQ(result.outcome, Outcome::kLegEndedUnconfirmed);
  EXPECT_EQ(result.verdict, Verdict::kUnknown);
  EXPECT_EQ(result.sip_reason, "SIP;cause=200");
  EXPECT_EQ(result.cleared_by, ClearedBy::kFarEnd);
  EXPECT_THAT(transfer.asked, IsEmpty());
}

TEST(TransferByeTest, ThenTheFinalNotify) {
  TransferFlow transfer;
  transfer.Progressing();
  transfer.FarEndHangsUp();
  transfer.Pass(milliseconds(300));
  transfer.Notifies(Terminated(200, "OK"));
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTransferred);
}

TEST(TransferByeTest, ThenProgressAndAFailure) {
  TransferFlow transfer;
  transfer.Progressing();
  transfer.FarEndHangsUp();
  transfer.Notifies(Active(183));
  EXPECT_EQ(transfer.phase(), Phase::kLegLost);
  transfer.Notifies(Terminated(486));
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTargetFailed);
  EXPECT_EQ(transfer.Result()->cleared_by, ClearedBy::kFarEnd);
}

TEST(TransferByeTest, InClearingItIsExpected) {
  TransferFlow transfer;
  transfer.Progressing();
  transfer.Notifies(Terminated(200, "OK"));
  transfer.Clear();
  transfer.FarEndHangsUp();
  EXPECT_THAT(transfer.told, ElementsAre(Ended(Outcome::kTransferred)));
  EXPECT_EQ(transfer.Result()->cleared_by, ClearedBy::kFarEnd);
  transfer.Pass(seconds(5));
  EXPECT_THAT(transfer.asked, IsEmpty()) << "one BYE is enough";
}

TEST(TransferByeTest, WhileUnmonitored) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.Answers({.status = {202, ""}, .no_subscription = true});
  transfer.FarEndHangsUp();
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kAcceptedNoSubscription);
  EXPECT_EQ(transfer.Result()->cleared_by, ClearedBy::kFarEnd);
}

TEST(TransferByeTest, CrossesOurs) {
  TransferFlow transfer;
  transfer.Progressing();
  transfer.Notifies(Terminated(200, "OK"));
  transfer.Pass(milliseconds(500));
  transfer.FarEndHangsUp();
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTransferred);
  EXPECT_EQ(transfer.Result()->cleared_by, ClearedBy::kServer);
}

// ---- UNMONITORED, CLEARING, BYEING ----------------------------------------

TEST(TransferUnmonitoredTest, AStrayFinalStatusStillCounts) {
  TransferFlow success;
  success.Sent();
  success.Answers({.status = {202, ""}, .no_subscription = true});
  success.Notifies(Terminated(200, "OK"));
  EXPECT_EQ(success.phase(), Phase::kClearing);

  TransferFlow failure;
  failure.Sent();
  failure.Answers({.status = {202, ""}, .no_subscription = true});
  failure.Notifies(Terminated(486, "Busy"));
  EXPECT_EQ(failure.Result()->outcome, Outcome::kTargetFailed);
}

TEST(TransferClearingTest, ASecondFinalIsOnlyAWarning) {
  TransferFlow transfer;
  transfer.Progressing();
  transfer.Notifies(Terminated(200, "OK"));
  transfer.Clear();
  transfer.Notifies(Terminated(503, "Unavailable"));
  EXPECT_THAT(transfer.told, ElementsAre(Warned("EXTRA_FINAL")));
  transfer.Notifies(Active(180));
  EXPECT_EQ(transfer.told.size(), 1U) << "a late 180 is no news";
  transfer.Pass(milliseconds(500));
  transfer.ByeIsAnswered(200);
  EXPECT_EQ(transfer.Result()->final_status, 200);
}

TEST(TransferByeingTest, ADeadPeerDoesNotHoldTheResult) {
  TransferFlow transfer;
  transfer.Progressing();
  transfer.Notifies(Terminated(200, "OK"));
  transfer.Pass(milliseconds(500) + seconds(4));
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTransferred);
  EXPECT_EQ(transfer.Result()->bye_status, 0);
}

TEST(TransferByeingTest, AFinalStatusTurnsAnUnconfirmedOutcome) {
  TransferFlow transfer;
  transfer.Accepted();
  transfer.Pass(seconds(360));
  EXPECT_EQ(transfer.phase(), Phase::kByeing);
  transfer.Notifies(Terminated(200, "OK"));
  transfer.ByeIsAnswered(200);
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTransferred);
}

// ---- Policies --------------------------------------------------------------

TEST(TransferPolicyTest, KeepAfterSuccess) {
  TransferFlow transfer({.on_success = LegAction::kKeep});
  transfer.Progressing();
  transfer.Notifies(Terminated(200, "OK"));
  EXPECT_EQ(transfer.Result()->cleared_by, ClearedBy::kNobody);
  EXPECT_THAT(transfer.asked, IsEmpty());
}

TEST(TransferPolicyTest, WaitForThePeerAfterSuccess) {
  TransferFlow transfer({.on_success = LegAction::kWaitForPeer});
  transfer.Progressing();
  transfer.Notifies(Terminated(200, "OK"));
  transfer.Pass(milliseconds(31'999));
  EXPECT_THAT(transfer.asked, IsEmpty());
  transfer.Pass(milliseconds(1));
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kSendBye));
}

TEST(TransferPolicyTest, HangUpAfterFailure) {
  TransferFlow transfer({.on_failure = LegAction::kHangUp});
  transfer.Progressing();
  transfer.Notifies(Terminated(486, "Busy"));
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kSendBye));
  transfer.ByeIsAnswered(200);
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTargetFailed);
  EXPECT_EQ(transfer.Result()->cleared_by, ClearedBy::kServer);
}

TEST(TransferPolicyTest, KeepAndHangUpWhenUnconfirmed) {
  TransferFlow keep({.on_unconfirmed = LegAction::kKeep});
  keep.Accepted();
  keep.Pass(seconds(360));
  EXPECT_EQ(keep.Result()->outcome, Outcome::kAcceptedNoNotify);
  EXPECT_EQ(keep.Result()->cleared_by, ClearedBy::kNobody);

  TransferFlow hang_up({.on_unconfirmed = LegAction::kHangUp});
  hang_up.Progressing();
  hang_up.Pass(seconds(360));
  EXPECT_THAT(hang_up.asked, ElementsAre(Action::kSendBye));
}

// ---- This side ends it -----------------------------------------------------

TEST(TransferHangUpTest, WhileTheReferIsOpen) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.WeHangUp();
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kSendBye)) << "at once";
  transfer.ByeIsAnswered(200);
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kLocalHangup);
  EXPECT_EQ(transfer.Result()->verdict, Verdict::kUnknown);
}

TEST(TransferHangUpTest, AfterTheTargetAnswered) {
  TransferFlow transfer;
  transfer.Progressing();
  transfer.Notifies(Terminated(200, "OK"));
  transfer.WeHangUp();
  transfer.ByeIsAnswered(200);
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTransferred);
}

TEST(TransferHangUpTest, OnceIsEnough) {
  TransferFlow transfer;
  transfer.Sent();
  transfer.WeHangUp();
  transfer.WeHangUp();
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kSendBye));
}

TEST(TransferShutdownTest, TellsWhatIsKnown) {
  TransferFlow open;
  open.Progressing();
  open.ServerStops();
  EXPECT_EQ(open.Result()->outcome, Outcome::kServerShutdown);
  EXPECT_EQ(open.Result()->verdict, Verdict::kUnknown);

  TransferFlow answered;
  answered.Progressing();
  answered.Notifies(Terminated(200, "OK"));
  answered.ServerStops();
  EXPECT_EQ(answered.Result()->outcome, Outcome::kTransferred);

  TransferFlow waiting;
  waiting.ServerStops();
  EXPECT_EQ(waiting.Result()->verdict, Verdict::kFailure);
}

TEST(TransferLegLostTest, DependsOnHowFarItGot) {
  TransferFlow sent;
  sent.Sent();
  sent.LegIsLost("no ACK");
  EXPECT_EQ(sent.Result()->outcome, Outcome::kLegLost);
  EXPECT_EQ(sent.Result()->verdict, Verdict::kFailure);

  TransferFlow accepted;
  accepted.Progressing();
  accepted.LegIsLost("no ACK");
  EXPECT_EQ(accepted.phase(), Phase::kLegLost);
  accepted.Pass(seconds(2));
  EXPECT_EQ(accepted.Result()->outcome, Outcome::kLegLost);
  EXPECT_EQ(accepted.Result()->verdict, Verdict::kUnknown);
}

// ---- DONE ------------------------------------------------------------------

TEST(TransferWithoutLegTest, NothingIsClearedAndNobodyIsAsked) {
  TransferPolicy policy;
  policy.has_leg = false;
  TransferFlow success(policy);
  success.Progressing();
  success.Notifies(Terminated(200));
  EXPECT_THAT(success.told,
              ElementsAre(FinalStatus(200), Ended(Outcome::kTransferred)));
  EXPECT_EQ(success.Result()->cleared_by, ClearedBy::kNobody);
  TransferFlow lost(policy);
  lost.Sent();
  lost.Answers(481);
  EXPECT_EQ(lost.Result()->outcome, Outcome::kReferRejected);
  TransferFlow silent(policy);
  silent.Sent();
  silent.Pass(seconds(32));
  EXPECT_EQ(silent.Result()->outcome, Outcome::kReferTimeout);
  TransferFlow unconfirmed(policy);
  unconfirmed.Accepted();
  unconfirmed.Notifies(TerminatedWithout("noresource"));
  unconfirmed.Pass(seconds(2));
  EXPECT_EQ(unconfirmed.Result()->outcome, Outcome::kAcceptedUnconfirmed);
  for (const TransferFlow* transfer :
       {&success, &lost, &silent, &unconfirmed}) {
    EXPECT_THAT(transfer->asked,
                ::testing::Not(::testing::Contains(
                    ::testing::AnyOf(Action::kSendBye, Action::kSendProbe))));
  }
}

TEST(TransferDoneTest, AbsorbsLateNotifiesForTheTail) {
  TransferFlow transfer;
  transfer.Progressing();
  transfer.Notifies(Terminated(486, "Busy"));
  transfer.Clear();
  transfer.Notifies(Terminated(200, "OK"));
  transfer.FarEndHangsUp();
  transfer.WeHangUp();
  transfer.Answers(202);
  EXPECT_THAT(transfer.told, IsEmpty());
  transfer.Pass(milliseconds(31'999));
  EXPECT_THAT(transfer.asked, IsEmpty());
  transfer.Pass(milliseconds(1));
  EXPECT_THAT(transfer.asked, ElementsAre(Action::kForget));
  EXPECT_EQ(transfer.machine.NextDeadline(), std::nullopt);
}

// ---- The state is a value --------------------------------------------------

TEST(TransferStateTest, CanBeTakenUpAgain) {
  TransferFlow transfer;
  transfer.Progressing();
  const TransferState written = transfer.machine.state();
  transfer.machine = TransferMachine(written);
  EXPECT_EQ(transfer.machine.state(), written);
  transfer.Notifies(Terminated(200, "OK"));
  transfer.Pass(milliseconds(500));
  transfer.ByeIsAnswered(200);
  EXPECT_EQ(transfer.Result()->outcome, Outcome::kTransferred);
}

}  // namespace
}  // namespace callcontrol::sip
