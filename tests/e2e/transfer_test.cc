// SPDX-License-Identifier: Apache-2.0
//
// Transfers as they should go, and as they fail: what is on the wire and what
// the client is told. In the ladders the server is on the left and the peer,
// who is called and then transferred, on the right.
#include <chrono>
#include <string>

#include "tests/support/server_test.h"

namespace callcontrol::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

class TransferTest : public ServerTest<TransferTest> {};

constexpr char kActive[] = "active;expires=60";
constexpr char kDone[] = "terminated;reason=noresource";

TEST_F(TransferTest, TheTargetAnswersAndTheServerHangsUp) {
  Shows({"7", "71", "72", "F20"});
  AnsweredCall call(server());
  EventStream<v1::CallEvent> calls = call.Watch();
  TransferStream stream = call.Refer("sip:carol@target.example");
  //  REFER --->
  SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(stream.Next(), ReferSent());
  //        <--- 202
  call.peer.Answer(refer, 202);
  EXPECT_THAT(stream.Next(), ReferAnswered(202));
  //        <--- NOTIFY 100, 180, 200
  EXPECT_THAT(call.peer.Notify("SIP/2.0 100 Trying", kActive), Answered(200));
  EXPECT_THAT(stream.Next(), Status(100));
  EXPECT_THAT(call.peer.Notify("SIP/2.0 180 Ringing", kActive), Answered(200));
  EXPECT_THAT(stream.Next(), Status(180));
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", kDone), Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  //  BYE --->   <--- 200
  SipMessage bye = call.peer.Expect("BYE");
  EXPECT_EQ(bye.CSeqNumber(), refer.CSeqNumber() + 1);
  call.peer.Answer(bye, 200);

  v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_SUCCESS);
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  EXPECT_EQ(result.refer_status(), 202);
  EXPECT_EQ(result.final_referred_call_status(), 200);
  EXPECT_EQ(result.last_call_status(), 200);
  EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_SERVER);
  EXPECT_EQ(result.bye_status(), 200);
  EXPECT_TRUE(result.has_bye_time());
  EXPECT_TRUE(result.has_duration());
  EXPECT_EQ(call.AwaitEnded(calls).ended_by(), v1::CALL_ENDED_BY_SERVER);
}

TEST_F(TransferTest, TheReferIsAWellFormedRequestInsideTheDialog) {
  Shows({"1", "2", "4", "7", "10", "14", "26", "28"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer("sip:carol@target.example");
  SipMessage refer = call.peer.Expect("REFER");
  call.peer.Answer(refer, 603);

  // RFC 3261, 12.2.1.1; RFC 3515, 2.2.
  EXPECT_EQ("<" + refer.uri() + ">", call.peer.Contact());
  EXPECT_EQ(refer.CallId(), call.peer.dialog().call_id);
  EXPECT_EQ(AddressOf(refer.Header("To")), "sip:caller@peer.example");
  EXPECT_EQ(refer.ToTag(), HeaderParameter(call.peer.dialog().local, "tag"));
  EXPECT_EQ(refer.FromTag(), HeaderParameter(call.peer.dialog().remote, "tag"));
  EXPECT_EQ(refer.Header("Max-Forwards"), "70");
  EXPECT_THAT(refer.Branch(), ::testing::StartsWith("z9hG4bK"));
  EXPECT_THAT(refer.Values("Contact"), ::testing::SizeIs(1));
  EXPECT_THAT(refer.Lines("Refer-To"),
              ElementsAre("<sip:carol@target.example>"));
  EXPECT_THAT(refer.Lines("Referred-By"),
              ElementsAre("<sip:caller@peer.example>"));
  for (std::string_view name : {"Event", "Refer-Sub", "Require", "Subject"}) {
    EXPECT_FALSE(refer.Has(name)) << name;
  }
  EXPECT_THAT(refer.body(), IsEmpty());

  v1::ReferSent sent = stream.Next().refer_sent();
  EXPECT_EQ(sent.refer_to(), "<sip:carol@target.example>");
  EXPECT_EQ(sent.referred_by(), "<sip:caller@peer.example>");
  EXPECT_EQ(sent.sip_call_id(), refer.CallId());
  EXPECT_EQ(sent.cseq(), refer.CSeqNumber());
  EXPECT_EQ(sent.attempt(), 1);
}

TEST_F(TransferTest, TheByeComesHalfASecondAfterSuccessByDefault) {
  Shows({"72", "F20"});
  CallcontroldProcess fresh(
      "grpc { listen: '127.0.0.1:0' } sip { listen: '127.0.0.1:0' }");
  AnsweredCall call(fresh);
  TransferStream stream = call.AcceptedRefer();
  //        <--- NOTIFY 200
  auto notified = std::chrono::steady_clock::now();
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", kDone), Answered(200));
  //  BYE ---> after 500 ms (protocol.md, #72)
  SipMessage bye = call.peer.Expect("BYE");
  EXPECT_GE(bye.received_at - notified, 400ms);
  EXPECT_LE(bye.received_at - notified, 3s);
  call.peer.Answer(bye, 200);
  EXPECT_THAT(stream.Next(), Status(200));
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
}

TEST_F(TransferTest, TheFarEndHangsUpAfterSuccessAndTheServerDoesNot) {
  Shows({"72", "F16", "F39"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  //        <--- NOTIFY 200, BYE back to back (protocol.md, F16)
  SipMessage notify = call.peer.NewNotify("SIP/2.0 200 OK", kDone);
  SipMessage bye = call.peer.NewRequest("BYE");
  call.peer.SendRequest(notify);
  call.peer.SendRequest(bye);
  EXPECT_THAT(call.peer.AwaitAnswer(notify), Answered(200));
  EXPECT_THAT(call.peer.AwaitAnswer(bye), Answered(200));

  EXPECT_THAT(stream.Next(), Status(200));
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_FAR_END);
  EXPECT_TRUE(result.has_bye_time());
  // Not even after bye_grace.
  call.peer.ExpectNothing(150ms);
}

TEST_F(TransferTest, AByeThatNobodyAnswersDoesNotHoldTheResultBack) {
  Shows({"84", "F21"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", kDone), Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  SipMessage bye = call.peer.Expect("BYE");
  v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  EXPECT_EQ(result.bye_status(), 0);
  //  BYE again and again, but never a second one
  call.peer.ExpectNothing(200ms);
  EXPECT_GE(call.peer.retransmissions("BYE"), 1);
  call.peer.Answer(bye, 200);
}

TEST_F(TransferTest, AByeThatIsRefusedEndsTheCallAsWell) {
  Shows({"84", "F21"});
  AnsweredCall call(server());
  EventStream<v1::CallEvent> calls = call.Watch();
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", kDone), Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  call.peer.Answer(call.peer.Expect("BYE"), 481);
  EXPECT_EQ(stream.Result().bye_status(), 481);
  call.peer.ExpectNothing(100ms);
  EXPECT_EQ(call.AwaitEnded(calls).ended_by(), v1::CALL_ENDED_BY_SERVER);
}

TEST_F(TransferTest, ABusyTargetLeavesTheCallAndASecondTryWorks) {
  Shows({"17", "49", "74", "F32"});
  AnsweredCall call(server());
  TransferStream first = call.AcceptedRefer();
  int64_t first_cseq = call.peer.refer_cseq();
  //        <--- NOTIFY 486
  EXPECT_THAT(call.peer.Notify("SIP/2.0 486 Busy Here", kDone), Answered(200));
  EXPECT_THAT(first.Next(), Status(486));
  v1::TransferResult busy = first.Result();
  EXPECT_EQ(busy.verdict(), v1::TRANSFER_VERDICT_FAILURE);
  EXPECT_EQ(busy.outcome(), v1::TRANSFER_OUTCOME_TARGET_FAILED);
  EXPECT_EQ(busy.final_referred_call_status(), 486);
  EXPECT_EQ(busy.reason(), "Busy Here");
  EXPECT_EQ(busy.call_cleared_by(), v1::CALL_CLEARED_BY_NOBODY);
  EXPECT_FALSE(busy.has_bye_time());
  //        <--- re-INVITE
  EXPECT_THAT(call.peer.ReInvite(SdpOffer({40002}, 2)), Answered(200));

  //  REFER ---> with a new CSeq, which is the new id (RFC 3515, 2.4.6)
  TransferStream second = call.AcceptedRefer();
  EXPECT_GT(call.peer.refer_cseq(), first_cseq);
  // A late NOTIFY of the first is absorbed (protocol.md, F32).
  EXPECT_THAT(
      call.peer.Notify("SIP/2.0 486 Busy Here", kDone,
                       {.event = "refer;id=" + std::to_string(first_cseq)}),
      Answered(200));
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", kDone), Answered(200));
  EXPECT_THAT(second.Next(), Status(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_EQ(second.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  EXPECT_THAT(call.client.GetCall(call.id).transfer_ids(),
              ::testing::SizeIs(2));
}

TEST_F(TransferTest, AFailedTargetsReasonIsTold) {
  Shows({"66", "68", "74"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(
      call.peer.Notify("SIP/2.0 503 Service Unavailable\r\n"
                       "Reason: Q.850;cause=41;text=\"Temporary failure\"",
                       kDone),
      Answered(200));
  EXPECT_THAT(stream.Next(), Status(503));
  v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TARGET_FAILED);
  EXPECT_THAT(result.sip_reason(), HasSubstr("cause=41"));
  call.ExpectAlive();
}

TEST_F(TransferTest, TheTransfereeDeclinesInItsAnswer) {
  Shows({"42", "F27", "F38"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  call.peer.Answer(call.peer.Expect("REFER"), 603, "Decline");
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(stream.Next(), ReferAnswered(603));
  v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_FAILURE);
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_REFER_DECLINED);
  EXPECT_EQ(result.refer_status(), 603);
  EXPECT_FALSE(result.has_final_referred_call_status());
  EXPECT_EQ(result.reason(), "Decline");
  call.ExpectAlive();
}

TEST_F(TransferTest, TheTransfereeDeclinesInANotify) {
  Shows({"42", "F27"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify("SIP/2.0 603 Declined", kDone), Answered(200));
  EXPECT_THAT(stream.Next(), Status(603));
  v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_REFER_DECLINED);
  EXPECT_EQ(result.refer_status(), 202);
  EXPECT_EQ(result.final_referred_call_status(), 603);
  call.ExpectAlive();
}

TEST_F(TransferTest, TwoHundredIsAnAcceptanceLikeTwoHundredAndTwo) {
  Shows({"31", "F2", "F5"});
  for (int status : {200, 202, 204}) {
    AnsweredCall call(server());
    TransferStream stream = call.Refer();
    call.peer.Answer(call.peer.Expect("REFER"), status);
    EXPECT_THAT(stream.Next(), ReferSent());
    EXPECT_THAT(stream.Next(), ReferAnswered(status));
    EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", kDone), Answered(200));
    EXPECT_THAT(stream.Next(), Status(200));
    call.peer.Answer(call.peer.Expect("BYE"), 200);
    EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  }
}

TEST_F(TransferTest, AnAcceptanceWithoutSubscriptionIsUnconfirmed) {
  Shows({"32", "F3"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  //        <--- 202, Refer-Sub: false (RFC 4488)
  const SipMessage refer = call.peer.Expect("REFER");
  auto accepted = std::chrono::steady_clock::now();
  call.peer.Answer(refer, 202, "Accepted", {{"Refer-Sub", "false"}});
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(stream.Next(), ReferAnswered(202));
  EXPECT_THAT(stream.Next(), Warned("NO_SUBSCRIPTION"));
  //  BYE ---> once unconfirmed_wait has given the far end time for its own
  SipMessage bye = call.peer.Expect("BYE");
  EXPECT_GE(bye.received_at - accepted, 200ms);
  call.peer.Answer(bye, 200);
  v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_UNKNOWN);
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_ACCEPTED_NO_SUBSCRIPTION);
  EXPECT_FALSE(result.has_final_referred_call_status());
}

TEST_F(TransferTest, ANotifyInspiteOfNoSubscriptionStillDecides) {
  Shows({"32"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  call.peer.Answer(call.peer.Expect("REFER"), 202, "Accepted",
                   {{"Refer-Sub", "false"}});
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", kDone), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
}

TEST_F(TransferTest, NoSubscriptionIsAskedForOnlyAtTheClientsWish) {
  Shows({"14"});
  AnsweredCall call(server());
  TransferStream stream =
      call.Refer("sip:carol@target.example",
                 [](v1::ReferRequest& r) { r.set_no_subscription(true); });
  SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(refer.Lines("Refer-Sub"), ElementsAre("false"));
  EXPECT_FALSE(refer.Has("Require"));
  //        <--- 202, Refer-Sub: false (RFC 4488, 4)
  call.peer.Answer(refer, 202, "", {{"Refer-Sub", "false"}});
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_ACCEPTED_NO_SUBSCRIPTION);
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_UNKNOWN);
}

TEST_F(TransferTest, AFarEndThatSubscribesUsAllTheSameIsListenedTo) {
  Shows({"32"});
  AnsweredCall call(server());
  TransferStream stream =
      call.Refer("sip:carol@target.example",
                 [](v1::ReferRequest& r) { r.set_no_subscription(true); });
  call.peer.Answer(call.peer.Expect("REFER"), 202);
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", kDone), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

}  // namespace
}  // namespace callcontrol::testing
