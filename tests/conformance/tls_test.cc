// SPDX-License-Identifier: Apache-2.0
//
// SIP over TLS: calls, transfers, sips: URIs, client certificates, and
// connections that break. The server is on the left of the ladders.
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/server_test.h"
#include "tests/support/text.h"
#include "tests/support/tls_stage.h"

namespace callcontrol::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

constexpr char kDone[] = "terminated;reason=noresource";
constexpr char kOk[] = "SIP/2.0 200 OK";

class TlsTest : public ::testing::Test {
 protected:
  static void FinishWell(AnsweredCall& call, TransferStream& stream) {
    EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
    call.peer.Answer(call.peer.Expect("BYE"), 200);
    EXPECT_THAT(stream.RestUntilResult().back(),
                Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
  }

  TlsStage stage_;
  CallcontroldProcess server_{stage_.Config()};
};

//  <--- INVITE   200 --->   <--- ACK       by the far end's connection
//  REFER --->   <--- 202                   by one to its Contact
//  <--- NOTIFY 200                         by the far end's
//  BYE --->                                by the server's, again
TEST_F(TlsTest, ACallAndItsTransferRunOverTls) {
  Shows({"103"});
  AnsweredCall call(server_, stage_.Peer());
  EXPECT_THAT(call.peer.dialog().remote_target,
              StartsWith(Cat("sip:127.0.0.1:", server_.sip_tls_port(),
                             ";transport=tls")));
  TransferStream stream = call.Refer();
  const SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(refer.Header("Via"), StartsWith("SIP/2.0/TLS "));
  EXPECT_THAT(refer.Header("Contact"), HasSubstr(";transport=tls"));
  // The far end asks for a certificate where it is the server.
  EXPECT_TRUE(
      call.peer.transport().newest_session()->peer_showed_certificate());
  call.peer.Answer(refer, 202);
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  const SipMessage bye = call.peer.Expect("BYE");
  EXPECT_EQ(bye.channel, refer.channel);
  call.peer.Answer(bye, 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(TlsTest, TheServerAsksForNoCertificateUnlessItIsToldTo) {
  PeerOptions options = stage_.Peer();
  options.tls.own = {};
  ScriptedPeer caller(server_.sip_tls_port(), options);
  caller.Invite();
  EXPECT_THAT(caller.Bye(), Answered(200));
}

// A phone that listens nowhere and has no certificate: its Contact is where its
// connection comes from, and everything goes by that.
TEST_F(TlsTest, AContactAtTheFarEndsOwnConnectionIsReachedByIt) {
  PeerOptions options = stage_.Peer();
  options.tls.own = {};
  ScriptedPeer phone(server_.sip_tls_port(), options);
  ReferClient client(server_.grpc_port());
  const SipMessage ok =
      phone.Invite({.contact = Cat("<sip:phone@127.0.0.1:", phone.own_port(),
                                   ";transport=tls>")});
  TransferStream stream =
      client.Refer(client.AwaitCall(phone.dialog().call_id).call_id(),
                   "sip:carol@target.example");
  const SipMessage refer = phone.Expect("REFER");
  EXPECT_EQ(refer.channel, ok.channel);
  phone.Answer(refer, 202);
  EXPECT_THAT(phone.Notify(kOk, kDone), Answered(200));
  phone.Answer(phone.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

// ---- sips: (RFC 3261, 26.2; RFC 5630) ------------------------------------

TEST_F(TlsTest, ASipsCallHasASipsContact) {
  Shows({"102"});
  AnsweredCall call(server_, stage_.Peer(),
                    {.to = "sips:service@callcontrol.example"});
  EXPECT_EQ(call.peer.dialog().remote_target,
            Cat("sips:127.0.0.1:", server_.sip_tls_port()));
  const SipMessage refer = call.DeclinedRefer("sips:carol@target.example");
  EXPECT_EQ(refer.Header("Refer-To"), "<sips:carol@target.example>");
  EXPECT_THAT(refer.Header("Contact"), StartsWith("<sips:"));
  EXPECT_THAT(refer.Header("Via"), StartsWith("SIP/2.0/TLS "));
  call.ExpectHangsUp();
}

TEST_F(TlsTest, ASipsTargetPassesOnACallOverTls) {
  Shows({"102"});
  AnsweredCall call(server_, stage_.Peer());
  EXPECT_EQ(call.DeclinedRefer("sips:carol@target.example").Header("Refer-To"),
            "<sips:carol@target.example>");
  call.ExpectHangsUp();
}

TEST_F(TlsTest, ASipsRequestThatCameWithoutTlsIsRefused) {
  Shows({"102"});
  ScriptedPeer caller(server_.sip_port());
  EXPECT_THAT(caller.AwaitAnswer(caller.StartInvite(
                  {.to = "sips:service@callcontrol.example"})),
              Answered(416));
}

// A caller by UDP with a Contact that is sips: its requests go by TLS, to the
// very port that it names.
TEST_F(TlsTest, ASipsContactIsReachedByTlsAlone) {
  Shows({"102"});
  ScriptedPeer tls(server_.sip_tls_port(), stage_.Peer());
  AnsweredCall call(server_, {},
                    {.contact = Cat("<sips:caller@127.0.0.1:", tls.port(),
                                    ";transport=udp>")});
  TransferStream stream = call.Refer();
  tls.Answer(tls.Expect("REFER"), 603);
  stream.RestUntilResult();
  EXPECT_THAT(call.peer.Bye(), Answered(200));
}

TEST(NoTlsTest, ASipsContactIsNotSentToWithoutTls) {
  Shows({"102"});
  CallcontroldProcess server;
  for (const char* parameters : {"", ";transport=tls"}) {
    const bool sips = *parameters == '\0';
    AnsweredCall call(server, {},
                      {.contact = Cat(sips ? "<sips:" : "<sip:",
                                      "caller@127.0.0.1", parameters, ">")});
    TransferStream stream = call.Refer();
    const v1::TransferResult result = stream.RestUntilResult().back().result();
    EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSPORT_FAILED);
    EXPECT_THAT(result.reason(), HasSubstr("SIP over TLS is not configured"));
    EXPECT_THAT(call.peer.Bye(), Answered(200));
  }
}

// ---- Connections that break -----------------------------------------------

struct Wire {
  const char* name;
  bool tls;
};

class BrokenConnectionTest : public TlsTest,
                             public ::testing::WithParamInterface<Wire> {
 protected:
  PeerOptions Peer() const {
    PeerOptions options = stage_.Peer();
    if (!GetParam().tls) options.transport = Transport::kTcp;
    return options;
  }
};

//  REFER --->   <--- 202
//  every connection breaks; the far end opens another
//        <--- NOTIFY 200
//  BYE --->                  by a new connection to the same Contact
TEST_P(BrokenConnectionTest, ATransferGoesOnByNewOnes) {
  Shows({"101"});
  AnsweredCall call(server_, Peer());
  TransferStream stream = call.Refer();
  const SipMessage refer = call.peer.Expect("REFER");
  call.peer.Answer(refer, 202);
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(stream.Next(), ReferAnswered(202));
  call.peer.Disconnect();
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  const SipMessage bye = call.peer.Expect("BYE");
  EXPECT_GT(bye.channel, refer.channel);
  call.peer.Answer(bye, 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

// The REFER itself finds that the connection is gone.
TEST_P(BrokenConnectionTest, AReferAfterItGoesByANewOne) {
  Shows({"101"});
  AnsweredCall call(server_, Peer());
  const SipMessage first = call.DeclinedRefer("sip:carol@target.example");
  call.peer.Disconnect();
  const SipMessage second = call.DeclinedRefer("sip:carol@target.example");
  EXPECT_GT(second.channel, first.channel);
  call.ExpectHangsUp();
}

//  REFER --->
//  every connection breaks; the answer comes by another (RFC 3261, 18.2.2)
//        <--- 202
TEST_P(BrokenConnectionTest, AnAnswerMayComeByAnotherConnection) {
  Shows({"101"});
  AnsweredCall call(server_, Peer());
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  call.peer.Disconnect();
  refer.channel = 0;  // The one that the peer opens.
  call.peer.Answer(refer, 202);
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(stream.Next(), ReferAnswered(202));
  FinishWell(call, stream);
}

INSTANTIATE_TEST_SUITE_P(Wires, BrokenConnectionTest,
                         ::testing::Values(Wire{"Tcp", false},
                                           Wire{"Tls", true}),
                         [](const auto& each) { return each.param.name; });

// ---- Whoever connects ------------------------------------------------------

class ClientCertificateTest : public ::testing::Test {
 protected:
  // Whether a caller that shows `own` is let in.
  bool IsLetIn(const CallcontroldProcess& server, const KeyPair& own) {
    PeerOptions options = stage_.Peer();
    options.tls.own = own;
    ScriptedPeer caller(server.sip_tls_port(), options);
    try {
      caller.Invite();
    } catch (const std::runtime_error&) {
      return false;
    }
    EXPECT_THAT(caller.Bye(), Answered(200));
    return true;
  }

  TlsStage stage_;
  const KeyPair good_ =
      stage_.authority.Issue({.alternative_names = {"DNS:peer.example"}});
  const KeyPair old_ =
      stage_.authority.Issue({.alternative_names = {"DNS:peer"},
                              .valid_from = -7200,
                              .valid_to = -3600});
  const KeyPair strange_ = TestAuthority().Issue({.common_name = "stranger"});
};

TEST_F(ClientCertificateTest, OnesThatAreRequiredMustBeGood) {
  Shows({"103"});
  // A handshake may take 32*T1: it is the certificates that are looked at.
  CallcontroldProcess server(
      stage_.Config("client_certificate: CLIENT_CERTIFICATE_REQUIRED",
                    "sip { t1 { nanos: 200000000 } }"));
  EXPECT_TRUE(IsLetIn(server, good_));
  EXPECT_FALSE(IsLetIn(server, {}));
  EXPECT_FALSE(IsLetIn(server, old_));
  EXPECT_FALSE(IsLetIn(server, strange_));
  server.AwaitLog("certificate has expired");
  EXPECT_TRUE(IsLetIn(server, good_));
}

TEST_F(ClientCertificateTest, OnesThatAreRequestedMayBeLeftOut) {
  Shows({"103"});
  CallcontroldProcess server(
      stage_.Config("client_certificate: CLIENT_CERTIFICATE_REQUESTED"));
  EXPECT_TRUE(IsLetIn(server, good_));
  EXPECT_TRUE(IsLetIn(server, {}));
  EXPECT_FALSE(IsLetIn(server, strange_));
}

// What one connection does wrong, the next does not hear of.
TEST_F(TlsTest, NonsenseAndSilenceDisturbNobody) {
  Shows({"103"});
  AnsweredCall call(server_, stage_.Peer());
  TransferStream stream = call.AcceptedRefer();
  std::vector<std::unique_ptr<ScriptedPeer>> strangers;
  for (int i = 0; i < 50; ++i) {
    strangers.push_back(std::make_unique<ScriptedPeer>(
        server_.sip_tls_port(), PeerOptions{.transport = Transport::kTcp}));
    // Every other one only begins a handshake.
    strangers.back()->Send(i % 2 == 0 ? "OPTIONS sip:a SIP/2.0\r\n\r\n"
                                      : "\x16\x03\x01");
    if (i % 10 == 0) {
      EXPECT_THAT(call.peer.Notify("SIP/2.0 180 Ringing", "active"),
                  Answered(200));
    }
  }
  server_.AwaitLog("no TLS within 640 ms");
  for (const auto& stranger : strangers) stranger->AllowUnread();
  FinishWell(call, stream);
  EXPECT_TRUE(server_.Running());
}

// ---- Its own certificate ----------------------------------------------------

TEST_F(TlsTest, ACertificateIsReadAgainAtAReload) {
  PeerOptions options = stage_.Peer();
  AnsweredCall before(server_, options);
  // Files that are of no use change nothing.
  const std::string config = stage_.Config();
  stage_.WriteServerCertificate({.common_name = "old", .valid_to = -1800});
  server_.Reload(config);
  server_.AwaitLog("has expired");
  stage_.WriteServerCertificate({.common_name = "fresh.example"});
  server_.Reload(config);
  server_.AwaitLog("reloaded");
  AnsweredCall after(server_, options);
  EXPECT_EQ(after.peer.transport().own_session()->peer_common_name(),
            "fresh.example");
  before.ExpectHangsUp();
  after.ExpectHangsUp();
}

// ---- Calls of ours ----------------------------------------------------------

class TlsTrunkTest : public ::testing::Test {
 protected:
  std::string Trunk(uint16_t port, const std::string& more = "") {
    return stage_.Config(
        "", Cat("trunks { name: 'carrier' address: '127.0.0.1:", port,
                "' transport: SIP_TRANSPORT_TLS ", more, " }"));
  }

  static v1::PlaceCallRequest ByTrunk(const std::string& to) {
    v1::PlaceCallRequest request;
    request.set_trunk("carrier");
    request.set_to(to);
    return request;
  }

  TlsStage stage_;
};

//  INVITE --->   <--- 200   ACK --->   BYE --->   all by one connection
TEST_F(TlsTrunkTest, ACallByATrunkGoesByTls) {
  Shows({"103"});
  ScriptedPeer carrier(0,
                       stage_.Peer({.alternative_names = {"DNS:sbc.example"}}));
  CallcontroldProcess server(Trunk(carrier.port(), "tls_name: 'sbc.example'"));
  ReferClient client(server.grpc_port());
  EventStream<v1::CallEvent> call =
      client.PlaceCall(ByTrunk("sip:bob@callee.example"));
  const std::string id = call.Next().call().call_id();
  const SipMessage invite = carrier.Expect("INVITE");
  EXPECT_THAT(invite.Header("Via"), StartsWith("SIP/2.0/TLS "));
  EXPECT_THAT(invite.Header("Contact"), HasSubstr(";transport=tls"));
  EXPECT_EQ(carrier.transport().newest_session()->server_name(), "sbc.example");
  carrier.AcceptCall(invite, SdpOffer());
  EXPECT_EQ(call.Next().type(), v1::CALL_EVENT_TYPE_ANSWERED);
  client.HangUp(id);
  const SipMessage bye = carrier.Expect("BYE");
  EXPECT_EQ(bye.channel, invite.channel);
  carrier.Answer(bye, 200);
}

TEST_F(TlsTrunkTest, ATrunkThatIsNotWhoItShouldBeGetsNoCall) {
  Shows({"103"});
  ScriptedPeer carrier(0,
                       stage_.Peer({.alternative_names = {"DNS:sbc.example"}}));
  CallcontroldProcess server(Trunk(carrier.port()));
  ReferClient client(server.grpc_port());
  EventStream<v1::CallEvent> call =
      client.PlaceCall(ByTrunk("sip:bob@callee.example"));
  call.Next();
  EXPECT_FALSE(carrier.Receive(300ms));
  const v1::CallEvent end = call.Next();
  EXPECT_EQ(end.type(), v1::CALL_EVENT_TYPE_ENDED);
  EXPECT_THAT(end.call().end_reason(),
              HasSubstr("not for 127.0.0.1 but for sbc.example"));
}

// RFC 3261, 8.1.2: a sips: call goes by TLS, whatever leads there.
TEST_F(TlsTrunkTest, ASipsCallIsSipsAllTheWay) {
  Shows({"102"});
  ScriptedPeer carrier(0, stage_.Peer());
  CallcontroldProcess server(Trunk(carrier.port()));
  ReferClient client(server.grpc_port());
  EventStream<v1::CallEvent> call =
      client.PlaceCall(ByTrunk("sips:bob@callee.example"));
  const std::string id = call.Next().call().call_id();
  const SipMessage invite = carrier.Expect("INVITE");
  EXPECT_EQ(invite.uri(), "sips:bob@callee.example");
  EXPECT_THAT(invite.Header("Contact"), StartsWith("<sips:"));
  carrier.Answer(invite, 486);
  EXPECT_EQ(call.Next().call().end_status(), 486);
  carrier.Expect("ACK");
}

}  // namespace
}  // namespace callcontrol::testing
