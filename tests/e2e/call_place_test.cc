// SPDX-License-Identifier: Apache-2.0
//
// Calls that this side places. The server is on the left of the ladders,
// whoever is called on the right.
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

using CallStream = EventStream<v1::CallEvent>;

constexpr char kMedia[] =
    "v=0\r\no=media 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\n"
    "t=0 0\r\nm=audio 30000 RTP/AVP 0\r\n";

class CallPlaceTest : public ServerTest<CallPlaceTest> {
 protected:
  std::string TargetUri(const ScriptedPeer& peer) {
    return Cat("sip:bob@127.0.0.1:", peer.port());
  }

  v1::PlaceCallRequest Request() {
    v1::PlaceCallRequest request;
    request.set_to(TargetUri(peer_));
    return request;
  }

  CallStream Place(const v1::PlaceCallRequest& request) {
    return client_.PlaceCall(request);
  }

  grpc::Status Refused(const v1::PlaceCallRequest& request) {
    auto context = Deadline();
    v1::CallEvent event;
    auto reader = client_.stub().PlaceCall(context.get(), request);
    EXPECT_FALSE(reader->Read(&event)) << event.ShortDebugString();
    return reader->Finish();
  }

  // The first event: the call as it begins.
  static v1::Call Begin(CallStream& stream) {
    const v1::CallEvent event = stream.Next();
    EXPECT_EQ(event.sequence(), 1);
    EXPECT_EQ(event.type(), v1::CALL_EVENT_TYPE_SNAPSHOT);
    EXPECT_EQ(event.call().state(), v1::CALL_STATE_CALLING);
    EXPECT_EQ(event.call().direction(), v1::CALL_DIRECTION_OUTBOUND);
    return event.call();
  }

  // A call that the peer has answered.
  v1::Call Answered() {
    CallStream stream = Place(Request());
    Begin(stream);
    peer_.AcceptCall(peer_.Expect("INVITE"), SdpOffer());
    const v1::CallEvent event = stream.Next();
    EXPECT_EQ(event.type(), v1::CALL_EVENT_TYPE_ANSWERED);
    return event.call();
  }

  void HangsUp(const std::string& id) {
    client_.HangUp(id);
    peer_.Answer(peer_.Expect("BYE"), 200);
  }

  // The state that the call ends in, as the stream tells it.
  static v1::Call Ended(CallStream& stream) {
    while (true) {
      const v1::CallEvent event = stream.Next();
      if (event.type() != v1::CALL_EVENT_TYPE_ENDED) continue;
      EXPECT_TRUE(stream.Finish().ok());
      return event.call();
    }
  }

  ScriptedPeer peer_{server().sip_port()};
  ReferClient client_{server().grpc_port()};
};

//  INVITE --->
//        <--- 180
//        <--- 200
//  ACK --->
//  BYE --->
TEST_F(CallPlaceTest, ACallRingsIsAnsweredAndHungUp) {
  Shows({"11"});
  v1::PlaceCallRequest request = Request();
  request.set_from("sip:alice@callcontrol.example");
  (*request.mutable_headers())["X-Account"] = "42";
  CallStream stream = Place(request);
  const v1::Call call = Begin(stream);
  const SipMessage invite = peer_.Expect("INVITE");
  EXPECT_EQ(invite.uri(), TargetUri(peer_));
  EXPECT_THAT(invite.Header("From"),
              HasSubstr("<sip:alice@callcontrol.example>;tag="));
  EXPECT_EQ(invite.Header("To"), "<sip:bob@127.0.0.1>");
  EXPECT_EQ(invite.CallId(), call.sip_call_id());
  EXPECT_EQ(invite.Header("X-Account"), "42");
  EXPECT_EQ(invite.Header("Max-Forwards"), "70");
  EXPECT_THAT(invite.Header("Allow"), HasSubstr("NOTIFY"));
  EXPECT_EQ(invite.Header("Contact"),
            Cat("<sip:127.0.0.1:", server().sip_port(), ">"));
  EXPECT_THAT(invite.body(), HasSubstr("a=inactive"));

  peer_.Answer(invite, 180);
  EXPECT_EQ(stream.Next().type(), v1::CALL_EVENT_TYPE_RINGING);
  peer_.AcceptCall(invite, SdpOffer());
  const v1::CallEvent answered = stream.Next();
  EXPECT_EQ(answered.type(), v1::CALL_EVENT_TYPE_ANSWERED);
  EXPECT_EQ(answered.call().remote_sdp(), SdpOffer());
  EXPECT_EQ(answered.call().local_sdp(), invite.body());
  EXPECT_EQ(answered.call().remote_target(),
            Cat("sip:caller@127.0.0.1:", peer_.port()));
  EXPECT_TRUE(answered.call().has_answer_time());
  EXPECT_TRUE(stream.Finish().ok());

  // The dialog is whole in both directions.
  EXPECT_THAT(peer_.ReInvite(SdpOffer({40000}, 2)), testing::Answered(200));
  EXPECT_THAT(peer_.Options(), testing::Answered(200));
  HangsUp(call.call_id());
}

TEST_F(CallPlaceTest, TheFarEndHangsUp) {
  const v1::Call call = Answered();
  CallStream watch = client_.WatchCalls(call.call_id());
  watch.Next();
  EXPECT_THAT(peer_.Bye(), testing::Answered(200));
  EXPECT_EQ(
      AwaitState(watch, call.sip_call_id(), v1::CALL_STATE_ENDED).ended_by(),
      v1::CALL_ENDED_BY_FAR_END);
}

// What the whole server is for, in the other direction.
TEST_F(CallPlaceTest, APlacedCallIsTransferred) {
  Shows({"10"});
  const v1::Call call = Answered();
  TransferStream stream = client_.Refer(call.call_id(), "sip:carol@b.example");
  const SipMessage refer = peer_.Expect("REFER");
  EXPECT_EQ(refer.Header("Refer-To"), "<sip:carol@b.example>");
  EXPECT_THAT(refer.Header("Referred-By"), HasSubstr("sip:bob@127.0.0.1"));
  peer_.Answer(refer, 202);
  EXPECT_THAT(peer_.Notify("SIP/2.0 200 OK", "terminated"),
              testing::Answered(200));
  peer_.Answer(peer_.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              testing::Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(CallPlaceTest, AClientsOfferGoesOutAsItIs) {
  Shows({"92"});
  v1::PlaceCallRequest request = Request();
  request.set_sdp(kMedia);
  CallStream stream = Place(request);
  const v1::Call call = Begin(stream);
  const SipMessage invite = peer_.Expect("INVITE");
  EXPECT_EQ(invite.body(), kMedia);
  // Early media, twice the same and then another.
  peer_.Answer(invite, 183, "Session Progress", {}, SdpOffer({40000}, 1));
  v1::CallEvent event = stream.Next();
  EXPECT_EQ(event.type(), v1::CALL_EVENT_TYPE_RINGING);
  EXPECT_EQ(event.call().remote_sdp(), SdpOffer({40000}, 1));
  peer_.Answer(invite, 183, "Session Progress", {}, SdpOffer({40000}, 1));
  peer_.Answer(invite, 183, "Session Progress", {}, SdpOffer({40000}, 2));
  event = stream.Next();
  EXPECT_EQ(event.type(), v1::CALL_EVENT_TYPE_UPDATED);
  EXPECT_EQ(event.call().remote_sdp(), SdpOffer({40000}, 2));
  peer_.AcceptCall(invite, SdpOffer({40000}, 2));
  EXPECT_EQ(stream.Next().type(), v1::CALL_EVENT_TYPE_ANSWERED);
  HangsUp(call.call_id());
}

struct Refusal {
  int status;
  SipHeaders headers;
  std::string reason;
};

TEST_F(CallPlaceTest, ARefusalIsAnAnswer) {
  const std::vector<Refusal> kRefusals = {
      {486, {}, "Busy Here"},
      {603, {}, "Decline"},
      {404, {}, "Not Found"},
      {401, {{"WWW-Authenticate", "Digest realm=\"x\", nonce=\"y\""}}, "x"},
      {302,
       {{"Contact", "<sip:carol@elsewhere.example>"}},
       "Moved Temporarily; Contact: sip:carol@elsewhere.example"}};
  for (const Refusal& refusal : kRefusals) {
    CallStream stream = Place(Request());
    Begin(stream);
    const SipMessage invite = peer_.Expect("INVITE");
    peer_.Answer(invite, refusal.status,
                 refusal.reason.substr(0, refusal.reason.find(';')),
                 refusal.headers);
    peer_.Expect("ACK");
    const v1::Call call = Ended(stream);
    EXPECT_EQ(call.end_status(), refusal.status);
    EXPECT_EQ(call.end_reason(), refusal.reason);
    EXPECT_EQ(call.ended_by(), v1::CALL_ENDED_BY_FAR_END);
  }
  // Nothing is followed or repeated.
  peer_.ExpectNothing(50ms);
}

//  INVITE --->
//        <--- 180
//  CANCEL --->
//        <--- 200, 487
//  ACK --->
TEST_F(CallPlaceTest, ACallThatRingsIsCancelled) {
  Shows({"89"});
  CallStream stream = Place(Request());
  const v1::Call call = Begin(stream);
  const SipMessage invite = peer_.Expect("INVITE");
  peer_.Answer(invite, 180);
  EXPECT_EQ(stream.Next().type(), v1::CALL_EVENT_TYPE_RINGING);
  EXPECT_EQ(client_.HangUp(call.call_id()).state(), v1::CALL_STATE_ENDING);
  const SipMessage cancel = peer_.Expect("CANCEL");
  EXPECT_EQ(cancel.Branch(), invite.Branch());
  EXPECT_EQ(cancel.CSeqNumber(), invite.CSeqNumber());
  peer_.Answer(cancel, 200);
  peer_.Answer(invite, 487, "Request Terminated");
  peer_.Expect("ACK");
  const v1::Call ended = Ended(stream);
  EXPECT_EQ(ended.end_status(), 487);
  EXPECT_EQ(ended.ended_by(), v1::CALL_ENDED_BY_SERVER);
}

// RFC 3261, 9.1: no CANCEL before a provisional answer.
TEST_F(CallPlaceTest, ACancelWaitsForAProvisionalAnswer) {
  Shows({"89"});
  CallStream stream = Place(Request());
  const v1::Call call = Begin(stream);
  const SipMessage invite = peer_.Expect("INVITE");
  client_.HangUp(call.call_id());
  peer_.ExpectNothing(100ms);
  peer_.Answer(invite, 100);
  peer_.Answer(peer_.Expect("CANCEL"), 200);
  peer_.Answer(invite, 487);
  peer_.Expect("ACK");
  EXPECT_EQ(Ended(stream).end_status(), 487);
}

//  CANCEL --->   <--- 200 (INVITE)
//  ACK --->
//  BYE --->
TEST_F(CallPlaceTest, AnAnswerThatCrossesTheCancelIsEndedByBye) {
  Shows({"89"});
  CallStream stream = Place(Request());
  const v1::Call call = Begin(stream);
  const SipMessage invite = peer_.Expect("INVITE");
  peer_.Answer(invite, 180);
  EXPECT_EQ(stream.Next().type(), v1::CALL_EVENT_TYPE_RINGING);
  client_.HangUp(call.call_id());
  peer_.Answer(peer_.Expect("CANCEL"), 481);
  peer_.AcceptCall(invite, SdpOffer());
  peer_.Answer(peer_.Expect("BYE"), 200);
  EXPECT_EQ(Ended(stream).ended_by(), v1::CALL_ENDED_BY_SERVER);
}

TEST_F(CallPlaceTest, ACallThatNobodyAnswersIsCancelled) {
  v1::PlaceCallRequest request = Request();
  request.mutable_timeout()->set_seconds(1);
  CallStream stream = Place(request);
  Begin(stream);
  const SipMessage invite = peer_.Expect("INVITE");
  peer_.Answer(invite, 180);
  peer_.Answer(peer_.Expect("CANCEL"), 200);
  peer_.Answer(invite, 487);
  peer_.Expect("ACK");
  const v1::Call ended = Ended(stream);
  EXPECT_EQ(ended.end_status(), 408);
  EXPECT_EQ(ended.end_reason(), "nobody answered in time");
}

// Two phones pick up: the first is taken, the second relieved (RFC 3261,
// 13.2.2.4).
TEST_F(CallPlaceTest, OfForkedAnswersTheFirstIsTaken) {
  Shows({"87"});
  CallStream stream = Place(Request());
  const v1::Call call = Begin(stream);
  const SipMessage invite = peer_.Expect("INVITE");
  ScriptedPeer other(server().sip_port());
  peer_.AcceptCall(invite, SdpOffer());
  EXPECT_EQ(stream.Next().type(), v1::CALL_EVENT_TYPE_ANSWERED);
  // The loser answers from where it is.
  other.Answer(invite, 200, "",
               {{"Contact", Cat("<sip:loser@127.0.0.1:", other.port(), ">")}},
               SdpOffer());
  EXPECT_EQ(other.Expect("ACK").CSeqNumber(), invite.CSeqNumber());
  other.Answer(other.Expect("BYE"), 200);
  peer_.ExpectNothing(50ms);
  HangsUp(call.call_id());
}

TEST_F(CallPlaceTest, ATargetThatIsNotThereIsToldOf) {
  v1::PlaceCallRequest request;
  {
    // A port that nobody listens on any more.
    ScriptedPeer gone(server().sip_port(), {.transport = Transport::kTcp});
    request.set_to(Cat("sip:bob@127.0.0.1:", gone.port(), ";transport=tcp"));
  }
  CallStream stream = Place(request);
  Begin(stream);
  const v1::Call ended = Ended(stream);
  EXPECT_EQ(ended.end_status(), 503);
  EXPECT_EQ(ended.ended_by(), v1::CALL_ENDED_BY_SERVER);
}

TEST_F(CallPlaceTest, TheSameRequestFollowsTheSameCall) {
  v1::PlaceCallRequest request = Request();
  request.set_request_id(Cat("place-", peer_.port()));
  CallStream first = Place(request);
  const v1::Call call = Begin(first);
  const SipMessage invite = peer_.Expect("INVITE");
  CallStream second = Place(request);
  EXPECT_EQ(Begin(second).call_id(), call.call_id());
  v1::PlaceCallRequest other = request;
  other.set_from("sip:mallory@b.example");
  EXPECT_REFUSED(Refused(other), ALREADY_EXISTS, "REQUEST_ID_REUSED");
  peer_.Answer(invite, 486);
  peer_.Expect("ACK");
  EXPECT_EQ(Ended(first).end_status(), 486);
  EXPECT_EQ(Ended(second).end_status(), 486);
  // And later, as long as the call is kept.
  CallStream third = Place(request);
  const v1::CallEvent event = third.Next();
  EXPECT_EQ(event.call().call_id(), call.call_id());
  EXPECT_EQ(event.call().state(), v1::CALL_STATE_ENDED);
  EXPECT_TRUE(third.Finish().ok());
  peer_.ExpectNothing(50ms);
}

TEST_F(CallPlaceTest, WhatCannotBePlacedIsSaid) {
  const auto with = [&](auto edit) {
    v1::PlaceCallRequest request = Request();
    edit(request);
    return request;
  };
  EXPECT_REFUSED(Refused(with([](auto& r) { r.clear_to(); })), INVALID_ARGUMENT,
                 "EMPTY");
  EXPECT_REFUSED(Refused(with([](auto& r) { r.set_to("+15083084809"); })),
                 INVALID_ARGUMENT, "BAD_URI");
  EXPECT_REFUSED(Refused(with([](auto& r) { r.set_to("sips:a@b.example"); })),
                 INVALID_ARGUMENT, "SIPS_ON_INSECURE_LEG");
  EXPECT_REFUSED(
      Refused(with([](auto& r) { r.set_from("sip:a@b\r\nX-Evil: 1"); })),
      INVALID_ARGUMENT, "BAD_CHAR");
  EXPECT_REFUSED(Refused(with([](auto& r) {
                   (*r.mutable_headers())["Route"] = "<sip:evil>";
                 })),
                 INVALID_ARGUMENT, "FORBIDDEN_HEADER");
  EXPECT_REFUSED(Refused(with([](auto& r) { r.set_sdp("nonsense"); })),
                 INVALID_ARGUMENT, "BAD_SDP");
  EXPECT_REFUSED(
      Refused(with([](auto& r) { r.mutable_timeout()->set_nanos(1); })),
      INVALID_ARGUMENT, "OUT_OF_RANGE");
  EXPECT_REFUSED(Refused(with([](auto& r) { r.set_trunk("t"); })),
                 INVALID_ARGUMENT, "UNKNOWN_TRUNK");
  peer_.ExpectNothing(50ms);
}

// A consultation call of our own, and the tags the other way round.
TEST_F(CallPlaceTest, APlacedCallIsReplacedInAnAttendedTransfer) {
  Shows({"76", "77"});
  const v1::Call target = Answered();
  AnsweredCall call(server());
  TransferStream stream = call.Refer("", [&](v1::ReferRequest& request) {
    request.set_replaces_call_id(target.call_id());
  });
  const SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(refer.Header("Refer-To"),
              HasSubstr(Cat("Replaces=", target.sip_call_id(), "%3Bto-tag%3D",
                            HeaderParameter(peer_.dialog().local, "tag"),
                            "%3Bfrom-tag%3D",
                            HeaderParameter(peer_.dialog().remote, "tag"))));
  call.peer.Answer(refer, 202);
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", "terminated"),
              testing::Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              testing::Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
  peer_.Answer(peer_.Expect("BYE"), 200);
}

}  // namespace
}  // namespace callcontrol::testing
