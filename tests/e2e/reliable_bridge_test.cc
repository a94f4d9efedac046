// SPDX-License-Identifier: Apache-2.0
//
// Reliable provisional responses (RFC 3262) of calls that the server bridges.
// In the ladders the caller is on the left, the one that is called on the
// right, and the server between them.
#include <chrono>
#include <string>
#include <string_view>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

const SipHeaders kSupports = {{"Supported", "100rel"}};

std::string CallerSdp(int version = 1) { return SdpOffer({41000}, version); }
std::string CalledSdp(int version = 1) { return SdpOffer({42000}, version); }

class ReliableBridgeTest : public ::testing::Test {
 protected:
  ReliableBridgeTest() {
    server_.Reload(
        TestConfig(Cat(R"(trunks { name: "out" address: "127.0.0.1:)",
                       called_.port(), R"(" transport: SIP_TRANSPORT_UDP } )",
                       R"(routes { bridge { trunk: "out" } })")));
    server_.AwaitLog("reloaded routes=1 trunks=1");
  }

  // INVITE --->   INVITE --->   whose answers come from one early dialog.
  SipMessage Ring(const SipHeaders& headers, const std::string& sdp) {
    invite_ = caller_.StartInvite({.sdp = sdp, .headers = headers});
    relayed_ = called_.Expect("INVITE");
    EXPECT_EQ(relayed_.body(), sdp);
    return called_.BeginCalled(relayed_, "one");
  }

  // PRACK --->   <--- 200, between the server and the one that is called.
  SipMessage AnswerPrack() {
    SipMessage prack = called_.Expect("PRACK");
    called_.Answer(prack, 200);
    return prack;
  }

  SipMessage AwaitReliable(int status) {
    SipMessage progress = caller_.AwaitAnyAnswer(invite_);
    EXPECT_THAT(progress, Answered(status));
    EXPECT_EQ(progress.Header("Require"), "100rel");
    return progress;
  }

  // <--- 200   ACK --->   on the called one's leg.
  void Accept(const SipMessage& called, std::string_view sdp = "") {
    called_.Answer(called, 200, "", {}, sdp);
    called_.Expect("ACK");
  }

  SipMessage AckAnswer() {
    SipMessage ok = caller_.AwaitAnswer(invite_);
    EXPECT_THAT(ok, Answered(200));
    caller_.Ack(ok);
    return ok;
  }

  void HangUp() {
    EXPECT_THAT(caller_.Bye(), Answered(200));
    called_.Answer(called_.Expect("BYE"), 200);
  }

  CallcontroldProcess server_{TestConfig("")};
  ScriptedPeer caller_{server_.sip_port()};
  ScriptedPeer called_{server_.sip_port()};
  // The caller's, and that of the other leg.
  SipMessage invite_ = SipMessage::Request("INVITE", "sip:none");
  SipMessage relayed_ = invite_;
};

//  INVITE --->       INVITE --->
//     <--- 183 (SDP)    <--- 183 (SDP)
//  PRACK --->        PRACK --->
//     <--- 200          <--- 200
//  ACK --->          ACK --->
TEST_F(ReliableBridgeTest, AReliableResponseIsOneOnBothLegs) {
  Shows({"91", "92"});
  const SipMessage called = Ring(kSupports, CallerSdp());
  EXPECT_THAT(relayed_.Values("Supported"), Contains("100rel"));
  called_.AnswerReliably(called, 183, 70, CalledSdp());
  AnswerPrack();
  const SipMessage progress = AwaitReliable(183);
  EXPECT_EQ(progress.body(), CalledSdp());
  EXPECT_THAT(caller_.Prack(progress), Answered(200));
  Accept(called);
  EXPECT_EQ(AckAnswer().body(), "");
  HangUp();
}

TEST_F(ReliableBridgeTest, ACallerWithoutThemGetsWhatItKnows) {
  Shows({"91"});
  const SipMessage called = Ring({}, CallerSdp());
  called_.AnswerReliably(called, 183, 70, CalledSdp());
  AnswerPrack();
  const SipMessage progress = caller_.AwaitAnyAnswer(invite_);
  EXPECT_THAT(progress, Answered(183));
  EXPECT_FALSE(progress.Has("RSeq"));
  EXPECT_EQ(progress.body(), CalledSdp());
  Accept(called);
  EXPECT_EQ(AckAnswer().body(), CalledSdp());
  HangUp();
}

TEST_F(ReliableBridgeTest, ACallerThatRequiresThemGetsNoOthers) {
  Shows({"91"});
  const SipMessage called = Ring({{"Require", "100rel"}}, CallerSdp());
  called_.Answer(called, 180);
  EXPECT_THAT(caller_.Prack(AwaitReliable(180)), Answered(200));
  Accept(called, CalledSdp());
  EXPECT_EQ(AckAnswer().body(), CalledSdp());
  HangUp();
}

//  INVITE --->         INVITE --->
//     <--- 183 (offer)    <--- 183 (offer)
//  PRACK (answer) ---> PRACK (answer) --->
TEST_F(ReliableBridgeTest, ADelayedOfferIsAnsweredByThePrack) {
  Shows({"91", "92"});
  const SipMessage called = Ring({{"Require", "100rel"}}, "");
  EXPECT_THAT(relayed_.Values("Supported"), Contains("100rel"));
  called_.AnswerReliably(called, 183, 70, CalledSdp());
  const SipMessage progress = AwaitReliable(183);
  EXPECT_EQ(progress.body(), CalledSdp());
  called_.ExpectNothing(50ms);
  EXPECT_THAT(caller_.Prack(progress, CallerSdp()), Answered(200));
  EXPECT_EQ(AnswerPrack().body(), CallerSdp());
  called_.Answer(called, 200);
  EXPECT_EQ(called_.Expect("ACK").body(), "");
  EXPECT_EQ(AckAnswer().body(), "");
  // The session is known on both sides.
  EXPECT_THAT(caller_.ReInvite(CallerSdp()), Answered(200));
  EXPECT_THAT(called_.ReInvite(CalledSdp()), Answered(200));
  HangUp();
}

// Nobody could answer an offer that came early.
TEST_F(ReliableBridgeTest, ADelayedOfferIsNotAskedForEarlyInVain) {
  Shows({"91"});
  const SipMessage called = Ring(kSupports, "");
  EXPECT_THAT(relayed_.Values("Supported"), Not(Contains("100rel")));
  called_.Answer(called, 200, "", {}, CalledSdp());
  const SipMessage ok = caller_.AwaitAnswer(invite_);
  EXPECT_EQ(ok.body(), CalledSdp());
  caller_.Ack(ok, CallerSdp());
  EXPECT_EQ(called_.Expect("ACK").body(), CallerSdp());
  HangUp();
}

//     <--- 183 (SDP)    <--- 183 (SDP), 200
//  PRACK --->
//     <--- 200
TEST_F(ReliableBridgeTest, TheAnswerWaitsForTheCallersPrack) {
  Shows({"91"});
  const SipMessage called = Ring(kSupports, CallerSdp());
  called_.AnswerReliably(called, 183, 70, CalledSdp());
  AnswerPrack();
  const SipMessage progress = AwaitReliable(183);
  Accept(called);
  caller_.ExpectNothing(50ms);
  EXPECT_THAT(caller_.Prack(progress), Answered(200));
  AckAnswer();
  HangUp();
}

// One phone rings with a session of its own, and another one answers: the
// caller has answered the first, and is offered the second.
//
//     <--- 183 (first)    <--- 183 (first)
//  PRACK --->
//     <--- 200            <--- 200 (second)
//  ACK --->
//     <--- re-INVITE (second)
TEST_F(ReliableBridgeTest, AnotherForkThanTheFirstAnswers) {
  Shows({"91", "92"});
  const SipMessage first = Ring(kSupports, CallerSdp());
  called_.AnswerReliably(first, 183, 70, CalledSdp());
  AnswerPrack();
  EXPECT_THAT(caller_.Prack(AwaitReliable(183)), Answered(200));
  Accept(called_.BeginCalled(relayed_, "two"), SdpOffer({43000}));
  EXPECT_EQ(AckAnswer().body(), "");
  const SipMessage offer = caller_.Expect("INVITE");
  EXPECT_THAT(offer.body(), HasSubstr("m=audio 43000 "));
  caller_.Answer(offer, 200, "", {}, CallerSdp());
  caller_.Expect("ACK");
  HangUp();
}

TEST_F(ReliableBridgeTest, WithoutTheCallersPrackBothLegsEnd) {
  Shows({"91"});
  const SipMessage called = Ring(kSupports, CallerSdp());
  called_.AnswerReliably(called, 183, 70, CalledSdp());
  AnswerPrack();
  AwaitReliable(183);
  EXPECT_THAT(caller_.AwaitAnswer(invite_), Answered(504));
  called_.Answer(called_.Expect("CANCEL"), 200);
  called_.Answer(called, 487);
  called_.Expect("ACK");
}

// What only the other far end can answer is refused before there is a call.
TEST_F(ReliableBridgeTest, AnEarlyChangeIsRefusedAndTheSessionStays) {
  Shows({"91", "93"});
  const SipMessage called = Ring(kSupports, CallerSdp());
  called_.AnswerReliably(called, 183, 70, CalledSdp());
  AnswerPrack();
  EXPECT_THAT(caller_.Prack(AwaitReliable(183), CallerSdp(2)), Answered(488));
  EXPECT_THAT(caller_.Update(CallerSdp(2)), Answered(488));
  EXPECT_THAT(called_.Update(CalledSdp(2)), Answered(488));
  EXPECT_THAT(caller_.Update(), Answered(200));
  EXPECT_THAT(called_.Update(), Answered(200));
  Accept(called);
  AckAnswer();
  HangUp();
}

}  // namespace
}  // namespace callcontrol::testing
