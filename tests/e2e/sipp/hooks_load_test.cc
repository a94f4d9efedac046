// SPDX-License-Identifier: Apache-2.0
//
// A thousand transfers with webhooks, half of them to a host that is dead.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/util/time_util.h"
#include "gtest/gtest.h"
#include "tests/e2e/sipp/many_calls.h"
#include "tests/e2e/sipp/sipp_process.h"
#include "tests/support/hook_receiver.h"
#include "tests/support/refer_client.h"
#include "tests/support/refer_matchers.h"

namespace callcontrol::testing {
namespace {

using ::google::protobuf::util::TimeUtil;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kCalls = 1'000;
constexpr std::size_t kHooksOfACall = 4;
// An attempt at the dead host takes longer than the whole test waits for the
// living one.
constexpr seconds kDeadAttempt{30};
constexpr seconds kPatience{10};

// Takes connections, as far as the kernel does, and never answers.
class DeadHost {
 public:
  DeadHost() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(socket_, any, sizeof address), 0);
    EXPECT_EQ(listen(socket_, 4096), 0);
    socklen_t size = sizeof address;
    getsockname(socket_, any, &size);
    port_ = ntohs(address.sin_port);
  }
  ~DeadHost() { close(socket_); }

  std::string Url(const std::string& path) const {
    return Cat("http://127.0.0.1:", port_, path);
  }

 private:
  int socket_;
  uint16_t port_ = 0;
};

std::string Config() {
  return Cat(R"(
    grpc { listen: "127.0.0.1:0" }
    # SIPp takes a REFER that comes again late for another one, and may be late
    # itself where a thousand come at once.
    sip { listen: "127.0.0.1:0" t1 { seconds: 4 } }
    hooks {
      allowed_networks: "127.0.0.0/8"
      attempt_limit { seconds: )",
             kDeadAttempt.count(), R"( }
      drain_limit { seconds: 0 }
    })");
}

std::size_t CountPending(ReferClient& client) {
  std::size_t count = 0;
  v1::ListHookDeliveriesRequest request;
  request.set_page_size(1000);
  do {
    auto context = Deadline();
    v1::ListHookDeliveriesResponse response;
    EXPECT_TRUE(client.stub()
                    .ListHookDeliveries(context.get(), request, &response)
                    .ok());
    count += static_cast<std::size_t>(response.deliveries_size());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return count;
}

TEST(HooksLoadTest, ADeadHostHoldsNobodyUp) {
  DeadHost dead;
  HookReceiver receiver;
  CallcontroldProcess server(Config());
  ReferClient client(server.grpc_port());
  SippProcess far_end(
      "caller_srvbye.xml", server.sip_port(),
      {"-m", Cat(kCalls), "-r", "400", "-l", Cat(kCalls), "-d", "1000"});
  std::set<std::string> calls = AwaitAnswered(client, kCalls);

  const auto transfers =
      ReferAll(client, calls, [&](std::size_t n, v1::ReferRequest& request) {
        const bool good = n % 2 == 0;
        request.set_event_hook(good ? receiver.Url("/e") : dead.Url("/e"));
        request.set_action_hook(good ? receiver.Url("/a") : dead.Url("/a"));
      });
  EXPECT_EQ(far_end.Wait(), 0) << far_end.Errors();
  std::map<std::string, std::int64_t> ended;  // Nanoseconds since 1970.
  for (const auto& events : transfers) {
    ExpectWellFormed(events);
    EXPECT_EQ(events.back().result().outcome(),
              v1::TRANSFER_OUTCOME_TRANSFERRED);
    ended["h" + events.back().transfer_id().substr(1)] =
        TimeUtil::TimestampToNanoseconds(events.back().time());
  }

  const auto hooks = receiver.Await(kCalls / 2 * kHooksOfACall, kPatience);
  EXPECT_EQ(hooks.size(), kCalls / 2 * kHooksOfACall);
  std::set<std::string> deliveries;
  std::vector<milliseconds> delays;
  for (const HookReceiver::Hook& hook : hooks) {
    EXPECT_TRUE(deliveries.insert(hook.delivery).second) << "twice";
    if (hook.path != "/a") continue;
    const auto transfer =
        ended.find(hook.delivery.substr(0, hook.delivery.rfind('-')));
    ASSERT_NE(transfer, ended.end());
    delays.push_back(std::chrono::duration_cast<milliseconds>(
        hook.time.time_since_epoch() -
        std::chrono::nanoseconds(transfer->second)));
  }
  ASSERT_EQ(delays.size(), kCalls / 2);
  std::ranges::sort(delays);
  std::cout << "result to action hook, ms: p50 "
            << delays[delays.size() / 2].count() << ", p99 "
            << delays[delays.size() * 99 / 100].count() << ", most "
            << delays.back().count() << std::endl;
  // The dead host's are all kept, and not one of them was given up.
  EXPECT_EQ(CountPending(client), kCalls / 2 * kHooksOfACall);
  EXPECT_TRUE(server.Running()) << server.stderr_text();
}

}  // namespace
}  // namespace callcontrol::testing
