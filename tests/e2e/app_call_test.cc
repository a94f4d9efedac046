// SPDX-License-Identifier: Apache-2.0
//
// Incoming calls that a client decides about, and the routes that say which.
// The server is on the left of the ladders, the caller on the right.
#include <chrono>
#include <string>

#include "tests/support/server_test.h"

namespace callcontrol::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr char kRoutes[] = R"pb(
  routes {
    name: "sales"
    request_uri: "sales@*"
    tags { name: "queue" value: "sales" }
    app {}
  }
  routes {
    name: "impatient"
    request_uri: "impatient@*"
    app {
      limit { nanos: 200000000 }
      unanswered_status: 408
    }
  }
  routes {
    name: "elsewhere"
    source_networks: "192.0.2.0/24"
    reject { status: 600 }
  }
  routes {
    name: "closed"
    to: "closed@callcontrol.*"
    reject { status: 486 reason: "Closed Today" }
  }
  routes {
    name: "slow"
    request_uri: "slow@*"
    answer { answer_after { nanos: 100000000 } }
  }
  routes {
    name: "echo"
    request_uri: "echo@*"
    answer {}
  }
)pb";

// What a media server would answer SdpOffer() with.
constexpr char kMedia[] =
    "v=0\r\no=media 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\n"
    "t=0 0\r\nm=audio 30000 RTP/AVP 0\r\n";

class AppCallTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<CallcontroldProcess>(TestConfig(kRoutes));
  }
  static void TearDownTestSuite() { server_.reset(); }
  void TearDown() override {
    EXPECT_TRUE(server_->Running()) << server_->stderr_text();
  }

  // INVITE to `user`, and the call as a watcher sees it come.
  v1::Call Incoming(const std::string& user, const std::string& sdp = "") {
    calls_.emplace(client_.WatchCalls());
    invite_ = peer_.StartInvite({.to = Cat("sip:", user, "@pbx.example"),
                                 .sdp = sdp.empty() ? SdpOffer() : sdp});
    return AwaitState(*calls_, peer_.dialog().call_id, v1::CALL_STATE_INCOMING);
  }

  v1::Call AwaitCall(v1::CallState state) {
    return AwaitState(*calls_, peer_.dialog().call_id, state);
  }

  template <typename Request>
  grpc::Status Ask(grpc::Status (v1::CallControl::Stub::*rpc)(
                       grpc::ClientContext*, const Request&, v1::Call*),
                   const Request& request, v1::Call* call = nullptr) {
    auto context = Deadline();
    v1::Call ignored;
    return (client_.stub().*rpc)(context.get(), request,
                                 call == nullptr ? &ignored : call);
  }

  grpc::Status Progress(const std::string& id, int status,
                        const std::string& sdp = "",
                        const std::string& reason = "") {
    v1::ProgressCallRequest request;
    request.set_call_id(id);
    request.set_status(status);
    request.set_sdp(sdp);
    request.set_reason(reason);
    return Ask(&v1::CallControl::Stub::ProgressCall, request);
  }

  grpc::Status Answer(const std::string& id, const std::string& sdp = "",
                      v1::Call* call = nullptr) {
    v1::AnswerCallRequest request;
    request.set_call_id(id);
    request.set_sdp(sdp);
    return Ask(&v1::CallControl::Stub::AnswerCall, request, call);
  }

  grpc::Status Reject(const std::string& id, int status,
                      const std::string& reason = "",
                      const std::vector<std::string>& contacts = {},
                      v1::Call* call = nullptr) {
    v1::RejectCallRequest request;
    request.set_call_id(id);
    request.set_status(status);
    request.set_reason(reason);
    for (const std::string& contact : contacts) request.add_contacts(contact);
    return Ask(&v1::CallControl::Stub::RejectCall, request, call);
  }

  static inline std::unique_ptr<CallcontroldProcess> server_;
  ScriptedPeer peer_{server_->sip_port()};
  ReferClient client_{server_->grpc_port()};
  std::optional<EventStream<v1::CallEvent>> calls_;
  SipMessage invite_;
};

TEST_F(AppCallTest, AClientRingsAnswersAndTransfersTheCall) {
  v1::Call call = Incoming("sales");
  EXPECT_EQ(call.remote_sdp(), SdpOffer());
  EXPECT_THAT(call.local_sdp(), IsEmpty());
  EXPECT_EQ(call.tags().at("queue"), "sales");
  //        180 --->
  ASSERT_TRUE(Progress(call.call_id(), 180).ok());
  SipMessage ringing = peer_.AwaitAnyAnswer(invite_);
  EXPECT_THAT(ringing, Answered(180));
  EXPECT_THAT(ringing.body(), IsEmpty());
  EXPECT_EQ(AwaitCall(v1::CALL_STATE_RINGING).call_id(), call.call_id());
  //        200 --->   <--- ACK
  v1::Call answered;
  ASSERT_TRUE(Answer(call.call_id(), kMedia, &answered).ok());
  EXPECT_EQ(answered.state(), v1::CALL_STATE_ANSWERED);
  EXPECT_EQ(answered.local_sdp(), kMedia);
  SipMessage ok = peer_.AwaitAnswer(invite_);
  EXPECT_THAT(ok, Answered(200));
  EXPECT_EQ(ok.body(), kMedia);
  EXPECT_EQ(ok.ToTag(), ringing.ToTag());
  peer_.Ack(ok);
  //        REFER --->  <--- 202, NOTIFY 200
  TransferStream stream =
      client_.Refer(call.call_id(), "sip:carol@target.example");
  peer_.Answer(peer_.Expect("REFER"), 202);
  EXPECT_THAT(peer_.Notify("SIP/2.0 200 OK", "terminated;reason=noresource"),
              Answered(200));
  peer_.Answer(peer_.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(AppCallTest, EarlyMediaIsTheAnswerThatTheTwoHundredRepeats) {
  Shows({"92"});
  v1::Call call = Incoming("sales");
  //        183 with SDP --->
  ASSERT_TRUE(Progress(call.call_id(), 183, kMedia, "Listen").ok());
  SipMessage progress = peer_.AwaitAnyAnswer(invite_);
  EXPECT_THAT(progress, Answered(183));
  EXPECT_EQ(progress.reason(), "Listen");
  EXPECT_EQ(progress.body(), kMedia);
  EXPECT_REFUSED(Answer(call.call_id(), std::string(kMedia) + "a=x\r\n"),
                 INVALID_ARGUMENT, "SDP_MISMATCH");
  //        200 with the same --->
  ASSERT_TRUE(Answer(call.call_id()).ok());
  SipMessage ok = peer_.AwaitAnswer(invite_);
  EXPECT_EQ(ok.body(), kMedia);
  peer_.Ack(ok);
  EXPECT_THAT(peer_.Bye(), Answered(200));
}

TEST_F(AppCallTest, WithoutAnOfferNoProvisionalResponseAnswersOne) {
  Shows({"92"});
  calls_.emplace(client_.WatchCalls());
  invite_ = peer_.StartInvite({.to = "sip:sales@pbx.example"});
  v1::Call call =
      AwaitState(*calls_, peer_.dialog().call_id, v1::CALL_STATE_INCOMING);
  EXPECT_REFUSED(Progress(call.call_id(), 183, kMedia), INVALID_ARGUMENT,
                 "NO_OFFER");
  //        200 with the offer --->   <--- ACK with the answer
  ASSERT_TRUE(Answer(call.call_id(), kMedia).ok());
  SipMessage ok = peer_.AwaitAnswer(invite_);
  EXPECT_EQ(ok.body(), kMedia);
  peer_.Ack(ok, SdpOffer());
  EXPECT_THAT(peer_.Bye(), Answered(200));
}

TEST_F(AppCallTest, ASecondProgressIsToldAsWell) {
  v1::Call call = Incoming("s%61les");
  ASSERT_TRUE(Progress(call.call_id(), 180).ok());
  ASSERT_TRUE(Progress(call.call_id(), 183, kMedia).ok());
  EXPECT_EQ(client_.GetCall(call.call_id()).local_sdp(), kMedia);
  ASSERT_TRUE(Reject(call.call_id(), 603).ok());
  EXPECT_THAT(peer_.AwaitAnswer(invite_), Answered(603));
}

TEST_F(AppCallTest, AnEmptyAnswerIsInactive) {
  v1::Call call = Incoming("sales");
  ASSERT_TRUE(Answer(call.call_id()).ok());
  SipMessage ok = peer_.AwaitAnswer(invite_);
  EXPECT_THAT(ok.body(), HasSubstr("a=inactive"));
  peer_.Ack(ok);
  // Such a call is the server's to renegotiate.
  EXPECT_THAT(peer_.ReInvite(SdpOffer({40002}, 2)), Answered(200));
  EXPECT_THAT(peer_.Bye(), Answered(200));
}

TEST_F(AppCallTest, TheMediaOfAClientIsNotRenegotiatedBehindItsBack) {
  Shows({"90"});
  v1::Call call = Incoming("sales");
  ASSERT_TRUE(Answer(call.call_id(), kMedia).ok());
  peer_.Ack(peer_.AwaitAnswer(invite_));
  // A refresh changes nothing, so it is answered (protocol.md, #90).
  SipMessage refreshed = peer_.ReInvite(SdpOffer());
  EXPECT_THAT(refreshed, Answered(200));
  EXPECT_EQ(refreshed.body(), kMedia);
  EXPECT_THAT(peer_.ReInvite(SdpOffer({40002}, 2)), Answered(488));
  EXPECT_THAT(peer_.Update(SdpOffer({40004}, 3)), Answered(488));
  EXPECT_THAT(peer_.Bye(), Answered(200));
}

TEST_F(AppCallTest, AnAnswerHasAsManyStreamsAsTheOffer) {
  Shows({"92"});
  v1::Call call = Incoming("sales", SdpOffer({40000, 40002}));
  EXPECT_REFUSED(Answer(call.call_id(), kMedia), INVALID_ARGUMENT,
                 "SDP_MISMATCH");
  EXPECT_REFUSED(Progress(call.call_id(), 183, kMedia), INVALID_ARGUMENT,
                 "SDP_MISMATCH");
  peer_.ExpectNothing(50ms);
  ASSERT_TRUE(Reject(call.call_id(), 488).ok());
  EXPECT_THAT(peer_.AwaitAnswer(invite_), Answered(488));
}

TEST_F(AppCallTest, AClientRejects) {
  v1::Call call = Incoming("sales");
  v1::Call rejected;
  ASSERT_TRUE(Reject(call.call_id(), 486, "Lunch", {}, &rejected).ok());
  EXPECT_EQ(rejected.state(), v1::CALL_STATE_ENDED);
  EXPECT_EQ(rejected.end_status(), 486);
  EXPECT_EQ(rejected.ended_by(), v1::CALL_ENDED_BY_SERVER);
  SipMessage answer = peer_.AwaitAnswer(invite_);
  EXPECT_THAT(answer, Answered(486));
  EXPECT_EQ(answer.reason(), "Lunch");
}

TEST_F(AppCallTest, AClientRedirects) {
  v1::Call call = Incoming("sales");
  ASSERT_TRUE(Reject(call.call_id(), 302, "",
                     {"sip:a@b.example;transport=tcp", "sip:c@d.example"})
                  .ok());
  SipMessage answer = peer_.AwaitAnswer(invite_);
  EXPECT_THAT(answer, Answered(302));
  EXPECT_THAT(
      answer.Values("Contact"),
      ElementsAre("<sip:a@b.example;transport=tcp>", "<sip:c@d.example>"));
}

TEST_F(AppCallTest, ACallThatNobodyAnswersEndsAsConfigured) {
  v1::Call call = Incoming("impatient");
  EXPECT_THAT(peer_.AwaitAnswer(invite_), Answered(408));
  v1::Call ended = AwaitCall(v1::CALL_STATE_ENDED);
  EXPECT_EQ(ended.end_status(), 408);
  EXPECT_REFUSED(Answer(call.call_id()), NOT_FOUND, "CALL_NOT_FOUND");
}

TEST_F(AppCallTest, ADecisionThatComesTooLateIsSaid) {
  v1::Call call = Incoming("sales");
  ASSERT_TRUE(Answer(call.call_id()).ok());
  EXPECT_REFUSED(Answer(call.call_id()), FAILED_PRECONDITION,
                 "CALL_NOT_INCOMING");
  EXPECT_REFUSED(Progress(call.call_id(), 180), FAILED_PRECONDITION,
                 "CALL_NOT_INCOMING");
  EXPECT_REFUSED(Reject(call.call_id(), 486), FAILED_PRECONDITION,
                 "CALL_NOT_INCOMING");
  peer_.Ack(peer_.AwaitAnswer(invite_));
  EXPECT_THAT(peer_.Bye(), Answered(200));
}

TEST_F(AppCallTest, TheCallerGivesUpFirst) {
  v1::Call call = Incoming("sales");
  EXPECT_THAT(peer_.Cancel(invite_), Answered(200));
  EXPECT_THAT(peer_.AwaitAnswer(invite_), Answered(487));
  EXPECT_EQ(AwaitCall(v1::CALL_STATE_ENDED).ended_by(),
            v1::CALL_ENDED_BY_FAR_END);
  EXPECT_REFUSED(Answer(call.call_id()), NOT_FOUND, "CALL_NOT_FOUND");
}

TEST_F(AppCallTest, HangUpRejectsACallThatIsNotAnswered) {
  v1::Call call = Incoming("sales");
  client_.HangUp(call.call_id());
  EXPECT_THAT(peer_.AwaitAnswer(invite_), Answered(480));
}

TEST_F(AppCallTest, ACallCannotBeTransferredBeforeItIsAnswered) {
  Shows({"5", "F24"});
  v1::Call call = Incoming("sales");
  v1::ReferRequest request;
  request.set_call_id(call.call_id());
  request.set_refer_to("sip:carol@target.example");
  EXPECT_REFUSED(client_.ReferRefused(request), FAILED_PRECONDITION,
                 "CALL_NOT_READY");
  ASSERT_TRUE(Reject(call.call_id(), 603).ok());
  EXPECT_THAT(peer_.AwaitAnswer(invite_), Answered(603));
}

TEST_F(AppCallTest, StringsThatAreNoneAreRefused) {
  v1::Call call = Incoming("sales");
  const std::string& id = call.call_id();
  EXPECT_REFUSED(Progress(id, 100), INVALID_ARGUMENT, "OUT_OF_RANGE");
  EXPECT_REFUSED(Progress(id, 200), INVALID_ARGUMENT, "OUT_OF_RANGE");
  EXPECT_REFUSED(Progress(id, 180, "", "a\r\nX-Evil: 1"), INVALID_ARGUMENT,
                 "BAD_CHAR");
  EXPECT_REFUSED(Progress(id, 183, "X-Evil: 1"), INVALID_ARGUMENT, "BAD_SDP");
  EXPECT_REFUSED(Answer(id, std::string("v=0\r\n\0", 6)), INVALID_ARGUMENT,
                 "BAD_CHAR");
  EXPECT_REFUSED(Answer(id, "v=0\r\n" + std::string(20'000, 'a')),
                 INVALID_ARGUMENT, "TOO_LONG");
  EXPECT_REFUSED(Reject(id, 200), INVALID_ARGUMENT, "OUT_OF_RANGE");
  EXPECT_REFUSED(Reject(id, 700), INVALID_ARGUMENT, "OUT_OF_RANGE");
  EXPECT_REFUSED(Reject(id, 486, "", {"sip:a@b"}), INVALID_ARGUMENT,
                 "OUT_OF_RANGE");
  EXPECT_REFUSED(Reject(id, 302, "", {"sip:a@b>\r\nX: y"}), INVALID_ARGUMENT,
                 "BAD_URI");
  EXPECT_REFUSED(Reject("", 486), INVALID_ARGUMENT, "CALL_ID_REQUIRED");
  EXPECT_REFUSED(Answer("c-nobody-1"), NOT_FOUND, "CALL_NOT_FOUND");
  peer_.ExpectNothing(50ms);
  ASSERT_TRUE(Reject(id, 603).ok());
  EXPECT_THAT(peer_.AwaitAnswer(invite_), Answered(603));
}

TEST_F(AppCallTest, AnOfferThatTheServerCannotReadIsForTheClient) {
  v1::Call call = Incoming("sales", "v=0\r\nm=audio\r\n");
  EXPECT_REFUSED(Answer(call.call_id()), INVALID_ARGUMENT, "SDP_REQUIRED");
  ASSERT_TRUE(Answer(call.call_id(), kMedia).ok());
  SipMessage ok = peer_.AwaitAnswer(invite_);
  EXPECT_EQ(ok.body(), kMedia);
  peer_.Ack(ok);
  EXPECT_THAT(peer_.Bye(), Answered(200));
}

TEST_F(AppCallTest, WatchersMayWantOnlyTheCallsOfATag) {
  auto watch = [&](const std::string& tag) {
    v1::WatchCallsRequest request;
    request.set_tag(tag);
    return EventStream<v1::CallEvent>(
        Deadline(), [&](grpc::ClientContext* context,
                        grpc::CompletionQueue* queue, void* start) {
          return client_.stub().AsyncWatchCalls(context, request, queue, start);
        });
  };
  v1::Call call = Incoming("sales");
  for (const char* tag : {"queue", "queue=sales"}) {
    EventStream<v1::CallEvent> some = watch(tag);
    EXPECT_EQ(AwaitState(some, peer_.dialog().call_id, v1::CALL_STATE_INCOMING)
                  .call_id(),
              call.call_id())
        << tag;
  }
  EventStream<v1::CallEvent> none = watch("queue=support");
  ASSERT_TRUE(Reject(call.call_id(), 603).ok());
  EXPECT_THAT(peer_.AwaitAnswer(invite_), Answered(603));
  EXPECT_TRUE(none.Silent(100ms));
}

// ---- The other routes ---------------------------------------------------

TEST_F(AppCallTest, ARouteRejects) {
  invite_ = peer_.StartInvite(
      {.to = "sip:closed@callcontrol.example:5061", .sdp = SdpOffer()});
  SipMessage answer = peer_.AwaitAnswer(invite_);
  EXPECT_THAT(answer, Answered(486));
  EXPECT_EQ(answer.reason(), "Closed Today");
}

TEST_F(AppCallTest, ARouteAnswersAtOnceOrAfterRinging) {
  SipMessage ok = peer_.Invite({.to = "sip:echo@pbx.example"});
  EXPECT_THAT(ok.body(), HasSubstr("a=inactive"));
  EXPECT_THAT(peer_.Bye(), Answered(200));
  invite_ =
      peer_.StartInvite({.to = "sip:slow@pbx.example", .sdp = SdpOffer()});
  EXPECT_THAT(peer_.AwaitAnyAnswer(invite_), Answered(180));
  ok = peer_.AwaitAnswer(invite_);
  EXPECT_THAT(ok, Answered(200));
  peer_.Ack(ok);
  EXPECT_THAT(peer_.Bye(), Answered(200));
}

TEST_F(AppCallTest, ACallThatNoRouteFitsIsNotFound) {
  invite_ =
      peer_.StartInvite({.to = "sip:nobody@pbx.example", .sdp = SdpOffer()});
  EXPECT_THAT(peer_.AwaitAnswer(invite_), Answered(404));
}

// ---- SIGHUP -------------------------------------------------------------

TEST(ReloadTest, RoutesAreReadAgainAndABadFileChangesNothing) {
  CallcontroldProcess server(
      TestConfig(R"pb(routes { reject { status: 486 } })pb"));
  ScriptedPeer peer(server.sip_port());
  const auto status = [&] {
    return peer.AwaitAnswer(peer.StartInvite({.sdp = SdpOffer()})).status();
  };
  EXPECT_EQ(status(), 486);
  server.Reload(TestConfig(R"pb(routes { reject { status: 600 } })pb"));
  server.AwaitLog("reloaded routes=1");
  EXPECT_EQ(status(), 600);
  server.Reload("routes { reject { status: 200 } }");
  server.AwaitLog("routes.reject.status: must be from 300 to 699");
  EXPECT_EQ(status(), 600);
  server.Reload(TestConfig("calls { max_calls: 7 }"));
  server.AwaitLog("reload_partial");
  SipMessage ok = peer.Invite();
  EXPECT_THAT(ok, Answered(200));
  EXPECT_THAT(peer.Bye(), Answered(200));
  EXPECT_TRUE(server.Running());
}

}  // namespace
}  // namespace callcontrol::testing
