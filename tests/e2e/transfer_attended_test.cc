// SPDX-License-Identifier: Apache-2.0
//
// Attended transfers: the far end's new call replaces one that this server
// holds (RFC 3891; RFC 5589, 7).
//
//  transferee          callcontrold            target
//      | <=== call A ======> | <==== call B ====> |
//      | <--- REFER -------- |                    |
//      | ---- INVITE with Replaces: call B -----> |
//      | ---- NOTIFY 200 --> | <--- BYE of B ---- |
//      | <--- BYE of A ----- |                    |
#include <chrono>
#include <string>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

class TransferAttendedTest : public ServerTest<TransferAttendedTest> {
 protected:
  static AnsweredCall Consultation(const std::string& supported = "replaces") {
    return AnsweredCall(server(), {},
                        {.from = "sip:carol@target.example",
                         .headers = {{"Supported", supported}}});
  }

  static ReferClient::Edit Replacing(const std::string& call_id) {
    return [call_id](v1::ReferRequest& request) {
      request.set_replaces_call_id(call_id);
    };
  }

  static void Succeed(AnsweredCall& call) {
    call.peer.Answer(call.peer.Expect("REFER"), 202);
    EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", "terminated"),
                Answered(200));
    call.peer.Answer(call.peer.Expect("BYE"), 200);
  }

  // The tags of the consultation call as its far end, the target, sees them.
  static std::string ReplacesOf(const AnsweredCall& target) {
    return ReplacesOf(target.peer);
  }
  static std::string ReplacesOf(const ScriptedPeer& target) {
    const PeerDialog& dialog = target.dialog();
    std::string call_id = dialog.call_id;
    if (const auto at = call_id.find('@'); at != std::string::npos) {
      call_id.replace(at, 1, "%40");
    }
    return Cat("Replaces=", call_id, "%3Bto-tag%3D",
               HeaderParameter(dialog.local, "tag"), "%3Bfrom-tag%3D",
               HeaderParameter(dialog.remote, "tag"));
  }
};

TEST_F(TransferAttendedTest, TheTransfereeReplacesTheConsultationCall) {
  Shows({"28", "76", "77"});
  AnsweredCall call(server());
  AnsweredCall target = Consultation();
  TransferStream stream = call.Refer("", Replacing(target.id));
  const SipMessage refer = call.peer.Expect("REFER");
  EXPECT_EQ(refer.Header("Refer-To"),
            Cat("<sip:caller@127.0.0.1:", target.peer.port(), "?",
                ReplacesOf(target), "&Require=replaces>"));
  call.peer.Answer(refer, 202);
  // The target takes the new call and ends the one that it replaces.
  EXPECT_THAT(target.peer.Bye(), Answered(200));
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", "terminated"), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  const auto events = stream.RestUntilResult();
  EXPECT_THAT(events.back(), Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
  EXPECT_THAT(events, Not(Contains(Warned("REPLACES_NOT_ADVERTISED"))));
  EXPECT_EQ(call.client.GetCall(target.id).ended_by(),
            v1::CALL_ENDED_BY_FAR_END);
}

TEST_F(TransferAttendedTest, ATargetThatKeepsTheOldCallIsRelievedOfIt) {
  AnsweredCall call(server());
  AnsweredCall target = Consultation();
  TransferStream stream = call.Refer("", Replacing(target.id));
  Succeed(call);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
  target.peer.Answer(target.peer.Expect("BYE"), 200);
}

TEST_F(TransferAttendedTest, AClientThatKeepsCallsKeepsBoth) {
  AnsweredCall call(server());
  AnsweredCall target = Consultation();
  TransferStream stream = call.Refer("", [&](v1::ReferRequest& request) {
    request.set_replaces_call_id(target.id);
    request.mutable_leg_policy()->set_on_success(v1::LEG_ACTION_KEEP);
  });
  call.peer.Answer(call.peer.Expect("REFER"), 202);
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", "terminated"), Answered(200));
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
  target.peer.ExpectNothing(700ms);
  call.ExpectAlive();
  target.ExpectAlive();
}

TEST_F(TransferAttendedTest, AFailureKeepsBothCalls) {
  Shows({"74"});
  AnsweredCall call(server());
  AnsweredCall target = Consultation();
  TransferStream stream = call.Refer("", Replacing(target.id));
  call.peer.Answer(call.peer.Expect("REFER"), 202);
  EXPECT_THAT(call.peer.Notify("SIP/2.0 481 Gone", "terminated"),
              Answered(200));
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TARGET_FAILED));
  target.peer.ExpectNothing(700ms);
  call.ExpectAlive();
  target.ExpectAlive();
}

TEST_F(TransferAttendedTest, TheClientMaySayWhereTheTargetIs) {
  AnsweredCall call(server());
  AnsweredCall target = Consultation();
  TransferStream stream =
      call.Refer("sip:carol@elsewhere.example", Replacing(target.id));
  const SipMessage refer = call.peer.Expect("REFER");
  EXPECT_EQ(refer.Header("Refer-To"),
            Cat("<sip:carol@elsewhere.example?", ReplacesOf(target),
                "&Require=replaces>"));
  call.peer.Answer(refer, 603);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
  call.ExpectHangsUp();
  target.ExpectHangsUp();
}

TEST_F(TransferAttendedTest, ATargetThatCannotBeReachedByItsContactIsByName) {
  Shows({"76"});
  AnsweredCall call(server());
  AnsweredCall target(server(), {},
                      {.from = "sip:carol@target.example",
                       .contact = "<sip:x@df7jal23ls0d.invalid>"});
  v1::ReferRequest request;
  request.set_call_id(call.id);
  request.set_replaces_call_id(target.id);
  request.set_validate_only(true);
  TransferStream stream = call.client.Refer(request);
  EXPECT_THAT(stream.Next().planned().refer_to(),
              HasSubstr("<sip:carol@target.example?Replaces="));
  target.peer.Bye();
  call.ExpectHangsUp();
}

TEST_F(TransferAttendedTest, ATargetThatDoesNotSayItCanIsWarnedOf) {
  AnsweredCall call(server());
  AnsweredCall target = Consultation("timer");
  TransferStream stream = call.Refer("", Replacing(target.id));
  Succeed(call);
  EXPECT_THAT(stream.RestUntilResult(),
              Contains(Warned("REPLACES_NOT_ADVERTISED")));
  target.peer.Answer(target.peer.Expect("BYE"), 200);
}

TEST_F(TransferAttendedTest, OnlyAnAnsweredCallCanBeReplaced) {
  AnsweredCall call(server());
  const auto ask = [&](const std::string& replaced) {
    v1::ReferRequest request;
    request.set_call_id(call.id);
    request.set_replaces_call_id(replaced);
    return call.client.ReferRefused(request);
  };
  EXPECT_REFUSED(ask("c-none-1"), NOT_FOUND, "CALL_NOT_FOUND");
  EXPECT_REFUSED(ask(call.id), INVALID_ARGUMENT, "SAME_CALL");

  AnsweredCall target = Consultation();
  TransferStream stream = target.AcceptedRefer();
  EXPECT_REFUSED(ask(target.id), ABORTED, "TRANSFER_IN_PROGRESS");
  target.ExpectHangsUp();
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_LOCAL_HANGUP);

  call.peer.ExpectNothing(50ms);
  call.ExpectHangsUp();
}

// ---- The target still rings (RFC 5589, 7.6) -----------------------------

//  transferee          callcontrold            target
//      | <=== call A ======> | ---- INVITE -----> |
//      |                     | <--- 180 --------- |
//      |          Refer()    |                    |
//      |                     | <--- 200 --------- |
//      | <--- REFER -------- | ---- ACK --------> |
class SemiAttendedTest : public TransferAttendedTest {
 protected:
  SemiAttendedTest() {
    id_ = consultation_.Next().call().call_id();
    called_ = target_.BeginCalled(target_.Expect("INVITE"), "carols");
    target_.Answer(called_, 180);
    EXPECT_EQ(consultation_.Next().type(), v1::CALL_EVENT_TYPE_RINGING);
  }

  EventStream<v1::CallEvent> Place() {
    v1::PlaceCallRequest request;
    request.set_to(Cat("sip:carol@127.0.0.1:", target_.port()));
    return call_.client.PlaceCall(request);
  }

  // Once it returns, the transfer is there.
  TransferStream ReferAhead(const ReferClient::Edit& edit = nullptr) {
    auto calls = call_.Watch();
    TransferStream stream = call_.Refer("", [&](v1::ReferRequest& request) {
      request.set_replaces_call_id(id_);
      if (edit) edit(request);
    });
    EXPECT_EQ(calls.Next().type(), v1::CALL_EVENT_TYPE_TRANSFERRING);
    return stream;
  }

  AnsweredCall call_{server()};
  ScriptedPeer target_{server().sip_port()};
  EventStream<v1::CallEvent> consultation_{Place()};
  std::string id_;
  SipMessage called_;
};

TEST_F(SemiAttendedTest, TheReferLeavesOnceTheTargetAnswers) {
  Shows({"79"});
  TransferStream stream = ReferAhead();
  call_.peer.ExpectNothing(100ms);
  target_.AcceptCall(called_, SdpOffer({45000}));
  const SipMessage refer = call_.peer.Expect("REFER");
  EXPECT_THAT(
      refer.Header("Refer-To"),
      AllOf(HasSubstr(Cat("<sip:caller@127.0.0.1:", target_.port())),
            HasSubstr(ReplacesOf(target_)), HasSubstr("&Require=replaces>")));
  // Clients are told what was sent, not what was planned.
  const v1::ReferEvent sent = stream.Next();
  EXPECT_EQ(sent.refer_sent().refer_to(), refer.Header("Refer-To"));
  EXPECT_EQ(call_.client.GetTransfer(sent.transfer_id()).refer_to(),
            refer.Header("Refer-To"));
  call_.peer.Answer(refer, 202);
  EXPECT_THAT(target_.Bye(), Answered(200));
  EXPECT_THAT(call_.peer.Notify("SIP/2.0 200 OK", "terminated"), Answered(200));
  call_.peer.Answer(call_.peer.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(SemiAttendedTest, ATargetThatRefusesFailsTheTransfer) {
  Shows({"79"});
  TransferStream stream = ReferAhead();
  target_.Answer(called_, 486);
  target_.Expect("ACK");
  const v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TARGET_FAILED);
  EXPECT_EQ(result.final_referred_call_status(), 486);
  EXPECT_EQ(result.refer_status(), 0) << "no REFER was sent";
  EXPECT_THAT(result.reason(), HasSubstr("not answered"));
  call_.ExpectAlive();
}

TEST_F(SemiAttendedTest, ACallThatIsHungUpFailsTheTransfer) {
  TransferStream stream = ReferAhead();
  call_.client.HangUp(id_);
  target_.Answer(target_.Expect("CANCEL"), 200);
  target_.Answer(called_, 487);
  target_.Expect("ACK");
  const v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TARGET_FAILED);
  EXPECT_FALSE(result.has_final_referred_call_status())
      << "no far end said anything";
  call_.ExpectAlive();
}

TEST_F(SemiAttendedTest, TheClientMayChangeItsMind) {
  TransferStream stream = ReferAhead();
  const std::string transfer = call_.client.GetCall(call_.id).transfer_ids(0);
  call_.client.CancelTransfer(transfer);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_CANCELLED));
  target_.AcceptCall(called_, SdpOffer({45000}));
  call_.peer.ExpectNothing(100ms);
  call_.ExpectAlive();
  call_.client.HangUp(id_);
  target_.Answer(target_.Expect("BYE"), 200);
}

TEST_F(SemiAttendedTest, ATransfereeThatHangsUpLeavesTheTargetRinging) {
  TransferStream stream = ReferAhead();
  EXPECT_THAT(call_.peer.Bye(), Answered(200));
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_LEG_ENDED_BEFORE_REFER));
  target_.AcceptCall(called_, SdpOffer({45000}));
  call_.client.HangUp(id_);
  target_.Answer(target_.Expect("BYE"), 200);
}

TEST_F(SemiAttendedTest, TheTransfereeIsHeldMeanwhile) {
  TransferStream stream = ReferAhead(
      [](v1::ReferRequest& request) { request.set_hold_first(true); });
  const SipMessage hold = call_.peer.Expect("INVITE");
  call_.peer.Answer(hold, 200, "", {}, SdpOffer({40000}, 2));
  call_.peer.Expect("ACK");
  call_.peer.ExpectNothing(100ms);
  target_.AcceptCall(called_, SdpOffer({45000}));
  call_.peer.Answer(call_.peer.Expect("REFER"), 603);
  const SipMessage resume = call_.peer.Expect("INVITE");
  call_.peer.Answer(resume, 200, "", {}, SdpOffer({40000}, 3));
  call_.peer.Expect("ACK");
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
  call_.client.HangUp(id_);
  target_.Answer(target_.Expect("BYE"), 200);
}

// The other way round: the target calls, and a client lets it ring.
TEST_F(TransferAttendedTest, ACallThatNobodyHasAnsweredYetIsWaitedFor) {
  Shows({"79"});
  CallcontroldProcess mixed(TestConfig(
      R"pb(routes {
             name: "rings"
             request_uri: "rings@*"
             app {}
           }
           routes {
             name: "rest"
             answer {}
           })pb"));
  AnsweredCall call(mixed);
  ScriptedPeer target(mixed.sip_port());
  const SipMessage invite = target.StartInvite(
      {.to = "sip:rings@callcontrol.example", .sdp = SdpOffer()});
  const v1::Call rings =
      call.client.AwaitCall(target.dialog().call_id, v1::CALL_STATE_INCOMING);
  TransferStream stream = call.Refer("", Replacing(rings.call_id()));
  call.peer.ExpectNothing(100ms);
  call.client.AnswerCall(rings.call_id());
  target.Ack(target.AwaitAnswer(invite));
  const SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(refer.Header("Refer-To"), HasSubstr(ReplacesOf(target)));
  call.peer.Answer(refer, 603);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
  call.ExpectHangsUp();
  call.client.HangUp(rings.call_id());
  target.Answer(target.Expect("BYE"), 200);
}

// A transfer outside any call waits in the same way.
TEST_F(SemiAttendedTest, WhoeverAnswersAtAUriMayReplaceIt) {
  ScriptedPeer bob(server().sip_port());
  v1::ReferRequest request;
  request.set_uri(Cat("sip:bob@127.0.0.1:", bob.port()));
  request.set_replaces_call_id(id_);
  TransferStream stream = call_.client.Refer(request);
  bob.ExpectNothing(100ms);
  target_.AcceptCall(called_, SdpOffer({45000}));
  const SipMessage refer = bob.Expect("REFER");
  EXPECT_THAT(refer.Header("Refer-To"), HasSubstr(ReplacesOf(target_)));
  bob.Answer(refer, 603);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
  call_.client.HangUp(id_);
  target_.Answer(target_.Expect("BYE"), 200);
  call_.ExpectHangsUp();
}

}  // namespace
}  // namespace callcontrol::testing
