// SPDX-License-Identifier: Apache-2.0
#include "sip/call/call_machine.h"

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// INVITE ->    <- 200    and no ACK yet.
CallMachine AnsweredCall() {
  CallMachine call;
  call.OnInvite(/*ring_first=*/false);
  return call;
}

// INVITE ->    <- 200    ACK ->
CallMachine ConfirmedCall() {
  CallMachine call = AnsweredCall();
  call.OnAck();
  return call;
}

CallMachine RingingCall() {
  CallMachine call;
  call.OnInvite(/*ring_first=*/true);
  return call;
}

// A confirmed call that the far end has ended.
CallMachine EndedCall() {
  CallMachine call = ConfirmedCall();
  call.OnFarEndBye("");
  return call;
}

// ---- The answer ---------------------------------------------------------

TEST(CallMachineTest, AnswersAtOnceAndIsReadyAfterTheAck) {
  CallMachine call;
  EXPECT_EQ(call.state().phase, CallPhase::kIncoming);

  //  INVITE ->             <- 200
  EXPECT_THAT(call.OnInvite(/*ring_first=*/false),
              ElementsAre(CallAction::kSendAnswer));
  EXPECT_EQ(call.state().phase, CallPhase::kAnswered);
  EXPECT_FALSE(call.ReadyForRefer());
  //  ACK ->
  EXPECT_THAT(call.OnAck(), ElementsAre(CallAction::kLegReady));
  EXPECT_TRUE(call.ReadyForRefer());
  EXPECT_TRUE(call.live());
}

TEST(CallMachineTest, RingsBeforeItAnswers) {
  CallMachine call;
  //  INVITE ->             <- 180
  EXPECT_THAT(call.OnInvite(/*ring_first=*/true),
              ElementsAre(CallAction::kSendRinging));
  EXPECT_EQ(call.state().phase, CallPhase::kRinging);
  EXPECT_FALSE(call.ReadyForRefer());
  //                        <- 200
  EXPECT_THAT(call.OnAnswerDue(), ElementsAre(CallAction::kSendAnswer));
  EXPECT_EQ(call.state().phase, CallPhase::kAnswered);
  EXPECT_TRUE(call.state().ack_due);
}

TEST(CallMachineTest, AClientReportsProgressUntilItAnswers) {
  CallMachine call;
  EXPECT_TRUE(call.awaits_answer());
  //  INVITE ->             <- 183, 180
  EXPECT_THAT(call.OnProgress(), ElementsAre(CallAction::kSendRinging));
  EXPECT_THAT(call.OnProgress(), ElementsAre(CallAction::kSendRinging));
  EXPECT_EQ(call.state().phase, CallPhase::kRinging);
  EXPECT_TRUE(call.awaits_answer());
  //                        <- 200
  EXPECT_THAT(call.OnAnswerDue(), ElementsAre(CallAction::kSendAnswer));
  EXPECT_FALSE(call.awaits_answer());
  EXPECT_THAT(call.OnProgress(), IsEmpty());
  EXPECT_EQ(call.state().phase, CallPhase::kAnswered);
}

TEST(CallMachineTest, AnswersOnce) {
  CallMachine call = AnsweredCall();
  EXPECT_THAT(call.OnAnswerDue(), IsEmpty());
  EXPECT_THAT(call.OnInvite(/*ring_first=*/true), IsEmpty());
  EXPECT_EQ(call.state().phase, CallPhase::kAnswered);
}

TEST(CallMachineTest, ARepeatedAckChangesNothing) {
  CallMachine call = ConfirmedCall();
  EXPECT_THAT(call.OnAck(), IsEmpty());
  EXPECT_TRUE(call.ReadyForRefer());
}

TEST(CallMachineTest, AnUnreadableOfferIsRefused) {
  CallMachine call;
  //  INVITE ->             <- 488
  EXPECT_THAT(call.OnRefused(488, "no readable offer"),
              ElementsAre(CallAction::kSendReject));
  EXPECT_EQ(call.state().phase, CallPhase::kEnded);
  EXPECT_EQ(call.state().end_status, 488);
  EXPECT_EQ(call.state().end_reason, "no readable offer");
  EXPECT_EQ(call.state().ended_by, CallEndedBy::kServer);
  EXPECT_FALSE(call.live());
}

// A re-INVITE or an UPDATE that the other leg of a bridge decides about.
TEST(CallMachineTest, ADeferredOfferKeepsOthersOut) {
  for (const bool accepted : {true, false}) {
    for (const bool invite : {true, false}) {
      CallMachine call;
      call.OnInvite(false);
      call.OnAck();
      call.OnOfferDeferred();
      EXPECT_EQ(call.AnswerToReInvite(), 500);
      EXPECT_FALSE(call.ReadyForRefer());
      const bool ack_due = accepted && invite;
      EXPECT_EQ(
          accepted ? call.OnDeferredAccepted(invite) : call.OnDeferredRefused(),
          ack_due ? CallMachine::Actions()
                  : CallMachine::Actions{CallAction::kLegReady});
      EXPECT_EQ(call.ReadyForRefer(), !ack_due);
      call.OnAck();
      EXPECT_TRUE(call.ReadyForRefer());
      EXPECT_THAT(call.OnDeferredAccepted(invite), IsEmpty()) << "once only";
    }
  }
}

TEST(CallMachineTest, ADeferredOfferEndsWithTheCall) {
  CallMachine call;
  call.OnInvite(false);
  call.OnAck();
  call.OnOfferDeferred();
  call.OnFarEndBye("");
  EXPECT_THAT(call.OnDeferredRefused(), IsEmpty());
}

TEST(CallMachineTest, WhatIsAnsweredIsNotRefused) {
  CallMachine call = AnsweredCall();
  EXPECT_THAT(call.OnRefused(488, "too late"), IsEmpty());
  EXPECT_EQ(call.state().phase, CallPhase::kAnswered);
}

// ---- Reliable provisional responses --------------------------------------

// RFC 3262, 3.
TEST(CallMachineTest, TheAnswerWaitsForThePrackOfASession) {
  CallMachine call = RingingCall();
  //                        <- 183 with SDP
  call.OnEarlySessionSent(/*offers=*/false);
  EXPECT_THAT(call.OnAnswerDue(), IsEmpty());
  EXPECT_EQ(call.state().phase, CallPhase::kRinging);
  EXPECT_TRUE(call.awaits_answer());
  EXPECT_FALSE(call.awaits_decision());
  //  PRACK ->              <- 200 to it, 200
  EXPECT_THAT(call.OnEarlySessionSettled(),
              ElementsAre(CallAction::kSendAnswer));
  EXPECT_EQ(call.state().phase, CallPhase::kAnswered);
}

TEST(CallMachineTest, AnAnswerThatWaitsCanBeGivenUp) {
  CallMachine cancelled = RingingCall();
  cancelled.OnEarlySessionSent(/*offers=*/false);
  cancelled.OnAnswerDue();
  cancelled.OnCancel();
  EXPECT_EQ(cancelled.state().phase, CallPhase::kEnded);
  EXPECT_FALSE(cancelled.state().answer_wanted);
  EXPECT_THAT(cancelled.OnEarlySessionSettled(), IsEmpty());

  CallMachine refused = RingingCall();
  refused.OnEarlySessionSent(/*offers=*/true);
  refused.OnAnswerDue();
  EXPECT_THAT(refused.OnRefused(504, "no PRACK"),
              ElementsAre(CallAction::kSendReject));
}

TEST(CallMachineTest, AnEarlyOfferIsAnsweredByWhereTheSessionStands) {
  CallMachine call = RingingCall();
  EXPECT_EQ(call.AnswerToEarlyOffer(), 500);
  call.OnEarlySessionSent(/*offers=*/false);
  EXPECT_EQ(call.AnswerToEarlyOffer(), 500);
  call.OnEarlySessionSettled();
  EXPECT_EQ(call.AnswerToEarlyOffer(), 200);
  call.OnCancel();
  EXPECT_EQ(call.AnswerToEarlyOffer(), 481);

  CallMachine offering = RingingCall();
  offering.OnEarlySessionSent(/*offers=*/true);
  EXPECT_EQ(offering.AnswerToEarlyOffer(), 491);
}

// ---- CANCEL -------------------------------------------------------------

TEST(CallMachineTest, TheCallerCancelsWhileItRings) {
  CallMachine call = RingingCall();
  //  CANCEL ->             <- 487, by the transaction layer
  EXPECT_THAT(call.OnCancel(), IsEmpty());
  EXPECT_EQ(call.state().phase, CallPhase::kEnded);
  EXPECT_EQ(call.state().end_status, 487);
  EXPECT_EQ(call.state().ended_by, CallEndedBy::kFarEnd);
  EXPECT_THAT(call.OnAnswerDue(), IsEmpty()) << "the answer timer was late";
}

// Sofia hands on a CANCEL after the 200 only where the 200 could not be sent,
// and forgets the INVITE with it: no ACK can come any more.
TEST(CallMachineTest, ACancelThatCrossesTheAnswerEndsTheCall) {
  CallMachine call = AnsweredCall();
  EXPECT_THAT(call.OnCancel(), ElementsAre(CallAction::kSendBye));
  EXPECT_EQ(call.state().phase, CallPhase::kEnding);
}

TEST(CallMachineTest, ACancelAfterTheAckIsTooLate) {
  CallMachine call = ConfirmedCall();
  EXPECT_THAT(call.OnCancel(), IsEmpty());
  EXPECT_EQ(call.state().phase, CallPhase::kAnswered);
}

// ---- The missing ACK ----------------------------------------------------

TEST(CallMachineTest, WithoutAnAckTheCallIsEnded) {
  CallMachine call = AnsweredCall();
  //  64*T1                 <- BYE
  EXPECT_THAT(call.OnAckTimeout(), ElementsAre(CallAction::kSendBye));
  EXPECT_EQ(call.state().phase, CallPhase::kEnding);
  EXPECT_EQ(call.state().ended_by, CallEndedBy::kServer);
  EXPECT_EQ(call.state().end_reason, "no ACK came for the answer");
}

TEST(CallMachineTest, AnAckTimeoutAfterTheAckIsStale) {
  CallMachine call = ConfirmedCall();
  EXPECT_THAT(call.OnAckTimeout(), IsEmpty());
  EXPECT_TRUE(call.ReadyForRefer());
}

// RFC 3261, 15: the callee must not send BYE before the ACK.
TEST(CallMachineTest, AHangUpWaitsForTheAck) {
  CallMachine call = AnsweredCall();
  EXPECT_THAT(call.OnHangUp("a client asked"), IsEmpty());
  EXPECT_EQ(call.state().phase, CallPhase::kAnswered);
  EXPECT_THAT(call.OnHangUp("asked again"), IsEmpty());
  //  ACK ->                <- BYE
  EXPECT_THAT(call.OnAck(), ElementsAre(CallAction::kSendBye));
  EXPECT_EQ(call.state().phase, CallPhase::kEnding);
  EXPECT_EQ(call.state().end_reason, "a client asked");
}

TEST(CallMachineTest, AHangUpThatWaitsIsNotReadyForARefer) {
  CallMachine call = AnsweredCall();
  call.OnHangUp("a client asked");
  EXPECT_FALSE(call.ReadyForRefer());
}

TEST(CallMachineTest, AHangUpWithoutAnAckLeavesAfterTheTimeout) {
  CallMachine call = AnsweredCall();
  call.OnHangUp("a client asked");
  EXPECT_THAT(call.OnAckTimeout(), ElementsAre(CallAction::kSendBye));
  EXPECT_EQ(call.state().end_reason, "a client asked");
}

TEST(CallMachineTest, TheFarEndHangsUpInsteadOfItsAck) {
  CallMachine call = AnsweredCall();
  EXPECT_THAT(call.OnFarEndBye(""), IsEmpty());
  EXPECT_EQ(call.state().phase, CallPhase::kEnded);
  EXPECT_FALSE(call.state().ack_due);
  EXPECT_THAT(call.OnAck(), IsEmpty()) << "a late ACK";
  EXPECT_THAT(call.OnAckTimeout(), IsEmpty());
}

// ---- Hanging up ---------------------------------------------------------

TEST(CallMachineTest, AHangUpOfARingingCallRejectsIt) {
  CallMachine call = RingingCall();
  //                        <- 480
  EXPECT_THAT(call.OnHangUp("a client asked"),
              ElementsAre(CallAction::kSendReject));
  EXPECT_EQ(call.state().phase, CallPhase::kEnded);
  EXPECT_EQ(call.state().end_status, 480);
  EXPECT_EQ(call.state().end_reason, "a client asked");
  EXPECT_EQ(call.state().ended_by, CallEndedBy::kServer);
}

TEST(CallMachineTest, AHangUpEndsAConfirmedCallByOneBye) {
  CallMachine call = ConfirmedCall();
  //                        <- BYE
  EXPECT_THAT(call.OnHangUp("transferred"), ElementsAre(CallAction::kSendBye));
  EXPECT_EQ(call.state().phase, CallPhase::kEnding);
  EXPECT_FALSE(call.live());
  EXPECT_FALSE(call.ReadyForRefer());
  EXPECT_THAT(call.OnHangUp("again"), IsEmpty());
  //  200 ->
  EXPECT_THAT(call.OnByeAnswer(200), IsEmpty());
  EXPECT_EQ(call.state().phase, CallPhase::kEnded);
  EXPECT_EQ(call.state().end_reason, "transferred");
  EXPECT_EQ(call.state().end_status, 0);
}

// RFC 3261, 15.1.1: the session is over with our BYE.
TEST(CallMachineTest, WhateverIsSaidToTheByeTheCallIsOver) {
  for (const int answer : {200, 403, 481, 408, 503}) {
    CallMachine call = ConfirmedCall();
    call.OnHangUp("transferred");
    EXPECT_THAT(call.OnByeAnswer(answer), IsEmpty());
    EXPECT_EQ(call.state().phase, CallPhase::kEnded) << answer;
    EXPECT_EQ(call.state().ended_by, CallEndedBy::kServer) << answer;
  }
}

TEST(CallMachineTest, TheFarEndHangsUp) {
  CallMachine call = ConfirmedCall();
  //  BYE ->                <- 200, by the holder
  EXPECT_THAT(call.OnFarEndBye("Q.850;cause=16"), IsEmpty());
  EXPECT_EQ(call.state().phase, CallPhase::kEnded);
  EXPECT_EQ(call.state().ended_by, CallEndedBy::kFarEnd);
  EXPECT_EQ(call.state().end_reason, "Q.850;cause=16");
  EXPECT_EQ(call.state().end_status, 0);
}

TEST(CallMachineTest, OfTwoByesThatCrossOursCameFirst) {
  CallMachine call = ConfirmedCall();
  //                        <- BYE
  call.OnHangUp("transferred");
  //  BYE ->
  EXPECT_THAT(call.OnFarEndBye("theirs"), IsEmpty());
  EXPECT_EQ(call.state().phase, CallPhase::kEnded);
  EXPECT_EQ(call.state().ended_by, CallEndedBy::kServer);
  EXPECT_EQ(call.state().end_reason, "transferred");
  //  481 ->
  EXPECT_THAT(call.OnByeAnswer(481), IsEmpty());
}

// ---- Re-INVITEs ---------------------------------------------------------

TEST(CallMachineTest, AReInviteHoldsAReferBackUntilItsAck) {
  CallMachine call = ConfirmedCall();
  //  INVITE ->             <- 200
  EXPECT_EQ(call.AnswerToReInvite(), 200);
  call.OnReInviteAnswered();
  EXPECT_FALSE(call.ReadyForRefer());
  //  ACK ->
  EXPECT_THAT(call.OnAck(), ElementsAre(CallAction::kLegReady));
  EXPECT_TRUE(call.ReadyForRefer());
}

// RFC 3261, 14.2.
TEST(CallMachineTest, AReInviteBeforeTheAckOfTheOneBeforeIsRefused) {
  CallMachine call = AnsweredCall();
  EXPECT_EQ(call.AnswerToReInvite(), 500) << "the first ACK is due";
  call.OnAck();
  call.OnReInviteAnswered();
  EXPECT_EQ(call.AnswerToReInvite(), 500) << "the second ACK is due";
  call.OnAck();
  EXPECT_EQ(call.AnswerToReInvite(), 200);
}

TEST(CallMachineTest, AReInviteOutsideACallIsRefused) {
  EXPECT_EQ(EndedCall().AnswerToReInvite(), 481);
}

TEST(CallMachineTest, AnOfferOfOursHoldsTheirsAndAReferBack) {
  CallMachine call = ConfirmedCall();
  //             <- INVITE
  call.OnOfferSent();
  EXPECT_EQ(call.AnswerToReInvite(), 491);
  EXPECT_FALSE(call.ReadyForRefer());
  //  491 ->     theirs goes first
  call.OnOfferMet();
  EXPECT_EQ(call.AnswerToReInvite(), 200);
  EXPECT_FALSE(call.ReadyForRefer());
  EXPECT_THAT(call.OnOfferEnded(), ElementsAre(CallAction::kLegReady));
  EXPECT_THAT(call.OnOfferEnded(), IsEmpty());
}

TEST(CallMachineTest, AnAckDuringAnOfferOfOursMakesNothingReady) {
  CallMachine call = ConfirmedCall();
  call.OnReInviteAnswered();
  call.OnOfferMet();
  EXPECT_THAT(call.OnAck(), IsEmpty());
  EXPECT_THAT(call.OnOfferEnded(), ElementsAre(CallAction::kLegReady));
}

// RFC 3261, 14.2: not yet, but no reason to drop the call either.
TEST(CallMachineTest, AReInviteBeforeTheAnswerIsPutOff) {
  EXPECT_EQ(CallMachine().AnswerToReInvite(), 500);
  EXPECT_EQ(RingingCall().AnswerToReInvite(), 500);
}

TEST(CallMachineTest, AByeOfARingingCallAnswersTheInvite) {
  CallMachine call = RingingCall();
  EXPECT_THAT(call.OnFarEndBye(""), ElementsAre(CallAction::kSendReject));
  EXPECT_EQ(call.state().end_status, 487);
  EXPECT_EQ(call.state().ended_by, CallEndedBy::kFarEnd);
}

TEST(CallMachineTest, AReInviteWithoutItsAckEndsTheCall) {
  CallMachine call = ConfirmedCall();
  call.OnReInviteAnswered();
  EXPECT_THAT(call.OnAckTimeout(), ElementsAre(CallAction::kSendBye));
  EXPECT_EQ(call.state().phase, CallPhase::kEnding);
}

// The dialog is confirmed long since: nothing forbids the BYE.
TEST(CallMachineTest, AHangUpDoesNotWaitForTheAckOfAReInvite) {
  CallMachine call = ConfirmedCall();
  call.OnReInviteAnswered();
  EXPECT_THAT(call.OnHangUp("a client asked"),
              ElementsAre(CallAction::kSendBye));
  EXPECT_THAT(call.OnAck(), IsEmpty()) << "the leg is not ready any more";
  EXPECT_EQ(call.state().phase, CallPhase::kEnding);
}

// ---- The rest -----------------------------------------------------------

TEST(CallMachineTest, ASuspectLegMayTurnOutToLive) {
  CallMachine call = ConfirmedCall();
  call.OnSuspect();
  EXPECT_TRUE(call.state().suspect);
  EXPECT_TRUE(call.live());
  call.OnAlive();
  EXPECT_FALSE(call.state().suspect);
}

TEST(CallMachineTest, ACallThatWasWrittenDownGoesOn) {
  CallMachine before = AnsweredCall();
  before.OnHangUp("a client asked");

  CallMachine after(before.state());

  EXPECT_EQ(after.state(), before.state());
  EXPECT_THAT(after.OnAck(), ElementsAre(CallAction::kSendBye));
}

struct Input {
  std::string name;
  std::function<CallMachine::Actions(CallMachine&)> give;
};

void PrintTo(const Input& input, std::ostream* os) { *os << input.name; }

class AfterTheEndTest : public ::testing::TestWithParam<Input> {};

TEST_P(AfterTheEndTest, NothingChanges) {
  CallMachine call = EndedCall();
  const CallState before = call.state();

  EXPECT_THAT(GetParam().give(call), IsEmpty());

  EXPECT_EQ(call.state(), before);
}

INSTANTIATE_TEST_SUITE_P(
    CallMachine, AfterTheEndTest,
    ::testing::Values(
        Input{"Invite", [](CallMachine& c) { return c.OnInvite(true); }},
        Input{"Progress", [](CallMachine& c) { return c.OnProgress(); }},
        Input{"AnswerDue", [](CallMachine& c) { return c.OnAnswerDue(); }},
        Input{"Refused", [](CallMachine& c) { return c.OnRefused(488, "x"); }},
        Input{"Ack", [](CallMachine& c) { return c.OnAck(); }},
        Input{"AckTimeout", [](CallMachine& c) { return c.OnAckTimeout(); }},
        Input{"Cancel", [](CallMachine& c) { return c.OnCancel(); }},
        Input{"FarEndBye", [](CallMachine& c) { return c.OnFarEndBye("x"); }},
        Input{"HangUp", [](CallMachine& c) { return c.OnHangUp("x"); }},
        Input{"ByeAnswer", [](CallMachine& c) { return c.OnByeAnswer(200); }}),
    [](const auto& param_info) { return param_info.param.name; });

// ---- Calls of ours ------------------------------------------------------

TEST(CallMachineTest, ACallOfOursRingsAndIsAnswered) {
  CallMachine call = CallMachine::Placed();
  EXPECT_EQ(call.state().phase, CallPhase::kCalling);
  EXPECT_FALSE(call.awaits_answer()) << "not ours to answer";
  EXPECT_THAT(call.OnCallProgress(), IsEmpty());
  EXPECT_EQ(call.state().phase, CallPhase::kRinging);
  EXPECT_TRUE(call.is_calling());
  EXPECT_THAT(call.OnCallAnswered(), ElementsAre(CallAction::kLegReady));
  EXPECT_TRUE(call.ReadyForRefer());
  EXPECT_THAT(call.OnCallAnswered(), IsEmpty()) << "once";
}

TEST(CallMachineTest, ARefusedCallOfOursIsOver) {
  CallMachine call = CallMachine::Placed();
  EXPECT_THAT(call.OnCallRefused(486, "Busy Here", CallEndedBy::kFarEnd),
              IsEmpty());
  EXPECT_EQ(call.state().phase, CallPhase::kEnded);
  EXPECT_EQ(call.state().end_status, 486);
  EXPECT_EQ(call.state().ended_by, CallEndedBy::kFarEnd);
  EXPECT_THAT(call.OnCallAnswered(), IsEmpty());
}

TEST(CallMachineTest, ACallOfOursIsCancelledOnce) {
  CallMachine call = CallMachine::Placed();
  call.OnCallProgress();
  EXPECT_THAT(call.OnHangUp("enough"), ElementsAre(CallAction::kSendCancel));
  EXPECT_THAT(call.OnHangUp("enough"), IsEmpty());
  EXPECT_EQ(call.state().phase, CallPhase::kEnding);
  call.OnCallRefused(603, "Decline", CallEndedBy::kFarEnd);
  EXPECT_EQ(call.state().phase, CallPhase::kEnded);
  EXPECT_EQ(call.state().end_status, 487) << "our CANCEL came first";
  EXPECT_EQ(call.state().ended_by, CallEndedBy::kServer);
}

TEST(CallMachineTest, AnAnswerThatCrossesOurCancelIsEndedByBye) {
  CallMachine call = CallMachine::Placed();
  call.OnHangUp("enough");
  EXPECT_THAT(call.OnCallAnswered(), ElementsAre(CallAction::kSendBye));
  call.OnByeAnswer(200);
  EXPECT_EQ(call.state().phase, CallPhase::kEnded);
}

TEST(CallMachineTest, ACallOfOursThatNobodyAnswers) {
  CallMachine call = CallMachine::Placed();
  EXPECT_THAT(call.OnCallUnanswered(), ElementsAre(CallAction::kSendCancel));
  call.OnCallRefused(487, "Request Terminated", CallEndedBy::kFarEnd);
  EXPECT_EQ(call.state().end_status, 408);
}

// ---- Replaces -----------------------------------------------------------

TEST(CallReplacesTest, OnlyAnAnsweredCallIsReplaced) {
  CallMachine call;
  EXPECT_EQ(call.AnswerToReplaces(false), 481) << "early, and not ours";
  call.OnInvite(false);
  EXPECT_EQ(call.AnswerToReplaces(false), 200);
  EXPECT_EQ(call.AnswerToReplaces(true), 486);
  call.OnAck();
  call.OnHangUp("x");
  EXPECT_EQ(call.AnswerToReplaces(false), 603);
  EXPECT_EQ(CallMachine::Placed().AnswerToReplaces(false), 481);
}

}  // namespace
}  // namespace callcontrol::sip
