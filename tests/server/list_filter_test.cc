// SPDX-License-Identifier: Apache-2.0
#include "server/list_filter.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Conditions = std::vector<Condition>;

// ---- Reading ------------------------------------------------------------

absl::StatusOr<Conditions> Read(std::string_view filter) {
  return ReadFilter(filter, {"state", "call_id"});
}

TEST(ReadFilterTest, AnEmptyFilterHasNoConditions) {
  EXPECT_THAT(Read("").value(), IsEmpty());
  EXPECT_THAT(Read("  ").value(), IsEmpty());
}

TEST(ReadFilterTest, OneCondition) {
  const Condition condition{"state", "ENDED"};
  EXPECT_THAT(Read("state = ENDED").value(), ElementsAre(condition));
  EXPECT_THAT(Read("state=ENDED").value(), ElementsAre(condition));
  EXPECT_THAT(Read("  state =  ENDED ").value(), ElementsAre(condition));
}

TEST(ReadFilterTest, ConditionsAreJoinedByAnd) {
  EXPECT_THAT(
      Read("state = ENDED AND call_id = c-n1-7").value(),
      ElementsAre(Condition{"state", "ENDED"}, Condition{"call_id", "c-n1-7"}));
}

TEST(ReadFilterTest, AValueMayStandInQuotes) {
  EXPECT_THAT(Read("call_id = \"a b\"").value(),
              ElementsAre(Condition{"call_id", "a b"}));
  EXPECT_THAT(Read("call_id = \"").value(),
              ElementsAre(Condition{"call_id", "\""}));
}

TEST(ReadFilterTest, AValueMayHoldAnEqualsSign) {
  EXPECT_THAT(Read("call_id = a=b@h").value(),
              ElementsAre(Condition{"call_id", "a=b@h"}));
}

TEST(ReadFilterTest, WhatIsNoConditionIsRefused) {
  for (const char* filter :
       {"state", "state =", "state = \"\"", "= ENDED", "colour = red",
        "STATE = ENDED", "state = ENDED AND ", "state = ENDED AND colour = red",
        " AND state = ENDED"}) {
    const absl::Status status = Read(filter).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << filter;
    EXPECT_EQ(DetailOf(status),
              (ErrorDetail{.reason = "BAD_FILTER", .field = "filter"}))
        << filter;
  }
}

TEST(ReadFilterTest, TheErrorSaysWhatWouldBeRight) {
  EXPECT_THAT(std::string(Read("colour = red").status().message()),
              HasSubstr("fields of state, call_id"));
}

TEST(ReadFilterTest, AFilterHasAtMost1024Bytes) {
  const std::string head = "call_id = ";
  const std::string fits = head + std::string(1024 - head.size(), 'x');
  EXPECT_TRUE(Read(fits).ok());
  EXPECT_EQ(DetailOf(Read(fits + "x").status()).reason, "BAD_FILTER");
}

TEST(ReadFilterTest, TheListsKnowTheFieldsOfTheirMessages) {
  EXPECT_TRUE(
      ReadTransferFilter("call_id = 1 AND sip_call_id = 2 AND state = "
                         "RUNNING AND outcome = LEG_LOST AND verdict = UNKNOWN")
          .ok());
  EXPECT_FALSE(ReadTransferFilter("direction = INBOUND").ok());
  EXPECT_TRUE(
      ReadCallFilter("state = LIVE AND sip_call_id = 2 AND direction = INBOUND")
          .ok());
  EXPECT_FALSE(ReadCallFilter("outcome = TRANSFERRED").ok());
}

TEST(ReadFilterTest, AValueThatNoEnumHasIsRefused) {
  for (const char* filter :
       {"state = GONE", "outcome = FAILED", "verdict = MAYBE", "state = LIVE",
        "state = RUNNING OR state = ENDED"}) {
    EXPECT_EQ(DetailOf(ReadTransferFilter(filter).status()),
              (ErrorDetail{.reason = "BAD_FILTER", .field = "filter"}))
        << filter;
  }
  for (const char* filter : {"state = RUNNING", "direction = SIDEWAYS"}) {
    EXPECT_EQ(DetailOf(ReadCallFilter(filter).status()),
              (ErrorDetail{.reason = "BAD_FILTER", .field = "filter"}))
        << filter;
  }
}

TEST(ReadFilterTest, OnlyAQuotedValueMayHoldBlanks) {
  EXPECT_EQ(DetailOf(Read("call_id = a b").status()).reason, "BAD_FILTER");
  EXPECT_EQ(DetailOf(Read("state = ENDED and call_id = 1").status()).reason,
            "BAD_FILTER");
}

// ---- Matching -----------------------------------------------------------

bool TransferMatches(const v1::Transfer& transfer, std::string_view filter) {
  const auto conditions = ReadTransferFilter(filter);
  EXPECT_TRUE(conditions.ok()) << filter;
  return Matches(transfer, conditions.value_or(Conditions()));
}
bool CallMatches(const sip::CallSnapshot& call, std::string_view filter) {
  const auto conditions = ReadCallFilter(filter);
  EXPECT_TRUE(conditions.ok()) << filter;
  return Matches(call, conditions.value_or(Conditions()));
}

v1::Transfer Running() {
  v1::Transfer transfer;
  transfer.set_call_id("c-1");
  transfer.set_sip_call_id("a@h");
  transfer.set_state(v1::TRANSFER_STATE_REFER_SENT);
  return transfer;
}
v1::Transfer Ended() {
  v1::Transfer transfer = Running();
  transfer.set_state(v1::TRANSFER_STATE_ENDED);
  transfer.mutable_result()->set_outcome(v1::TRANSFER_OUTCOME_TARGET_FAILED);
  transfer.mutable_result()->set_verdict(v1::TRANSFER_VERDICT_FAILURE);
  return transfer;
}

TEST(MatchTransferTest, WithoutConditionsEverythingMatches) {
  EXPECT_TRUE(TransferMatches(Running(), ""));
}

TEST(MatchTransferTest, ByItsIds) {
  EXPECT_TRUE(TransferMatches(Running(), "call_id = c-1"));
  EXPECT_FALSE(TransferMatches(Running(), "call_id = C-1")) << "ids have case";
  EXPECT_TRUE(TransferMatches(Running(), "sip_call_id = a@h"));
  EXPECT_FALSE(TransferMatches(Running(), "sip_call_id = b@h"));
}

TEST(MatchTransferTest, ByItsState) {
  EXPECT_TRUE(TransferMatches(Running(), "state = RUNNING"));
  EXPECT_FALSE(TransferMatches(Ended(), "state = RUNNING"));
  EXPECT_TRUE(TransferMatches(Ended(), "state = ENDED"));
  EXPECT_FALSE(TransferMatches(Running(), "state = ENDED"));
}

TEST(MatchTransferTest, EnumsAreNamedWithOrWithoutTheirPrefix) {
  for (const char* filter :
       {"state = REFER_SENT", "state = TRANSFER_STATE_REFER_SENT",
        "state = refer_sent"}) {
    EXPECT_TRUE(TransferMatches(Running(), filter)) << filter;
  }
  EXPECT_TRUE(TransferMatches(Ended(), "outcome = TARGET_FAILED"));
  EXPECT_TRUE(
      TransferMatches(Ended(), "outcome = TRANSFER_OUTCOME_TARGET_FAILED"));
  EXPECT_TRUE(TransferMatches(Ended(), "verdict = FAILURE"));
  EXPECT_TRUE(TransferMatches(Ended(), "verdict = TRANSFER_VERDICT_FAILURE"));
}

TEST(MatchTransferTest, ARunningTransferHasNoOutcome) {
  EXPECT_FALSE(TransferMatches(Running(), "outcome = UNSPECIFIED"));
  EXPECT_FALSE(TransferMatches(Running(), "verdict = UNKNOWN"));
}

TEST(MatchTransferTest, AllConditionsMustHold) {
  EXPECT_TRUE(TransferMatches(Ended(), "call_id = c-1 AND verdict = FAILURE"));
  EXPECT_FALSE(TransferMatches(Ended(), "call_id = c-1 AND verdict = SUCCESS"));
}

TEST(MatchCallTest, ByStateDirectionAndCallId) {
  sip::CallSnapshot call;
  call.sip_call_id = "a@h";
  call.phase = sip::CallPhase::kAnswered;
  call.direction = sip::CallDirection::kInbound;

  EXPECT_TRUE(CallMatches(call, "state = LIVE AND direction = INBOUND"));
  EXPECT_TRUE(CallMatches(call, "state = CALL_STATE_ANSWERED"));
  EXPECT_TRUE(CallMatches(call, "direction = call_direction_inbound"));
  EXPECT_FALSE(CallMatches(call, "direction = OUTBOUND"));
  EXPECT_FALSE(CallMatches(call, "state = ENDED"));
  EXPECT_TRUE(CallMatches(call, "sip_call_id = a@h"));
  call.phase = sip::CallPhase::kEnded;
  EXPECT_FALSE(CallMatches(call, "state = LIVE"));
  EXPECT_TRUE(CallMatches(call, "state = ENDED"));
}

// ---- Pages --------------------------------------------------------------

TEST(MatchHookTest, ByIdsKindAndState) {
  v1::HookDelivery delivery;
  delivery.set_transfer_id("t-1");
  delivery.set_call_id("c-1");
  delivery.set_kind(v1::HOOK_KIND_ACTION);
  delivery.set_state(v1::HOOK_DELIVERY_STATE_DEAD);
  const auto matches = [&](std::string_view filter) {
    return Matches(delivery, ReadHookFilter(filter).value());
  };
  EXPECT_TRUE(matches(""));
  EXPECT_TRUE(matches("transfer_id = t-1 AND call_id = c-1"));
  EXPECT_TRUE(matches("kind = ACTION AND state = HOOK_DELIVERY_STATE_DEAD"));
  EXPECT_FALSE(matches("transfer_id = t-2"));
  EXPECT_FALSE(matches("call_id = c-2"));
  EXPECT_FALSE(matches("kind = event"));
  EXPECT_FALSE(matches("kind = ACTION AND state = PENDING"));
  EXPECT_FALSE(ReadHookFilter("state = LOST").ok());
  EXPECT_FALSE(ReadHookFilter("kind = x").ok());
  EXPECT_FALSE(ReadHookFilter("url = x").ok());
}

TEST(ReadPageTest, TheFirstPageHasAHundredItems) {
  const Page page = ReadPage(0, "").value();
  EXPECT_EQ(page.size, 100u);
  EXPECT_EQ(page.before, UINT64_MAX);
}

TEST(ReadPageTest, APageHasOneToAThousandItems) {
  EXPECT_EQ(ReadPage(1, "")->size, 1u);
  EXPECT_EQ(ReadPage(1000, "")->size, 1000u);
  for (const std::int32_t size : {-1, 1001, INT32_MIN, INT32_MAX}) {
    EXPECT_EQ(DetailOf(ReadPage(size, "").status()),
              (ErrorDetail{.reason = "BAD_PAGE", .field = "page_size"}))
        << size;
  }
}

TEST(ReadPageTest, ATokenAsksForWhatFollows) {
  EXPECT_EQ(ReadPage(0, PageToken(42))->before, 42u);
  EXPECT_EQ(ReadPage(0, PageToken(UINT64_MAX))->before, UINT64_MAX);
}

TEST(ReadPageTest, AForeignTokenIsRefused) {
  for (const char* token : {"x", "-1", "1.5", "99999999999999999999", "4 2"}) {
    EXPECT_EQ(DetailOf(ReadPage(0, token).status()),
              (ErrorDetail{.reason = "BAD_PAGE", .field = "page_token"}))
        << token;
  }
}

}  // namespace
}  // namespace callcontrol::server
