// SPDX-License-Identifier: Apache-2.0
//
// The real server against SIPp, a far end that isn't ours, many calls at once.
#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/util/time_util.h"
#include "gtest/gtest.h"
#include "tests/e2e/sipp/many_calls.h"
#include "tests/e2e/sipp/sipp_process.h"
#include "tests/support/refer_client.h"
#include "tests/support/refer_matchers.h"

namespace callcontrol::testing {
namespace {

using ::google::protobuf::util::TimeUtil;

constexpr size_t kCalls = 200;

// The defaults of a fresh start, but for the ports: with SIP's own T1, so that
// a retransmission would mean that something was lost or late.
constexpr char kConfig[] = R"pb(
  grpc { listen: "127.0.0.1:0" }
  sip { listen: "127.0.0.1:0" }
)pb";

// Whether there was a moment at which every transfer was open.
bool AllAtOnce(const std::vector<std::vector<v1::ReferEvent>>& transfers) {
  int64_t last_begin = 0;
  int64_t first_end = INT64_MAX;
  for (const auto& events : transfers) {
    last_begin = std::max(
        last_begin, TimeUtil::TimestampToNanoseconds(events.front().time()));
    first_end = std::min(
        first_end, TimeUtil::TimestampToNanoseconds(events.back().time()));
  }
  return last_begin < first_end;
}

void ExpectTransferred(const std::vector<v1::ReferEvent>& events) {
  ExpectWellFormed(events);
  EXPECT_THAT(events,
              ::testing::ElementsAre(ReferSent(), ReferAnswered(202),
                                     Status(100), Status(180), Status(200),
                                     Ended(v1::TRANSFER_OUTCOME_TRANSFERRED)));
}

// Every call ran through, and no message was sent twice in either direction.
void ExpectFlawless(const SippProcess& far_end) {
  SippRow statistics = far_end.Statistics();
  EXPECT_EQ(statistics["SuccessfulCall(C)"], Cat(kCalls));
  for (const char* name :
       {"FailedCall(C)", "Retransmissions(C)", "OutOfCallMsgs(C)",
        "DeadCallMsgs(C)", "FatalErrors(C)", "Warnings(C)"}) {
    ASSERT_TRUE(statistics.contains(name)) << name;
    EXPECT_EQ(statistics[name], "0") << name;
  }
  SippRow counts = far_end.MessageCounts();
  EXPECT_FALSE(counts.empty());
  for (const auto& [name, count] : counts) {
    if (name.ends_with("_Retrans") || name.ends_with("_Unexp") ||
        name.ends_with("_Timeout") || name.ends_with("_Lost")) {
      EXPECT_EQ(count, "0") << name;
    }
  }
}

TEST(SippTest, TransfersTwoHundredCallsAtOnce) {
  CallcontroldProcess server(kConfig);
  ReferClient client(server.grpc_port());
  // Each target rings for 1.5 s, so that all transfers are open together.
  SippProcess far_end(
      "caller_srvbye.xml", server.sip_port(),
      {"-m", Cat(kCalls), "-r", "400", "-l", Cat(kCalls), "-d", "1500"});
  std::set<std::string> calls = AwaitAnswered(client, kCalls);

  std::vector<std::vector<v1::ReferEvent>> transfers = ReferAll(client, calls);
  for (const auto& events : transfers) ExpectTransferred(events);
  EXPECT_TRUE(AllAtOnce(transfers));

  EXPECT_EQ(far_end.Wait(), 0) << far_end.Errors();
  ExpectFlawless(far_end);
  EXPECT_TRUE(server.Running()) << server.stderr_text();
}

}  // namespace
}  // namespace callcontrol::testing
