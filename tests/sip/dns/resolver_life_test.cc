// SPDX-License-Identifier: Apache-2.0
//
// What a Resolver does beside finding addresses: its cache, its limits, its
// threads and its end. The rest is in resolver_test.cc.
#include "sip/dns/resolver.h"

#include <atomic>
#include <cstddef>
#include <future>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_name_server.h"
#include "tests/support/resolver_calls.h"

namespace callcontrol::sip {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

class ResolverLifeTest : public testing::Test {
 protected:
  ResolverOptions Options() const {
    return {.nameservers = {server_.address()}};
  }

  FakeNameServer server_;
};

TEST_F(ResolverLifeTest, AKeptAnswerIsNotAskedForAgain) {
  server_.AddSrv("_sip._udp.example.com", 1, 1, 5071, "a.example.com");
  server_.AddA("a.example.com", "192.0.2.1");
  const auto resolver = Make(Options());
  const auto first = Found(*resolver, {.host = "example.com"});
  const auto second = Found(*resolver, {.host = "Example.COM."});
  EXPECT_EQ(first, second);
  EXPECT_EQ(server_.Asked("_sip._udp.example.com", FakeNameServer::kSrv), 1);
  EXPECT_EQ(server_.Asked("a.example.com", FakeNameServer::kA), 1);
}

TEST_F(ResolverLifeTest, ATtlOfZeroIsNotKept) {
  // The record of one step is enough.
  server_.AddSrv("_sip._udp.example.com", 1, 1, 5071, "a.example.com", 0);
  server_.AddA("a.example.com", "192.0.2.1");
  server_.AddA("b.example.com", "192.0.2.1", 0);
  const auto resolver = Make(Options());
  for (int i = 0; i < 2; ++i) {
    Found(*resolver, {.host = "example.com"});
    Found(*resolver, {.host = "b.example.com", .port = 5060});
  }
  EXPECT_EQ(server_.Asked("_sip._udp.example.com", FakeNameServer::kSrv), 2);
  EXPECT_EQ(server_.Asked("b.example.com", FakeNameServer::kA), 2);
}

TEST_F(ResolverLifeTest, NothingIsKeptWithoutACache) {
  server_.AddA("example.com", "192.0.2.1");
  ResolverOptions options = Options();
  options.cache_entries = 0;
  const auto resolver = Make(options);
  Found(*resolver, {.host = "example.com"});
  Found(*resolver, {.host = "example.com"});
  EXPECT_EQ(server_.Asked("example.com", FakeNameServer::kA), 2);
}

TEST_F(ResolverLifeTest, RefusesMoreThanAThousand) {
  server_.BeSilentAbout("example.com");
  std::atomic<int> cancelled = 0;
  {
    const auto resolver = Make(Options());
    for (int i = 0; i < 1000; ++i) {
      resolver->Resolve({.host = "example.com"}, kAmple,
                        [&](const Result& result) {
                          if (absl::IsCancelled(result.status())) ++cancelled;
                        });
    }
    const Result result = Resolve(*resolver, {.host = "example.com"});
    EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(ReasonOf(result), "DNS_BUSY");
  }
  EXPECT_EQ(cancelled, 1000);
}

TEST_F(ResolverLifeTest, DestructionCancelsWhatIsOutstanding) {
  server_.BeSilentAbout("asked.example");
  std::vector<std::string> reasons;  // The resolver's thread, until it ends.
  const auto note = [&](const Result& result) {
    reasons.push_back(ReasonOf(result));
  };
  {
    const auto resolver = Make(Options());
    resolver->Resolve({.host = "asked.example"}, kAmple, note);
    server_.WaitUntilAsked("asked.example", FakeNameServer::kNaptr);
    resolver->Resolve({.host = "asked.example"}, kAmple, note);
  }
  EXPECT_THAT(reasons, ElementsAre("DNS_CANCELLED", "DNS_CANCELLED"));
}

TEST_F(ResolverLifeTest, ACallbackRunsOnTheResolversThreadAndMayResolve) {
  server_.AddA("example.com", "192.0.2.1");
  std::promise<Result> last;
  std::thread::id first_thread;
  const auto resolver = Make(Options());
  resolver->Resolve({.host = "192.0.2.5"}, kAmple, [&](const Result&) {
    first_thread = std::this_thread::get_id();
    resolver->Resolve({.host = "example.com"}, kAmple, [&](Result result) {
      EXPECT_EQ(std::this_thread::get_id(), first_thread);
      last.set_value(std::move(result));
    });
  });
  EXPECT_TRUE(last.get_future().get().ok());
  EXPECT_NE(first_thread, std::this_thread::get_id());
}

TEST_F(ResolverLifeTest, ManyThreadsMayResolve) {
  constexpr int kThreads = 8;
  constexpr int kEach = 50;
  ResolverOptions options = Options();
  options.use_srv = false;
  // The burst may overflow the server's socket: ask again soon, and often.
  options.query_timeout = milliseconds(100);
  options.tries = 6;
  std::atomic<int> found = 0;
  for (int t = 0; t < kThreads; ++t) {
    server_.AddA("h" + std::to_string(t) + ".example", "192.0.2.1", 0);
  }
  std::latch answered(std::ptrdiff_t{kThreads} * kEach);
  const auto resolver = Make(options);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        resolver->Resolve({.host = "h" + std::to_string(t) + ".example"},
                          kAmple, [&](const Result& result) {
                            if (result.ok()) ++found;
                            answered.count_down();
                          });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  answered.wait();
  EXPECT_EQ(found, kThreads * kEach);
}

}  // namespace
}  // namespace callcontrol::sip
