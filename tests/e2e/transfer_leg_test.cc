// SPDX-License-Identifier: Apache-2.0
//
// The call under a transfer: who hangs up when, when it isn't ready, and what
// happens where nobody answers.
#include <chrono>
#include <string>
#include <vector>

#include "tests/support/server_test.h"

namespace callcontrol::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

class TransferLegTest : public ServerTest<TransferLegTest> {};

constexpr char kActive[] = "active;expires=60";
constexpr char kDone[] = "terminated;reason=noresource";
constexpr char kOk[] = "SIP/2.0 200 OK";

TEST_F(TransferLegTest, AByeInsteadOfANotifyIsUnconfirmed) {
  Shows({"83", "85", "F17"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  //        <--- BYE (protocol.md, F17)
  auto left = std::chrono::steady_clock::now();
  EXPECT_THAT(
      call.peer.Bye({{"Reason", "Q.850;cause=16;text=\"Normal clearing\""}}),
      Answered(200));
  EXPECT_THAT(stream.Next(), Warned("LEG_ENDED"));
  v1::TransferResult result = stream.Result();
  // Not before lost_grace: a final NOTIFY might have followed.
  EXPECT_GE(std::chrono::steady_clock::now() - left, 250ms);
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_UNKNOWN);
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_LEG_ENDED_UNCONFIRMED);
  EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_FAR_END);
  EXPECT_THAT(result.sip_reason(), HasSubstr("cause=16"));
  EXPECT_TRUE(result.has_bye_time());
  call.peer.ExpectNothing(100ms);
}

TEST_F(TransferLegTest, AByeAfterProgressKeepsTheLastStatus) {
  Shows({"F19"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify("SIP/2.0 180 Ringing", kActive), Answered(200));
  EXPECT_THAT(call.peer.Bye(), Answered(200));
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_LEG_ENDED_UNCONFIRMED);
  EXPECT_EQ(result.last_call_status(), 180);
  EXPECT_FALSE(result.has_final_referred_call_status());
}

TEST_F(TransferLegTest, ANotifyAfterTheByeStillDecides) {
  Shows({"63", "F15"});
  struct Case {
    const char* line;
    v1::TransferOutcome outcome;
  };
  for (const Case& late :
       {Case{"SIP/2.0 200 OK", v1::TRANSFER_OUTCOME_TRANSFERRED},
        Case{"SIP/2.0 486 Busy Here", v1::TRANSFER_OUTCOME_TARGET_FAILED}}) {
    AnsweredCall call(server());
    TransferStream stream = call.AcceptedRefer();
    //        <--- BYE, then NOTIFY: the subscription keeps the dialog
    //             (RFC 6665, 4.5.2; protocol.md, F15)
    EXPECT_THAT(call.peer.Bye(), Answered(200));
    EXPECT_THAT(stream.Next(), Warned("LEG_ENDED"));
    EXPECT_THAT(call.peer.Notify(late.line, kDone), Answered(200));
    v1::TransferResult result = stream.RestUntilResult().back().result();
    EXPECT_EQ(result.outcome(), late.outcome);
    EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_FAR_END);
  }
}

TEST_F(TransferLegTest, AByeWhileTheReferIsOpenThenRefused) {
  Shows({"83", "F18"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(stream.Next(), ReferSent());
  //        <--- BYE, then 481 to the REFER (protocol.md, F18)
  EXPECT_THAT(call.peer.Bye(), Answered(200));
  EXPECT_THAT(stream.Next(), Warned("LEG_ENDED"));
  call.peer.Answer(refer, 481);
  EXPECT_THAT(stream.Next(), ReferAnswered(481));
  v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_FAILURE);
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_LEG_ENDED_DURING_REFER);
  EXPECT_EQ(result.refer_status(), 481);
  EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_FAR_END);
  // No probe of a call that is gone.
  call.peer.ExpectNothing(100ms);
  EXPECT_EQ(call.peer.options_answered(), 0);
}

TEST_F(TransferLegTest, AByeWhileTheReferIsOpenThenAccepted) {
  Shows({"63", "83", "F18"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(call.peer.Bye(), Answered(200));
  call.peer.Answer(refer, 202);
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  EXPECT_EQ(result.refer_status(), 202);
}

TEST_F(TransferLegTest, AByeWhileTheReferIsOpenAndNoAnswerToIt) {
  Shows({"F18"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  call.peer.Expect("REFER");
  EXPECT_THAT(call.peer.Bye(), Answered(200));
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_LEG_ENDED_DURING_REFER);
  EXPECT_EQ(result.refer_status(), 0);
}

TEST_F(TransferLegTest, HangingUpDuringAnOpenReferSendsByeAtOnce) {
  // The REFER's own end would come after 64 s.
  CallcontroldProcess patient(TestConfig("sip { t1 { seconds: 1 } }"));
  AnsweredCall call(patient);
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(stream.Next(), ReferSent());
  call.client.HangUp(call.id);
  SipMessage bye = call.peer.Expect("BYE");
  EXPECT_EQ(bye.CSeqNumber(), refer.CSeqNumber() + 1);
  call.peer.Answer(bye, 200);
  call.peer.Answer(refer, 481);
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_UNKNOWN);
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_LOCAL_HANGUP);
  EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_SERVER);
}

TEST_F(TransferLegTest, HangingUpAnAcceptedTransferIsALocalHangup) {
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify("SIP/2.0 180 Ringing", kActive), Answered(200));
  call.ExpectHangsUp();
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_LOCAL_HANGUP);
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_UNKNOWN);
  EXPECT_EQ(result.last_call_status(), 180);
}

TEST_F(TransferLegTest, AReferThatNobodyAnswersTimesOut) {
  Shows({"33", "39", "95", "96"});
  AnsweredCall call(server(), {.answer_options = false});
  const auto asked = std::chrono::steady_clock::now();
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(stream.Next(), ReferSent());
  //  REFER, REFER, REFER … for 64*T1 = 1.28 s; then OPTIONS
  const SipMessage options = call.peer.Expect("OPTIONS");
  EXPECT_GE(options.received_at - asked, 1200ms);
  EXPECT_GE(call.peer.retransmissions("REFER"), 4);
  call.peer.Answer(options, 200);
  v1::ReferEvent last = stream.RestUntilResult().back();
  v1::TransferResult result = last.result();
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_FAILURE);
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_REFER_TIMEOUT);
  EXPECT_EQ(result.refer_status(), 0);
  EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_NOBODY);
  double seconds = static_cast<double>(result.duration().seconds()) +
                   static_cast<double>(result.duration().nanos()) / 1e9;
  EXPECT_GE(seconds, 1.2);
  call.ExpectAlive();
}

TEST_F(TransferLegTest, ADeadFarEndIsALostLeg) {
  Shows({"39", "84", "96"});
  // The answer to the OPTIONS is waited for 8*T1.
  CallcontroldProcess patient(TestConfig("sip { t1 { seconds: 1 } }"));
  AnsweredCall call(patient, {.answer_options = false});
  EventStream<v1::CallEvent> calls = call.Watch();
  TransferStream stream = call.Refer();
  call.peer.Answer(call.peer.Expect("REFER"), 481);
  EXPECT_THAT(stream.Next(), ReferSent());
  //  OPTIONS --->   <--- 481 (protocol.md, #39)
  call.peer.Answer(call.peer.Expect("OPTIONS"), 481);
  //  BYE --->       <--- 481
  call.peer.Answer(call.peer.Expect("BYE"), 481);
  std::vector<v1::ReferEvent> events = stream.RestUntilResult();
  EXPECT_THAT(events, Contains(ReferAnswered(481)));
  v1::TransferResult result = events.back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_LEG_LOST);
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_FAILURE);
  EXPECT_EQ(call.AwaitEnded(calls).ended_by(), v1::CALL_ENDED_BY_SERVER);
}

TEST_F(TransferLegTest, TheReferWaitsForTheAckOfTheCall) {
  Shows({"5"});
  ScriptedPeer peer(server().sip_port());
  ReferClient client(server().grpc_port());
  //        <--- INVITE, no ACK to the 200
  SipMessage ok = peer.AwaitAnswer(peer.StartInvite({.sdp = SdpOffer()}));
  std::string id = client.AwaitCall(peer.dialog().call_id).call_id();
  TransferStream stream = client.Refer(id, "sip:carol@target.example");
  peer.ExpectNothing(150ms);
  EXPECT_GE(peer.repeated_answers("INVITE"), 2);
  //        <--- ACK
  peer.Ack(ok);
  peer.Answer(peer.Expect("REFER"), 603);
  stream.RestUntilResult();
}

TEST_F(TransferLegTest, ACallThatIsNeverAcknowledgedIsNotReady) {
  Shows({"5"});
  ScriptedPeer peer(server().sip_port());
  ReferClient client(server().grpc_port());
  SipMessage ok = peer.AwaitAnswer(peer.StartInvite({.sdp = SdpOffer()}));
  std::string id = client.AwaitCall(peer.dialog().call_id).call_id();
  TransferStream stream = client.Refer(id, "sip:carol@target.example");
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_LEG_NOT_READY);
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_FAILURE);
  // The call may still come about.
  peer.ExpectNothing(50ms);
  peer.Ack(ok);
  // And be transferred: the NOTIFYs belong to the REFER that left.
  TransferStream second = client.Refer(id, "sip:carol@target.example");
  peer.Answer(peer.Expect("REFER"), 202);
  EXPECT_THAT(peer.Notify(kOk, kDone), Answered(200));
  peer.Answer(peer.Expect("BYE"), 200);
  EXPECT_EQ(second.RestUntilResult().back().result().outcome(),
            v1::TRANSFER_OUTCOME_TRANSFERRED);
}

TEST_F(TransferLegTest, AByeBeforeTheReferLeavesEndsTheTransfer) {
  ScriptedPeer peer(server().sip_port());
  ReferClient client(server().grpc_port());
  SipMessage ok = peer.AwaitAnswer(peer.StartInvite({.sdp = SdpOffer()}));
  v1::Call call = client.AwaitCall(peer.dialog().call_id);
  EventStream<v1::CallEvent> calls = client.WatchCalls(call.call_id());
  EXPECT_EQ(calls.Next().type(), v1::CALL_EVENT_TYPE_SNAPSHOT);
  TransferStream stream =
      client.Refer(call.call_id(), "sip:carol@target.example");
  EXPECT_EQ(calls.Next().type(), v1::CALL_EVENT_TYPE_TRANSFERRING);
  //        <--- BYE without any ACK
  peer.dialog().remote = ok.Header("To");
  peer.dialog().remote_target = AddressOf(ok.Header("Contact"));
  EXPECT_THAT(peer.Bye(), Answered(200));
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_LEG_ENDED_BEFORE_REFER);
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_FAILURE);
  EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_FAR_END);
  peer.ExpectNothing(100ms);
}

TEST_F(TransferLegTest, ThePeerMayRenegotiateDuringATransfer) {
  Shows({"90", "93", "F23"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  //        <--- re-INVITE, UPDATE, OPTIONS while the REFER is open (F23)
  EXPECT_THAT(call.peer.ReInvite(SdpOffer({40002}, 2)), Answered(200));
  EXPECT_THAT(call.peer.Update(SdpOffer({40004}, 3)), Answered(200));
  EXPECT_THAT(call.peer.Options(), Answered(200));
  call.peer.Answer(refer, 202);
  EXPECT_THAT(call.peer.ReInvite(SdpOffer({40006}, 4)), Answered(200));
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(TransferLegTest, LegPoliciesOfTheRequestAreKept) {
  AnsweredCall call(server());
  //  KEEP after success: no BYE of ours.
  TransferStream stream = call.AcceptedRefer([](v1::ReferRequest& request) {
    request.mutable_leg_policy()->set_on_success(v1::LEG_ACTION_KEEP);
  });
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  v1::TransferResult kept = stream.RestUntilResult().back().result();
  EXPECT_EQ(kept.outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  EXPECT_EQ(kept.call_cleared_by(), v1::CALL_CLEARED_BY_NOBODY);
  call.peer.ExpectNothing(150ms);

  //  HANG_UP after failure: BYE.
  TransferStream failing =
      call.Refer("sip:carol@target.example", [](v1::ReferRequest& request) {
        request.mutable_leg_policy()->set_on_failure(v1::LEG_ACTION_HANG_UP);
      });
  call.peer.Answer(call.peer.Expect("REFER"), 404);
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  v1::TransferResult failed = failing.RestUntilResult().back().result();
  EXPECT_EQ(failed.outcome(), v1::TRANSFER_OUTCOME_REFER_REJECTED);
  EXPECT_EQ(failed.call_cleared_by(), v1::CALL_CLEARED_BY_SERVER);
}

}  // namespace
}  // namespace callcontrol::testing
