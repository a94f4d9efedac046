// SPDX-License-Identifier: Apache-2.0
//
// Calls that the server bridges. In the ladders the caller is on the left, the
// one that is called on the right, and the server between them.
#include <chrono>
#include <string>
#include <string_view>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

// Session descriptions that no other test's answer resembles.
std::string CallerSdp(int version = 1) { return SdpOffer({41000}, version); }
std::string CalledSdp(int version = 1) {
  return Cat(SdpOffer({42000}, version), "a=x-of:called\r\n");
}

class BridgeTest : public ::testing::Test {
 protected:
  // `more`: of the route's bridge.
  explicit BridgeTest(std::string_view more = "") {
    server_.Reload(TestConfig(Cat(
        R"(trunks { name: "out" address: "127.0.0.1:)", called_.port(),
        R"(" transport: SIP_TRANSPORT_UDP refer_domain: "far.example" } )",
        R"(routes { tags { name: "k" value: "v" } bridge { trunk: "out" )",
        R"(pass_headers: "X-*" pass_headers: "User-to-User" )", more, "} }")));
    server_.AwaitLog("reloaded routes=1 trunks=1");
  }

  // INVITE --->   INVITE --->
  SipMessage Ring(const InviteOptions& options) {
    invite_ = caller_.StartInvite(options);
    return called_.Expect("INVITE");
  }

  // Both legs are up.
  void Connect() {
    called_.AcceptCall(Ring({.sdp = CallerSdp()}), CalledSdp());
    const SipMessage ok = caller_.AwaitAnswer(invite_);
    EXPECT_THAT(ok, Answered(200));
    EXPECT_EQ(ok.body(), CalledSdp());
    caller_.Ack(ok);
    caller_leg_ = client_.AwaitCall(caller_.dialog().call_id).call_id();
    called_leg_ = client_.AwaitCall(called_.dialog().call_id).call_id();
  }

  // <--- BYE     BYE --->
  void ExpectByes() {
    for (ScriptedPeer* peer : {&caller_, &called_}) {
      peer->Answer(peer->Expect("BYE"), 200);
    }
  }

  // INVITE of one that takes the caller's place.
  SipMessage ReplaceCaller(ScriptedPeer& heir) const {
    return heir.StartInvite(
        {.sdp = SdpOffer({43000}),
         .headers = {{"Replaces", ReplacesOf(caller_.dialog())}}});
  }

  // INVITE --->   <--- 200 (SDP)   ACK --->
  static void Accept(ScriptedPeer& peer, const SipMessage& invite,
                     std::string_view sdp) {
    peer.Answer(invite, 200, "", {}, sdp);
    peer.Expect("ACK");
  }

  // Refers a leg that the server puts on hold before.
  TransferStream ReferOnHold(const std::string& leg) {
    v1::ReferRequest request;
    request.set_call_id(leg);
    request.set_refer_to("sip:c@target.example");
    request.set_hold_first(true);
    return client_.Refer(request);
  }

  void HangUp() {
    EXPECT_THAT(caller_.Bye(), Answered(200));
    called_.Answer(called_.Expect("BYE"), 200);
  }

  // A request with a session description, of either far end.
  static SipMessage Start(ScriptedPeer& peer, std::string_view method,
                          std::string_view sdp) {
    SipMessage request = peer.NewRequest(method);
    if (!sdp.empty()) request.SetBody("application/sdp", sdp);
    return peer.SendRequest(request);
  }

  CallcontroldProcess server_{TestConfig("")};
  ReferClient client_{server_.grpc_port()};
  ScriptedPeer caller_{server_.sip_port()};
  ScriptedPeer called_{server_.sip_port()};
  SipMessage invite_ = SipMessage::Request("INVITE", "sip:none");
  std::string caller_leg_;
  std::string called_leg_;
};

//  INVITE --->   INVITE --->
//         <--- 183 (SDP)   <--- 183 (SDP)
//         <--- 200         <--- 200
//  ACK --->      ACK --->
//  BYE --->      BYE --->
TEST_F(BridgeTest, ACallGoesThrough) {
  Shows({"85"});
  const SipMessage invite =
      Ring({.from = "sip:+15551234@peer.example",
            .to = "sip:+15083084809@callcontrol.example",
            .sdp = CallerSdp(),
            .headers = {{"X-Tenant", "7; a=b"},
                        {"User-to-User", "00FA08;encoding=hex"},
                        {"Subject", "not passed"}}});
  EXPECT_EQ(invite.uri(), "sip:+15083084809@far.example");
  EXPECT_THAT(invite.Header("From"), HasSubstr("<sip:+15551234@peer.example>"));
  EXPECT_NE(invite.CallId(), invite_.CallId());
  EXPECT_EQ(invite.body(), CallerSdp());
  EXPECT_EQ(invite.Header("X-Tenant"), "7; a=b");
  EXPECT_EQ(invite.Header("User-to-User"), "00FA08;encoding=hex");
  EXPECT_EQ(invite.Header("Subject"), "");
  EXPECT_EQ(invite.Header("Max-Forwards"), "69");

  called_.Answer(invite, 183, "Wait a Little", {}, CalledSdp());
  const SipMessage progress = caller_.AwaitAnyAnswer(invite_);
  EXPECT_THAT(progress, Answered(183));
  EXPECT_EQ(progress.reason(), "Wait a Little");
  EXPECT_EQ(progress.body(), CalledSdp());
  called_.AcceptCall(invite, CalledSdp());
  const SipMessage ok = caller_.AwaitAnswer(invite_);
  EXPECT_THAT(ok, Answered(200));
  EXPECT_EQ(ok.body(), CalledSdp());
  EXPECT_THAT(ok.Header("Allow"), HasSubstr("INFO"));
  caller_.Ack(ok);

  const v1::Call in = client_.AwaitCall(caller_.dialog().call_id);
  const v1::Call out = client_.AwaitCall(called_.dialog().call_id);
  EXPECT_EQ(in.bridged_call_id(), out.call_id());
  EXPECT_EQ(out.bridged_call_id(), in.call_id());
  EXPECT_EQ(out.trunk(), "out");
  EXPECT_EQ(out.tags().at("k"), "v");

  EXPECT_THAT(caller_.Bye({{"Reason", "Q.850;cause=16;text=\"bye\""}}),
              Answered(200));
  const SipMessage bye = called_.Expect("BYE");
  EXPECT_EQ(bye.Header("Reason"), "Q.850;cause=16;text=\"bye\"");
  called_.Answer(bye, 200);
  EXPECT_EQ(client_.GetCall(out.call_id()).bridged_call_id(), in.call_id());
}

TEST_F(BridgeTest, TheCalledOneHangsUp) {
  Connect();
  EXPECT_THAT(called_.Bye(), Answered(200));
  caller_.Answer(caller_.Expect("BYE"), 200);
}

TEST_F(BridgeTest, AClientHangsBothUp) {
  Connect();
  client_.HangUp(called_leg_);
  ExpectByes();
}

// What a refusal becomes on its way to the caller.
TEST_F(BridgeTest, ARefusalGoesThrough) {
  for (const auto& [status, relayed] :
       {std::pair{486, 486}, std::pair{603, 603}, std::pair{404, 404},
        std::pair{401, 403}, std::pair{503, 500}}) {
    const SipMessage invite = Ring({.sdp = CallerSdp()});
    called_.Answer(invite, status, "Because");
    called_.Expect("ACK");
    const SipMessage answer = caller_.AwaitAnswer(invite_);
    EXPECT_THAT(answer, Answered(relayed));
    if (status == relayed) {
      EXPECT_EQ(answer.reason(), "Because");
    }
  }
}

TEST_F(BridgeTest, ARedirectionGoesThrough) {
  const SipMessage invite = Ring({.sdp = CallerSdp()});
  called_.Answer(invite, 302, "", {{"Contact", "<sip:dave@else.example>"}});
  called_.Expect("ACK");
  const SipMessage answer = caller_.AwaitAnswer(invite_);
  EXPECT_THAT(answer, Answered(302));
  EXPECT_EQ(answer.Header("Contact"), "<sip:dave@else.example>");
}

//  INVITE --->   INVITE --->
//                   <--- 180
//  CANCEL --->   CANCEL --->
TEST_F(BridgeTest, ACancelGoesThrough) {
  const SipMessage invite = Ring({.sdp = CallerSdp()});
  called_.Answer(invite, 180);
  EXPECT_THAT(caller_.AwaitAnyAnswer(invite_), Answered(180));
  EXPECT_THAT(caller_.Cancel(invite_), Answered(200));
  EXPECT_THAT(caller_.AwaitAnswer(invite_), Answered(487));
  called_.Answer(called_.Expect("CANCEL"), 200);
  called_.Answer(invite, 487);
  called_.Expect("ACK");
}

class ImpatientBridgeTest : public BridgeTest {
 protected:
  ImpatientBridgeTest() : BridgeTest("ring_limit { seconds: 1 }") {}
};

TEST_F(ImpatientBridgeTest, NobodyAnswersInTime) {
  const SipMessage invite = Ring({.sdp = CallerSdp()});
  called_.Answer(invite, 180);
  called_.Answer(called_.Expect("CANCEL"), 200);
  called_.Answer(invite, 487);
  called_.Expect("ACK");
  EXPECT_THAT(caller_.AwaitAnswer(invite_), Answered(480));
}

// The limit is for the ringing; the caller's ACK has a time of its own.
TEST_F(ImpatientBridgeTest, AnAnswerEndsTheRinging) {
  invite_ = caller_.StartInvite({});
  called_.Answer(called_.Expect("INVITE"), 200, "",
                 {{"Contact", called_.Contact()}}, CalledSdp());
  const SipMessage ok = caller_.AwaitAnswer(invite_);
  called_.ExpectNothing(1200ms);
  caller_.Ack(ok, CallerSdp());
  EXPECT_EQ(called_.Expect("ACK").body(), CallerSdp());
  called_.AllowUnread();
}

TEST_F(BridgeTest, ACallerWithoutAUsableNameIsCalledForByTheServer) {
  const SipMessage invite =
      Ring({.from = "sip:alice@a.example;method=BYE", .sdp = CallerSdp()});
  EXPECT_THAT(invite.Header("From"),
              HasSubstr("<sip:callcontrol@far.example>"));
  called_.Answer(invite, 486);
  called_.Expect("ACK");
  EXPECT_THAT(caller_.AwaitAnswer(invite_), Answered(486));
}

TEST_F(BridgeTest, ALoopEnds) {
  SipMessage invite = caller_.NewStrangerRequest("INVITE");
  invite.Set("Max-Forwards", "0").SetBody("application/sdp", CallerSdp());
  invite.Set("Contact", caller_.Contact());
  EXPECT_THAT(caller_.AwaitAnswer(caller_.SendRequest(invite)), Answered(483));
}

//  INVITE --->   INVITE --->
//    <--- 200 (offer)  <--- 200 (offer)
//  ACK (answer) --->   ACK (answer) --->
TEST_F(BridgeTest, ADelayedOfferGoesThrough) {
  invite_ = caller_.StartInvite({});
  const SipMessage invite = called_.Expect("INVITE");
  EXPECT_EQ(invite.body(), "");
  called_.Answer(invite, 200, "", {{"Contact", called_.Contact()}},
                 CalledSdp());
  const SipMessage ok = caller_.AwaitAnswer(invite_);
  EXPECT_EQ(ok.body(), CalledSdp());
  caller_.Ack(ok, CallerSdp());
  EXPECT_EQ(called_.Expect("ACK").body(), CallerSdp());
  EXPECT_THAT(caller_.Bye(), Answered(200));
  called_.Answer(called_.Expect("BYE"), 200);
}

// The caller gives up before its ACK could answer: ACK and BYE.
TEST_F(BridgeTest, ADelayedOfferIsGivenUp) {
  invite_ = caller_.StartInvite({});
  const SipMessage invite = called_.Expect("INVITE");
  called_.Answer(invite, 200, "", {{"Contact", called_.Contact()}},
                 CalledSdp());
  const SipMessage ok = caller_.AwaitAnswer(invite_);
  client_.HangUp(
      client_.AwaitCall(invite.CallId(), v1::CALL_STATE_CALLING).call_id());
  EXPECT_EQ(called_.Expect("ACK").body(), "");
  called_.Answer(called_.Expect("BYE"), 200);
  caller_.Ack(ok, CallerSdp());
  caller_.Answer(caller_.Expect("BYE"), 200);
}

//  re-INVITE --->   re-INVITE --->
//         <--- 200         <--- 200
//  ACK --->         ACK --->
TEST_F(BridgeTest, AReInviteGoesThroughBothWays) {
  Connect();
  for (auto [from, to] :
       {std::pair{&caller_, &called_}, std::pair{&called_, &caller_}}) {
    const SipMessage offer = Start(*from, "INVITE", CallerSdp(2));
    const SipMessage relayed = to->Expect("INVITE");
    EXPECT_THAT(relayed.body(), HasSubstr("m=audio 41000 RTP/AVP 0 8\r\n"));
    Accept(*to, relayed, CalledSdp(2));
    const SipMessage ok = from->AwaitAnswer(offer);
    EXPECT_THAT(ok, Answered(200));
    EXPECT_THAT(ok.body(), HasSubstr("m=audio 42000 RTP/AVP 0 8\r\n"));
    from->Ack(ok);
  }
  HangUp();
}

TEST_F(BridgeTest, AnOfferThatGoesOnIsPassedByteByByte) {
  Connect();
  const SipMessage offer = Start(caller_, "INVITE", CallerSdp(2));
  const SipMessage relayed = called_.Expect("INVITE");
  EXPECT_EQ(relayed.body(), CallerSdp(2));
  Accept(called_, relayed, CalledSdp(2));
  const SipMessage ok = caller_.AwaitAnswer(offer);
  EXPECT_EQ(ok.body(), CalledSdp(2));
  caller_.Ack(ok);
  HangUp();
}

//  re-INVITE --->   re-INVITE --->
//    <--- 200 (offer)   <--- 200 (offer)
//  ACK (answer) --->  ACK (answer) --->
TEST_F(BridgeTest, AReInviteWithoutOfferGoesThrough) {
  Connect();
  const SipMessage asks = Start(caller_, "INVITE", "");
  const SipMessage relayed = called_.Expect("INVITE");
  EXPECT_EQ(relayed.body(), "");
  called_.Answer(relayed, 200, "", {}, CalledSdp(2));
  const SipMessage ok = caller_.AwaitAnswer(asks);
  EXPECT_EQ(ok.body(), CalledSdp(2));
  caller_.Ack(ok, CallerSdp(2));
  EXPECT_EQ(called_.Expect("ACK").body(), CallerSdp(2));
  HangUp();
}

TEST_F(BridgeTest, AnUpdateGoesThrough) {
  Connect();
  const SipMessage update = Start(called_, "UPDATE", CalledSdp(2));
  const SipMessage relayed = caller_.Expect("INVITE");
  EXPECT_EQ(relayed.body(), CalledSdp(2));
  Accept(caller_, relayed, CallerSdp(2));
  const SipMessage ok = called_.AwaitAnswer(update);
  EXPECT_THAT(ok, Answered(200));
  EXPECT_EQ(ok.body(), CallerSdp(2));
  HangUp();
}

// Nothing changes, so nobody else has to be asked.
TEST_F(BridgeTest, ARefreshStaysOnItsLeg) {
  Connect();
  const SipMessage ok = caller_.ReInvite(CallerSdp());
  EXPECT_THAT(ok, Answered(200));
  EXPECT_EQ(ok.body(), CalledSdp());
  EXPECT_THAT(called_.Update(), Answered(200));
  HangUp();
}

TEST_F(BridgeTest, ARefusedReInviteChangesNothing) {
  Connect();
  const SipMessage offer = Start(caller_, "INVITE", CallerSdp(2));
  called_.Answer(called_.Expect("INVITE"), 488, "Not That");
  called_.Expect("ACK");
  const SipMessage answer = caller_.AwaitAnswer(offer);
  EXPECT_THAT(answer, Answered(488));
  EXPECT_EQ(answer.reason(), "Not That");
  EXPECT_THAT(caller_.ReInvite(CallerSdp()), Answered(200));
  HangUp();
}

// Each far end offers while the other's offer is on its way.
//
//  re-INVITE --->    re-INVITE --->
//            <--- 491       <--- re-INVITE
TEST_F(BridgeTest, OffersThatCrossEnd) {
  Connect();
  const SipMessage first = Start(caller_, "INVITE", CallerSdp(2));
  const SipMessage relayed = called_.Expect("INVITE");
  const SipMessage second = Start(called_, "INVITE", CalledSdp(2));
  EXPECT_THAT(called_.AwaitAnswer(second), Answered(491));
  Accept(called_, relayed, CalledSdp(3));
  const SipMessage ok = caller_.AwaitAnswer(first);
  EXPECT_THAT(ok, Answered(200));
  caller_.Ack(ok);
  HangUp();
}

// An INVITE inside one that is still open (RFC 3261, 14.2).
TEST_F(BridgeTest, ASecondOfferHasToWait) {
  Connect();
  const SipMessage first = Start(caller_, "INVITE", CallerSdp(2));
  const SipMessage relayed = called_.Expect("INVITE");
  EXPECT_THAT(caller_.Update(CallerSdp(3)), Answered(500));
  Accept(called_, relayed, CalledSdp(2));
  caller_.Ack(caller_.AwaitAnswer(first));
  HangUp();
}

//  re-INVITE --->   re-INVITE --->
//  CANCEL --->      CANCEL --->
TEST_F(BridgeTest, AReInviteIsCancelled) {
  Connect();
  const SipMessage offer = Start(caller_, "INVITE", CallerSdp(2));
  const SipMessage relayed = called_.Expect("INVITE");
  called_.Answer(relayed, 180);
  EXPECT_THAT(caller_.Cancel(offer), Answered(200));
  EXPECT_THAT(caller_.AwaitAnswer(offer), Answered(487));
  called_.Answer(called_.Expect("CANCEL"), 200);
  called_.Answer(relayed, 487);
  called_.Expect("ACK");
  EXPECT_THAT(caller_.ReInvite(CallerSdp()), Answered(200));
  HangUp();
}

// The CANCEL crosses the 200: what was before is offered again.
TEST_F(BridgeTest, AReInviteIsCancelledTooLate) {
  Connect();
  const SipMessage offer = Start(caller_, "INVITE", SdpOffer({41002}, 2));
  const SipMessage relayed = called_.Expect("INVITE");
  called_.Answer(relayed, 180);
  EXPECT_THAT(caller_.Cancel(offer), Answered(200));
  EXPECT_THAT(caller_.AwaitAnswer(offer), Answered(487));
  called_.Answer(called_.Expect("CANCEL"), 200);
  Accept(called_, relayed, CalledSdp(2));
  const SipMessage restored = called_.Expect("INVITE");
  EXPECT_EQ(restored.body(), CallerSdp(3)) << "the first, with a version more";
  Accept(called_, restored, CalledSdp(3));
  HangUp();
}

// A BYE answers what is open as well.
TEST_F(BridgeTest, AByeWhileAnOfferIsOpen) {
  Connect();
  const SipMessage offer = Start(caller_, "INVITE", CallerSdp(2));
  const SipMessage relayed = called_.Expect("INVITE");
  called_.Answer(relayed, 180);
  EXPECT_THAT(called_.Bye(), Answered(200));
  EXPECT_THAT(caller_.AwaitAnswer(offer), Answered(500));
  caller_.Answer(caller_.Expect("BYE"), 200);
  called_.Answer(called_.Expect("CANCEL"), 200);
  called_.Answer(relayed, 487);
  called_.Expect("ACK");
}

// There is no session without an answer: both ends hear it.
TEST_F(BridgeTest, AnAckWithoutTheAnswerEndsBoth) {
  Connect();
  const SipMessage asks = Start(caller_, "INVITE", "");
  called_.Answer(called_.Expect("INVITE"), 200, "", {}, CalledSdp(2));
  caller_.Ack(caller_.AwaitAnswer(asks));
  EXPECT_EQ(called_.Expect("ACK").body(), "");
  ExpectByes();
}

// Nobody waits longer than the sender of an UPDATE would.
//
//  re-INVITE --->   re-INVITE --->   <--- 180, and no more
//       <--- 504    CANCEL --->
TEST_F(BridgeTest, AnOfferThatNobodyAnswersEnds) {
  Connect();
  const SipMessage offer = Start(caller_, "INVITE", CallerSdp(2));
  const SipMessage relayed = called_.Expect("INVITE");
  called_.Answer(relayed, 180);
  EXPECT_THAT(caller_.AwaitAnswer(offer), Answered(504));
  called_.Answer(called_.Expect("CANCEL"), 200);
  called_.Answer(relayed, 487);
  called_.Expect("ACK");
  EXPECT_THAT(caller_.ReInvite(CallerSdp()), Answered(200));
  HangUp();
}

//  INFO --->   INFO --->
//    <--- 200    <--- 200
TEST_F(BridgeTest, DigitsGoThrough) {
  Connect();
  SipMessage info = caller_.NewRequest("INFO");
  info.Add("Info-Package", "dtmf")
      .SetBody("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n");
  caller_.SendRequest(info);
  const SipMessage relayed = called_.Expect("INFO");
  EXPECT_EQ(relayed.body(), "Signal=5\r\nDuration=160\r\n");
  EXPECT_EQ(relayed.Header("Content-Type"), "application/dtmf-relay");
  EXPECT_EQ(relayed.Header("Info-Package"), "dtmf");
  called_.Answer(relayed, 200);
  EXPECT_THAT(caller_.AwaitAnswer(info), Answered(200));

  const SipMessage again = Start(called_, "INFO", "");
  caller_.Answer(caller_.Expect("INFO"), 469, "Bad Info Package");
  EXPECT_THAT(called_.AwaitAnswer(again), Answered(469));
  HangUp();
}

TEST_F(BridgeTest, ABinaryInfoStaysWhole) {
  Connect();
  const std::string isup("\x01\x00\x02\x03", 4);
  SipMessage info = caller_.NewRequest("INFO");
  info.SetBody("application/isup;version=itu-t92+", isup);
  caller_.SendRequest(info);
  const SipMessage relayed = called_.Expect("INFO");
  EXPECT_EQ(relayed.body(), isup);
  EXPECT_EQ(relayed.Header("Content-Type"),
            "application/isup;version=itu-t92+");
  called_.Answer(relayed, 200);
  EXPECT_THAT(caller_.AwaitAnswer(info), Answered(200));
  HangUp();
}

TEST_F(BridgeTest, AnInfoThatNobodyAnswersForEnds) {
  Connect();
  const SipMessage info = Start(caller_, "INFO", "");
  const SipMessage relayed = called_.Expect("INFO");
  EXPECT_THAT(called_.Bye(), Answered(200));
  caller_.Answer(caller_.Expect("BYE"), 200);
  called_.Answer(relayed, 481);
  EXPECT_THAT(caller_.AwaitAnswer(info), Answered(500));
}

// ---- Clients ------------------------------------------------------------

TEST_F(BridgeTest, ItsSessionIsNotAClients) {
  const SipMessage invite = Ring({.sdp = CallerSdp()});
  called_.Answer(invite, 180);
  const std::string id =
      client_.AwaitCall(invite_.CallId(), v1::CALL_STATE_RINGING).call_id();
  v1::AnswerCallRequest answer;
  answer.set_call_id(id);
  v1::Call call;
  EXPECT_REFUSED(client_.stub().AnswerCall(Deadline().get(), answer, &call),
                 FAILED_PRECONDITION, "CALL_BRIDGED");
  called_.AcceptCall(invite, CalledSdp());
  caller_.Ack(caller_.AwaitAnswer(invite_));
  client_.AwaitCall(invite_.CallId());
  v1::UpdateCallRequest update;
  update.set_call_id(id);
  update.set_sdp(CalledSdp(2));
  EXPECT_REFUSED(client_.stub().UpdateCall(Deadline().get(), update, &call),
                 FAILED_PRECONDITION, "CALL_BRIDGED");
  HangUp();
}

// ---- Transfers ----------------------------------------------------------

//             REFER --->
//                <--- 202, NOTIFY 200
//  <--- BYE   BYE --->
TEST_F(BridgeTest, EitherLegIsTransferredAndTheOtherReleased) {
  for (const bool caller_leaves : {true, false}) {
    Connect();
    ScriptedPeer& leaves = caller_leaves ? caller_ : called_;
    TransferStream stream = client_.Refer(
        caller_leaves ? caller_leg_ : called_leg_, "sip:carol@target.example");
    leaves.Answer(leaves.Expect("REFER"), 202);
    EXPECT_THAT(leaves.Notify("SIP/2.0 200 OK", "terminated;reason=noresource"),
                Answered(200));
    ExpectByes();
    EXPECT_THAT(stream.RestUntilResult().back(),
                Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
  }
}

class KeepingBridgeTest : public BridgeTest {
 protected:
  KeepingBridgeTest() : BridgeTest("keep_when_transferred: true") {}
};

TEST_F(KeepingBridgeTest, TheOtherLegStaysWhenOneIsTransferred) {
  Connect();
  TransferStream stream = client_.Refer(caller_leg_, "sip:c@target.example");
  caller_.Answer(caller_.Expect("REFER"), 202);
  EXPECT_THAT(caller_.Notify("SIP/2.0 200 OK", "terminated;reason=noresource"),
              Answered(200));
  caller_.Answer(caller_.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
  EXPECT_EQ(client_.GetCall(called_leg_).state(), v1::CALL_STATE_ANSWERED);
  EXPECT_EQ(client_.GetCall(called_leg_).bridged_call_id(), "");
  EXPECT_THAT(called_.Update(), Answered(200));
  client_.HangUp(called_leg_);
  called_.Answer(called_.Expect("BYE"), 200);
}

// A transfer that failed takes nobody away.
TEST_F(KeepingBridgeTest, TheOtherLegEndsWithOneThatStayed) {
  Connect();
  TransferStream stream = client_.Refer(caller_leg_, "sip:c@target.example");
  caller_.Answer(caller_.Expect("REFER"), 202);
  EXPECT_THAT(
      caller_.Notify("SIP/2.0 486 Busy Here", "terminated;reason=noresource"),
      Answered(200));
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TARGET_FAILED));
  EXPECT_THAT(caller_.Bye(), Answered(200));
  called_.Answer(called_.Expect("BYE"), 200);
}

//  re-INVITE (hold) --->   (on the caller's leg)
//                   <--- BYE   (of the one that was called)
//  <--- 200, ACK, REFER, 603; then BYE
TEST_F(BridgeTest, TheOtherLegEndsDuringAHold) {
  Connect();
  TransferStream stream = ReferOnHold(caller_leg_);
  const SipMessage hold = caller_.Expect("INVITE");
  EXPECT_THAT(called_.Bye(), Answered(200));
  Accept(caller_, hold, CallerSdp(2));
  caller_.Answer(caller_.Expect("REFER"), 202);
  EXPECT_THAT(caller_.Notify("SIP/2.0 200 OK", "terminated;reason=noresource"),
              Answered(200));
  caller_.Answer(caller_.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

// What a far end offered while it was on hold counts afterwards.
TEST_F(BridgeTest, AResumeGoesToWhatTheOtherSideSaidLast) {
  Connect();
  TransferStream stream = ReferOnHold(caller_leg_);
  Accept(caller_, caller_.Expect("INVITE"), CallerSdp(2));
  const SipMessage refer = caller_.Expect("REFER");
  const SipMessage offer = Start(caller_, "INVITE", SdpOffer({41002}, 3));
  Accept(called_, called_.Expect("INVITE"), SdpOffer({42222}, 2));
  caller_.Ack(caller_.AwaitAnswer(offer));
  caller_.Answer(refer, 603);
  const SipMessage resume = caller_.Expect("INVITE");
  EXPECT_THAT(resume.body(), HasSubstr("m=audio 42222"));
  Accept(caller_, resume, SdpOffer({41002}, 4));
  stream.RestUntilResult();
  HangUp();
}

// The transfer's own result is not lost with the other leg.
TEST_F(BridgeTest, TheOtherLegEndsDuringATransfer) {
  Connect();
  TransferStream stream = client_.Refer(caller_leg_, "sip:c@target.example");
  caller_.Answer(caller_.Expect("REFER"), 202);
  EXPECT_THAT(called_.Bye(), Answered(200));
  EXPECT_THAT(
      caller_.Notify("SIP/2.0 486 Busy Here", "terminated;reason=noresource"),
      Answered(200));
  const v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TARGET_FAILED);
  EXPECT_EQ(result.final_referred_call_status(), 486);
  caller_.Answer(caller_.Expect("BYE"), 200);
}

// A new caller takes the place of the old one (RFC 3891): what it offers goes
// to the one that was called, and the old caller ends.
//
//  INVITE, Replaces --->   re-INVITE --->
//                  <--- 200         <--- 200
TEST_F(BridgeTest, ALegIsReplaced) {
  Connect();
  ScriptedPeer heir(server_.sip_port());
  const SipMessage invite = ReplaceCaller(heir);
  const SipMessage relayed = called_.Expect("INVITE");
  EXPECT_EQ(relayed.body(), SdpOffer({43000}, 2)) << "in the same session";
  Accept(called_, relayed, CalledSdp(2));
  const SipMessage ok = heir.AwaitAnswer(invite);
  EXPECT_THAT(ok, Answered(200));
  EXPECT_EQ(ok.body(), CalledSdp(2));
  heir.Ack(ok);
  caller_.Answer(caller_.Expect("BYE"), 200);
  const v1::Call in = client_.AwaitCall(heir.dialog().call_id);
  EXPECT_EQ(in.bridged_call_id(), called_leg_);
  EXPECT_EQ(client_.GetCall(called_leg_).bridged_call_id(), in.call_id());
  EXPECT_THAT(heir.Bye(), Answered(200));
  called_.Answer(called_.Expect("BYE"), 200);
}

TEST_F(BridgeTest, AReplacementThatIsRefusedChangesNothing) {
  Connect();
  ScriptedPeer heir(server_.sip_port());
  const SipMessage invite = ReplaceCaller(heir);
  called_.Answer(called_.Expect("INVITE"), 488);
  called_.Expect("ACK");
  EXPECT_THAT(heir.AwaitAnswer(invite), Answered(488));
  EXPECT_THAT(caller_.ReInvite(CallerSdp()), Answered(200));
  HangUp();
}

TEST_F(BridgeTest, AReplacementIsCancelled) {
  Connect();
  ScriptedPeer heir(server_.sip_port());
  const SipMessage invite = ReplaceCaller(heir);
  const SipMessage relayed = called_.Expect("INVITE");
  called_.Answer(relayed, 180);
  EXPECT_THAT(heir.Cancel(invite), Answered(200));
  EXPECT_THAT(heir.AwaitAnswer(invite), Answered(487));
  called_.Answer(called_.Expect("CANCEL"), 200);
  called_.Answer(relayed, 487);
  called_.Expect("ACK");
  EXPECT_THAT(caller_.ReInvite(CallerSdp()), Answered(200));
  HangUp();
}

TEST_F(BridgeTest, AReplacementEndsWithTheBridge) {
  Connect();
  ScriptedPeer heir(server_.sip_port());
  const SipMessage invite = ReplaceCaller(heir);
  called_.Expect("INVITE");
  EXPECT_THAT(called_.Bye(), Answered(200));
  EXPECT_THAT(heir.AwaitAnswer(invite), Answered(500));
  caller_.Answer(caller_.Expect("BYE"), 200);
}

TEST_F(BridgeTest, AReplacementWithoutAnAnswerEndsNobodyElse) {
  Connect();
  ScriptedPeer heir(server_.sip_port());
  const SipMessage invite = ReplaceCaller(heir);
  called_.Answer(called_.Expect("INVITE"), 200);
  called_.Expect("ACK");
  EXPECT_THAT(heir.AwaitAnswer(invite), Answered(500));
  EXPECT_THAT(caller_.ReInvite(CallerSdp()), Answered(200));
  HangUp();
}

TEST_F(BridgeTest, TheOneThatIsReplacedHangsUp) {
  Connect();
  ScriptedPeer heir(server_.sip_port());
  const SipMessage invite = ReplaceCaller(heir);
  const SipMessage relayed = called_.Expect("INVITE");
  called_.Answer(relayed, 180);
  EXPECT_THAT(caller_.Bye(), Answered(200));
  EXPECT_THAT(heir.AwaitAnswer(invite), Answered(500));
  called_.AllowUnread();
}

//  A hold of the server's own, and then an offer of the other side: the
//  session's version goes on.
TEST_F(BridgeTest, TheVersionGoesOnAfterAHold) {
  Connect();
  TransferStream stream = ReferOnHold(called_leg_);
  const SipMessage hold = called_.Expect("INVITE");
  EXPECT_THAT(hold.body(), HasSubstr("o=peer 4711 2 IN"));
  EXPECT_THAT(hold.body(), HasSubstr("a=sendonly"));
  Accept(called_, hold, CalledSdp(2));
  called_.Answer(called_.Expect("REFER"), 603);
  const SipMessage resume = called_.Expect("INVITE");
  EXPECT_THAT(resume.body(), HasSubstr("o=peer 4711 3 IN"));
  Accept(called_, resume, CalledSdp(3));
  stream.RestUntilResult();

  const SipMessage offer = Start(caller_, "INVITE", SdpOffer({43000}, 2));
  const SipMessage relayed = called_.Expect("INVITE");
  EXPECT_EQ(relayed.body(), SdpOffer({43000}, 4));
  Accept(called_, relayed, CalledSdp(4));
  caller_.Ack(caller_.AwaitAnswer(offer));
  HangUp();
}

}  // namespace
}  // namespace callcontrol::testing
