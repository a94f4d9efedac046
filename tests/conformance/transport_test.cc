// SPDX-License-Identifier: Apache-2.0
//
// What is below SIP: sizes, pieces, broken connections, names, limits.
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include "tests/support/fake_name_server.h"
#include "tests/support/refusing_port.h"
#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::StartsWith;
using namespace std::chrono_literals;

constexpr char kDone[] = "terminated;reason=noresource";
constexpr char kRinging[] = "SIP/2.0 180 Ringing";
constexpr char kOk[] = "SIP/2.0 200 OK";

class TransportTest : public ServerTest<TransportTest> {
 protected:
  static SipMessage NextMessage(ScriptedPeer& peer) {
    const auto text = peer.Receive(ScriptedPeer::kPatience);
    if (!text) throw std::runtime_error("nothing came");
    return SipMessage::Parse(*text).value();
  }

  static void FinishWell(AnsweredCall& call, TransferStream& stream) {
    EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
    call.peer.Answer(call.peer.Expect("BYE"), 200);
    EXPECT_THAT(stream.RestUntilResult().back(),
                Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
  }
};

TEST_F(TransportTest, AMessageMayComeInPieces) {
  Shows({"106"});
  AnsweredCall call(server(), {.transport = Transport::kTcp});
  TransferStream stream = call.AcceptedRefer();
  const std::string notify = call.peer.NewNotify(kRinging, "active").ToString();
  for (size_t at = 0; at < notify.size(); at += 50) {
    call.peer.Send(notify.substr(at, 50));
  }
  EXPECT_THAT(NextMessage(call.peer), Answered(200));
  EXPECT_THAT(stream.Next(), Status(180));
  FinishWell(call, stream);
}

TEST_F(TransportTest, TwoMessagesMayComeAsOne) {
  Shows({"106"});
  AnsweredCall call(server(), {.transport = Transport::kTcp});
  TransferStream stream = call.AcceptedRefer();
  const std::string first = call.peer.NewNotify(kRinging, "active").ToString();
  const std::string second =
      call.peer.NewNotify("SIP/2.0 183 Progress", "active").ToString();
  call.peer.Send(Cat(first, "\r\n\r\n", second));
  EXPECT_THAT(NextMessage(call.peer), Answered(200));
  EXPECT_THAT(NextMessage(call.peer), Answered(200));
  EXPECT_THAT(stream.Next(), Status(180));
  EXPECT_THAT(stream.Next(), Status(183));
  FinishWell(call, stream);
}

TEST_F(TransportTest, ADatagramThatWasCutOffIsABadRequest) {
  Shows({"106"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  SipMessage cut = call.peer.NewNotify(kOk, kDone);
  cut.Add("Content-Length", "9999");
  EXPECT_THAT(call.peer.AwaitAnswer(call.peer.SendRequest(cut)), Answered(400));
  EXPECT_TRUE(stream.Silent(50ms));
  FinishWell(call, stream);
}

// 64 KiB is the most; the connection is of no use afterwards.
TEST_F(TransportTest, AMessageThatIsTooLargeIsNotRead) {
  Shows({"106"});
  AnsweredCall call(server(), {.transport = Transport::kTcp});
  TransferStream stream = call.AcceptedRefer();
  ScriptedPeer other(server().sip_port(), {.transport = Transport::kTcp});
  other.dialog() = call.peer.dialog();
  SipMessage large = other.NewNotify("", kDone, {.event = "refer"});
  large.SetBody("message/sipfrag", Cat(kOk, "\r\n", std::string(80000, 'x')));
  other.Send(large.ToString());
  other.AllowUnread();
  EXPECT_TRUE(stream.Silent(100ms));
  call.peer.dialog().cseq += 10;
  FinishWell(call, stream);
}

//  REFER --->   <--- 202
//  the far end's connection breaks, and it comes back by another
//        <--- NOTIFY 200
//  BYE --->
TEST_F(TransportTest, ACallSurvivesItsConnection) {
  Shows({"101"});
  auto first = std::make_unique<ScriptedPeer>(
      server().sip_port(), PeerOptions{.transport = Transport::kTcp});
  ReferClient client(server().grpc_port());
  first->Invite();
  const std::string id = client.AwaitCall(first->dialog().call_id).call_id();
  TransferStream stream = client.Refer(id, "sip:carol@target.example");
  first->Answer(first->Expect("REFER"), 202);

  ScriptedPeer second(server().sip_port(), {.transport = Transport::kTcp});
  second.dialog() = first->dialog();
  second.dialog().contact = second.Contact();
  first.reset();
  EXPECT_THAT(second.Notify(kOk, kDone, {.event = "refer"}), Answered(200));
  second.Answer(second.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

// Nobody listens at the far end's Contact any more.
TEST_F(TransportTest, AReferThatCannotConnectIsNoTimeout) {
  Shows({"95"});
  const RefusingPort closed(SOCK_STREAM);
  AnsweredCall call(
      server(), {},
      {.contact = Cat("<sip:caller@", closed.address(), ";transport=tcp>")});
  TransferStream stream = call.Refer();
  const v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSPORT_FAILED);
  EXPECT_EQ(result.refer_status(), 0);
  EXPECT_THAT(call.peer.Bye(), Answered(200));
}

// A Contact that is a name, where NAPTR and SRV say the port.
TEST(NamesTest, AContactThatIsANameIsLookedUp) {
  Shows({"104"});
  FakeNameServer names;
  CallcontroldProcess server(
      TestConfig(Cat("dns { nameservers: '", names.address(), "' }")));
  ScriptedPeer peer(server.sip_port());
  ReferClient client(server.grpc_port());
  names.AddNaptr("phone.example", 1, 1, "SIP+D2U", "_sip._udp.phone.example");
  names.AddSrv("_sip._udp.phone.example", 1, 1, peer.port(), "a.phone.example");
  names.AddA("a.phone.example", "127.0.0.1");
  peer.Invite({.contact = "<sip:caller@phone.example>"});
  TransferStream stream =
      client.Refer(client.AwaitCall(peer.dialog().call_id).call_id(),
                   "sip:carol@target.example");
  const SipMessage refer = peer.Expect("REFER");
  EXPECT_EQ(refer.uri(), "sip:caller@phone.example");
  peer.Answer(refer, 202);
  EXPECT_THAT(peer.Notify(kOk, kDone), Answered(200));
  peer.Answer(peer.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

// The refresh of a session is answered, the name that its ACK goes to is looked
// up, and the far end hangs up meanwhile: its transfer keeps the dialog, not
// what Sofia had for it.
//
//  INVITE (refresh) --->   <--- 200   <--- BYE   ACK --->
TEST(NamesTest, AByeWhileTheAckIsLookedUpIsSurvived) {
  FakeNameServer names;
  CallcontroldProcess server(
      TestConfig(Cat("dns { nameservers: '", names.address(),
                     "' limit { seconds: 10 } } "
                     "calls { least_session_interval { seconds: 2 } } "
                     "transfers { lost_grace { seconds: 9 } }")));
  ScriptedPeer peer(server.sip_port());
  ReferClient client(server.grpc_port());
  peer.Invite({.sdp = SdpOffer(),
               .allow = "INVITE, ACK, BYE, REFER",
               .headers = {{"Supported", "timer"},
                           {"Session-Expires", "2;refresher=uas"}}});
  TransferStream stream =
      client.Refer(client.AwaitCall(peer.dialog().call_id).call_id(),
                   "sip:carol@target.example");
  peer.Answer(peer.Expect("REFER"), 202);
  names.BeSilentAbout("late.example");
  peer.Answer(peer.Expect("INVITE"), 200, "",
              {{"Contact", Cat("<sip:caller@late.example:", peer.port(), ">")},
               {"Session-Expires", "2;refresher=uac"}},
              SdpOffer());
  names.WaitUntilAsked("late.example", FakeNameServer::kA);
  EXPECT_THAT(peer.Bye(), Answered(200));
  names.AddA("late.example", "127.0.0.1");
  peer.Expect("ACK", 9000ms);
  EXPECT_THAT(peer.Notify(kOk, kDone), Answered(200));
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
  EXPECT_TRUE(server.Running());
}

TEST(LimitsTest, ACallTooManyIsAskedToComeBack) {
  Shows({"107"});
  CallcontroldProcess server(TestConfig("calls { max_calls: 1 }"));
  AnsweredCall call(server);
  ScriptedPeer other(server.sip_port());
  const SipMessage refused =
      other.AwaitAnswer(other.StartInvite({.sdp = SdpOffer()}));
  EXPECT_THAT(refused, Answered(503));
  EXPECT_TRUE(refused.Has("Retry-After"));
  call.ExpectAlive();
}

// A far end that listens on UDP and TCP; what is short would go to the UDP port
// of the same number, where nobody is.
TEST_F(TransportTest, ALongReferLeavesByTcp) {
  Shows({"13"});
  ScriptedPeer udp(server().sip_port());
  ScriptedPeer tcp(server().sip_port(), {.transport = Transport::kTcp});
  ReferClient client(server().grpc_port());
  udp.Invite({.contact = Cat("<sip:caller@127.0.0.1:", tcp.port(), ">")});
  TransferStream stream = client.Refer(
      client.AwaitCall(udp.dialog().call_id).call_id(),
      "sip:carol@target.example", [](v1::ReferRequest& request) {
        (*request.mutable_headers())["X-One"] = std::string(900, '1');
        (*request.mutable_headers())["X-Two"] = std::string(900, '2');
      });
  const SipMessage refer = tcp.Expect("REFER");
  EXPECT_THAT(refer.Header("Via"), StartsWith("SIP/2.0/TCP "));
  EXPECT_EQ(refer.Header("X-Two"), std::string(900, '2'));
  tcp.Answer(refer, 603);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
  EXPECT_THAT(udp.Bye(), Answered(200));
}

// RFC 3261, 18.1.1: a far end that resets the connection is asked by UDP.
TEST_F(TransportTest, ALongReferLeavesByUdpWhereThereIsNoTcp) {
  Shows({"13"});
  AnsweredCall call(server());
  const SipMessage refer = call.DeclinedRefer(
      "sip:carol@target.example", [](v1::ReferRequest& request) {
        (*request.mutable_headers())["X-One"] = std::string(900, '1');
        (*request.mutable_headers())["X-Two"] = std::string(900, '2');
      });
  EXPECT_THAT(refer.Header("Via"), StartsWith("SIP/2.0/UDP "));
  EXPECT_EQ(refer.Header("X-Two"), std::string(900, '2'));
  call.ExpectHangsUp();
}

}  // namespace
}  // namespace callcontrol::testing
