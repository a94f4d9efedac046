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
    const PeerDialog& dialog = target.peer.dialog();
    std::string call_id = dialog.call_id;
    call_id.replace(call_id.find('@'), 1, "%40");
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

// RFC 5589, 7.6.
TEST_F(TransferAttendedTest, ACallThatStillRingsCannotBeReplaced) {
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
  v1::ReferRequest request;
  request.set_call_id(call.id);
  request.set_replaces_call_id(rings.call_id());
  EXPECT_REFUSED(call.client.ReferRefused(request), FAILED_PRECONDITION,
                 "CALL_NOT_READY");
  target.Cancel(invite);
  EXPECT_THAT(target.AwaitAnswer(invite), Answered(487));
  call.ExpectHangsUp();
}

}  // namespace
}  // namespace callcontrol::testing
