// SPDX-License-Identifier: Apache-2.0
//
// A thousand transfers at once through a network that loses, repeats and
// reorders datagrams in both directions. Every client is told the truth, and
// every step of it once.
#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/sipp/many_calls.h"
#include "tests/support/callcontrold_process.h"
#include "tests/support/impaired_network.h"
#include "tests/support/many_callers.h"
#include "tests/support/refer_client.h"
#include "tests/support/refer_matchers.h"
#include "tests/support/shows.h"

namespace callcontrol::testing {
namespace {

using ::testing::UnorderedElementsAre;

constexpr int kCalls = 1'000;
constexpr uint32_t kSeed = 20261124;

// On both sides. 64*T1 is 6.4 s: ten repetitions fit in, and a stream is never
// silent for longer.
constexpr std::chrono::milliseconds kT1{100};
constexpr char kConfig[] = R"pb(
  grpc { listen: "127.0.0.1:0" }
  sip {
    listen: "127.0.0.1:0"
    t1 { nanos: 100000000 }
  }
)pb";

v1::TransferOutcome OutcomeOf(int status) {
  static const std::map<int, v1::TransferOutcome> kOutcomes = {
      {200, v1::TRANSFER_OUTCOME_TRANSFERRED},
      {486, v1::TRANSFER_OUTCOME_TARGET_FAILED},
      {603, v1::TRANSFER_OUTCOME_REFER_DECLINED}};
  return kOutcomes.at(status);
}

// The end that the far end has in store for a call: the user in its From.
int EndOf(ReferClient& client, const std::string& id) {
  const std::string uri = client.GetCall(id).remote_uri();
  return std::stoi(uri.substr(uri.find(':') + 1));
}

// The answer to the REFER may be overtaken by NOTIFYs; those keep their order,
// because each waits for the answer to the one before.
void ExpectTruth(const std::vector<v1::ReferEvent>& events, int end) {
  ExpectWellFormed(events);
  EXPECT_THAT(events, UnorderedElementsAre(ReferSent(), ReferAnswered(202),
                                           Status(100), Status(180),
                                           Status(end), Ended(OutcomeOf(end))));
  std::vector<int> statuses;
  for (const v1::ReferEvent& event : events) {
    if (!event.has_transfer_status()) continue;
    statuses.push_back(event.transfer_status().call_status());
  }
  EXPECT_EQ(statuses, (std::vector{100, 180, end}));
  EXPECT_EQ(events.back().result().final_referred_call_status(), end);
  EXPECT_EQ(events.back().result().call_cleared_by(),
            v1::CALL_CLEARED_BY_SERVER);
}

ImpairedNetwork::Figures TransferThrough(const Impairment& impairment) {
  CallcontroldProcess server(kConfig);
  ImpairedNetwork network(server.sip_port(), impairment, kSeed);
  ReferClient client(server.grpc_port());
  ManyCallers far_end({.network_port = network.port(),
                       .calls = kCalls,
                       .ends = {200, 486, 200, 603},
                       .t1 = kT1});
  const std::set<std::string> calls = AwaitAnswered(client, kCalls);
  std::map<std::string, int> ends;
  for (const std::string& id : calls) ends[id] = EndOf(client, id);

  const auto transfers =
      ReferAll(client, calls, [](std::size_t, v1::ReferRequest& request) {
        request.mutable_leg_policy()->set_on_failure(v1::LEG_ACTION_HANG_UP);
      });
  EXPECT_EQ(transfers.size(), size_t{kCalls});
  for (const auto& events : transfers) {
    ExpectTruth(events, ends.at(events.front().call_id()));
  }
  EXPECT_TRUE(far_end.AwaitByes(64 * kT1));
  EXPECT_EQ(far_end.failures(), 0);
  EXPECT_TRUE(server.Running()) << server.stderr_text();

  const ImpairedNetwork::Figures figures = network.Stop();
  std::cout << transfers.size() << " transfers; datagrams: " << figures
            << "; the far end repeated " << far_end.repeated_requests()
            << " requests and " << far_end.repeated_answers() << " answers"
            << std::endl;
  return figures;
}

TEST(ImpairedNetworkTest, LossIsMadeGood) {
  Shows({"33", "61", "88", "F29"});
  const auto figures = TransferThrough({.loss = 0.1});
  EXPECT_GT(figures.lost, 500);
}

TEST(ImpairedNetworkTest, DuplicatesAreToldOnce) {
  Shows({"61", "F29"});
  const auto figures = TransferThrough({.duplication = 0.3});
  EXPECT_GT(figures.duplicated, 1'500);
}

TEST(ImpairedNetworkTest, WhatIsOvertakenIsSortedOut) {
  Shows({"45", "61", "F29"});
  const auto figures = TransferThrough({.reordering = 0.3});
  EXPECT_GT(figures.reordered, 1'500);
}

TEST(ImpairedNetworkTest, AllOfItTogether) {
  Shows({"61", "F29"});
  const auto figures =
      TransferThrough({.loss = 0.05, .duplication = 0.1, .reordering = 0.2});
  EXPECT_GT(figures.lost, 250);
}

}  // namespace
}  // namespace callcontrol::testing
