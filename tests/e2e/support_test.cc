// SPDX-License-Identifier: Apache-2.0
//
// The test kit itself: a scripted peer that calls a scripted peer.
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "tests/support/certificates.h"
#include "tests/support/hostile_sender.h"
#include "tests/support/refer_matchers.h"
#include "tests/support/scripted_peer.h"
#include "tests/support/sip_message.h"
#include "tests/support/tls_session.h"

namespace callcontrol::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr uint16_t kNobody = 9;

// --- SipMessage
// ---------------------------------------------------------------

TEST(SipMessageTest, ReadsARequest) {
  auto message = SipMessage::Parse(
      "REFER sip:a@b SIP/2.0\r\n"
      "v: SIP/2.0/UDP h:1;branch=z9hG4bK1;rport\r\n"
      "From: \"x;tag=no\" <sip:f@h;tag=no>;tag=from\r\n"
      "t: <sip:t@h> ; TAG = to\r\n"
      "i: id@h\r\nCSeq:  7   REFER\r\n"
      "r: <sip:c@d?Replaces=a%2Cb>, <sip:e@f>\r\n"
      "l: 2\r\n\r\nhi");
  ASSERT_TRUE(message);
  EXPECT_TRUE(message->is_request());
  EXPECT_EQ(message->method(), "REFER");
  EXPECT_EQ(message->uri(), "sip:a@b");
  EXPECT_EQ(message->Branch(), "z9hG4bK1");
  EXPECT_EQ(message->FromTag(), "from");
  EXPECT_EQ(message->ToTag(), "to");
  EXPECT_EQ(message->CallId(), "id@h");
  EXPECT_EQ(message->CSeqNumber(), 7);
  EXPECT_EQ(message->CSeqMethod(), "REFER");
  EXPECT_THAT(message->Values("Refer-To"),
              ElementsAre("<sip:c@d?Replaces=a%2Cb>", "<sip:e@f>"));
  EXPECT_EQ(message->body(), "hi");
}

TEST(SipMessageTest, ReadsAnAnswerAndNothingElse) {
  auto message =
      SipMessage::Parse("SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\n\r\n");
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->is_request());
  EXPECT_EQ(message->status(), 486);
  EXPECT_EQ(message->reason(), "Busy Here");
  EXPECT_EQ(message->method(), "INVITE");
  EXPECT_FALSE(SipMessage::Parse(""));
  EXPECT_FALSE(SipMessage::Parse("\r\n\r\n"));
  EXPECT_FALSE(SipMessage::Parse("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_FALSE(SipMessage::Parse("SIP/2.0 abc\r\n\r\n"));
}

TEST(SipMessageTest, WritesWhatItWasTold) {
  SipMessage message = SipMessage::Request("NOTIFY", "sip:a@b");
  message.Add("Event", "refer").Add("X", "1").Add("X", "2");
  message.Set("x", "3").Remove("o").SetBody("text/plain", "abc");
  EXPECT_EQ(message.ToString(),
            "NOTIFY sip:a@b SIP/2.0\r\nX: 3\r\nContent-Type: text/plain\r\n"
            "Content-Length: 3\r\n\r\nabc");
}

// --- ScriptedPeer
// -------------------------------------------------------------

class ScriptedPeerTest : public ::testing::Test {
 protected:
  ScriptedPeer server_{kNobody};
  ScriptedPeer caller_{server_.port()};

  // The 2xx of the one who is called.
  static SipHeaders Ok() { return {{"Contact", "<sip:service@127.0.0.1>"}}; }

  // Sets the call up; returns the INVITE as it arrived.
  SipMessage Establish() {
    SipMessage sent = caller_.StartInvite({.sdp = SdpOffer()});
    SipMessage invite = server_.Expect("INVITE");
    EXPECT_EQ(invite.body(), SdpOffer());
    server_.Answer(invite, 200, "OK", Ok());
    caller_.Ack(caller_.AwaitAnswer(sent));
    SipMessage ack = server_.Expect("ACK");
    EXPECT_EQ(ack.CSeqNumber(), invite.CSeqNumber());
    EXPECT_NE(ack.Branch(), invite.Branch());
    EXPECT_EQ(ack.uri(), "sip:service@127.0.0.1");
    return invite;
  }

  // A request from the called side, inside the dialog.
  SipMessage Request(const SipMessage& invite, const std::string& method,
                     const std::string& branch) {
    SipMessage request = SipMessage::Request(method, "sip:caller@127.0.0.1");
    request.Add("Via", "SIP/2.0/UDP 127.0.0.1;branch=" + branch);
    request.Add("From", caller_.dialog().remote);
    request.Add("To", invite.Header("From"));
    request.Add("Call-ID", invite.CallId());
    request.Add("CSeq", "5 " + method);
    return request;
  }
};

TEST_F(ScriptedPeerTest, PlaysATransfer) {
  SipMessage invite = Establish();
  SipMessage refer = Request(invite, "REFER", "r1");
  server_.Send(refer.ToString(), invite.channel);
  caller_.Answer(caller_.Expect("REFER"), 202);
  EXPECT_EQ(caller_.refer_cseq(), 5);
  auto accepted = SipMessage::Parse(server_.Receive(1s).value_or(""));
  ASSERT_TRUE(accepted);
  EXPECT_THAT(*accepted, Answered(202));
  EXPECT_EQ("<" + AddressOf(accepted->Header("Contact")) + ">",
            caller_.Contact());

  SipMessage notify =
      caller_.NewNotify("SIP/2.0 200 OK", "terminated;reason=noresource");
  caller_.SendRequest(notify);
  SipMessage arrived = server_.Expect("NOTIFY");
  EXPECT_EQ(arrived.Header("Event"), "refer;id=5");
  EXPECT_EQ(arrived.body(), "SIP/2.0 200 OK\r\n");
  EXPECT_EQ(arrived.CSeqNumber(), invite.CSeqNumber() + 1);
  EXPECT_EQ(arrived.ToTag(), HeaderParameter(caller_.dialog().remote, "tag"));
  server_.Answer(arrived, 200);
  EXPECT_THAT(caller_.AwaitAnswer(notify), Answered(200));
}

TEST_F(ScriptedPeerTest, CountsRetransmissionsAndAnswersThemAgain) {
  SipMessage invite = Establish();
  std::string refer = Request(invite, "REFER", "r1").ToString();
  server_.Send(refer, invite.channel);
  server_.Send(refer, invite.channel);
  caller_.Answer(caller_.Expect("REFER"), 202);
  server_.Send(refer, invite.channel);
  caller_.ExpectNothing(20ms);
  EXPECT_EQ(caller_.retransmissions("REFER"), 2);
  // Once by the test, twice for the repetitions that came after it.
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(server_.Receive(1s));
  EXPECT_FALSE(server_.Receive(0ms));
}

TEST_F(ScriptedPeerTest, AcknowledgesARepeatedAnswerAgain) {
  SipMessage invite = Establish();
  server_.Answer(invite, 200, "OK",
                 {{"Contact", "<sip:service@127.0.0.1>"},
                  {"X-Tag", "another To tag, the same transaction"}});
  caller_.ExpectNothing(20ms);
  EXPECT_EQ(caller_.repeated_answers("INVITE"), 1);
  server_.ExpectNothing(0ms);
  EXPECT_EQ(server_.retransmissions("ACK"), 1);
}

TEST_F(ScriptedPeerTest, AcknowledgesARejectionInItsTransaction) {
  SipMessage sent = caller_.StartInvite();
  server_.Answer(server_.Expect("INVITE"), 486);
  EXPECT_THAT(caller_.AwaitAnswer(sent), Answered(486));
  EXPECT_EQ(server_.Expect("ACK").Branch(), sent.Branch());
}

TEST_F(ScriptedPeerTest, AnswersOptionsWhileItWaits) {
  SipMessage invite = Establish();
  server_.Send(Request(invite, "OPTIONS", "o1").ToString(), invite.channel);
  server_.Send(Request(invite, "BYE", "b1").ToString(), invite.channel);
  EXPECT_EQ(caller_.Expect("BYE").method(), "BYE");
  EXPECT_EQ(caller_.options_answered(), 1);
}

TEST_F(ScriptedPeerTest, ComplainsOfTheWrongRequestAndOfNone) {
  SipMessage invite = Establish();
  EXPECT_THROW(caller_.Expect("REFER", 10ms), std::runtime_error);
  server_.Send(Request(invite, "BYE", "b1").ToString(), invite.channel);
  EXPECT_THROW(caller_.Expect("REFER"), std::runtime_error);
  EXPECT_THROW(caller_.ExpectNothing(0ms), std::runtime_error);
  EXPECT_EQ(caller_.Expect("BYE").method(), "BYE");
  caller_.ExpectNothing(0ms);
}

TEST_F(ScriptedPeerTest, ComplainsOfAnAnswerThatNobodyWaitsFor) {
  SipMessage invite = Establish();
  SipMessage stray = Request(invite, "BYE", "unknown");
  stray.Set("Via", "SIP/2.0/UDP 127.0.0.1;branch=unknown");
  server_.Send("SIP/2.0 200 OK\r\n" +
                   stray.ToString().substr(stray.ToString().find("Via")),
               invite.channel);
  EXPECT_THROW(caller_.ExpectNothing(1s), std::runtime_error);
}

TEST_F(ScriptedPeerTest, ComplainsOfARequestThatNobodyAskedFor) {
  EXPECT_NONFATAL_FAILURE(
      {
        ScriptedPeer called(kNobody);
        ScriptedPeer calling(called.port());
        calling.Send(calling.NewStrangerRequest("BYE").ToString());
      },
      "nobody asked for BYE");
}

// The handshake needs both sides at once, and a peer has one thread.
TEST(TlsSessionTest, SpeaksTlsBothWays) {
  const TestAuthority authority;
  const PeerTls tls = {
      .own = authority.Issue(
          {.common_name = "peer", .alternative_names = {"DNS:peer.example"}}),
      .authority = authority.certificate()};
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
  auto accepting = std::async(std::launch::async, [&] {
    return std::make_unique<TlsSession>(tls, TlsSession::Role::kServer, fds[1]);
  });
  TlsSession client(tls, TlsSession::Role::kClient, fds[0]);
  std::unique_ptr<TlsSession> server = accepting.get();
  EXPECT_EQ(client.peer_common_name(), "peer");
  EXPECT_TRUE(server->peer_showed_certificate());
  EXPECT_EQ(server->Read(), "");
  client.Write("there");
  EXPECT_EQ(server->Read(), "there");
  server->Write("back");
  EXPECT_EQ(client.Read(), "back");
  server.reset();
  EXPECT_EQ(client.Read(), std::nullopt);
  close(fds[0]);
  close(fds[1]);
}

TEST(TlsSessionTest, AStrangerIsRefused) {
  const TestAuthority authority;
  const TestAuthority other;
  const PeerTls server = {.own = other.Issue({.common_name = "other"})};
  const PeerTls client = {.authority = authority.certificate()};
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
  auto accepting = std::async(std::launch::async, [&] {
    EXPECT_THROW(TlsSession(server, TlsSession::Role::kServer, fds[1]),
                 std::runtime_error);
  });
  EXPECT_THROW(TlsSession(client, TlsSession::Role::kClient, fds[0]),
               std::runtime_error);
  accepting.get();
  close(fds[0]);
  close(fds[1]);
}

TEST(ScriptedPeerTcpTest, SpeaksTcpBothWays) {
  ScriptedPeer server(kNobody, {.transport = Transport::kTcp});
  ScriptedPeer caller(server.port(), {.transport = Transport::kTcp});
  SipMessage sent = caller.StartInvite({.sdp = SdpOffer()});
  SipMessage invite = server.Expect("INVITE");
  EXPECT_THAT(invite.Header("Via"), HasSubstr("SIP/2.0/TCP"));
  EXPECT_THAT(invite.Header("Contact"), HasSubstr(";transport=tcp"));
  server.Answer(invite, 200, "OK",
                {{"Contact", "<sip:service@127.0.0.1;transport=tcp>"}});
  caller.Ack(caller.AwaitAnswer(sent));
  server.Expect("ACK");
  //  Two messages in one segment are two messages.
  SipMessage one = caller.NewRequest("BYE");
  SipMessage two = caller.NewRequest("OPTIONS");
  caller.Send(one.ToString() + "\r\n" + two.ToString());
  EXPECT_EQ(server.Expect("BYE").CSeqNumber(), one.CSeqNumber());
  server.ExpectNothing(20ms);
  EXPECT_EQ(server.options_answered(), 1);
}

TEST(HostileSenderTest, IsTheSameForTheSameSeed) {
  auto traffic = [](uint32_t seed) {
    auto sink = MakeUdpTransport("127.0.0.1", kNobody);
    HostileSender sender(sink->port(), seed);
    std::vector<std::string> texts;
    for (int i = 0; i < 20; ++i) {
      sender.Send();
      texts.push_back(
          sink->Receive(std::chrono::steady_clock::now() + 5s).value().text);
    }
    return texts;
  };
  std::vector<std::string> first = traffic(1);
  EXPECT_EQ(traffic(1), first);
  EXPECT_NE(traffic(2), first);
}

TEST(SdpOfferTest, HasOneMediaLinePerPort) {
  EXPECT_THAT(SdpOffer({1, 0}), HasSubstr("m=audio 1 RTP/AVP 0 8\r\n"
                                          "m=video 0 RTP/AVP 96\r\n"));
}

}  // namespace
}  // namespace callcontrol::testing
