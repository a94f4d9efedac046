// SPDX-License-Identifier: Apache-2.0
//
// What far ends do with NOTIFY: early, late, twice, wrong, never.
#include <chrono>
#include <string>
#include <vector>

#include "tests/support/server_test.h"

namespace callcontrol::testing {
namespace {

using ::testing::Contains;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

class TransferNotifyTest : public ServerTest<TransferNotifyTest> {};

constexpr char kActive[] = "active;expires=60";
constexpr char kDone[] = "terminated;reason=noresource";
constexpr char kTrying[] = "SIP/2.0 100 Trying";
constexpr char kRinging[] = "SIP/2.0 180 Ringing";
constexpr char kOk[] = "SIP/2.0 200 OK";
constexpr char kBusy[] = "SIP/2.0 486 Busy Here";

// The target answers and the call is cleared; the result is what it should be.
void FinishWell(AnsweredCall& call, TransferStream& stream) {
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
}

void LimitFinalStatus(v1::ReferRequest& request) {
  request.mutable_limits()->mutable_final_status()->set_seconds(1);
}

TEST_F(TransferNotifyTest, ProgressMayComeBeforeTheAnswerToTheRefer) {
  Shows({"45", "F1"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(stream.Next(), ReferSent());
  //        <--- NOTIFY 180, and only then 202 (protocol.md, F1)
  EXPECT_THAT(call.peer.Notify(kRinging, kActive), Answered(200));
  EXPECT_THAT(stream.Next(), Status(180));
  call.peer.Answer(refer, 202);
  EXPECT_THAT(stream.Next(), ReferAnswered(202));
  FinishWell(call, stream);
}

TEST_F(TransferNotifyTest, TheFinalStatusMayComeBeforeTheAnswerToTheRefer) {
  Shows({"45", "F1"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  // The REFER is still open: nothing is cleared yet.
  call.peer.ExpectNothing(100ms);
  call.peer.Answer(refer, 202);
  EXPECT_THAT(stream.Next(), ReferAnswered(202));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
}

TEST_F(TransferNotifyTest, AFinalNotifyWinsOverARefusedRefer) {
  Shows({"45", "F1"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  call.peer.Answer(refer, 500);
  EXPECT_THAT((std::vector{stream.Next(), stream.Next()}),
              UnorderedElementsAre(ReferAnswered(500), Warned("CONFLICT")));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  EXPECT_EQ(result.refer_status(), 500);
  EXPECT_EQ(result.final_referred_call_status(), 200);
}

TEST_F(TransferNotifyTest, AFinalNotifyWinsOverALostAnswerToTheRefer) {
  Shows({"45"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  call.peer.Expect("REFER");
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  //  BYE --->, when the REFER has timed out (reliability.md, decision 7)
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  EXPECT_EQ(result.refer_status(), 0);
}

TEST_F(TransferNotifyTest, AnEarlyFinalFailureIsTheOutcomeOfAnAcceptedRefer) {
  Shows({"45"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(call.peer.Notify(kBusy, kDone), Answered(200));
  EXPECT_THAT(stream.Next(), Status(486));
  call.peer.Answer(refer, 202);
  EXPECT_THAT(stream.Next(), ReferAnswered(202));
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TARGET_FAILED);
  call.ExpectAlive();
}

TEST_F(TransferNotifyTest, ProgressMayComeInAnyOrder) {
  Shows({"68"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  for (int status : {100, 183, 180, 199, 100}) {
    std::string line = "SIP/2.0 " + std::to_string(status) + " Progress";
    EXPECT_THAT(call.peer.Notify(line, kActive), Answered(200));
    v1::ReferEvent event = stream.Next();
    EXPECT_THAT(event, Status(status));
    EXPECT_EQ(event.transfer_status().subscription_state(), "active");
    EXPECT_EQ(event.transfer_status().reason(), "Progress");
    EXPECT_EQ(event.transfer_status().notify_cseq(), call.peer.dialog().cseq);
  }
  FinishWell(call, stream);
}

TEST_F(TransferNotifyTest, AFinalStatusInAnActiveSubscriptionIsFinal) {
  Shows({"56", "F9"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify(kOk, kActive), Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  //        <--- NOTIFY 200 terminated, when all is over
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
}

TEST_F(TransferNotifyTest, ARepeatedNotifyIsAnsweredAgainAndToldOnce) {
  Shows({"60", "61", "F29"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  SipMessage notify = call.peer.NewNotify(kRinging, kActive);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(call.peer.AwaitAnswer(call.peer.SendRequest(notify)),
                Answered(200));
  }
  // The same CSeq in a new transaction (protocol.md, #60).
  int64_t cseq = notify.CSeqNumber();
  EXPECT_THAT(call.peer.Notify(kRinging, kActive, {.cseq = cseq}),
              Answered(200));
  // An older one.
  EXPECT_THAT(call.peer.Notify(kTrying, kActive, {.cseq = cseq - 1}),
              Answered(500));
  EXPECT_THAT(stream.Next(), Status(180));
  FinishWell(call, stream);
}

TEST_F(TransferNotifyTest, TheFirstFinalStatusWins) {
  Shows({"69", "F8"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer([](v1::ReferRequest& request) {
    request.mutable_leg_policy()->set_on_success(v1::LEG_ACTION_WAIT_FOR_PEER);
    request.mutable_limits()->mutable_unconfirmed_wait()->set_seconds(20);
  });
  EXPECT_THAT(call.peer.Notify(kOk, kActive), Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  //        <--- NOTIFY 503: too late (protocol.md, #69)
  EXPECT_THAT(call.peer.Notify("SIP/2.0 503 Service Unavailable", kDone),
              Answered(200));
  EXPECT_THAT(stream.Next(), Warned("EXTRA_FINAL"));
  EXPECT_THAT(call.peer.Bye(), Answered(200));
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  EXPECT_EQ(result.final_referred_call_status(), 200);
  EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_FAR_END);
}

TEST_F(TransferNotifyTest, ASuccessAfterTheResultChangesNothing) {
  Shows({"69", "F8"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify(kBusy, kDone), Answered(200));
  EXPECT_THAT(stream.Next(), Status(486));
  std::string id = stream.Next().transfer_id();
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  EXPECT_THAT(call.client.ReplayOf(id).back(),
              Ended(v1::TRANSFER_OUTCOME_TARGET_FAILED));
  call.ExpectAlive();
}

TEST_F(TransferNotifyTest, ALateNotifyIsAnsweredAndNotTold) {
  Shows({"F22"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  v1::ReferEvent last = stream.Next();
  ASSERT_TRUE(last.has_result());
  //        <--- NOTIFY within the tail (protocol.md, F22)
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  EXPECT_EQ(call.client.GetTransfer(last.transfer_id()).last_sequence(),
            last.sequence());
  //        <--- NOTIFY once the tail of 64*T1 is over
  call.peer.ExpectNothing(1600ms);
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(481));
}

TEST_F(TransferNotifyTest, NoNotifyAtAllIsAcceptedWithoutNotify) {
  Shows({"F4"});
  AnsweredCall call(server());
  auto asked = std::chrono::steady_clock::now();
  TransferStream stream = call.AcceptedRefer(LimitFinalStatus);
  //  BYE ---> at the limit (protocol.md, 3.3: ACCEPTED, T_final)
  SipMessage bye = call.peer.Expect("BYE");
  EXPECT_GE(bye.received_at - asked, 950ms);
  EXPECT_LE(bye.received_at - asked, 4s) << "the server's own are 20 s";
  call.peer.Answer(bye, 200);
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_UNKNOWN);
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_ACCEPTED_NO_NOTIFY);
  EXPECT_EQ(result.last_call_status(), 0);
  EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_SERVER);
}

TEST_F(TransferNotifyTest, ProgressThenSilenceKeepsTheCall) {
  Shows({"F6"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer(LimitFinalStatus);
  EXPECT_THAT(call.peer.Notify(kTrying, kActive), Answered(200));
  EXPECT_THAT(stream.Next(), Status(100));
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_UNKNOWN);
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_NO_FINAL_STATUS);
  EXPECT_EQ(result.last_call_status(), 100);
  EXPECT_FALSE(result.has_final_referred_call_status());
  EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_NOBODY);
  call.peer.ExpectNothing(300ms);
  call.ExpectAlive();
}

TEST_F(TransferNotifyTest, ALateFirstNotifyIsOnlyAWarning) {
  Shows({"46"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer([](v1::ReferRequest& request) {
    request.mutable_limits()->mutable_first_notify()->set_seconds(1);
  });
  EXPECT_THAT(stream.Next(), Warned("NO_NOTIFY_YET"));
  FinishWell(call, stream);
}

TEST_F(TransferNotifyTest, AnExpiredSubscriptionIsOnlyAWarning) {
  Shows({"52", "54", "F31"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify(kTrying, "active;expires=1"), Answered(200));
  EXPECT_THAT(stream.Next(), Status(100));
  EXPECT_THAT(stream.Next(), Warned("SUBSCRIPTION_EXPIRED"));
  FinishWell(call, stream);
}

TEST_F(TransferNotifyTest, TryingAndTerminatedIsUnconfirmed) {
  Shows({"58", "F7"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  //        <--- NOTIFY 100 terminated (RFC 3515, 2.4.4)
  auto notified = std::chrono::steady_clock::now();
  EXPECT_THAT(call.peer.Notify(kTrying, kDone), Answered(200));
  EXPECT_THAT((std::vector{stream.Next(), stream.Next()}),
              UnorderedElementsAre(Status(100), Warned("SUBSCRIPTION_ENDED")));
  //  BYE ---> after subscription_grace and unconfirmed_wait
  SipMessage bye = call.peer.Expect("BYE");
  EXPECT_GE(bye.received_at - notified, 350ms);
  call.peer.Answer(bye, 200);
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_UNKNOWN);
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_ACCEPTED_UNCONFIRMED);
  EXPECT_EQ(result.last_call_status(), 100);
  EXPECT_EQ(result.subscription_reason(), "noresource");
}

TEST_F(TransferNotifyTest, AFinalStatusMayFollowTheEndOfTheSubscription) {
  Shows({"58", "F7"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify(kTrying, kDone), Answered(200));
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(TransferNotifyTest, ARejectedSubscriptionIsADeclinedRefer) {
  Shows({"57"});
  for (const std::string reason : {"rejected", "giveup"}) {
    AnsweredCall call(server());
    TransferStream stream = call.AcceptedRefer();
    EXPECT_THAT(call.peer.Notify(kTrying, "terminated;reason=" + reason),
                Answered(200));
    v1::TransferResult result = stream.RestUntilResult().back().result();
    EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_REFER_DECLINED);
    EXPECT_EQ(result.subscription_reason(), reason);
    call.ExpectAlive();
  }
}

TEST_F(TransferNotifyTest, ADeactivatedSubscriptionIsNotMadeAgain) {
  Shows({"57"});
  for (const std::string reason : {"probation", "deactivated"}) {
    AnsweredCall call(server());
    TransferStream stream = call.AcceptedRefer();
    EXPECT_THAT(call.peer.Notify(
                    kTrying, "terminated;reason=" + reason + ";retry-after=7"),
                Answered(200));
    v1::TransferResult result = stream.RestUntilResult().back().result();
    EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_UNKNOWN);
    EXPECT_EQ(result.outcome(),
              v1::TRANSFER_OUTCOME_SUBSCRIPTION_REJECTED_BY_PEER);
    EXPECT_EQ(result.retry_after().seconds(), 7);
    EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_NOBODY);
    // No SUBSCRIBE.
    call.peer.ExpectNothing(100ms);
    call.ExpectAlive();
  }
}

}  // namespace
}  // namespace callcontrol::testing
