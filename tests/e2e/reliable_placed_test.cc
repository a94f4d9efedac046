// SPDX-License-Identifier: Apache-2.0
//
// Reliable provisional responses (RFC 3262) of those that the server calls. The
// server is on the left of the ladders, whoever is called on the right.
#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class ReliablePlacedTest : public ServerTest<ReliablePlacedTest> {
 protected:
  // INVITE --->
  SipMessage Place(std::string_view user = "") {
    v1::PlaceCallRequest request;
    request.set_to(Cat("sip:bob@127.0.0.1:", peer_.port()));
    if (!user.empty()) {
      request.mutable_credentials()->set_username(std::string(user));
      request.mutable_credentials()->set_password("secret");
    }
    stream_.emplace(client_.PlaceCall(request));
    id_ = stream_->Next().call().call_id();
    return peer_.Expect("INVITE");
  }

  v1::Call AwaitAnswered() {
    while (true) {
      const v1::CallEvent event = stream_->Next();
      if (event.type() == v1::CALL_EVENT_TYPE_ANSWERED) return event.call();
    }
  }

  // <--- 200   ACK --->   BYE --->
  SipMessage Finish(const SipMessage& called, std::string_view sdp) {
    peer_.Answer(called, 200, "", {}, sdp);
    peer_.Expect("ACK");
    AwaitAnswered();
    client_.HangUp(id_);
    SipMessage bye = peer_.Expect("BYE");
    peer_.Answer(bye, 200);
    return bye;
  }

  // PRACK --->   <--- 200
  SipMessage AnswerPrack(ScriptedPeer& peer) {
    SipMessage prack = peer.Expect("PRACK");
    peer.Answer(prack, 200);
    return prack;
  }
  SipMessage AnswerPrack() { return AnswerPrack(peer_); }

  ScriptedPeer peer_{server().sip_port()};
  ReferClient client_{server().grpc_port()};
  std::optional<EventStream<v1::CallEvent>> stream_;
  std::string id_;
};

//  INVITE --->
//        <--- 183 (SDP), RSeq 77
//  PRACK --->
//        <--- 180, RSeq 78
//  PRACK --->
//        <--- 200 (another SDP)
//  ACK, BYE --->
TEST_F(ReliablePlacedTest, EachIsAcknowledgedInItsDialog) {
  Shows({"91", "92"});
  const SipMessage invite = Place();
  EXPECT_THAT(invite.Values("Supported"), Contains("100rel"));
  EXPECT_THAT(invite.Values("Allow"), Contains("PRACK"));
  const SipMessage called = peer_.BeginCalled(invite, "one");
  const std::string proxy = Cat("<sip:127.0.0.1:", peer_.port(), ";lr>");
  peer_.AnswerReliably(called, 183, 77, SdpOffer(), {{"Record-Route", proxy}});
  const SipMessage first = AnswerPrack();
  EXPECT_EQ(first.Header("RAck"), Cat("77 ", invite.CSeqNumber(), " INVITE"));
  EXPECT_EQ(first.CSeqNumber(), invite.CSeqNumber() + 1);
  EXPECT_EQ(first.ToTag(), "one");
  EXPECT_EQ(first.FromTag(), invite.FromTag());
  EXPECT_EQ(first.CallId(), invite.CallId());
  EXPECT_EQ(first.uri(), AddressOf(peer_.Contact()));
  EXPECT_EQ(first.Header("Route"), proxy);
  EXPECT_EQ(first.body(), "");

  peer_.AnswerReliably(called, 180, 78);
  const SipMessage second = AnswerPrack();
  EXPECT_EQ(second.Header("RAck"), Cat("78 ", invite.CSeqNumber(), " INVITE"));
  EXPECT_EQ(second.CSeqNumber(), invite.CSeqNumber() + 2);

  peer_.Answer(called, 200, "", {{"Record-Route", proxy}},
               SdpOffer({49999}, 9));
  peer_.Expect("ACK");
  // The session is the one that was answered first.
  EXPECT_EQ(AwaitAnswered().remote_sdp(), SdpOffer());
  client_.HangUp(id_);
  const SipMessage bye = peer_.Expect("BYE");
  EXPECT_EQ(bye.CSeqNumber(), invite.CSeqNumber() + 3);
  EXPECT_EQ(bye.Header("Route"), proxy);
  peer_.Answer(bye, 200);
}

// The far end repeats a response while its PRACK is under way, one overtakes
// another, and one is not reliable at all.
TEST_F(ReliablePlacedTest, RepetitionsAndThoseOutOfOrderAreDiscarded) {
  Shows({"91"});
  const SipMessage invite = Place();
  const SipMessage called = peer_.BeginCalled(invite, "one");
  peer_.AnswerReliably(called, 180, 5);
  peer_.AnswerReliably(called, 180, 5);
  AnswerPrack();
  peer_.AnswerReliably(called, 180, 5);
  peer_.AnswerReliably(called, 183, 7, SdpOffer({40007}, 7));
  peer_.AnswerReliably(called, 180, 4);
  peer_.Answer(called, 180);
  peer_.ExpectNothing(100ms);
  EXPECT_EQ(client_.GetCall(id_).remote_sdp(), "");
  peer_.AnswerReliably(called, 183, 6, SdpOffer());
  EXPECT_THAT(AnswerPrack().Header("RAck"), HasSubstr("6 "));
  peer_.AnswerReliably(called, 183, 7);
  EXPECT_THAT(AnswerPrack().Header("RAck"), HasSubstr("7 "));
  EXPECT_EQ(client_.GetCall(id_).remote_sdp(), SdpOffer());
  Finish(called, "");
}

TEST_F(ReliablePlacedTest, APrackThatIsLostIsSentAgain) {
  Shows({"91"});
  const SipMessage called = peer_.BeginCalled(Place(), "one");
  peer_.AnswerReliably(called, 180, 5);
  const SipMessage prack = peer_.Expect("PRACK");
  peer_.ExpectNothing(100ms);
  EXPECT_GE(peer_.retransmissions("PRACK"), 1);
  peer_.Answer(prack, 200);
  Finish(called, SdpOffer());
}

// Two phones ring, each with numbers of its own; the second picks up.
TEST_F(ReliablePlacedTest, EveryForkIsAcknowledgedByItself) {
  Shows({"87", "91"});
  const SipMessage invite = Place();
  ScriptedPeer other(server().sip_port());
  const SipMessage first = other.BeginCalled(invite, "first");
  const SipMessage second = peer_.BeginCalled(invite, "second");
  other.AnswerReliably(first, 183, 100, SdpOffer({41000}));
  EXPECT_EQ(AnswerPrack(other).ToTag(), "first");
  peer_.AnswerReliably(second, 183, 900, SdpOffer({42000}));
  const SipMessage prack = AnswerPrack();
  EXPECT_EQ(prack.ToTag(), "second");
  EXPECT_EQ(prack.CSeqNumber(), invite.CSeqNumber() + 1);
  other.AnswerReliably(first, 180, 101);
  EXPECT_THAT(AnswerPrack(other).Header("RAck"), HasSubstr("101 "));

  peer_.Answer(second, 200);
  peer_.Expect("ACK");
  EXPECT_EQ(AwaitAnswered().remote_sdp(), SdpOffer({42000}));
  EXPECT_THAT(peer_.ReInvite(SdpOffer({42000}, 2)), Answered(200));
  client_.HangUp(id_);
  const SipMessage bye = peer_.Expect("BYE");
  EXPECT_EQ(bye.ToTag(), "second");
  EXPECT_EQ(bye.CSeqNumber(), prack.CSeqNumber() + 1);
  peer_.Answer(bye, 200);
}

TEST_F(ReliablePlacedTest, AChallengeToThePrackIsAnswered) {
  Shows({"91"});
  const SipMessage called = peer_.BeginCalled(Place("bob"), "one");
  peer_.AnswerReliably(called, 180, 5);
  const SipMessage bare = peer_.Expect("PRACK");
  peer_.Answer(
      bare, 401, "Unauthorized",
      {{"WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\", algorithm=MD5"}});
  const SipMessage prack = AnswerPrack();
  EXPECT_THAT(prack.Header("Authorization"), HasSubstr("username=\"bob\""));
  EXPECT_EQ(prack.Header("RAck"), bare.Header("RAck"));
  EXPECT_EQ(prack.CSeqNumber(), bare.CSeqNumber() + 1);
  Finish(called, SdpOffer());
}

//  183 (SDP) --->, PRACK   <--- UPDATE
TEST_F(ReliablePlacedTest, AnUpdateInTheEarlyDialogIsAnswered) {
  Shows({"91", "93"});
  const SipMessage called = peer_.BeginCalled(Place(), "one");
  EXPECT_THAT(peer_.Update(SdpOffer({40002}, 2)), Answered(481))
      << "there is no dialog yet";
  peer_.AnswerReliably(called, 180, 5);
  AnswerPrack();
  EXPECT_THAT(peer_.Update(SdpOffer({40002}, 2)), Answered(491));
  peer_.AnswerReliably(called, 183, 6, SdpOffer());
  AnswerPrack();
  const SipMessage ok = peer_.Update(SdpOffer({40002}, 2));
  EXPECT_THAT(ok, Answered(200));
  EXPECT_THAT(ok.body(), HasSubstr("a=inactive"));
  peer_.Answer(called, 200);
  peer_.Expect("ACK");
  EXPECT_EQ(AwaitAnswered().remote_sdp(), SdpOffer({40002}, 2));
  client_.HangUp(id_);
  peer_.Answer(peer_.Expect("BYE"), 200);
}

//  CANCEL --->  <--- 183, RSeq   PRACK --->  <--- 487
TEST_F(ReliablePlacedTest, ACancelCrossesAReliableResponse) {
  Shows({"89", "91"});
  const SipMessage called = peer_.BeginCalled(Place(), "one");
  peer_.AnswerReliably(called, 180, 5);
  AnswerPrack();
  client_.HangUp(id_);
  const SipMessage cancel = peer_.Expect("CANCEL");
  peer_.AnswerReliably(called, 183, 6, SdpOffer());
  AnswerPrack();
  peer_.Answer(cancel, 200);
  peer_.Answer(called, 487);
  peer_.Expect("ACK");
}

// The far end sends its 200 before it can have the PRACK.
// No far end may hang up before it has answered (RFC 3261, 15); the call is
// over with the answer to the INVITE.
TEST_F(ReliablePlacedTest, AByeComesBeforeTheAnswerToACancelledInvite) {
  Shows({"91"});
  const SipMessage called = peer_.BeginCalled(Place(), "one");
  peer_.AnswerReliably(called, 180, 5);
  AnswerPrack();
  client_.HangUp(id_);
  const SipMessage cancel = peer_.Expect("CANCEL");
  EXPECT_THAT(peer_.Bye(), Answered(481));
  peer_.Answer(cancel, 200);
  peer_.Answer(called, 487);
  peer_.Expect("ACK");
}

TEST_F(ReliablePlacedTest, APrackCrossesTheAnswer) {
  Shows({"91"});
  const SipMessage called = peer_.BeginCalled(Place(), "one");
  peer_.AnswerReliably(called, 180, 5);
  peer_.Answer(called, 200, "", {}, SdpOffer());
  const SipMessage prack = peer_.Expect("PRACK");
  peer_.Expect("ACK");
  peer_.Answer(prack, 200);
  EXPECT_EQ(AwaitAnswered().remote_sdp(), SdpOffer());
  client_.HangUp(id_);
  const SipMessage bye = peer_.Expect("BYE");
  EXPECT_GT(bye.CSeqNumber(), prack.CSeqNumber());
  peer_.Answer(bye, 200);
}

//  re-INVITE (hold) --->
//              <--- 183 (SDP), RSeq
//  PRACK --->
//              <--- 200
TEST_F(ReliablePlacedTest, AReInviteMayBeAnsweredReliablyToo) {
  Shows({"91"});
  peer_.AcceptCall(Place(), SdpOffer());
  AwaitAnswered();
  v1::UpdateCallRequest hold;
  hold.set_call_id(id_);
  hold.set_hold(true);
  auto done = std::async(std::launch::async, [&] {
    v1::Call call;
    return client_.stub().UpdateCall(Deadline().get(), hold, &call);
  });
  const SipMessage invite = peer_.Expect("INVITE");
  EXPECT_THAT(invite.Values("Supported"), Contains("100rel"));
  peer_.AnswerReliably(invite, 183, 31, SdpOffer({40000}, 2));
  const SipMessage prack = AnswerPrack();
  EXPECT_EQ(prack.Header("RAck"), Cat("31 ", invite.CSeqNumber(), " INVITE"));
  EXPECT_EQ(prack.CSeqNumber(), invite.CSeqNumber() + 1);
  peer_.Answer(invite, 200);
  peer_.Expect("ACK");
  EXPECT_TRUE(done.get().ok());
  EXPECT_EQ(client_.GetCall(id_).remote_sdp(), SdpOffer({40000}, 2));
  client_.HangUp(id_);
  peer_.Answer(peer_.Expect("BYE"), 200);
}

}  // namespace
}  // namespace callcontrol::testing
