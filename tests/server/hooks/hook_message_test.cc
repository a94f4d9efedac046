// SPDX-License-Identifier: Apache-2.0
#include "server/hooks/hook_message.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::server {
namespace {

v1::ReferEvent Event(int sequence) {
  v1::ReferEvent event;
  event.set_transfer_id("t-n1-abc");
  event.set_call_id("c-n1-def");
  event.set_sequence(sequence);
  event.mutable_time()->set_seconds(1'700'000'000);
  event.mutable_time()->set_nanos(5);
  return event;
}

v1::ReferEvent Ringing() {
  v1::ReferEvent event = Event(3);
  event.mutable_transfer_status()->set_event("transfer-status");
  event.mutable_transfer_status()->set_call_status(180);
  return event;
}

v1::ReferEvent Ended() {
  v1::ReferEvent event = Event(4);
  v1::TransferResult& result = *event.mutable_result();
  result.set_verdict(v1::TRANSFER_VERDICT_FAILURE);
  result.set_outcome(v1::TRANSFER_OUTCOME_TARGET_FAILED);
  result.set_refer_status(202);
  result.set_final_referred_call_status(486);
  return event;
}

const HookTargets kBoth{.event = {"https://a/e", "https://a:443"},
                        .action = {"https://b/a", "https://b:443"},
                        .traceparent = "trace"};

TEST(DeliveryOfTest, ANotifyIsToldWithTheKeysOfThePage) {
  const auto delivery = DeliveryOf(Ringing(), "x@far", kBoth);
  ASSERT_TRUE(delivery.has_value());
  EXPECT_EQ(delivery->body, R"({"event":"transfer-status","call_status":"180",)"
                            R"("transfer_id":"t-n1-abc","call_id":"c-n1-def",)"
                            R"("sip_call_id":"x@far","sequence":3})");
  EXPECT_EQ(delivery->id, "h-n1-abc-3");
  EXPECT_EQ(delivery->kind, HookKind::kEvent);
  EXPECT_EQ(delivery->url, "https://a/e");
  EXPECT_EQ(delivery->origin, "https://a:443");
  EXPECT_EQ(delivery->traceparent, "trace");
  EXPECT_EQ(delivery->create_time,
            absl::FromUnixSeconds(1'700'000'000) + absl::Nanoseconds(5));
}

TEST(DeliveryOfTest, TheResultIsToldByNumbersAndShortNames) {
  const auto delivery = DeliveryOf(Ended(), "x@far", kBoth);
  ASSERT_TRUE(delivery.has_value());
  EXPECT_EQ(delivery->body,
            R"({"referStatus":202,"final_referred_call_status":486,)"
            R"("verdict":"FAILURE","outcome":"TARGET_FAILED",)"
            R"("transfer_id":"t-n1-abc","call_id":"c-n1-def",)"
            R"("sip_call_id":"x@far","sequence":4})");
  EXPECT_EQ(delivery->id, "h-n1-abc-end");
  EXPECT_EQ(delivery->kind, HookKind::kAction);
  EXPECT_EQ(delivery->url, "https://b/a");
}

TEST(DeliveryOfTest, AStatusThatNobodyReportedIsLeftOut) {
  v1::ReferEvent event = Ended();
  event.mutable_result()->clear_final_referred_call_status();
  EXPECT_THAT(DeliveryOf(event, "x@far", kBoth)->body,
              ::testing::Not(::testing::HasSubstr("final_referred")));
}

TEST(DeliveryOfTest, NothingElseIsTold) {
  v1::ReferEvent event = Event(1);
  event.mutable_refer_sent()->set_cseq(1);
  EXPECT_FALSE(DeliveryOf(event, "x", kBoth).has_value());
  event.mutable_refer_response()->set_refer_status(202);
  EXPECT_FALSE(DeliveryOf(event, "x", kBoth).has_value());
  event.mutable_warning()->set_code("ODD");
  EXPECT_FALSE(DeliveryOf(event, "x", kBoth).has_value());
  const HookTargets only_action{.action = kBoth.action};
  EXPECT_FALSE(DeliveryOf(Ringing(), "x", only_action).has_value());
  const HookTargets only_event{.event = kBoth.event};
  EXPECT_FALSE(DeliveryOf(Ended(), "x", only_event).has_value());
}

TEST(DeliveryOfTest, ACallIdIsEscapedWhateverItHolds) {
  EXPECT_THAT(DeliveryOf(Ringing(), "a\"b\\c\xff", kBoth)->body,
              ::testing::HasSubstr(R"("sip_call_id":"a\"b\\c)"
                                   "\xEF\xBF\xBD\""));
}

// ---- What is told of a transfer that a crash cut off --------------------

std::string PromisedBody(const std::vector<v1::ReferEvent>& events) {
  v1::TransferResult result = ResultBefore();
  for (const v1::ReferEvent& event : events) AddEvent(event, result);
  const auto promise = PromiseOf(events.back(), result, "x@far", kBoth);
  EXPECT_TRUE(promise->promised);
  EXPECT_EQ(promise->id, "h-n1-abc-end");
  EXPECT_EQ(promise->kind, HookKind::kAction);
  EXPECT_EQ(promise->url, "https://b/a");
  return promise->body;
}

TEST(PromiseOfTest, SaysWhatWasKnown) {
  v1::ReferEvent odd = Event(1);
  odd.mutable_warning()->set_code("ODD");
  EXPECT_THAT(PromisedBody({odd}),
              ::testing::StartsWith(R"({"referStatus":0,"verdict":"FAILURE",)"
                                    R"("outcome":"SERVER_SHUTDOWN")"));
  v1::ReferEvent sent = Event(2);
  sent.mutable_refer_sent()->set_cseq(1);
  EXPECT_THAT(PromisedBody({odd, sent}),
              ::testing::StartsWith(R"({"referStatus":0,"verdict":"UNKNOWN")"));
  v1::ReferEvent accepted = Event(3);
  accepted.mutable_refer_response()->set_refer_status(202);
  v1::ReferEvent ringing = Ringing();
  ringing.set_sequence(4);
  EXPECT_EQ(PromisedBody({odd, sent, accepted, ringing}),
            R"({"referStatus":202,"verdict":"UNKNOWN",)"
            R"("outcome":"SERVER_SHUTDOWN","transfer_id":"t-n1-abc",)"
            R"("call_id":"c-n1-def","sip_call_id":"x@far","sequence":5})");
  ringing.mutable_transfer_status()->set_final(true);
  ringing.mutable_transfer_status()->set_call_status(200);
  EXPECT_THAT(PromisedBody({odd, sent, accepted, ringing}),
              ::testing::StartsWith(
                  R"({"referStatus":202,"final_referred_call_status":200,)"
                  R"("verdict":"UNKNOWN","outcome":"SERVER_SHUTDOWN")"));
}

TEST(PromiseOfTest, IsNoneWithoutAnActionHook) {
  const HookTargets only_event{.event = kBoth.event};
  EXPECT_FALSE(
      PromiseOf(Ringing(), ResultBefore(), "x", only_event).has_value());
}

#define FIRST_MAC \
  "434ee2dc62f01ebff6d13d60e38c3fb4f06ab7930be52b63a7ae779c583650e5"
#define SECOND_MAC \
  "a92a9428c0dd791b2615da299f34fd33e15edca293837c5bf27f66b116c3fac7"

// openssl dgst -sha256 -hmac KEY over "1700000000.{}".
TEST(SignatureTest, IsHmacSha256OverTimeAndBodyByEachKey) {
  const absl::Time time = absl::FromUnixSeconds(1'700'000'000);
  EXPECT_EQ(Signature({"first-key-of-16-bytes"}, time, "{}"),
            "t=1700000000,v1=" FIRST_MAC);
  EXPECT_EQ(Signature({"first-key-of-16-bytes", "second-key-of-16-bytes"}, time,
                      "{}"),
            "t=1700000000,v1=" FIRST_MAC ",v1=" SECOND_MAC);
  EXPECT_EQ(Signature({}, time, "{}"), "");
}

constexpr char kTrace[] =
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(TraceparentTest, AValidOneIsTakenAsFarAsItIsUnderstood) {
  EXPECT_EQ(ReadTraceparent(kTrace), kTrace);
  // A later version with more behind it.
  EXPECT_EQ(ReadTraceparent("cc" + std::string(kTrace).substr(2) + "-more"),
            kTrace);
}

TEST(TraceparentTest, AnythingElseIsNone) {
  const std::string trace = kTrace;
  for (const std::string& text : std::vector<std::string>{
           "", "00", trace.substr(1), trace + "-more", trace + "x",
           "ff" + trace.substr(2), "0g" + trace.substr(2),
           "00-" + std::string(32, '0') + trace.substr(35),
           trace.substr(0, 36) + std::string(16, '0') + "-01",
           "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
           "00_" + trace.substr(3), trace.substr(0, 54) + "\n"}) {
    EXPECT_FALSE(ReadTraceparent(text).has_value()) << text;
  }
}

TEST(TraceparentTest, ANewOneIsValidAndNotSampled) {
  EXPECT_EQ(NewTraceparent(0x1, 0x10),
            "00-00000000000000010000000000000011-0000000000000011-00");
  EXPECT_TRUE(ReadTraceparent(NewTraceparent(0, 0)).has_value());
}

TEST(TraceparentTest, EachAttemptIsASpanOfTheSameTrace) {
  EXPECT_EQ(WithSpan(kTrace, 0xabc),
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000abc-01");
  EXPECT_TRUE(ReadTraceparent(WithSpan(kTrace, 0)).has_value());
}

}  // namespace
}  // namespace callcontrol::server
