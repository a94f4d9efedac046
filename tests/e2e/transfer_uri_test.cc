// SPDX-License-Identifier: Apache-2.0
//
// Transfers outside any call: a REFER to whoever answers at a URI (RFC 3515,
// 2). The server is on the left of the ladders.
#include <chrono>
#include <string>
#include <vector>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using namespace std::chrono_literals;

class TransferUriTest : public ServerTest<TransferUriTest> {
 protected:
  v1::ReferRequest Request(
      const std::string& refer_to = "sip:carol@t.example") {
    v1::ReferRequest request;
    request.set_uri(Cat("sip:bob@127.0.0.1:", peer_.port()));
    request.set_refer_to(refer_to);
    return request;
  }

  // A NOTIFY in the dialog that `refer` and the fork of that tag make.
  SipMessage Notify(const SipMessage& refer, const std::string& tag, int cseq,
                    const std::string& status_line, const std::string& state) {
    SipMessage notify = peer_.NewStrangerRequest("NOTIFY");
    notify.Set("From", Cat("<sip:bob@127.0.0.1>;tag=", tag));
    notify.Set("To", refer.Header("From"));
    notify.Set("Call-ID", refer.Header("Call-ID"));
    notify.Set("CSeq", Cat(cseq, " NOTIFY"));
    notify.Add("Event", Cat("refer;id=", refer.CSeqNumber()));
    notify.Add("Subscription-State", state);
    notify.Set("Contact", peer_.Contact("bob"));
    notify.SetBody("message/sipfrag", status_line + "\r\n");
    return peer_.AwaitAnswer(peer_.SendRequest(notify));
  }

  // REFER, 202; the stream has told both.
  SipMessage Accept(TransferStream& stream) {
    const SipMessage refer = peer_.Expect("REFER");
    peer_.Answer(refer, 202);
    EXPECT_THAT(stream.Next(), ReferSent());
    EXPECT_THAT(stream.Next(), ReferAnswered(202));
    return refer;
  }

  ScriptedPeer peer_{server().sip_port()};
  ReferClient client_{server().grpc_port()};
};

//  REFER --->   outside any dialog
//         <--- 202, NOTIFY 100, NOTIFY 200
TEST_F(TransferUriTest, WhoeverAnswersIsTransferred) {
  TransferStream stream = client_.Refer(Request());
  const SipMessage refer = Accept(stream);
  EXPECT_EQ(refer.uri(), Cat("sip:bob@127.0.0.1:", peer_.port()));
  EXPECT_EQ(refer.Header("To"), "<sip:bob@127.0.0.1>");
  EXPECT_EQ(refer.Header("Refer-To"), "<sip:carol@t.example>");
  EXPECT_EQ(refer.Header("Referred-By"),
            Cat("<sip:bob@127.0.0.1:", peer_.port(), ">"));
  EXPECT_THAT(refer.Header("Contact"), HasSubstr("sip:"));
  EXPECT_THAT(refer.Header("Max-Forwards"), "70");
  EXPECT_FALSE(refer.Has("Refer-Sub"));
  EXPECT_THAT(
      Notify(refer, "f1", 7, "SIP/2.0 180 Ringing", "active;expires=60"),
      Answered(200));
  EXPECT_THAT(stream.Next(), Status(180));
  EXPECT_THAT(Notify(refer, "f1", 8, "SIP/2.0 200 OK", "terminated"),
              Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  const v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_NOBODY);
  // No BYE: there is no call.
  peer_.ExpectNothing(100ms);
}

TEST_F(TransferUriTest, ItIsReadLikeAnyTransfer) {
  TransferStream stream = client_.Refer(Request());
  const SipMessage refer = peer_.Expect("REFER");
  const v1::ReferEvent sent = stream.Next();
  EXPECT_EQ(sent.call_id(), "");
  EXPECT_EQ(sent.refer_sent().sip_call_id(), refer.Header("Call-ID"));
  peer_.Answer(refer, 603, "Decline");
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
  const v1::Transfer transfer = client_.GetTransfer(sent.transfer_id());
  EXPECT_EQ(transfer.sip_call_id(), refer.Header("Call-ID"));
  EXPECT_EQ(transfer.state(), v1::TRANSFER_STATE_ENDED);
}

// A proxy forked the REFER: two far ends, each with CSeqs of its own.
TEST_F(TransferUriTest, OfForksTheFirstSuccessCounts) {
  Shows({"62"});
  TransferStream stream = client_.Refer(Request());
  const SipMessage refer = Accept(stream);
  EXPECT_THAT(Notify(refer, "f1", 900, "SIP/2.0 100 Trying", "active"),
              Answered(200));
  EXPECT_THAT(Notify(refer, "f2", 1, "SIP/2.0 100 Trying", "active"),
              Answered(200));
  EXPECT_THAT(Notify(refer, "f1", 901, "SIP/2.0 486 Busy Here", "terminated"),
              Answered(200));
  EXPECT_THAT(Notify(refer, "f2", 2, "SIP/2.0 200 OK", "terminated"),
              Answered(200));
  const std::vector<v1::ReferEvent> events = stream.RestUntilResult();
  EXPECT_THAT(events, Not(Contains(Status(486))));
  EXPECT_THAT(events.back(), Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(TransferUriTest, OfForksTheLastFailureCounts) {
  Shows({"62"});
  TransferStream stream = client_.Refer(Request());
  const SipMessage refer = Accept(stream);
  EXPECT_THAT(Notify(refer, "f1", 1, "SIP/2.0 100 Trying", "active"),
              Answered(200));
  EXPECT_THAT(Notify(refer, "f2", 1, "SIP/2.0 180 Ringing", "active"),
              Answered(200));
  EXPECT_THAT(Notify(refer, "f1", 2, "SIP/2.0 486 Busy Here", "terminated"),
              Answered(200));
  EXPECT_THAT(Notify(refer, "f2", 2, "SIP/2.0 480 Gone", "terminated"),
              Answered(200));
  const std::vector<v1::ReferEvent> events = stream.RestUntilResult();
  EXPECT_THAT(events, Not(Contains(Status(486))));
  EXPECT_EQ(events.back().result().final_referred_call_status(), 480);
}

TEST_F(TransferUriTest, NotifysAreOfTheTransferOrOfNone) {
  Shows({"60", "62"});
  TransferStream stream = client_.Refer(Request());
  const SipMessage refer = Accept(stream);
  EXPECT_THAT(Notify(refer, "f1", 5, "SIP/2.0 180 Ringing", "active"),
              Answered(200));
  EXPECT_THAT(Notify(refer, "f1", 4, "SIP/2.0 200 OK", "terminated"),
              Answered(500))
      << "a CSeq that goes back";
  SipMessage foreign = refer;
  foreign.Set("Call-ID", "another@peer");
  EXPECT_THAT(Notify(foreign, "f1", 6, "SIP/2.0 200 OK", "terminated"),
              Answered(481));
  foreign = refer;
  foreign.Set("From", "<sip:callcontrol@h>;tag=guess");
  EXPECT_THAT(Notify(foreign, "f1", 6, "SIP/2.0 200 OK", "terminated"),
              Answered(481));
  EXPECT_THAT(stream.Next(), Status(180));
  EXPECT_THAT(Notify(refer, "f1", 6, "SIP/2.0 486 Busy Here", "terminated"),
              Answered(200));
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TARGET_FAILED));
}

// It leaves in the dialog that the NOTIFY began.
TEST_F(TransferUriTest, CancellingEndsTheSubscription) {
  TransferStream stream = client_.Refer(Request());
  const SipMessage refer = Accept(stream);
  EXPECT_THAT(Notify(refer, "f1", 1, "SIP/2.0 180 Ringing", "active"),
              Answered(200));
  const v1::ReferEvent progress = stream.Next();
  auto context = Deadline();
  v1::CancelTransferRequest request;
  request.set_transfer_id(progress.transfer_id());
  v1::Transfer transfer;
  ASSERT_TRUE(
      client_.stub().CancelTransfer(context.get(), request, &transfer).ok());
  EXPECT_EQ(transfer.cancel_outcome(), v1::CANCEL_OUTCOME_UNSUBSCRIBED);
  const SipMessage unsubscribe = peer_.Expect("SUBSCRIBE");
  EXPECT_EQ(unsubscribe.Header("Expires"), "0");
  EXPECT_EQ(unsubscribe.Header("To"), "<sip:bob@127.0.0.1>;tag=f1");
  EXPECT_EQ(unsubscribe.Header("From"), refer.Header("From"));
  EXPECT_GT(unsubscribe.CSeqNumber(), refer.CSeqNumber());
  EXPECT_EQ(unsubscribe.uri(), Cat("sip:bob@127.0.0.1:", peer_.port()));
  peer_.Answer(unsubscribe, 200);
}

TEST_F(TransferUriTest, WithoutADialogNothingIsUnsubscribed) {
  TransferStream stream = client_.Refer(Request());
  const SipMessage refer = peer_.Expect("REFER");
  peer_.Answer(refer, 202);
  const v1::ReferEvent sent = stream.Next();
  EXPECT_THAT(stream.Next(), ReferAnswered(202));
  auto context = Deadline();
  v1::CancelTransferRequest request;
  request.set_transfer_id(sent.transfer_id());
  v1::Transfer transfer;
  ASSERT_TRUE(
      client_.stub().CancelTransfer(context.get(), request, &transfer).ok());
  EXPECT_EQ(transfer.cancel_outcome(), v1::CANCEL_OUTCOME_UNSUBSCRIBED);
  peer_.ExpectNothing(50ms);
}

// A far end that tells only the end, long after Timer N (protocol.md, F5).
TEST_F(TransferUriTest, ALateFirstNotifyStillDecides) {
  v1::ReferRequest request = Request();
  request.mutable_limits()->mutable_first_notify()->set_nanos(100'000'000);
  TransferStream stream = client_.Refer(request);
  const SipMessage refer = Accept(stream);
  EXPECT_THAT(stream.Next(), Warned("NO_NOTIFY_YET"));
  EXPECT_THAT(Notify(refer, "f1", 1, "SIP/2.0 200 OK", "terminated"),
              Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
}

TEST_F(TransferUriTest, NoFurtherForksComeAfterTimerN) {
  Shows({"62"});
  v1::ReferRequest request = Request();
  request.mutable_limits()->mutable_first_notify()->set_nanos(300'000'000);
  TransferStream stream = client_.Refer(request);
  const SipMessage refer = Accept(stream);
  EXPECT_THAT(Notify(refer, "f1", 1, "SIP/2.0 180 Ringing", "active"),
              Answered(200));
  peer_.ExpectNothing(350ms);
  EXPECT_THAT(Notify(refer, "f2", 1, "SIP/2.0 180 Ringing", "active"),
              Answered(481));
  EXPECT_THAT(Notify(refer, "f1", 2, "SIP/2.0 486 Busy Here", "terminated"),
              Answered(200));
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TARGET_FAILED));
}

//  REFER --->   <--- 401   REFER, with Authorization --->
TEST_F(TransferUriTest, AChallengeIsAnswered) {
  Shows({"34"});
  v1::ReferRequest request = Request();
  request.mutable_credentials()->set_username("bob");
  request.mutable_credentials()->set_password("s3cret");
  TransferStream stream = client_.Refer(request);
  const SipMessage first = peer_.Expect("REFER");
  peer_.Answer(
      first, 401, "",
      {{"WWW-Authenticate", R"(Digest realm="pbx", nonce="n1", qop="auth")"}});
  const SipMessage again = peer_.Expect("REFER");
  EXPECT_THAT(again.Header("Authorization"), HasSubstr(R"(username="bob")"));
  EXPECT_EQ(again.Header("Call-ID"), first.Header("Call-ID"));
  EXPECT_EQ(again.CSeqNumber(), first.CSeqNumber() + 1);
  peer_.Answer(again, 603);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
}

TEST_F(TransferUriTest, NobodyThereIsToldInTime) {
  v1::ReferRequest request = Request();
  request.set_uri("sip:bob@127.0.0.1:1");
  TransferStream stream = client_.Refer(request);
  const v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_FAILURE);
  EXPECT_THAT(v1::TransferOutcome_Name(result.outcome()),
              MatchesRegex(".*_(REFER_TIMEOUT|TRANSPORT_FAILED)"));
}

TEST_F(TransferUriTest, WhatNeedsACallIsRefused) {
  const auto with = [&](auto set) {
    v1::ReferRequest request = Request();
    set(request);
    return client_.ReferRefused(request);
  };
  EXPECT_REFUSED(with([](auto& r) { r.set_hold_first(true); }),
                 INVALID_ARGUMENT, "NO_CALL");
  EXPECT_REFUSED(with([](auto& r) {
                   r.mutable_leg_policy()->set_on_success(v1::LEG_ACTION_KEEP);
                 }),
                 INVALID_ARGUMENT, "NO_CALL");
  EXPECT_REFUSED(with([](auto& r) { r.set_no_subscription(true); }),
                 INVALID_ARGUMENT, "NO_CALL");
  EXPECT_REFUSED(with([](auto& r) { r.set_uri("sip:a@b\r\nX-Evil: 1"); }),
                 INVALID_ARGUMENT, "BAD_CHAR");
  EXPECT_REFUSED(with([](auto& r) { r.set_uri("http://a.example/"); }),
                 INVALID_ARGUMENT, "SCHEME");
  peer_.ExpectNothing(50ms);
}

TEST_F(TransferUriTest, APlanIsToldAndNothingIsSent) {
  v1::ReferRequest request = Request("1000");
  request.set_validate_only(true);
  TransferStream stream = client_.Refer(request);
  EXPECT_EQ(stream.Next().planned().refer_to(), "<sip:1000@127.0.0.1>");
  peer_.ExpectNothing(50ms);
}

}  // namespace
}  // namespace callcontrol::testing
