// SPDX-License-Identifier: Apache-2.0
#include "sip/dns/resolver.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_name_server.h"
#include "tests/support/refusing_port.h"
#include "tests/support/resolver_calls.h"

namespace callcontrol::sip {
namespace {

using enum SipTransport;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

milliseconds CpuTime() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return milliseconds(time.tv_sec * 1000 + time.tv_usec / 1000);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

class ResolverTest : public testing::Test {
 protected:
  ResolverOptions Options() const {
    return {.nameservers = {server_.address()}};
  }

  FakeNameServer server_;
};

TEST_F(ResolverTest, FindsAddressesOnly) {
  server_.AddA("example.com", "192.0.2.1");
  server_.AddAaaa("example.com", "2001:db8::1");
  const auto resolver = Make(Options());
  EXPECT_THAT(Found(*resolver, {.host = "example.com"}),
              UnorderedElementsAre(SipAddress{"192.0.2.1", 5060, kUdp},
                                   SipAddress{"2001:db8::1", 5060, kUdp}));
  // It asked for the better things first.
  EXPECT_EQ(server_.Asked("example.com", FakeNameServer::kNaptr), 1);
  EXPECT_EQ(server_.Asked("_sip._udp.example.com", FakeNameServer::kSrv), 1);
  EXPECT_EQ(server_.Asked("_sip._tcp.example.com", FakeNameServer::kSrv), 1);
}

TEST_F(ResolverTest, OrdersSrvHostsByPriority) {
  server_.AddSrv("_sip._udp.example.com", 20, 1, 5072, "b.example.com");
  server_.AddSrv("_sip._udp.example.com", 10, 1, 5071, "a.example.com");
  server_.AddA("a.example.com", "192.0.2.1");
  server_.AddA("b.example.com", "192.0.2.2");
  const auto resolver = Make(Options());
  EXPECT_THAT(Found(*resolver, {.host = "example.com"}),
              ElementsAre(SipAddress{"192.0.2.1", 5071, kUdp},
                          SipAddress{"192.0.2.2", 5072, kUdp}));
}

TEST_F(ResolverTest, FollowsNaptrToSrvToAddress) {
  server_.AddNaptr("example.com", 1, 1, "SIPS+D2T", "_sips._tcp.example.com");
  server_.AddNaptr("example.com", 3, 1, "SIP+D2U", "_sip._udp.example.com");
  server_.AddNaptr("example.com", 2, 1, "SIP+D2T", "elsewhere.example.com");
  server_.AddSrv("elsewhere.example.com", 1, 1, 5075, "c.example.com");
  server_.AddA("c.example.com", "192.0.2.3");
  // Without TLS, TCP is the domain's next wish.
  const auto resolver = Make(Options());
  EXPECT_THAT(Found(*resolver, {.host = "example.com"}),
              ElementsAre(SipAddress{"192.0.2.3", 5075, kTcp}));
}

TEST_F(ResolverTest, GoesToTlsForSips) {
  server_.AddSrv("_sips._tcp.example.com", 1, 1, 5091, "tls.example.com");
  server_.AddA("tls.example.com", "192.0.2.4");
  const auto resolver = Make(Options());
  EXPECT_THAT(Found(*resolver, {.host = "example.com", .secure = true}),
              ElementsAre(SipAddress{"192.0.2.4", 5091, kTls}));
  EXPECT_EQ(server_.Asked("_sip._udp.example.com", FakeNameServer::kSrv), 0);
}

TEST_F(ResolverTest, AnExplicitPortSkipsNaptrAndSrv) {
  server_.AddSrv("_sip._udp.example.com", 1, 1, 5071, "a.example.com");
  server_.AddA("example.com", "192.0.2.9");
  const auto resolver = Make(Options());
  EXPECT_THAT(Found(*resolver, {.host = "example.com", .port = 5080}),
              ElementsAre(SipAddress{"192.0.2.9", 5080, kUdp}));
  EXPECT_EQ(server_.Asked("example.com", FakeNameServer::kNaptr), 0);
  EXPECT_EQ(server_.Asked("_sip._udp.example.com", FakeNameServer::kSrv), 0);
}

TEST_F(ResolverTest, AnExplicitTransportAsksForItsSrvThenForAddresses) {
  server_.AddSrv("_sip._udp.example.com", 1, 1, 5071, "a.example.com");
  server_.AddA("example.com", "192.0.2.9");
  const auto resolver = Make(Options());
  EXPECT_THAT(Found(*resolver, {.host = "example.com", .transport = kTcp}),
              ElementsAre(SipAddress{"192.0.2.9", 5060, kTcp}));
  EXPECT_EQ(server_.Asked("example.com", FakeNameServer::kNaptr), 0);
  EXPECT_EQ(server_.Asked("_sip._tcp.example.com", FakeNameServer::kSrv), 1);
  EXPECT_EQ(server_.Asked("_sip._udp.example.com", FakeNameServer::kSrv), 0);
}

TEST_F(ResolverTest, NaptrAndSrvCanBeTurnedOff) {
  server_.AddA("example.com", "192.0.2.1");
  ResolverOptions options = Options();
  options.use_srv = false;
  const auto resolver = Make(options);
  Found(*resolver, {.host = "example.com"});
  EXPECT_EQ(server_.Asked("example.com", FakeNameServer::kNaptr), 0);
  EXPECT_EQ(server_.Asked("_sip._udp.example.com", FakeNameServer::kSrv), 0);
}

TEST_F(ResolverTest, ADeniedServiceIsNotFound) {
  // RFC 2782: a root target means "decidedly not available at this domain".
  server_.AddSrv("_sip._udp.example.com", 0, 0, 0, ".");
  server_.AddA("example.com", "192.0.2.80");
  const auto resolver = Make(Options());
  EXPECT_EQ(ReasonOf(Resolve(*resolver, {.host = "example.com"})),
            "DNS_NOT_FOUND");
}

TEST_F(ResolverTest, AMissingNameIsNotFound) {
  const auto resolver = Make(Options());
  const Result result = Resolve(*resolver, {.host = "missing.example"});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(result), "DNS_NOT_FOUND");
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("missing.example"));
}

TEST_F(ResolverTest, AFailingServerIsUnavailable) {
  server_.FailAbout("example.com");
  server_.FailAbout("_sip._udp.example.com");
  const auto resolver = Make(Options());
  const Result result = Resolve(*resolver, {.host = "example.com"});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(result), "DNS_UNAVAILABLE");
}

TEST_F(ResolverTest, AFailingNaptrQuestionCountsAsNone) {
  server_.FailAbout("example.com");
  server_.AddSrv("_sip._udp.example.com", 1, 1, 5071, "a.example.com");
  server_.AddA("a.example.com", "192.0.2.1");
  const auto resolver = Make(Options());
  EXPECT_THAT(Found(*resolver, {.host = "example.com"}),
              ElementsAre(SipAddress{"192.0.2.1", 5071, kUdp}));
}

TEST_F(ResolverTest, ASilentServerMeetsTheDeadline) {
  server_.BeSilentAbout("example.com");
  const auto resolver = Make(Options());
  const auto start = steady_clock::now();
  const milliseconds cpu = CpuTime();
  const Result result =
      Resolve(*resolver, {.host = "example.com"}, milliseconds(150));
  const auto taken = steady_clock::now() - start;
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ReasonOf(result), "DNS_TIMEOUT");
  EXPECT_GE(taken, milliseconds(150));
  // c-ares would go on for 3 s.
  EXPECT_LT(taken, milliseconds(1500));
  // It sleeps meanwhile.
  EXPECT_LT(CpuTime() - cpu, milliseconds(100));
}

TEST_F(ResolverTest, AnswersAfterTheDeadlineAreDropped) {
  server_.BeSilentAbout("slow.example");
  server_.AddA("example.com", "192.0.2.1");
  ResolverOptions options = Options();
  options.query_timeout = milliseconds(100);
  options.tries = 1;
  const auto resolver = Make(options);
  EXPECT_EQ(
      ReasonOf(Resolve(*resolver, {.host = "slow.example"}, milliseconds(10))),
      "DNS_TIMEOUT");
  // c-ares's own end of the question, at 100 ms, comes during this one.
  EXPECT_EQ(ReasonOf(Resolve(*resolver, {.host = "slow.example", .port = 1},
                             milliseconds(300))),
            "DNS_TIMEOUT");
  EXPECT_EQ(Found(*resolver, {.host = "example.com"}).size(), 1);
}

TEST_F(ResolverTest, ASilentBackupHostDoesNotSpoilTheRest) {
  server_.AddSrv("_sip._udp.example.com", 1, 1, 5071, "a.example.com");
  server_.AddSrv("_sip._udp.example.com", 2, 1, 5072, "b.example.com");
  server_.AddA("a.example.com", "192.0.2.1");
  server_.BeSilentAbout("b.example.com");
  const auto resolver = Make(Options());
  const Result result =
      Resolve(*resolver, {.host = "example.com"}, milliseconds(500));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(*result, ElementsAre(SipAddress{"192.0.2.1", 5071, kUdp}));
}

TEST(ResolverWithoutServerTest, ARefusedPortIsUnavailableAtOnce) {
  const RefusingPort port(SOCK_DGRAM);
  const auto resolver = Make({.nameservers = {port.address()}});
  const auto start = steady_clock::now();
  const Result result = Resolve(*resolver, {.host = "example.com"});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(result), "DNS_UNAVAILABLE");
  EXPECT_LT(steady_clock::now() - start, milliseconds(900));
}

// connect() fails at once, as it does with ENETUNREACH: to the broadcast
// address with EACCES, on any machine. Sofia's resolver spins here.
TEST(ResolverWithoutServerTest, AFailingConnectIsUnavailableAtOnce) {
  const auto resolver = Make({.nameservers = {"255.255.255.255:53"}});
  const auto start = steady_clock::now();
  const milliseconds cpu = CpuTime();
  const Result result = Resolve(*resolver, {.host = "example.com"});
  EXPECT_EQ(ReasonOf(result), "DNS_UNAVAILABLE") << result.status();
  EXPECT_LT(steady_clock::now() - start, milliseconds(900));
  EXPECT_LT(CpuTime() - cpu, milliseconds(200));
}

// In a network namespace without a route, connect() gives ENETUNREACH. Needs
// the right to make one; the test before this one does not.
TEST(ResolverWithoutServerTest, AnUnroutableServerIsUnavailableAtOnce) {
  bool isolated = false;
  Result result;
  const auto start = steady_clock::now();
  const milliseconds cpu = CpuTime();
  // The namespace is the thread's, and that of the threads it starts.
  std::thread([&] {
    isolated = unshare(CLONE_NEWNET) == 0;
    if (!isolated) return;
    const auto resolver = Make({.nameservers = {"240.0.0.1:53"}});
    result = Resolve(*resolver, {.host = "example.com"});
  }).join();
  if (!isolated) GTEST_SKIP() << "not allowed to make a network namespace";
  EXPECT_EQ(ReasonOf(result), "DNS_UNAVAILABLE") << result.status();
  EXPECT_LT(steady_clock::now() - start, milliseconds(900));
  EXPECT_LT(CpuTime() - cpu, milliseconds(200));
}

TEST(ResolverWithoutServerTest, NeedsNoServerForLiteralsAndLocalhost) {
  const RefusingPort port(SOCK_DGRAM);
  const auto resolver = Make({.nameservers = {port.address()}});
  EXPECT_THAT(Found(*resolver, {.host = "[2001:db8::7]", .port = 5070}),
              ElementsAre(SipAddress{"2001:db8::7", 5070, kUdp}));
  EXPECT_THAT(Found(*resolver, {.host = "localhost"}),
              testing::Contains(SipAddress{"127.0.0.1", 5060, kUdp}));
}

TEST_F(ResolverTest, BadNamesAreNotAskedFor) {
  const auto resolver = Make(Options());
  for (const std::string& name :
       {std::string("a b"), std::string("a..b"), std::string("1.2.3"),
        std::string(254, 'a'), std::string("a\0b", 3), std::string()}) {
    EXPECT_EQ(ReasonOf(Resolve(*resolver, {.host = name})), "DNS_BAD_NAME");
  }
}

TEST(ResolverCreateTest, RefusesAServerThatIsNoAddress) {
  const auto resolver = Resolver::Create({.nameservers = {"dns.example:53"}});
  EXPECT_EQ(resolver.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DetailOf(resolver.status()).reason, "DNS_BAD_OPTIONS");
}

}  // namespace
}  // namespace callcontrol::sip
