// SPDX-License-Identifier: Apache-2.0
//
// NOTIFYs, answers and BYEs in orders that far ends and UDP make of them.
#include <chrono>
#include <string>
#include <vector>

#include "tests/support/server_test.h"

namespace callcontrol::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

constexpr char kActive[] = "active;expires=60";
constexpr char kDone[] = "terminated;reason=noresource";
constexpr char kRinging[] = "SIP/2.0 180 Ringing";
constexpr char kOk[] = "SIP/2.0 200 OK";
constexpr char kBusy[] = "SIP/2.0 486 Busy Here";

class NotifyOrderTest : public ServerTest<NotifyOrderTest> {};

//        <--- NOTIFY 486, then 480 to the REFER
TEST_F(NotifyOrderTest, AFinalFailureBeforeARefusalIsTheOutcome) {
  Shows({"45", "F1"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  const SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(call.peer.Notify(kBusy, kDone), Answered(200));
  EXPECT_THAT(stream.Next(), Status(486));
  call.peer.Answer(refer, 480);
  EXPECT_THAT((std::vector{stream.Next(), stream.Next()}),
              UnorderedElementsAre(ReferAnswered(480), Warned("CONFLICT")));
  const v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TARGET_FAILED);
  EXPECT_EQ(result.final_referred_call_status(), 486);
  EXPECT_EQ(result.refer_status(), 480);
  call.ExpectAlive();
}

//        <--- NOTIFY 180, then 603 to the REFER
TEST_F(NotifyOrderTest, ProgressBeforeARefusalDoesNotMakeItAnAcceptance) {
  Shows({"45", "F1"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  const SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(call.peer.Notify(kRinging, kActive), Answered(200));
  EXPECT_THAT(stream.Next(), Status(180));
  call.peer.Answer(refer, 603);
  EXPECT_THAT(stream.Next(), ReferAnswered(603));
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_REFER_DECLINED);
  call.ExpectAlive();
}

//        <--- NOTIFY 100 terminated, then 202: nothing more will come
TEST_F(NotifyOrderTest, AnEndOfTheSubscriptionBeforeTheAnswerIsRemembered) {
  Shows({"45", "58", "F7"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  const SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(call.peer.Notify("SIP/2.0 100 Trying", kDone), Answered(200));
  call.peer.Answer(refer, 202);
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_ACCEPTED_UNCONFIRMED));
}

//        <--- BYE (CSeq 3), NOTIFY 200 (CSeq 2): swapped on the wire
TEST_F(NotifyOrderTest, ANotifyThatTheByeOvertookDecides) {
  Shows({"60", "63", "F16", "F29"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  const SipMessage notify = call.peer.NewNotify(kOk, kDone);
  EXPECT_THAT(call.peer.Bye(), Answered(200));
  EXPECT_THAT(call.peer.AwaitAnswer(call.peer.SendRequest(notify)),
              Answered(200));
  const v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_FAR_END);
  call.peer.ExpectNothing(150ms);
}

//        <--- BYE (CSeq 4), NOTIFY 180 (CSeq 2), NOTIFY 486 (CSeq 3)
TEST_F(NotifyOrderTest, NotifysThatTheByeOvertookAreToldInTheirOrder) {
  Shows({"60", "63"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  const SipMessage ringing = call.peer.NewNotify(kRinging, kActive);
  const SipMessage busy = call.peer.NewNotify("SIP/2.0 486 Busy Here", kDone);
  EXPECT_THAT(call.peer.Bye(), Answered(200));
  EXPECT_THAT(call.peer.AwaitAnswer(call.peer.SendRequest(busy)),
              Answered(200));
  EXPECT_THAT(call.peer.AwaitAnswer(call.peer.SendRequest(ringing)),
              Answered(500))
      << "that one comes too late";
  const v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TARGET_FAILED);
  EXPECT_EQ(result.final_referred_call_status(), 486);
}

//        <--- BYE (CSeq 2), NOTIFY 200 (CSeq 3): at once
TEST_F(NotifyOrderTest, AByeRightBeforeTheNotifyChangesNothing) {
  Shows({"63", "F15", "F16"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  const SipMessage bye = call.peer.NewRequest("BYE");
  const SipMessage notify = call.peer.NewNotify(kOk, kDone);
  call.peer.SendRequest(bye);
  call.peer.SendRequest(notify);
  EXPECT_THAT(call.peer.AwaitAnswer(bye), Answered(200));
  EXPECT_THAT(call.peer.AwaitAnswer(notify), Answered(200));
  const v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_FAR_END);
  call.peer.ExpectNothing(150ms);
}

//        <--- NOTIFY 200 (CSeq 3), NOTIFY 180 (CSeq 2), NOTIFY 180 (CSeq 4)
TEST_F(NotifyOrderTest, ProgressThatTheFinalStatusOvertookIsNotTold) {
  Shows({"60", "F29"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  const SipMessage late = call.peer.NewNotify(kRinging, kActive);
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  EXPECT_THAT(call.peer.AwaitAnswer(call.peer.SendRequest(late)),
              Answered(500));
  EXPECT_THAT(call.peer.Notify(kRinging, kActive), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  const auto events = stream.RestUntilResult();
  EXPECT_THAT(events, Not(Contains(Status(180))));
  EXPECT_THAT(events.back(), Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

//        <--- NOTIFY 200
//  BYE ---> and <--- BYE cross
TEST_F(NotifyOrderTest, ByesThatCrossAfterSuccessAreBothAnswered) {
  Shows({"83", "84", "F16", "F21"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  const SipMessage ours = call.peer.Expect("BYE");
  EXPECT_THAT(call.peer.Bye(), Answered(200));
  call.peer.Answer(ours, 481);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
  call.peer.ExpectNothing(100ms);
}

// Our BYE leaves, and the final status is behind it.
TEST_F(NotifyOrderTest, ANotifyBehindOurByeDecides) {
  Shows({"63"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  call.client.HangUp(call.id);
  const SipMessage bye = call.peer.Expect("BYE");
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  call.peer.Answer(bye, 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

// Oracle's refer-to-bye: 202, a terminating NOTIFY, and a BYE with the number.
TEST_F(NotifyOrderTest, AnSbcThatTurnsTheReferIntoAByeIsATransfer) {
  Shows({"85", "F36", "F39"});
  AnsweredCall call(server());
  EventStream<v1::CallEvent> calls = call.Watch();
  // Longer than the far end takes to hang up.
  TransferStream stream = call.AcceptedRefer([](v1::ReferRequest& request) {
    request.mutable_limits()->mutable_bye_grace()->set_seconds(5);
  });
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  EXPECT_THAT(call.peer.Bye({{"Reason", "SIP;text=\"+15083084809\""}}),
              Answered(200));
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
  EXPECT_THAT(call.AwaitEnded(calls).end_reason(), HasSubstr("+15083084809"));
}

// The 2xx is lost, and the far end has given the REFER up: its NOTIFY says
// that it did not.
TEST_F(NotifyOrderTest, ANotifyAfterTheReferTimedOutRevivesTheTransfer) {
  Shows({"44"});
  // The OPTIONS waits T1 for what it finds out.
  CallcontroldProcess patient(TestConfig("sip { t1 { seconds: 4 } }"));
  AnsweredCall call(patient, {.answer_options = false});
  TransferStream stream =
      call.Refer("sip:carol@target.example", [](v1::ReferRequest& request) {
        request.mutable_limits()->mutable_refer_response()->set_nanos(
            500'000'000);
      });
  call.peer.Expect("REFER");
  EXPECT_THAT(stream.Next(), ReferSent());
  //  OPTIONS --->, at the limit
  const SipMessage options = call.peer.Expect("OPTIONS");
  EXPECT_THAT(call.peer.Notify(kRinging, kActive), Answered(200));
  call.peer.Answer(options, 200);
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  const auto events = stream.RestUntilResult();
  EXPECT_THAT(events, Contains(Warned("LATE_ACCEPT")));
  EXPECT_THAT(events.back(), Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

}  // namespace
}  // namespace callcontrol::testing
