// SPDX-License-Identifier: Apache-2.0
#include "server/request_ids.h"

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RequestIdsTest : public ::testing::Test {
 protected:
  // Whether the request is the first.
  bool Claim(const std::string& id, const std::string& contents = "same") {
    const auto first =
        ids_.Claim(id, contents, [this](absl::StatusOr<std::string> transfer) {
          told_.push_back(transfer.ok()
                              ? *transfer
                              : std::string(transfer.status().message()));
        });
    EXPECT_TRUE(first.ok()) << first.status();
    return first.value_or(false);
  }

  std::set<std::string> kept_{};
  RequestIds ids_{[this](const std::string& id) { return kept_.contains(id); }};
  std::vector<std::string> told_;
};

TEST_F(RequestIdsTest, TheFirstIsCarriedOutAndTheNextJoinIt) {
  EXPECT_TRUE(Claim("r"));
  EXPECT_FALSE(Claim("r"));
  EXPECT_THAT(told_, IsEmpty());
  kept_ = {"t-1"};
  ids_.Settle("r", std::string("t-1"));
  EXPECT_THAT(told_, ElementsAre("t-1"));
  EXPECT_FALSE(Claim("r"));
  EXPECT_THAT(told_, ElementsAre("t-1", "t-1"));
  EXPECT_TRUE(Claim("other"));
}

TEST_F(RequestIdsTest, OtherContentsAreRefused) {
  EXPECT_TRUE(Claim("r"));
  kept_ = {"t-1"};
  ids_.Settle("r", std::string("t-1"));
  const auto reused = ids_.Claim("r", "other", [](auto) { FAIL(); });
  EXPECT_TRUE(absl::IsAlreadyExists(reused.status()));
  EXPECT_EQ(DetailOf(reused.status()),
            (ErrorDetail{.reason = "REQUEST_ID_REUSED",
                         .field = "request_id",
                         .transfer_id = "t-1"}));
}

TEST_F(RequestIdsTest, ARequestThatWasRefusedMayBeMadeAgain) {
  EXPECT_TRUE(Claim("r"));
  EXPECT_FALSE(Claim("r"));
  ids_.Settle("r", absl::NotFoundError("no such call"));
  EXPECT_THAT(told_, ElementsAre("no such call"));
  EXPECT_TRUE(Claim("r", "other"));
}

TEST_F(RequestIdsTest, AnIdIsKeptForAsLongAsItsTransfer) {
  EXPECT_TRUE(Claim("r"));
  kept_ = {"t-1"};
  ids_.Settle("r", std::string("t-1"));
  kept_.clear();
  EXPECT_TRUE(Claim("r", "other"));
}

TEST_F(RequestIdsTest, WhatIsNoLongerKeptIsSwept) {
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = absl::StrCat("r-", i);
    EXPECT_TRUE(Claim(id));
    ids_.Settle(id, id);
  }
  EXPECT_LE(ids_.size(), 1'024U);
}

TEST_F(RequestIdsTest, OfManyThreadsOneIsTheFirst) {
  kept_ = {"t-1"};
  for (int round = 0; round < 50; ++round) {
    const std::string id = absl::StrCat("r-", round);
    std::atomic<int> firsts = 0;
    std::atomic<int> joined = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        const auto first = ids_.Claim(id, "same", [&](auto transfer) {
          if (transfer.ok() && *transfer == "t-1") ++joined;
        });
        if (!*first) return;
        ++firsts;
        ids_.Settle(id, std::string("t-1"));
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(firsts, 1);
    EXPECT_EQ(joined, 3);
    if (HasFailure()) return;
  }
}

TEST(FingerprintOfTest, TellsRequestsApartByAllButTheirIds) {
  v1::ReferRequest one;
  one.set_call_id("c-1");
  one.set_request_id("a");
  v1::ReferRequest two = one;
  two.set_request_id("b");
  for (const char* name : {"X-A", "X-B", "X-C", "X-D"}) {
    (*one.mutable_headers())[name] = name;
  }
  for (const char* name : {"X-D", "X-C", "X-B", "X-A"}) {
    (*two.mutable_headers())[name] = name;
  }
  EXPECT_EQ(FingerprintOf(one), FingerprintOf(two));
  EXPECT_EQ(FingerprintOf(one).size(), 32U);
  two.set_refer_to("1000");
  EXPECT_NE(FingerprintOf(one), FingerprintOf(two));
}

}  // namespace
}  // namespace callcontrol::server
