// SPDX-License-Identifier: Apache-2.0
//
// Reliable provisional responses (RFC 3262) to calls that come. The server is
// on the left of the ladders, the caller on the right.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr char kMedia[] =
    "v=0\r\no=media 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\n"
    "t=0 0\r\nm=audio 30000 RTP/AVP 0\r\n";
constexpr char kRoutes[] = R"pb(
  routes {
    request_uri: "app@*"
    app {}
  }
  routes { answer { answer_after { seconds: 5 } } }
)pb";

const SipHeaders kSupports = {{"Supported", "100rel"}};
const SipHeaders kRequires = {{"Require", "100rel"}};

int64_t RSeq(const SipMessage& progress) {
  return std::stoll(progress.Header("RSeq"));
}

class ReliableProvisionalTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<CallcontroldProcess>(TestConfig(kRoutes));
  }
  static void TearDownTestSuite() { server_.reset(); }
  void TearDown() override {
    EXPECT_TRUE(server_->Running()) << server_->stderr_text();
  }

  // <--- INVITE, for a client.
  void Incoming(const SipHeaders& headers,
                const std::string& sdp = SdpOffer()) {
    calls_.emplace(client_.WatchCalls());
    invite_ = peer_.StartInvite(
        {.to = "sip:app@pbx.example", .sdp = sdp, .headers = headers});
    id_ = AwaitCall(v1::CALL_STATE_INCOMING).call_id();
  }

  v1::Call AwaitCall(v1::CallState state) {
    return AwaitState(*calls_, peer_.dialog().call_id, state);
  }

  // 18x --->, as a client wants it.
  void Progress(int status, const std::string& sdp = "") {
    v1::ProgressCallRequest request;
    request.set_call_id(id_);
    request.set_status(status);
    request.set_sdp(sdp);
    v1::Call call;
    const grpc::Status done =
        client_.stub().ProgressCall(Deadline().get(), request, &call);
    ASSERT_TRUE(done.ok()) << done.error_message();
  }

  v1::Call Answer() {
    v1::AnswerCallRequest request;
    request.set_call_id(id_);
    v1::Call call;
    const grpc::Status done =
        client_.stub().AnswerCall(Deadline().get(), request, &call);
    EXPECT_TRUE(done.ok()) << done.error_message();
    return call;
  }

  SipMessage AwaitProgress(int status) {
    SipMessage progress = peer_.AwaitAnyAnswer(invite_);
    EXPECT_THAT(progress, Answered(status));
    return progress;
  }
  SipMessage AwaitReliable(int status) {
    SipMessage progress = AwaitProgress(status);
    EXPECT_EQ(progress.Header("Require"), "100rel");
    EXPECT_GT(RSeq(progress), 0);
    return progress;
  }

  // 183 (SDP) --->   <--- PRACK
  SipMessage SettleEarly() {
    Progress(183, kMedia);
    SipMessage progress = AwaitReliable(183);
    EXPECT_THAT(peer_.Prack(progress), Answered(200));
    return progress;
  }

  // 200 --->   <--- ACK   and the call ends
  SipMessage Finish() {
    SipMessage ok = peer_.AwaitAnswer(invite_);
    EXPECT_THAT(ok, Answered(200));
    peer_.Ack(ok);
    EXPECT_THAT(peer_.Bye(), Answered(200));
    return ok;
  }

  static inline std::unique_ptr<CallcontroldProcess> server_;
  ScriptedPeer peer_{server_->sip_port()};
  ReferClient client_{server_->grpc_port()};
  std::optional<EventStream<v1::CallEvent>> calls_;
  SipMessage invite_ = SipMessage::Request("INVITE", "sip:none");
  std::string id_;
};

//  183 (SDP) --->
//           <--- PRACK
//  200 (PRACK), 200 without SDP --->
TEST_F(ReliableProvisionalTest, ASessionDescriptionIsSaidOnceAndReliably) {
  Shows({"91", "92"});
  Incoming(kSupports);
  Progress(183, kMedia);
  const SipMessage progress = AwaitReliable(183);
  EXPECT_EQ(progress.body(), kMedia);
  EXPECT_LT(RSeq(progress), int64_t{1} << 31);
  const SipMessage prack = peer_.NewPrack(progress);
  EXPECT_THAT(peer_.AwaitAnswer(peer_.SendRequest(prack)), Answered(200));
  // A repetition gets the same answer.
  EXPECT_THAT(peer_.AwaitAnswer(peer_.SendRequest(prack)), Answered(200));
  EXPECT_EQ(Answer().state(), v1::CALL_STATE_ANSWERED);
  EXPECT_EQ(Finish().body(), "");
}

TEST_F(ReliableProvisionalTest, PlainRingingIsReliableOnlyWhereItMustBe) {
  Shows({"91"});
  Incoming(kSupports);
  Progress(180);
  EXPECT_FALSE(AwaitProgress(180).Has("RSeq"));
  Answer();
  Finish();

  Incoming(kRequires);
  Progress(180);
  EXPECT_THAT(peer_.Prack(AwaitReliable(180)), Answered(200));
  Answer();
  EXPECT_EQ(Finish().body().substr(0, 3), "v=0");
}

// The server's own ringing, of a route that answers after a while.
TEST_F(ReliableProvisionalTest, ACallThatTheServerAnswersRingsReliably) {
  invite_ = peer_.StartInvite({.to = "sip:anybody@pbx.example",
                               .sdp = SdpOffer(),
                               .headers = kRequires});
  const SipMessage ringing = AwaitReliable(180);
  EXPECT_THAT(peer_.Prack(ringing), Answered(200));
  EXPECT_THAT(peer_.Cancel(invite_), Answered(200));
  EXPECT_THAT(peer_.AwaitAnswer(invite_), Answered(487));
}

// Without a PRACK the response comes again, each time after twice as long.
TEST_F(ReliableProvisionalTest, ALostPrackHasTheResponseRepeated) {
  Shows({"91"});
  Incoming(kSupports);
  Progress(183, kMedia);
  const SipMessage progress = AwaitReliable(183);
  peer_.ExpectNothing(200ms);
  const int repeated = peer_.repeated_answers("INVITE");
  EXPECT_GE(repeated, 2);
  EXPECT_LE(repeated, 4);
  EXPECT_THAT(peer_.Prack(progress), Answered(200));
  const int last = peer_.repeated_answers("INVITE");
  peer_.ExpectNothing(700ms);
  EXPECT_EQ(peer_.repeated_answers("INVITE"), last);
  Answer();
  Finish();
}

TEST_F(ReliableProvisionalTest, WithoutAnyPrackTheCallIsRefused) {
  Shows({"91"});
  Incoming(kSupports);
  Progress(183, kMedia);
  AwaitReliable(183);
  EXPECT_THAT(peer_.AwaitAnswer(invite_), Answered(504));
  EXPECT_GE(peer_.repeated_answers("INVITE"), 4);
  const v1::Call ended = AwaitCall(v1::CALL_STATE_ENDED);
  EXPECT_EQ(ended.end_status(), 504);
  EXPECT_THAT(ended.end_reason(), HasSubstr("PRACK"));
}

TEST_F(ReliableProvisionalTest, AWrongPrackAcknowledgesNothing) {
  Shows({"91"});
  Incoming(kRequires);
  Progress(180);
  const SipMessage progress = AwaitReliable(180);
  for (const std::string& rack :
       {Cat(RSeq(progress) + 1, " ", progress.CSeqNumber(), " INVITE"),
        Cat(RSeq(progress), " ", progress.CSeqNumber() + 1, " INVITE"),
        Cat(RSeq(progress), " ", progress.CSeqNumber(), " UPDATE")}) {
    SipMessage prack = peer_.NewPrack(progress);
    prack.Set("RAck", rack);
    EXPECT_THAT(peer_.AwaitAnswer(peer_.SendRequest(prack)), Answered(481))
        << rack;
  }
  SipMessage bare = peer_.NewPrack(progress);
  bare.Remove("RAck");
  EXPECT_THAT(peer_.AwaitAnswer(peer_.SendRequest(bare)), Answered(400));
  EXPECT_THAT(peer_.Prack(progress), Answered(200));
  EXPECT_THAT(peer_.Prack(progress), Answered(481)) << "a second one";
  Answer();
  Finish();
}

TEST_F(ReliableProvisionalTest, APrackOfNothingIsRefused) {
  SipMessage prack = peer_.NewStrangerRequest("PRACK");
  prack.Add("RAck", "1 1 INVITE");
  EXPECT_THAT(peer_.AwaitAnswer(peer_.SendRequest(prack)), Answered(481));
  // Nor is there any in a call that asked for none.
  Incoming({});
  Progress(180);
  SipMessage ringing = AwaitProgress(180);
  ringing.Add("RSeq", "1");
  EXPECT_THAT(peer_.Prack(ringing), Answered(481));
  Answer();
  Finish();
}

//  180 --->
//  183 (SDP), 182: wait
//     <--- PRACK
//  182 (SDP) --->
TEST_F(ReliableProvisionalTest, OneAtATime) {
  Shows({"91"});
  Incoming(kRequires);
  Progress(180);
  const SipMessage first = AwaitReliable(180);
  Progress(183, kMedia);
  Progress(182);
  EXPECT_THAT(peer_.Prack(first), Answered(200));
  const SipMessage second = AwaitReliable(182);
  EXPECT_EQ(RSeq(second), RSeq(first) + 1);
  EXPECT_EQ(second.body(), kMedia);
  EXPECT_THAT(peer_.Prack(second), Answered(200));
  Answer();
  Finish();
}

//  183 (SDP) --->
//  (200: waits)
//     <--- PRACK
//  200 (PRACK), 200 --->
TEST_F(ReliableProvisionalTest, TheAnswerWaitsForThePrackOfASession) {
  Shows({"91"});
  Incoming(kSupports);
  Progress(183, kMedia);
  const SipMessage progress = AwaitReliable(183);
  EXPECT_EQ(Answer().state(), v1::CALL_STATE_RINGING);
  peer_.ExpectNothing(100ms);
  v1::AnswerCallRequest again;
  again.set_call_id(id_);
  v1::Call call;
  EXPECT_REFUSED(client_.stub().AnswerCall(Deadline().get(), again, &call),
                 FAILED_PRECONDITION, "CALL_NOT_INCOMING");
  EXPECT_THAT(peer_.Prack(progress), Answered(200));
  AwaitCall(v1::CALL_STATE_ANSWERED);
  EXPECT_EQ(Finish().body(), "");
}

// RFC 3262, 3: one without a session description holds nothing up, and its
// PRACK is right even then.
TEST_F(ReliableProvisionalTest, APrackCrossesTheAnswer) {
  Shows({"91"});
  Incoming(kRequires);
  Progress(180);
  const SipMessage progress = AwaitReliable(180);
  Answer();
  const SipMessage ok = peer_.AwaitAnswer(invite_);
  EXPECT_THAT(ok, Answered(200));
  EXPECT_THAT(peer_.Prack(progress), Answered(200));
  EXPECT_THAT(peer_.Prack(progress), Answered(481));
  peer_.Ack(ok);
  EXPECT_THAT(peer_.Bye(), Answered(200));
}

TEST_F(ReliableProvisionalTest, ACancelEndsWhatWaits) {
  Shows({"89", "91"});
  Incoming(kSupports);
  Progress(183, kMedia);
  const SipMessage progress = AwaitReliable(183);
  Answer();
  EXPECT_THAT(peer_.Cancel(invite_), Answered(200));
  EXPECT_THAT(peer_.AwaitAnswer(invite_), Answered(487));
  EXPECT_THAT(peer_.Prack(progress), Answered(481));
  const int repeated = peer_.repeated_answers("INVITE");
  peer_.ExpectNothing(200ms);
  EXPECT_EQ(peer_.repeated_answers("INVITE"), repeated);
}

TEST_F(ReliableProvisionalTest, AByeEndsAnEarlyDialog) {
  Incoming(kRequires);
  Progress(183, kMedia);
  const SipMessage progress = AwaitReliable(183);
  peer_.dialog().remote = progress.Header("To");
  peer_.dialog().remote_target = AddressOf(progress.Header("Contact"));
  EXPECT_THAT(peer_.Bye(), Answered(200));
  EXPECT_THAT(peer_.AwaitAnswer(invite_), Answered(487));
}

//  183 (offer) --->
//     <--- PRACK (answer)
//  200, 200 without SDP --->
TEST_F(ReliableProvisionalTest, WithoutAnOfferTheResponseHasOne) {
  Shows({"91", "92"});
  Incoming(kSupports, "");
  Progress(183, kMedia);
  const SipMessage progress = AwaitReliable(183);
  EXPECT_EQ(progress.body(), kMedia);
  EXPECT_THAT(peer_.Prack(progress, SdpOffer()), Answered(200));
  EXPECT_EQ(client_.GetCall(id_).remote_sdp(), SdpOffer());
  Answer();
  EXPECT_EQ(Finish().body(), "");
}

// RFC 3262, 5: the first reliable one would have to offer, which is for the
// client to do.
TEST_F(ReliableProvisionalTest, WithoutAnOfferPlainRingingCannotBeReliable) {
  Incoming(kRequires, "");
  Progress(180);
  AwaitCall(v1::CALL_STATE_RINGING);
  peer_.ExpectNothing(100ms);
  Answer();
  SipMessage ok = peer_.AwaitAnswer(invite_);
  EXPECT_THAT(ok.body(), HasSubstr("m=audio"));
  peer_.Ack(ok, SdpOffer());
  EXPECT_THAT(peer_.Bye(), Answered(200));
}

TEST_F(ReliableProvisionalTest, AnOfferThatThePrackDoesNotAnswerEndsTheCall) {
  Incoming(kSupports, "");
  Progress(183, kMedia);
  EXPECT_THAT(peer_.Prack(AwaitReliable(183)), Answered(200));
  EXPECT_THAT(peer_.AwaitAnswer(invite_), Answered(488));
}

// ---- Early offers -------------------------------------------------------

TEST_F(ReliableProvisionalTest, AnOfferInAPrackIsAnsweredOrRefused) {
  Shows({"91", "92"});
  Incoming(kSupports);
  Progress(183, kMedia);
  // What changes nothing can be answered for the client.
  const SipMessage same = peer_.Prack(AwaitReliable(183), SdpOffer());
  EXPECT_THAT(same, Answered(200));
  EXPECT_EQ(same.body(), kMedia);
  Answer();
  Finish();

  Incoming(kSupports);
  Progress(183, kMedia);
  EXPECT_THAT(peer_.Prack(AwaitReliable(183), SdpOffer({40002}, 2)),
              Answered(488));
  EXPECT_EQ(client_.GetCall(id_).remote_sdp(), SdpOffer());
  Answer();
  Finish();
}

TEST_F(ReliableProvisionalTest, AnUpdateIsAnsweredOnceTheSessionIsSettled) {
  Shows({"91", "93"});
  Incoming(kSupports);
  SettleEarly();
  const SipMessage same = peer_.Update(SdpOffer());
  EXPECT_THAT(same, Answered(200));
  EXPECT_EQ(same.body(), kMedia);
  EXPECT_THAT(peer_.Update(SdpOffer({40002}, 2)), Answered(488));
  const SipMessage refresh = peer_.Update();
  EXPECT_THAT(refresh, Answered(200));
  EXPECT_EQ(refresh.body(), "");
  EXPECT_TRUE(refresh.Has("Contact"));
  Answer();
  Finish();
}

TEST_F(ReliableProvisionalTest, AnUpdateBeforeThatHasToWait) {
  Shows({"93"});
  Incoming(kRequires);
  Progress(180);
  EXPECT_THAT(peer_.Prack(AwaitReliable(180)), Answered(200));
  const SipMessage refused = peer_.Update(SdpOffer({40002}, 2));
  EXPECT_THAT(refused, Answered(500));
  EXPECT_TRUE(refused.Has("Retry-After"));
  Answer();
  Finish();
}

}  // namespace
}  // namespace callcontrol::testing
