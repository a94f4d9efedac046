// SPDX-License-Identifier: Apache-2.0
//
// Offers and answers: INVITE, re-INVITE, UPDATE (RFC 3264, RFC 3311).
#include <chrono>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class CallSdpTest : public ServerTest<CallSdpTest> {};

std::vector<std::string> LinesOf(const std::string& sdp,
                                 const std::string& prefix) {
  std::vector<std::string> found;
  std::istringstream in(sdp);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(prefix)) found.push_back(Trim(line));
  }
  return found;
}

// "audio 0", "video on": the media of each m-line and whether it is rejected.
std::vector<std::string> Media(const std::string& sdp) {
  std::vector<std::string> media;
  for (const std::string& line : LinesOf(sdp, "m=")) {
    std::istringstream words(line.substr(2));
    std::string kind;
    int port = 0;
    words >> kind >> port;
    media.push_back(kind + (port == 0 ? " rejected" : " on"));
  }
  return media;
}

void ExpectAnswers(const std::string& answer,
                   const std::vector<std::string>& media) {
  EXPECT_THAT(answer, ::testing::StartsWith("v=0\r\n"));
  EXPECT_THAT(LinesOf(answer, "o="), ::testing::SizeIs(1));
  EXPECT_THAT(LinesOf(answer, "c="), ::testing::Not(::testing::IsEmpty()));
  EXPECT_EQ(Media(answer), media);
  // No media here: every stream is inactive, never sendrecv.
  EXPECT_THAT(answer, HasSubstr("a=inactive"));
  EXPECT_TRUE(LinesOf(answer, "a=sendrecv").empty());
}

TEST_F(CallSdpTest, EveryMediaLineOfAnOfferIsAnswered) {
  Shows({"92"});
  struct Case {
    std::string offer;
    std::vector<std::string> media;
  };
  const std::vector<Case> kCases = {
      {SdpOffer({40000}), {"audio on"}},
      {SdpOffer({40000, 40002}), {"audio on", "video on"}},
      {SdpOffer({40000, 0}), {"audio on", "video rejected"}},
      {SdpOffer({0, 40002}), {"audio rejected", "video on"}}};
  for (const Case& offered : kCases) {
    SCOPED_TRACE(offered.offer);
    ScriptedPeer peer(server().sip_port());
    SipMessage ok = peer.Invite({.sdp = offered.offer});
    EXPECT_EQ(ok.Header("Content-Type"), "application/sdp");
    ExpectAnswers(ok.body(), offered.media);
    EXPECT_THAT(peer.Bye(), Answered(200));
  }
}

TEST_F(CallSdpTest, TheFormatsOfAnAnswerWereOffered) {
  Shows({"92"});
  ScriptedPeer peer(server().sip_port());
  SipMessage ok = peer.Invite();
  std::vector<std::string> lines = LinesOf(ok.body(), "m=audio ");
  ASSERT_THAT(lines, ::testing::SizeIs(1));
  std::istringstream words(lines[0]);
  std::string word;
  for (int i = 0; i < 3; ++i) words >> word;
  EXPECT_EQ(word, "RTP/AVP");
  int formats = 0;
  while (words >> word) {
    ++formats;
    EXPECT_TRUE(word == "0" || word == "8") << word;
  }
  EXPECT_GE(formats, 1);
  EXPECT_THAT(peer.Bye(), Answered(200));
}

TEST_F(CallSdpTest, WithoutAnOfferTheAnswerMakesOne) {
  Shows({"92"});
  ScriptedPeer peer(server().sip_port());
  ReferClient client(server().grpc_port());
  //        <--- INVITE without SDP   200 with an offer --->
  SipMessage ok = peer.AwaitAnswer(peer.StartInvite());
  EXPECT_THAT(ok, Answered(200));
  EXPECT_EQ(ok.Header("Content-Type"), "application/sdp");
  EXPECT_FALSE(Media(ok.body()).empty());
  //        <--- ACK with the answer
  peer.Ack(ok, SdpOffer());
  // The answer to OPTIONS shows that the ACK was read.
  EXPECT_THAT(peer.Options(), Answered(200));
  EXPECT_EQ(client.AwaitCall(peer.dialog().call_id).remote_sdp(), SdpOffer());
  EXPECT_THAT(peer.Bye(), Answered(200));
}

// A session description may hold any bytes, and a Call only UTF-8: one that
// can't be read would blind every client that watches calls (protocol.md,
// #108).
TEST_F(CallSdpTest, AnOfferOfAnyBytesLeavesTheCallReadable) {
  Shows({"108"});
  // Of its own: other tests want to watch calls.
  CallcontroldProcess victim;
  ReferClient client(victim.grpc_port());
  const std::string good =
      SdpOffer({40000, 40002}) + "a=mid:1\r\na=label:x\r\n";
  for (const char* place : {"peer", "s=-", "audio", "RTP", "AVP 0", "H264",
                            "rtpmap", "mid:1", "label:x", "127.0.0.1\r\nt"}) {
    SCOPED_TRACE(place);
    std::string sdp = good;
    sdp.insert(sdp.find(place) + 3, "\xfc");
    ScriptedPeer peer(victim.sip_port());
    SipMessage answer = peer.AwaitAnswer(peer.StartInvite({.sdp = sdp}));
    // It may be refused; if it isn't, it must be readable.
    if (answer.status() != 200) {
      EXPECT_THAT(answer, Answered(488));
      continue;
    }
    peer.Ack(answer);
    v1::Call call = client.AwaitCall(peer.dialog().call_id);
    EXPECT_FALSE(call.remote_sdp().empty());
    EXPECT_FALSE(call.local_sdp().empty());
    EXPECT_THAT(peer.Bye(), Answered(200));
  }
}

TEST_F(CallSdpTest, AReInviteIsAnsweredAndKept) {
  Shows({"92"});
  AnsweredCall call(server());
  EventStream<v1::CallEvent> calls = call.Watch();
  std::string before = call.client.GetCall(call.id).local_sdp();
  SipMessage ok = call.peer.ReInvite(SdpOffer({40002, 40004}, 2));
  EXPECT_THAT(ok, Answered(200));
  ExpectAnswers(ok.body(), {"audio on", "video on"});
  v1::Call read = AnsweredCall::AwaitUpdated(calls);
  EXPECT_EQ(read.remote_sdp(), SdpOffer({40002, 40004}, 2));
  EXPECT_EQ(read.local_sdp(), ok.body());
  // The same session, in a newer version (RFC 3264, 8).
  auto origin = [](const std::string& sdp) {
    std::istringstream words(LinesOf(sdp, "o=").at(0));
    std::string user, session;
    int64_t version = 0;
    words >> user >> session >> version;
    return std::pair(session, version);
  };
  EXPECT_EQ(origin(ok.body()).first, origin(before).first);
  EXPECT_EQ(origin(ok.body()).second, origin(before).second + 1);
  call.ExpectHangsUp();
}

TEST_F(CallSdpTest, AReInviteWithoutSdpIsAnsweredWithAnOffer) {
  Shows({"92"});
  AnsweredCall call(server());
  SipMessage invite = call.peer.NewRequest("INVITE");
  SipMessage ok = call.peer.AwaitAnswer(call.peer.SendRequest(invite));
  EXPECT_THAT(ok, Answered(200));
  EXPECT_THAT(Media(ok.body()), ElementsAre("audio on"));
  call.peer.Ack(ok, SdpOffer());
  call.ExpectHangsUp();
}

TEST_F(CallSdpTest, ARepeatedReInviteIsAnsweredTheSame) {
  AnsweredCall call(server());
  SipMessage invite = call.peer.NewRequest("INVITE");
  invite.SetBody("application/sdp", SdpOffer({40002}, 2));
  SipMessage first = call.peer.AwaitAnswer(call.peer.SendRequest(invite));
  SipMessage second = call.peer.AwaitAnswer(call.peer.SendRequest(invite));
  EXPECT_THAT(first, Answered(200));
  EXPECT_EQ(second.body(), first.body());
  EXPECT_EQ(second.CSeqNumber(), first.CSeqNumber());
  call.peer.Ack(first);
  // Acknowledged: no repetition any more.
  EXPECT_THAT(call.peer.Options(), Answered(200));
  int repeated = call.peer.repeated_answers("INVITE");
  call.peer.ExpectNothing(300ms);
  EXPECT_EQ(call.peer.repeated_answers("INVITE"), repeated);
  call.ExpectHangsUp();
}

TEST_F(CallSdpTest, AnUnreadableReInviteIsRefusedAndTheSessionStays) {
  Shows({"90"});
  AnsweredCall call(server());
  EXPECT_THAT(call.peer.ReInvite("this is no SDP"), Answered(488));
  EXPECT_EQ(call.client.GetCall(call.id).remote_sdp(), SdpOffer());
  call.ExpectAlive();
}

TEST_F(CallSdpTest, AnUpdateWithAnOfferIsAnsweredWithAnAnswer) {
  Shows({"93"});
  AnsweredCall call(server());
  EventStream<v1::CallEvent> calls = call.Watch();
  SipMessage ok = call.peer.Update(SdpOffer({40002}, 2));
  EXPECT_THAT(ok, Answered(200));
  ExpectAnswers(ok.body(), {"audio on"});
  EXPECT_EQ(AnsweredCall::AwaitUpdated(calls).remote_sdp(),
            SdpOffer({40002}, 2));
  call.ExpectHangsUp();
}

TEST_F(CallSdpTest, AnUpdateWithoutAnOfferIsARefresh) {
  Shows({"93"});
  AnsweredCall call(server());
  SipMessage ok = call.peer.Update();
  EXPECT_THAT(ok, Answered(200));
  EXPECT_EQ(ok.body(), "");
  EXPECT_EQ(call.client.GetCall(call.id).remote_sdp(), SdpOffer());
  call.ExpectHangsUp();
}

}  // namespace
}  // namespace callcontrol::testing
