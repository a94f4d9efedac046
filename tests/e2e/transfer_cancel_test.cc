// SPDX-License-Identifier: Apache-2.0
//
// A client that does not want its transfer any more, and the SUBSCRIBEs that
// end or refresh a subscription. The server is on the left of the ladders.
#include <chrono>
#include <string>
#include <vector>

#include "tests/support/server_test.h"

namespace callcontrol::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class TransferCancelTest : public ServerTest<TransferCancelTest> {};

TEST_F(TransferCancelTest, ATransferWhoseReferHasNotLeftIsWithdrawn) {
  AnsweredCall call(server());
  EventStream<v1::CallEvent> calls = call.Watch();
  // The far end's INVITE keeps the REFER back until its ACK.
  //  ---> 200   <--- re-INVITE
  SipMessage invite = call.peer.NewRequest("INVITE");
  invite.SetBody("application/sdp", SdpOffer({40000}, 2));
  const SipMessage ok = call.peer.AwaitAnswer(call.peer.SendRequest(invite));
  TransferStream stream =
      call.Refer("sip:carol@target.example", [](v1::ReferRequest& request) {
        request.mutable_limits()->mutable_ready()->set_seconds(30);
      });
  v1::CallEvent begun = calls.Next();
  while (begun.type() != v1::CALL_EVENT_TYPE_TRANSFERRING) {
    begun = calls.Next();
  }
  const std::string id = begun.call().transfer_ids(0);
  const v1::Transfer cancelled = call.client.CancelTransfer(id);
  EXPECT_EQ(cancelled.cancel_outcome(), v1::CANCEL_OUTCOME_WITHDRAWN);
  EXPECT_EQ(cancelled.state(), v1::TRANSFER_STATE_ENDED);
  const v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_CANCELLED);
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_FAILURE);
  //        <--- ACK: no REFER follows
  call.peer.Ack(ok);
  call.ExpectAlive();
}

TEST_F(TransferCancelTest, AnAcceptedTransferIsNoLongerFollowed) {
  Shows({"16"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify("SIP/2.0 180 Ringing", "active;expires=60"),
              Answered(200));
  EXPECT_THAT(stream.Next(), Status(180));
  const std::string id = call.client.GetCall(call.id).transfer_ids(0);
  const v1::Transfer cancelled = call.client.CancelTransfer(id);
  EXPECT_EQ(cancelled.cancel_outcome(), v1::CANCEL_OUTCOME_UNSUBSCRIBED);
  const v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_CANCELLED);
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_UNKNOWN);
  EXPECT_EQ(result.last_call_status(), 180);
  EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_NOBODY);
  //  SUBSCRIBE, Expires: 0 --->   (RFC 3515, 2.4.4)
  const SipMessage unsubscribe = call.peer.Expect("SUBSCRIBE");
  EXPECT_EQ(unsubscribe.Header("Expires"), "0");
  EXPECT_EQ(unsubscribe.Header("Event"),
            "refer;id=" + std::to_string(call.peer.refer_cseq()));
  call.peer.Answer(unsubscribe, 200);
  //        <--- NOTIFY, terminated, and the outcome that nobody waits for
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", "terminated;reason=timeout"),
              Answered(200));
  EXPECT_EQ(call.client.GetTransfer(id).result().outcome(),
            v1::TRANSFER_OUTCOME_CANCELLED);
  call.ExpectAlive();
}

TEST_F(TransferCancelTest, AnOpenReferIsNotTakenBackAndNoByeIsSent) {
  Shows({"16"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  const SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(stream.Next(), ReferSent());
  const std::string id = call.client.GetCall(call.id).transfer_ids(0);
  EXPECT_EQ(call.client.CancelTransfer(id).cancel_outcome(),
            v1::CANCEL_OUTCOME_UNSUBSCRIBED);
  EXPECT_EQ(stream.Result().verdict(), v1::TRANSFER_VERDICT_UNKNOWN);
  call.peer.Answer(refer, 202);
  EXPECT_THAT(call.peer.Notify("SIP/2.0 100 Trying", "active;expires=60"),
              Answered(200));
  // Neither CANCEL nor BYE (protocol.md, 16), and another transfer may begin.
  TransferStream next = call.Refer();
  call.peer.Answer(call.peer.Expect("REFER"), 603);
  EXPECT_THAT(next.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
}

TEST_F(TransferCancelTest, AnOutcomeThatIsKnownStays) {
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  const std::string id = call.client.GetCall(call.id).transfer_ids(0);
  EXPECT_THAT(
      call.peer.Notify("SIP/2.0 200 OK", "terminated;reason=noresource"),
      Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  EXPECT_EQ(call.client.CancelTransfer(id).cancel_outcome(),
            v1::CANCEL_OUTCOME_TOO_LATE);
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  const v1::Transfer again = call.client.CancelTransfer(id);
  EXPECT_EQ(again.cancel_outcome(), v1::CANCEL_OUTCOME_TOO_LATE);
  EXPECT_EQ(again.result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
}

TEST_F(TransferCancelTest, AnUnknownTransferIsNotFound) {
  ReferClient client(server().grpc_port());
  auto context = Deadline();
  v1::CancelTransferRequest request;
  request.set_transfer_id("t-test-nobody");
  v1::Transfer transfer;
  EXPECT_REFUSED(
      client.stub().CancelTransfer(context.get(), request, &transfer),
      NOT_FOUND, "TRANSFER_NOT_FOUND");
}

class SubscriptionRefreshTest : public ::testing::Test {
 protected:
  // Accepted, and told to expire after a second: refreshed after half of it.
  SipMessage AwaitRefresh(AnsweredCall& call, TransferStream& stream) {
    EXPECT_THAT(call.peer.Notify("SIP/2.0 180 Ringing", "active;expires=1"),
                Answered(200));
    EXPECT_THAT(stream.Next(), Status(180));
    return call.peer.Expect("SUBSCRIBE");
  }

  CallcontroldProcess server_{
      TestConfig("transfers { refresh_subscription: true }")};
};

TEST_F(SubscriptionRefreshTest, ASubscriptionThatWouldExpireIsRefreshed) {
  Shows({"54"});
  AnsweredCall call(server_);
  TransferStream stream = call.AcceptedRefer();
  const SipMessage refresh = AwaitRefresh(call, stream);
  EXPECT_EQ(refresh.Header("Event"),
            "refer;id=" + std::to_string(call.peer.refer_cseq()));
  EXPECT_EQ(refresh.Header("Expires"), "20") << "transfers.final_status_limit";
  EXPECT_THAT(refresh.Header("Contact"), HasSubstr("sip:"));
  call.peer.Answer(refresh, 200, "", {{"Expires", "60"}});
  EXPECT_THAT(
      call.peer.Notify("SIP/2.0 200 OK", "terminated;reason=noresource"),
      Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
}

//  SUBSCRIBE --->   <--- 401   SUBSCRIBE, with Authorization --->
TEST_F(SubscriptionRefreshTest, AChallengeToTheRefreshIsAnswered) {
  Shows({"34", "54"});
  AnsweredCall call(server_);
  TransferStream stream = call.AcceptedRefer([](v1::ReferRequest& request) {
    request.mutable_credentials()->set_username("bob");
    request.mutable_credentials()->set_password("s3cret");
  });
  const SipMessage refresh = AwaitRefresh(call, stream);
  call.peer.Answer(
      refresh, 401, "",
      {{"WWW-Authenticate", R"(Digest realm="pbx", nonce="n1", qop="auth")"}});
  const SipMessage again = call.peer.Expect("SUBSCRIBE");
  EXPECT_THAT(again.Header("Authorization"), HasSubstr(R"(username="bob")"));
  EXPECT_EQ(again.Header("Expires"), refresh.Header("Expires"));
  EXPECT_EQ(again.CSeqNumber(), refresh.CSeqNumber() + 1);
  call.peer.Answer(again, 200, "", {{"Expires", "60"}});
  call.ExpectHangsUp();
  stream.RestUntilResult();
}

// RFC 6665, 4.1.2.2: the usage is over, the call is not (RFC 5057, 5.1).
TEST_F(SubscriptionRefreshTest, AFarEndThatKnowsNoSubscriptionEndsIt) {
  Shows({"55", "F41"});
  AnsweredCall call(server_);
  TransferStream stream = call.AcceptedRefer();
  call.peer.Answer(AwaitRefresh(call, stream), 481);
  EXPECT_THAT(stream.Next(), Warned("SUBSCRIPTION_ENDED"));
  //        ... unconfirmed_wait ...
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_EQ(stream.Result().outcome(),
            v1::TRANSFER_OUTCOME_ACCEPTED_UNCONFIRMED);
}

TEST_F(SubscriptionRefreshTest, ARefusalLeavesTheSubscriptionAsItIs) {
  Shows({"55"});
  AnsweredCall call(server_);
  TransferStream stream = call.AcceptedRefer();
  call.peer.Answer(AwaitRefresh(call, stream), 403);
  EXPECT_THAT(stream.Next(), Warned("REFRESH_REFUSED"));
  EXPECT_THAT(stream.Next(), Warned("SUBSCRIPTION_EXPIRED"));
  EXPECT_THAT(call.peer.Notify("SIP/2.0 486 Busy", "terminated"),
              Answered(200));
  EXPECT_THAT(stream.Next(), Status(486));
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TARGET_FAILED);
}

}  // namespace
}  // namespace callcontrol::testing
