// SPDX-License-Identifier: Apache-2.0
//
// Forged, broken and evil traffic: it is refused, and a transfer that runs
// meanwhile does not notice.
#include <chrono>
#include <string>
#include <vector>

#include "tests/support/hostile_sender.h"
#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::Contains;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr char kActive[] = "active;expires=60";
constexpr char kDone[] = "terminated;reason=noresource";
constexpr char kOk[] = "SIP/2.0 200 OK";

class HostileTest : public ServerTest<HostileTest> {};

void FinishWell(AnsweredCall& call, TransferStream& stream) {
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(HostileTest, ForgedNotifysAreRefusedAndNotTold) {
  Shows({"47", "62", "65", "F14"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  const std::vector<NotifyOptions> kForged = {
      {.call_id = "guessed@peer.example"},
      {.from_tag = "guessed"},
      {.to_tag = "guessed"},
      {.from_tag = "guessed", .to_tag = "guessed"},
      // The tags the wrong way round.
      {.from_tag = HeaderParameter(call.peer.dialog().remote, "tag"),
       .to_tag = HeaderParameter(call.peer.dialog().local, "tag")}};
  for (const NotifyOptions& forged : kForged) {
    EXPECT_THAT(call.peer.Notify(kOk, kDone, forged), Answered(481));
  }
  EXPECT_THAT(call.peer.Notify(kOk, kDone, {.event = "presence"}),
              Answered(489));
  EXPECT_TRUE(stream.Silent(50ms));
  FinishWell(call, stream);
}

TEST_F(HostileTest, AForgedByeEndsNothing) {
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  SipMessage forged = call.peer.NewRequest("BYE");
  forged.Set("From", "<sip:caller@peer.example>;tag=guessed");
  EXPECT_THAT(call.peer.AwaitAnswer(call.peer.SendRequest(forged)),
              Answered(481));
  FinishWell(call, stream);
}

// A NOTIFY with everything right from another address is taken: far ends behind
// proxies send from where they like, and the tags can't be guessed
// (reliability.md, finding 8).
TEST_F(HostileTest, AnotherSourceIsTaken) {
  Shows({"65"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  ScriptedPeer foreign(server().sip_port(), {.address = "127.0.0.9"});
  SipMessage notify = call.peer.NewNotify("SIP/2.0 180 Ringing", kActive);
  EXPECT_THAT(foreign.AwaitAnswer(foreign.SendRequest(notify)), Answered(200));
  EXPECT_THAT(stream.Next(), Status(180));
  FinishWell(call, stream);
}

// The Asterisk test suite copies the REFER's Via into its NOTIFYs, branch and
// all (protocol.md, F40).
TEST_F(HostileTest, ANotifyWithTheBranchOfTheReferIsItsOwnTransaction) {
  Shows({"F40"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(call.peer.Notify("SIP/2.0 180 Ringing", kActive,
                               {.branch = refer.Branch()}),
              Answered(200));
  EXPECT_THAT(stream.Next(), Status(180));
  call.peer.Answer(refer, 202);
  EXPECT_THAT(stream.Next(), ReferAnswered(202));
  FinishWell(call, stream);
}

TEST_F(HostileTest, AnAnswerThatBelongsToNothingIsIgnored) {
  Shows({"44"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(stream.Next(), ReferSent());
  SipMessage forged = refer;
  forged.Set("Via", Cat("SIP/2.0/UDP 127.0.0.1:", server().sip_port(),
                        ";branch=z9hG4bKguessed"));
  call.peer.Answer(forged, 603);
  EXPECT_TRUE(stream.Silent(50ms));
  call.peer.Answer(refer, 202);
  EXPECT_THAT(stream.Next(), ReferAnswered(202));
  FinishWell(call, stream);
}

// Sofia would answer it as a STUN server, and write a line past our log.
TEST_F(HostileTest, StunWritesNothingToTheLog) {
  AnsweredCall call(server());
  std::string binding("\0\1\0\0", 4);
  binding.append("\x21\x12\xA4\x42", 4).append("transaction1");
  EXPECT_THAT(call.peer.Options(), Answered(200)) << "so was the ACK";
  const std::string before = server().stderr_text();
  call.peer.Send(binding);
  EXPECT_THAT(call.peer.Receive(ScriptedPeer::kPatience).value_or(""),
              ::testing::HasSubstr("Not Implemented"));
  call.peer.Send(std::string(20, '\3'));
  EXPECT_THAT(call.peer.Options(), Answered(200)) << "it was read";
  EXPECT_EQ(server().stderr_text().find("stun", before.size()),
            std::string::npos);
  call.ExpectHangsUp();
}

TEST_F(HostileTest, AFloodOfNotifysIsAnsweredAndCapped) {
  Shows({"64"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  constexpr int kNotifies = 200;
  for (int i = 0; i < kNotifies; ++i) {
    EXPECT_THAT(call.peer.Notify("SIP/2.0 180 Ringing", kActive),
                Answered(200));
  }
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  std::vector<v1::ReferEvent> events = stream.RestUntilResult();
  EXPECT_THAT(events, Contains(Warned("NOTIFY_FLOOD")));
  // protocol.md, #64: at most 50, but never without the final one.
  EXPECT_LE(events.size(), 60u);
  EXPECT_THAT(events, Contains(Status(200)));
  EXPECT_THAT(events.back(), Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(HostileTest, ThreeThousandBrokenDatagramsDuringATransfer) {
  Shows({"105"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  ScriptedPeer witness(server().sip_port());
  HostileSender hostile(server().sip_port(), 20240607);
  constexpr int kDatagrams = 3000;
  for (int i = 1; i <= kDatagrams; ++i) {
    if (i % 100 == 0) {
      // Cut off somewhere, in the dialog of the transfer. An answer to it goes
      // to where nobody is.
      std::string notify =
          call.peer.NewNotify("SIP/2.0 180 Ringing", kActive)
              .Set("Via", Cat("SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKcut", i))
              .ToString();
      hostile.Send(notify.substr(0, hostile.Random(notify.size())));
    } else {
      hostile.Send();
    }
    // All that was sent so far has been read once this is answered, so that no
    // socket buffer runs over.
    if (i % 50 == 0) {
      SipMessage options = witness.NewStrangerRequest("OPTIONS");
      ASSERT_THAT(witness.AwaitAnswer(witness.SendRequest(options)),
                  Answered(200));
    }
  }
  FinishWell(call, stream);
  // And calls come as before.
  AnsweredCall next(server());
  next.ExpectAlive();
}

TEST_F(HostileTest, EveryTortureMessageIsSurvivedAlone) {
  Shows({"105"});
  HostileSender hostile(server().sip_port(), 1);
  ScriptedPeer witness(server().sip_port());
  int number = 0;
  for (const std::string& message : TortureMessages("torture")) {
    hostile.Send(message);
    SipMessage options = witness.NewStrangerRequest("OPTIONS");
    ASSERT_THAT(witness.AwaitAnswer(witness.SendRequest(options)),
                Answered(200))
        << "after message " << number << ": " << message.substr(0, 200);
    ++number;
  }
}

// --- Names that can't be resolved (reliability.md, finding 2)
// -----------------

class UnroutableDnsTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(server_.Running()); }

  // Answers at once, whatever else goes on.
  static void ExpectPrompt(ScriptedPeer& witness) {
    auto asked = std::chrono::steady_clock::now();
    SipMessage answer = witness.Options();
    EXPECT_THAT(answer, Answered(200));
    EXPECT_LE(answer.received_at - asked, 2s) << "a look-up takes up to 5";
  }

  CallcontroldProcess server_{TestConfig(
      "dns { nameservers: '255.255.255.255:53' limit { seconds: 5 } }")};
};

TEST_F(UnroutableDnsTest, AContactThatIsANameFailsTheTransferInTime) {
  Shows({"95"});
  AnsweredCall witness(server_);
  AnsweredCall call(server_, {},
                    {.contact = "<sip:caller@no.such.name.example>"});
  auto asked = std::chrono::steady_clock::now();
  TransferStream stream = call.Refer();
  for (int i = 0; i < 5; ++i) ExpectPrompt(witness.peer);
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_LE(std::chrono::steady_clock::now() - asked, 2s);
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSPORT_FAILED);
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_FAILURE);
  EXPECT_EQ(result.refer_status(), 0);
  EXPECT_FALSE(result.reason().empty());
  //  Its BYE can't be sent either; the call ends all the same.
  EventStream<v1::CallEvent> calls = call.Watch();
  call.client.HangUp(call.id);
  ExpectPrompt(witness.peer);
  call.AwaitEnded(calls);
  witness.ExpectAlive();
}

TEST_F(UnroutableDnsTest, ATargetThatBecomesANameDoesNotHoldTheResultBack) {
  AnsweredCall witness(server_);
  AnsweredCall call(server_);
  TransferStream stream = call.Refer();
  std::string name = "<sip:caller@no.such.name.example>";
  call.peer.Answer(call.peer.Expect("REFER"), 202, "Accepted",
                   {{"Contact", name}});
  EXPECT_THAT(call.peer.Notify(kOk, kDone, {.contact = name}), Answered(200));
  auto notified = std::chrono::steady_clock::now();
  ExpectPrompt(witness.peer);
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_LE(std::chrono::steady_clock::now() - notified, 2s);
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  ExpectPrompt(witness.peer);
  witness.ExpectAlive();
}

TEST_F(UnroutableDnsTest, AViaThatIsANameStallsNothing) {
  AnsweredCall witness(server_);
  ScriptedPeer stranger(server_.sip_port());
  for (const char* via :
       {"SIP/2.0/UDP 127.0.0.1:9;maddr=some.name.example;branch=z9hG4bKdns1",
        "SIP/2.0/UDP some.name.example:9;branch=z9hG4bKdns2",
        "SIP/2.0/TCP some.name.example;maddr=other.example;"
        "branch=z9hG4bKdns3"}) {
    for (const char* method : {"OPTIONS", "INVITE", "REFER"}) {
      SipMessage request = stranger.NewStrangerRequest(method);
      request.Set("Via", Cat(via, method));
      stranger.Send(request.ToString());
      ExpectPrompt(witness.peer);
    }
  }
  stranger.AllowUnread();
  witness.ExpectAlive();
}

// A 200 that can't be sent must not leave Sofia in a state that it asserts
// against when the ACK, or the CANCEL, comes at once.
TEST_F(UnroutableDnsTest, AnInviteThatCannotBeAnsweredIsSurvived) {
  AnsweredCall witness(server_);
  ScriptedPeer stranger(server_.sip_port());
  for (const char* maddr : {"no.such.name.example", "255.255.255.255"}) {
    for (const char* second : {"ACK", "CANCEL"}) {
      SipMessage invite = stranger.NewStrangerRequest("INVITE");
      std::string via = Cat("SIP/2.0/UDP 127.0.0.1:9;maddr=", maddr,
                            ";branch=z9hG4bK", second, maddr);
      invite.Set("Via", via);
      std::string text = invite.ToString();
      stranger.Send(text);
      text.replace(text.find("INVITE"), 6, second);
      text.replace(text.find("INVITE", text.find("CSeq")), 6, second);
      stranger.Send(text);
      ExpectPrompt(witness.peer);
    }
  }
  stranger.AllowUnread();
  witness.ExpectAlive();
}

// The ACK waits for the look-up, and the transaction of the INVITE with it.
TEST_F(UnroutableDnsTest, AnswersThatComeBeforeTheAckAreSurvived) {
  AnsweredCall witness(server_);
  ScriptedPeer target(server_.sip_port());
  v1::PlaceCallRequest request;
  request.set_to(Cat("sip:bob@127.0.0.1:", target.port()));
  EventStream<v1::CallEvent> call(std::make_unique<grpc::ClientContext>(),
                                  [&](auto* rpc, auto* queue, void* tag) {
                                    return witness.client.stub().AsyncPlaceCall(
                                        rpc, request, queue, tag);
                                  });
  SipMessage invite = target.Expect("INVITE");
  invite.Set("To", Cat(invite.Header("To"), ";tag=bob"));
  SipHeaders name = {{"Contact", "<sip:bob@no.such.name.example>"}};
  target.Answer(invite, 200, "", name, SdpOffer());
  target.Answer(invite, 180, "", name);
  target.Answer(invite, 200, "", name, SdpOffer());
  ExpectPrompt(witness.peer);
  AwaitState(call, invite.CallId(), v1::CALL_STATE_ANSWERED);
  witness.ExpectAlive();
}

TEST_F(UnroutableDnsTest, ARecordRouteThatIsANameStallsNothing) {
  AnsweredCall witness(server_);
  AnsweredCall call(
      server_, {},
      {.headers = {{"Record-Route", "<sip:proxy.no.such.example;lr>"}}});
  TransferStream stream = call.Refer();
  ExpectPrompt(witness.peer);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSPORT_FAILED));
  // The far end is still there, and its BYE is answered.
  EXPECT_THAT(call.peer.Bye(), Answered(200));
  witness.ExpectAlive();
}

}  // namespace
}  // namespace callcontrol::testing
