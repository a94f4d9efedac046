// SPDX-License-Identifier: Apache-2.0
//
// The process itself: flags, configuration, ports, signals, and gRPC's own
// services.
#include <chrono>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/peer_transport.h"
#include "tests/support/raw_call.h"
#include "tests/support/server_test.h"
#include "tests/support/text.h"
#include "tests/support/tls_stage.h"

namespace callcontrol::testing {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr char kAnyPorts[] =
    "grpc { listen: '127.0.0.1:0' } sip { listen: '127.0.0.1:0' }";

std::vector<std::string> LinesWith(const std::string& text,
                                   const std::string& word) {
  std::vector<std::string> found;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.find(word) != line.npos) found.push_back(line);
  }
  return found;
}

TEST(DaemonFlagsTest, HelpIsNoFailure) {
  RunResult run = RunToEnd({"--help"});
  EXPECT_EQ(run.exit_code, 0);
  for (const char* flag : {"--config", "--check", "--grpc_listen",
                           "--sip_listen", "--state_dir", "--ports_file"}) {
    EXPECT_THAT(run.out, HasSubstr(std::string(flag).substr(2))) << flag;
  }
}

TEST(DaemonFlagsTest, AnUnknownFlagIsAMistakeOfUse) {
  RunResult run = RunToEnd({"--no_such_flag"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("no_such_flag"));
}

TEST(DaemonFlagsTest, AnArgumentIsAMistakeOfUse) {
  EXPECT_EQ(RunToEnd({"extra"}).exit_code, 2);
}

TEST(DaemonConfigTest, AGoodFileIsChecked) {
  TempDir dir;
  EXPECT_EQ(RunToEnd({"--check", "--config=" + dir.Write("c", TestConfig())})
                .exit_code,
            0);
  EXPECT_EQ(
      RunToEnd({"--check", "--config=" + dir.Write("empty", "")}).exit_code, 0);
  EXPECT_EQ(
      RunToEnd(
          {"--check",
           "--config=" + dir.Write("c.json", "{\"sip\": {\"t1\": \"0.02s\"}}")})
          .exit_code,
      0);
}

struct BadConfig {
  std::string name;
  std::string text;
  // What the message says beside the file: the field or the word, and the line.
  std::string field;
  std::string line;
};

void PrintTo(const BadConfig& bad, std::ostream* out) { *out << bad.name; }

class BadConfigTest : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BadConfigTest, IsRefusedWithFileLineAndField) {
  TempDir dir;
  std::string file = dir.Write("bad.textproto", GetParam().text);
  for (bool check : {true, false}) {
    std::vector<std::string> arguments = {"--config=" + file};
    if (check) arguments.push_back("--check");
    RunResult run = RunToEnd(arguments);
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_THAT(run.err, HasSubstr(file + ":" + GetParam().line));
    EXPECT_THAT(run.err, HasSubstr(GetParam().field));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Config, BadConfigTest,
    ::testing::Values(
        BadConfig{"Syntax", "node: 'a'\nsip {\n  t1 { seconds: }\n}\n", "",
                  "3"},
        BadConfig{"UnknownField", "node: 'a'\nsip {\n  colour: 1\n}\n",
                  "colour", "3"},
        BadConfig{"OutOfRange", "node: 'a'\nsip {\n  t1 { seconds: 60 }\n}\n",
                  "sip.t1", "3"},
        BadConfig{"BadAddress", "node: 'a'\n\ngrpc { listen: 'nowhere' }\n",
                  "grpc.listen", "3"},
        BadConfig{"BadNode", "node: 'not a node!'\n", "node", "1"}),
    [](const auto& test) { return test.param.name; });

TEST(DaemonConfigTest, AFileThatCannotBeReadIsNamed) {
  RunResult run = RunToEnd({"--config=/no/such/file"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(LinesWith(run.err, "/no/such/file"), ::testing::SizeIs(1));
}

TEST(DaemonConfigTest, ListeningToTheWorldNeedsToBeAskedFor) {
  TempDir dir;
  std::string file = dir.Write("c", kAnyPorts);
  for (const char* flag :
       {"--grpc_listen=0.0.0.0:0", "--sip_listen=0.0.0.0:0"}) {
    RunResult run = RunToEnd({"--config=" + file, flag});
    EXPECT_EQ(run.exit_code, 1) << flag;
    EXPECT_THAT(run.err, HasSubstr("insecure")) << flag;
  }
  CallcontroldProcess open(TestConfig("insecure: true"),
                           {"--grpc_listen=0.0.0.0:0"});
  EXPECT_EQ(Health(ReferClient(open.grpc_port()).channel()), kServing);
}

class PortInUseTest : public ServerTest<PortInUseTest> {
 protected:
  // Of a second server that is told to listen on `address` by `flag`.
  static void ExpectRefused(const std::string& flag, const std::string& address,
                            const std::string& why,
                            const std::string& config = kAnyPorts) {
    ExpectNoStart({flag + address}, address, why, config);
  }
  // Expects one line about `address` that says `why`.
  static void ExpectNoStart(std::vector<std::string> arguments,
                            const std::string& address, const std::string& why,
                            const std::string& config) {
    TempDir dir;
    arguments.push_back("--config=" + dir.Write("c", config));
    arguments.push_back("--state_dir=" + (dir.path() / "s").string());
    RunResult run = RunToEnd(arguments);
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_THAT(LinesWith(run.err, address), ElementsAre(HasSubstr(why)))
        << run.err;
  }
  static void ExpectSipPortTaken(uint16_t port) {
    ExpectRefused("--sip_listen=", Cat("127.0.0.1:", port), "already in use");
  }
};

TEST_F(PortInUseTest, ASipPortOfAnotherServerIsRefused) {
  ExpectSipPortTaken(server().sip_port());
}

TEST_F(PortInUseTest, AGrpcPortOfAnotherServerIsRefused) {
  ExpectRefused("--grpc_listen=", Cat("127.0.0.1:", server().grpc_port()),
                "in use");
}

TEST_F(PortInUseTest, ASipPortThatIsTakenForUdpOnlyIsRefused) {
  auto udp = MakeUdpTransport("127.0.0.1", 9);
  ExpectSipPortTaken(udp->port());
}

TEST_F(PortInUseTest, ASipPortThatIsTakenForTcpOnlyIsRefused) {
  auto tcp = MakeTcpTransport("127.0.0.1", 9);
  ExpectSipPortTaken(tcp->port());
}

TEST_F(PortInUseTest, ASipPortThatIsTakenForTlsIsRefused) {
  const TlsStage stage;
  auto tcp = MakeTcpTransport("127.0.0.1", 9);
  const std::string address = Cat("127.0.0.1:", tcp->port());
  ExpectNoStart({}, Cat(address, " for SIP over TLS"), "already in use",
                stage.Config(Cat("listen: '", address, "'")));
}

TEST_F(PortInUseTest, ASipAddressOfAnotherMachineIsRefused) {
  ExpectRefused("--sip_listen=", "192.0.2.1:0",
                "Cannot assign requested address",
                TestConfig("insecure: true"));
}

// --- gRPC's own services
// ------------------------------------------------------

class GrpcServicesTest : public ServerTest<GrpcServicesTest> {};

TEST_F(GrpcServicesTest, HealthReflectionAndChannelzAnswer) {
  auto channel = ReferClient(server().grpc_port()).channel();
  EXPECT_EQ(Health(channel), kServing);

  // ServerReflectionRequest{list_services: "*"}
  RawCall reflection(
      channel, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      "\x3a\x01*");
  std::string services = reflection.Next();
  for (const char* service :
       {"callcontrol.v1.CallControl", "grpc.health.v1.Health",
        "grpc.channelz.v1.Channelz"}) {
    EXPECT_THAT(services, HasSubstr(service));
  }

  RawCall channelz(channel, "/grpc.channelz.v1.Channelz/GetServers", "");
  EXPECT_FALSE(channelz.Next().empty());
  EXPECT_TRUE(channelz.Finish().ok());
}

// --- SIGTERM
// ------------------------------------------------------------------

class ShutdownTest : public ::testing::Test {
 protected:
  static constexpr char kHealthWatch[] = "/grpc.health.v1.Health/Watch";
};

TEST_F(ShutdownTest, AnIdleServerEndsAtOnce) {
  CallcontroldProcess server(TestConfig("drain_limit { seconds: 60 }"));
  server.Terminate();
  // Not waited for as long as the drain limit.
  EXPECT_EQ(server.Wait(), 0) << server.stderr_text();
}

TEST_F(ShutdownTest, AnOpenTransferRunsOnUntilItEnds) {
  Shows({"107"});
  CallcontroldProcess server(TestConfig("drain_limit { seconds: 20 }"));
  AnsweredCall call(server);
  TransferStream stream = call.AcceptedRefer();
  RawCall health(call.client.channel(), kHealthWatch, "");
  EXPECT_EQ(health.Next(), kServing);
  server.Terminate();
  EXPECT_EQ(health.Next(), kNotServing);
  EXPECT_THAT(
      call.peer.Notify("SIP/2.0 200 OK", "terminated;reason=noresource"),
      Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  EXPECT_EQ(server.Wait(), 0) << server.stderr_text();
}

TEST_F(ShutdownTest, ATransferThatDoesNotEndIsGivenUpAtTheDrainLimit) {
  Shows({"107"});
  CallcontroldProcess server(TestConfig("drain_limit { seconds: 3 }"));
  AnsweredCall call(server);
  AnsweredCall other(server);
  TransferStream stream = call.AcceptedRefer();
  RawCall health(call.client.channel(), kHealthWatch, "");
  EXPECT_EQ(health.Next(), kServing);
  auto asked = std::chrono::steady_clock::now();
  server.Terminate();
  EXPECT_EQ(health.Next(), kNotServing);

  //  Nothing new is taken on …
  v1::ReferRequest request;
  request.set_call_id(other.id);
  request.set_refer_to("sip:carol@target.example");
  grpc::Status refused = other.client.ReferRefused(request);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ErrorInfoOf(refused).reason(), "DRAINING");
  ScriptedPeer late(server.sip_port());
  EXPECT_THAT(late.AwaitAnswer(late.StartInvite({.sdp = SdpOffer()})),
              Answered(503));
  //  … and what is open gets its time.
  EXPECT_THAT(call.peer.Notify("SIP/2.0 180 Ringing", "active;expires=60"),
              Answered(200));
  EXPECT_THAT(stream.Next(), Status(180));
  v1::TransferResult result = stream.Result();
  auto waited = std::chrono::steady_clock::now() - asked;
  EXPECT_GE(waited, 3s);
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_SERVER_SHUTDOWN);
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_UNKNOWN);
  EXPECT_EQ(result.last_call_status(), 180);
  // Whether the calls get a BYE is the policy's business, not this test's.
  call.peer.AllowUnread();
  other.peer.AllowUnread();
  EXPECT_EQ(server.Wait(), 0) << server.stderr_text();
}

// A call that isn't answered ends at once, in the middle of ending them all.
TEST_F(ShutdownTest, RingingCallsAreRejected) {
  CallcontroldProcess server(
      TestConfig("calls { answer_after { seconds: 30 } }"));
  std::vector<std::unique_ptr<ScriptedPeer>> peers;
  std::vector<SipMessage> invites;
  for (int i = 0; i < 5; ++i) {
    peers.push_back(std::make_unique<ScriptedPeer>(server.sip_port()));
    invites.push_back(peers.back()->StartInvite());
    EXPECT_EQ(peers.back()->AwaitAnyAnswer(invites.back()).status(), 180);
  }
  server.Terminate();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(peers[i]->AwaitAnswer(invites[i]).status(), 480);
  }
  EXPECT_EQ(server.Wait(), 0) << server.stderr_text();
}

TEST_F(ShutdownTest, ASecondSignalDoesNotKill) {
  CallcontroldProcess server;
  AnsweredCall call(server);
  TransferStream stream = call.AcceptedRefer();
  server.Terminate();
  server.Terminate();
  call.peer.AllowUnread();
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_SERVER_SHUTDOWN));
  EXPECT_EQ(server.Wait(), 0) << server.stderr_text();
}

}  // namespace
}  // namespace callcontrol::testing
