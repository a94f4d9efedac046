// SPDX-License-Identifier: Apache-2.0
//
// The life of an incoming call: answered, acknowledged, ended by either side.
#include <chrono>
#include <string>
#include <vector>

#include "tests/support/server_test.h"

namespace callcontrol::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class CallTest : public ServerTest<CallTest> {};

TEST_F(CallTest, ACallIsAnsweredAndCanBeRead) {
  AnsweredCall call(server());
  v1::Call read = call.client.GetCall(call.id);
  EXPECT_THAT(read.call_id(), StartsWith("c-test-"));
  EXPECT_EQ(read.sip_call_id(), call.peer.dialog().call_id);
  EXPECT_EQ(read.direction(), v1::CALL_DIRECTION_INBOUND);
  EXPECT_EQ(read.state(), v1::CALL_STATE_ANSWERED);
  EXPECT_EQ(read.remote_uri(), "sip:caller@peer.example");
  EXPECT_EQ(read.local_uri(), "sip:service@callcontrol.example");
  EXPECT_THAT(read.remote_target(),
              HasSubstr(std::to_string(call.peer.port())));
  EXPECT_EQ(read.remote_sdp(), SdpOffer());
  EXPECT_THAT(read.local_sdp(), HasSubstr("m=audio"));
  EXPECT_TRUE(read.has_create_time());
  EXPECT_TRUE(read.has_answer_time());
  EXPECT_FALSE(read.has_end_time());
  EXPECT_EQ(read.ended_by(), v1::CALL_ENDED_BY_UNSPECIFIED);
  EXPECT_TRUE(read.far_end().allows_refer());
  EXPECT_FALSE(read.far_end().contact_is_gruu());
  call.ExpectHangsUp();
}

TEST_F(CallTest, WhatTheFarEndAdvertisesIsTold) {
  Shows({"12"});
  AnsweredCall call(server(), {},
                    {.headers = {{"Supported", "replaces, norefersub, tdialog"},
                                 {"User-Agent", "peer/1"}}});
  v1::FarEnd far_end = call.client.GetCall(call.id).far_end();
  EXPECT_TRUE(far_end.supports_replaces());
  EXPECT_TRUE(far_end.supports_norefersub());
  EXPECT_TRUE(far_end.supports_target_dialog());
  EXPECT_EQ(far_end.user_agent(), "peer/1");
  call.ExpectHangsUp();
}

// protocol.md, #108: text that is no UTF-8 would make the Call unreadable.
TEST_F(CallTest, TextOfAnyBytesIsTold) {
  Shows({"108"});
  ScriptedPeer peer(server().sip_port());
  ReferClient client(server().grpc_port());
  peer.Invite({.from = "sip:caller\xfc@peer.example",
               .headers = {{"User-Agent", "peer \xfc"}, {"Subject", "\xfc"}}});
  EventStream<v1::CallEvent> calls = client.WatchCalls();
  v1::Call call =
      AwaitState(calls, peer.dialog().call_id, v1::CALL_STATE_ANSWERED);
  EXPECT_EQ(call.far_end().user_agent(), "peer \xEF\xBF\xBD");
  EXPECT_THAT(peer.Bye({{"Reason", "SIP;cause=200;text=\"\xfc\""}}),
              Answered(200));
  v1::Call ended =
      AwaitState(calls, peer.dialog().call_id, v1::CALL_STATE_ENDED);
  EXPECT_THAT(ended.end_reason(), HasSubstr("\xEF\xBF\xBD"));
}

TEST_F(CallTest, AGruuContactIsWarnedOf) {
  Shows({"9"});
  ScriptedPeer peer(server().sip_port());
  ReferClient client(server().grpc_port());
  std::string gruu = peer.Contact();
  gruu.insert(gruu.size() - 1, ";gr=urn:uuid:f81d4fae");
  peer.Invite({.contact = gruu});
  v1::Call call = client.AwaitCall(peer.dialog().call_id);
  EXPECT_TRUE(call.far_end().contact_is_gruu());
  TransferStream stream =
      client.Refer(call.call_id(), "sip:carol@target.example");
  peer.Answer(peer.Expect("REFER"), 603);
  EXPECT_THAT(stream.RestUntilResult(),
              ::testing::Contains(Warned("PEER_CONTACT_IS_GRUU")));
}

TEST_F(CallTest, TheAnswerIsRepeatedUntilItIsAcknowledged) {
  Shows({"88"});
  ScriptedPeer peer(server().sip_port());
  //        <--- INVITE   200 --->  200 --->  200 --->
  SipMessage ok = peer.AwaitAnswer(peer.StartInvite({.sdp = SdpOffer()}));
  EXPECT_THAT(ok, Answered(200));
  peer.ExpectNothing(200ms);
  int repeated = peer.repeated_answers("INVITE");
  EXPECT_GE(repeated, 2);
  //        <--- ACK, and silence
  peer.Ack(ok);
  EXPECT_THAT(peer.Options(), Answered(200));
  repeated = peer.repeated_answers("INVITE");
  peer.ExpectNothing(400ms);
  EXPECT_EQ(peer.repeated_answers("INVITE"), repeated);
  EXPECT_THAT(peer.Bye(), Answered(200));
}

TEST_F(CallTest, ACallThatIsNeverAcknowledgedIsGivenUp) {
  Shows({"88"});
  ScriptedPeer peer(server().sip_port());
  ReferClient client(server().grpc_port());
  auto called = std::chrono::steady_clock::now();
  peer.AwaitAnswer(peer.StartInvite({.sdp = SdpOffer()}));
  EventStream<v1::CallEvent> calls = client.WatchCalls();
  AwaitState(calls, peer.dialog().call_id, v1::CALL_STATE_ANSWERED);
  //  BYE ---> after 64*T1 (RFC 3261, 13.3.1.4)
  SipMessage bye = peer.Expect("BYE");
  // 1280 ms, which Sofia counts in whole milliseconds.
  EXPECT_GE(bye.received_at - called, 1200ms);
  peer.Answer(bye, 200);
  v1::Call ended =
      AwaitState(calls, peer.dialog().call_id, v1::CALL_STATE_ENDED);
  EXPECT_EQ(ended.ended_by(), v1::CALL_ENDED_BY_SERVER);
  EXPECT_FALSE(ended.end_reason().empty());
}

TEST_F(CallTest, ARepeatedInviteIsAnsweredTheSame) {
  ScriptedPeer peer(server().sip_port());
  SipMessage invite = peer.StartInvite({.sdp = SdpOffer()});
  SipMessage first = peer.AwaitAnswer(invite);
  SipMessage second = peer.AwaitAnswer(peer.SendRequest(invite));
  EXPECT_EQ(second.ToTag(), first.ToTag());
  EXPECT_EQ(second.body(), first.body());
  peer.Ack(first);
  EXPECT_THAT(peer.Bye(), Answered(200));
}

TEST_F(CallTest, TheFarEndHangsUpAndSaysWhy) {
  Shows({"83", "85"});
  AnsweredCall call(server());
  EventStream<v1::CallEvent> calls = call.Watch();
  EXPECT_THAT(
      call.peer.Bye({{"Reason", "Q.850;cause=16;text=\"Normal clearing\""}}),
      Answered(200));
  v1::Call ended = call.AwaitEnded(calls);
  EXPECT_EQ(ended.state(), v1::CALL_STATE_ENDED);
  EXPECT_EQ(ended.ended_by(), v1::CALL_ENDED_BY_FAR_END);
  EXPECT_THAT(ended.end_reason(), HasSubstr("Normal clearing"));
  EXPECT_EQ(ended.end_status(), 0);
  EXPECT_TRUE(ended.has_end_time());
  //        <--- a second BYE: the dialog is gone, or about to go
  EXPECT_THAT(call.peer.Bye(), ::testing::AnyOf(Answered(200), Answered(481)));
}

TEST_F(CallTest, TheClientHangsUp) {
  AnsweredCall call(server());
  EventStream<v1::CallEvent> calls = call.Watch();
  v1::Call ending = call.client.HangUp(call.id);
  EXPECT_EQ(ending.state(), v1::CALL_STATE_ENDING);
  SipMessage bye = call.peer.Expect("BYE");
  // Twice is once.
  call.client.HangUp(call.id);
  call.peer.ExpectNothing(50ms);
  call.peer.Answer(bye, 200);
  v1::Call ended = call.AwaitEnded(calls);
  EXPECT_EQ(ended.ended_by(), v1::CALL_ENDED_BY_SERVER);
  EXPECT_EQ(call.client.HangUp(call.id).state(), v1::CALL_STATE_ENDED);
}

TEST_F(CallTest, HangingUpAnUnknownCallIsNotFound) {
  ReferClient client(server().grpc_port());
  v1::HangUpCallRequest request;
  request.set_call_id("c-test-none");
  v1::Call call;
  auto context = Deadline();
  grpc::Status status = client.stub().HangUpCall(context.get(), request, &call);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "CALL_NOT_FOUND");
}

TEST_F(CallTest, CrossingByesEndTheCallOnBothSides) {
  Shows({"84"});
  AnsweredCall call(server());
  EventStream<v1::CallEvent> calls = call.Watch();
  call.client.HangUp(call.id);
  SipMessage theirs = call.peer.Expect("BYE");
  EXPECT_THAT(call.peer.Bye(), Answered(200));
  call.peer.Answer(theirs, 481);
  v1::Call ended = call.AwaitEnded(calls);
  EXPECT_EQ(ended.call_id(), call.id);
}

TEST_F(CallTest, WatchingTellsWhatIsThereAndWhatChanges) {
  AnsweredCall there(server());
  EventStream<v1::CallEvent> calls = there.client.WatchCalls();
  //  The snapshot first.
  std::vector<v1::CallEvent> events = {calls.Next()};
  while (events.back().call().call_id() != there.id) {
    events.push_back(calls.Next());
  }
  EXPECT_EQ(events.back().type(), v1::CALL_EVENT_TYPE_SNAPSHOT);
  EXPECT_EQ(events.front().sequence(), 1);

  //  Then a call that comes, changes and goes.
  ScriptedPeer peer(server().sip_port());
  peer.Invite();
  EXPECT_THAT(peer.ReInvite(SdpOffer({40002}, 2)), Answered(200));
  EXPECT_THAT(peer.Bye(), Answered(200));
  std::vector<v1::CallEventType> types;
  do {
    int64_t before = events.back().sequence();
    events.push_back(calls.Next());
    EXPECT_EQ(events.back().sequence(), before + 1);
    if (events.back().call().sip_call_id() == peer.dialog().call_id) {
      types.push_back(events.back().type());
    }
  } while (types.empty() || types.back() != v1::CALL_EVENT_TYPE_ENDED);
  EXPECT_THAT(types, ::testing::ElementsAre(v1::CALL_EVENT_TYPE_INCOMING,
                                            v1::CALL_EVENT_TYPE_ANSWERED,
                                            v1::CALL_EVENT_TYPE_UPDATED,
                                            v1::CALL_EVENT_TYPE_ENDED));
  there.ExpectHangsUp();
}

TEST_F(CallTest, WatchingOneCallTellsOfNoOther) {
  AnsweredCall watched(server());
  EventStream<v1::CallEvent> calls = watched.Watch();
  AnsweredCall other(server());
  EXPECT_THAT(other.peer.Bye(), Answered(200));
  TransferStream stream = watched.Refer();
  watched.peer.Answer(watched.peer.Expect("REFER"), 603);
  stream.RestUntilResult();
  v1::CallEvent next = calls.Next();
  EXPECT_EQ(next.type(), v1::CALL_EVENT_TYPE_TRANSFERRING);
  EXPECT_EQ(next.call().call_id(), watched.id);
  EXPECT_EQ(next.call().transfer_ids_size(), 1);
  watched.ExpectHangsUp();
}

TEST_F(CallTest, CallsAreListedByStateAndCallId) {
  AnsweredCall live(server());
  AnsweredCall ended(server());
  EventStream<v1::CallEvent> calls = ended.Watch();
  EXPECT_THAT(ended.peer.Bye(), Answered(200));
  ended.AwaitEnded(calls);
  auto list = [&](const std::string& filter) {
    v1::ListCallsRequest request;
    request.set_filter(filter);
    v1::ListCallsResponse response;
    auto context = Deadline();
    EXPECT_TRUE(
        live.client.stub().ListCalls(context.get(), request, &response).ok())
        << filter;
    std::vector<std::string> ids;
    for (const v1::Call& call : response.calls()) ids.push_back(call.call_id());
    return ids;
  };
  using ::testing::Contains;
  using ::testing::ElementsAre;
  using ::testing::Not;
  EXPECT_THAT(list("state = LIVE"), Contains(live.id));
  EXPECT_THAT(list("state = LIVE"), Not(Contains(ended.id)));
  EXPECT_THAT(list("state = ENDED"), Contains(ended.id));
  EXPECT_THAT(list("sip_call_id = " + live.peer.dialog().call_id),
              ElementsAre(live.id));
  EXPECT_THAT(list("sip_call_id = " + live.peer.dialog().call_id +
                   " AND state = ENDED"),
              ElementsAre());
  // Newest first.
  std::vector<std::string> all = list("");
  ASSERT_GE(all.size(), 2u);
  EXPECT_EQ(all[0], ended.id);
  EXPECT_EQ(all[1], live.id);
  live.ExpectHangsUp();
}

// A server of their own: calls there ring for a while.
class RingingCallTest : public ::testing::Test {
 protected:
  CallcontroldProcess server_{
      TestConfig("calls { answer_after { nanos: 400000000 } }")};
};

TEST_F(RingingCallTest, ACallRingsAndIsAnswered) {
  ScriptedPeer peer(server_.sip_port());
  auto asked = std::chrono::steady_clock::now();
  SipMessage invite = peer.StartInvite({.sdp = SdpOffer()});
  SipMessage ringing = peer.AwaitAnyAnswer(invite);
  EXPECT_THAT(ringing, Answered(180));
  SipMessage ok = peer.AwaitAnswer(invite);
  EXPECT_THAT(ok, Answered(200));
  EXPECT_GE(ok.received_at - asked, 350ms);
  EXPECT_FALSE(ringing.ToTag().empty());
  EXPECT_EQ(ok.ToTag(), ringing.ToTag());
  peer.Ack(ok);
  EXPECT_THAT(peer.Bye(), Answered(200));
}

TEST_F(RingingCallTest, ACallThatRingsCanBeCancelled) {
  Shows({"5", "F24"});
  ScriptedPeer peer(server_.sip_port());
  ReferClient client(server_.grpc_port());
  //        <--- INVITE   180 --->
  SipMessage invite = peer.StartInvite({.sdp = SdpOffer()});
  EXPECT_THAT(peer.AwaitAnyAnswer(invite), Answered(180));
  EventStream<v1::CallEvent> calls = client.WatchCalls();
  std::string id =
      AwaitState(calls, peer.dialog().call_id, v1::CALL_STATE_RINGING)
          .call_id();
  // It can't be transferred yet.
  v1::ReferRequest request;
  request.set_call_id(id);
  request.set_refer_to("sip:carol@target.example");
  EXPECT_EQ(client.ReferRefused(request).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  //        <--- CANCEL   200 --->  487 --->
  EXPECT_THAT(peer.Cancel(invite), Answered(200));
  EXPECT_THAT(peer.AwaitAnswer(invite), Answered(487));
  v1::Call ended =
      AwaitState(calls, peer.dialog().call_id, v1::CALL_STATE_ENDED);
  EXPECT_EQ(ended.state(), v1::CALL_STATE_ENDED);
  EXPECT_EQ(ended.end_status(), 487);
  EXPECT_EQ(ended.ended_by(), v1::CALL_ENDED_BY_FAR_END);
  peer.ExpectNothing(500ms);
}

// RFC 3261, 15.1.2: what is pending gets 487.
TEST_F(RingingCallTest, AByeInTheEarlyDialogAnswersTheInvite) {
  Shows({"83", "93"});
  ScriptedPeer peer(server_.sip_port());
  SipMessage invite = peer.StartInvite({.sdp = SdpOffer()});
  SipMessage ringing = peer.AwaitAnyAnswer(invite);
  EXPECT_THAT(ringing, Answered(180));
  peer.dialog().remote = ringing.Header("To");
  peer.dialog().remote_target = "sip:service@callcontrol.example";
  // Neither is it ready for a new offer.
  EXPECT_THAT(peer.Update(SdpOffer()), Answered(500));
  EXPECT_THAT(peer.Bye(), Answered(200));
  EXPECT_THAT(peer.AwaitAnswer(invite), Answered(487));
}

TEST_F(RingingCallTest, AClientThatHangsUpRejectsTheCall) {
  ScriptedPeer peer(server_.sip_port());
  ReferClient client(server_.grpc_port());
  SipMessage invite = peer.StartInvite({.sdp = SdpOffer()});
  EXPECT_THAT(peer.AwaitAnyAnswer(invite), Answered(180));
  std::string id =
      client.AwaitCall(peer.dialog().call_id, v1::CALL_STATE_RINGING).call_id();
  client.HangUp(id);
  SipMessage rejected = peer.AwaitAnswer(invite);
  EXPECT_GE(rejected.status(), 400);
  peer.ExpectNothing(500ms);
}

}  // namespace
}  // namespace callcontrol::testing
