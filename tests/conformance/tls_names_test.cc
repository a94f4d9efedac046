// SPDX-License-Identifier: Apache-2.0
//
// Whom this side sends to over TLS, and whom it does not (RFC 5922, 7).
#include <netinet/in.h>
#include <sys/socket.h>

#include <ostream>
#include <string>
#include <vector>

#include "tests/support/fake_name_server.h"
#include "tests/support/server_test.h"
#include "tests/support/text.h"
#include "tests/support/tls_stage.h"

namespace callcontrol::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

// What the far end shows where the server connects to peer.example.
struct Shown {
  const char* name;
  CertificateText text;
  // Part of the reason of a transfer that comes to nothing; empty: it goes out.
  const char* refused;
};

void PrintTo(const Shown& shown, std::ostream* out) { *out << shown.name; }

const std::vector<Shown> kShown = {
    {"DnsName", {.alternative_names = {"DNS:peer.example"}}, ""},
    {"DnsNameInCapitals", {.alternative_names = {"DNS:Peer.EXAMPLE"}}, ""},
    {"OneOfMany",
     {.alternative_names = {"DNS:a.example", "DNS:peer.example"}},
     ""},
    {"SipUri", {.alternative_names = {"URI:sip:peer.example"}}, ""},
    {"SipUriBesideADnsName",
     {.alternative_names = {"URI:sip:peer.example", "DNS:host.example"}},
     ""},
    {"CommonNameAlone", {.common_name = "peer.example"}, ""},
    {"AUserIsNoDomain",
     {.alternative_names = {"URI:sip:bob@b.example", "DNS:peer.example"}},
     ""},
    {"OtherName", {.alternative_names = {"DNS:other.example"}}, "not for"},
    {"Wildcard", {.alternative_names = {"DNS:*.example"}}, "not for"},
    {"WildcardCommonName", {.common_name = "*.example"}, "not for"},
    {"DnsNameBesideAnotherSipUri",
     {.alternative_names = {"URI:sip:other.example", "DNS:peer.example"}},
     "not for"},
    {"SipsUri", {.alternative_names = {"URI:sips:peer.example"}}, "not for"},
    {"CommonNameBesideADnsName",
     {.common_name = "peer.example",
      .alternative_names = {"DNS:other.example"}},
     "not for"},
    {"TheAddressIsNotTheName",
     {.alternative_names = {"IP:127.0.0.1"}},
     "not for"},
    {"Expired",
     {.alternative_names = {"DNS:peer.example"},
      .valid_from = -7200,
      .valid_to = -3600},
     "expired"},
    {"NotYetValid",
     {.alternative_names = {"DNS:peer.example"},
      .valid_from = 3600,
      .valid_to = 7200},
     "not yet valid"},
};

// A caller by UDP whose Contact is a name, and leads to TLS.
class TlsNamesTest : public ::testing::TestWithParam<Shown> {
 protected:
  TransferStream Refer(const ScriptedPeer& tls) {
    names_.AddA("peer.example", "127.0.0.1");
    caller_.Invite({.contact = Cat("<sip:caller@peer.example:", tls.port(),
                                   ";transport=tls>")});
    return client_.Refer(client_.AwaitCall(caller_.dialog().call_id).call_id(),
                         "sip:carol@target.example");
  }

  void ExpectRefused(TransferStream& stream, const std::string& reason) {
    const v1::TransferResult result = stream.RestUntilResult().back().result();
    EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSPORT_FAILED);
    EXPECT_THAT(result.reason(), HasSubstr(reason));
    EXPECT_THAT(result.reason(), HasSubstr("peer.example"));
    // The call is whole: what goes wrong is between two requests.
    EXPECT_THAT(caller_.Bye(), Answered(200));
  }

  FakeNameServer names_;
  TlsStage stage_;
  CallcontroldProcess server_{
      stage_.Config("", Cat("dns { nameservers: '", names_.address(), "' }"))};
  ScriptedPeer caller_{server_.sip_port()};
  ReferClient client_{server_.grpc_port()};
};

TEST_P(TlsNamesTest, OnlyTheOneThatTheUriNamesIsSentTo) {
  Shows({"103"});
  ScriptedPeer tls(server_.sip_tls_port(), stage_.Peer(GetParam().text));
  TransferStream stream = Refer(tls);
  if (*GetParam().refused != '\0') {
    // The far end hears of it while it waits, and of no REFER.
    EXPECT_FALSE(tls.Receive(std::chrono::milliseconds(300)));
    EXPECT_THAT(tls.transport().failed_handshakes(), HasSubstr("alert"));
    ExpectRefused(stream, GetParam().refused);
    return;
  }
  tls.Answer(tls.Expect("REFER"), 603);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
  // RFC 6066, 3: a server of several names knows which is meant.
  EXPECT_EQ(tls.transport().newest_session()->server_name(), "peer.example");
  EXPECT_THAT(caller_.Bye(), Answered(200));
}

INSTANTIATE_TEST_SUITE_P(Certificates, TlsNamesTest,
                         ::testing::ValuesIn(kShown),
                         [](const auto& each) { return each.param.name; });

using TlsRefusalTest = TlsNamesTest;

TEST_F(TlsRefusalTest, AStrangersAuthorityIsNotTrusted) {
  Shows({"103"});
  const TestAuthority other;
  PeerOptions options = stage_.Peer();
  options.tls.own = other.Issue({.alternative_names = {"DNS:peer.example"}});
  ScriptedPeer tls(server_.sip_tls_port(), options);
  TransferStream stream = Refer(tls);
  EXPECT_FALSE(tls.Receive(std::chrono::milliseconds(300)));
  ExpectRefused(stream, "unable to get local issuer certificate");
}

TEST_F(TlsRefusalTest, AnOldVersionIsNotSpoken) {
  Shows({"103"});
  PeerOptions options =
      stage_.Peer({.alternative_names = {"DNS:peer.example"}});
  options.tls.newest_version = "TLSv1.1";
  ScriptedPeer tls(server_.sip_tls_port(), options);
  TransferStream stream = Refer(tls);
  EXPECT_FALSE(tls.Receive(std::chrono::milliseconds(300)));
  ExpectRefused(stream, "version");
}

// The far end trusts another authority than the one that knows this server. In
// TLS 1.3 it says so after this side's handshake, and its reset may be quicker.
TEST_F(TlsRefusalTest, AFarEndThatRefusesEndsTheTransfer) {
  Shows({"103"});
  const TestAuthority other;
  PeerOptions options =
      stage_.Peer({.alternative_names = {"DNS:peer.example"}});
  options.tls.authority = other.certificate();
  ScriptedPeer tls(server_.sip_tls_port(), options);
  TransferStream stream = Refer(tls);
  EXPECT_FALSE(tls.Receive(std::chrono::milliseconds(300)));
  const v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSPORT_FAILED);
  EXPECT_THAT(result.reason(), AnyOf(HasSubstr("unknown CA"),
                                     HasSubstr("could not be reached")));
  EXPECT_THAT(caller_.Bye(), Answered(200));
}

// Somebody listens and says nothing: T1 is 20 ms, and a handshake may take 32
// of it.
TEST_F(TlsRefusalTest, ASilentFarEndIsNotWaitedForLong) {
  Shows({"103"});
  ScriptedPeer silent(server_.sip_port(), {.transport = Transport::kTcp});
  TransferStream stream = Refer(silent);
  ExpectRefused(stream, "no TLS within 640 ms");
}

// A connection is good for the name that it was opened for.
TEST_F(TlsRefusalTest, AnotherNameNeedsAConnectionOfItsOwn) {
  Shows({"103"});
  ScriptedPeer tls(server_.sip_tls_port(),
                   stage_.Peer({.alternative_names = {"DNS:peer.example"}}));
  TransferStream good = Refer(tls);
  tls.Answer(tls.Expect("REFER"), 603);
  good.RestUntilResult();
  EXPECT_THAT(caller_.Bye(), Answered(200));

  names_.AddA("other.example", "127.0.0.1");
  ScriptedPeer second(server_.sip_port());
  second.Invite({.contact = Cat("<sip:caller@other.example:", tls.port(),
                                ";transport=tls>")});
  TransferStream bad =
      client_.Refer(client_.AwaitCall(second.dialog().call_id).call_id(),
                    "sip:carol@target.example");
  EXPECT_FALSE(tls.Receive(std::chrono::milliseconds(300)));
  const v1::TransferResult result = bad.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSPORT_FAILED);
  EXPECT_THAT(result.reason(),
              HasSubstr("not for other.example but for peer.example"));
  EXPECT_THAT(second.Bye(), Answered(200));
}

}  // namespace
}  // namespace callcontrol::testing
