// SPDX-License-Identifier: Apache-2.0
#include "sip/call/reliable_provisional.h"

#include <chrono>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using Arrival = ProvisionalOrder::Arrival;
using Due = ReliableResponses::Due;
using Sending = ReliableResponses::Sending;
using std::chrono::milliseconds;

constexpr MonotonicTime kStart{};
constexpr std::uint32_t kFirst = 4711;
constexpr char kSdp[] = "v=0\r\n";

ReliableResponses ForInvite(ReliableSupport support, bool offered = true) {
  return ReliableResponses({.support = support,
                            .offered = offered,
                            .invite_cseq = 7,
                            .first_rseq = kFirst,
                            .t1 = Milliseconds(500)});
}

std::optional<Sending> Send(ReliableResponses& responses, int status,
                            std::string sdp = "", bool reliably = true) {
  return responses.OnProgress({.status = status, .sdp = std::move(sdp)},
                              reliably, kStart);
}

RAck Ack(std::uint32_t rseq) { return {rseq, 7, "INVITE"}; }

// ---- Those of far ends --------------------------------------------------

TEST(ProvisionalOrderTest, TheFirstMayHaveAnyNumberAndTheNextOneMore) {
  ProvisionalOrder order;
  EXPECT_EQ(order.OnResponse(900), Arrival::kNext);
  EXPECT_EQ(order.OnResponse(901), Arrival::kNext);
}

TEST(ProvisionalOrderTest, ARepetitionIsNoNews) {
  ProvisionalOrder order;
  order.OnResponse(900);
  EXPECT_EQ(order.OnResponse(900), Arrival::kRepeated);
  order.OnResponse(901);
  EXPECT_EQ(order.OnResponse(900), Arrival::kRepeated);
  EXPECT_EQ(order.OnResponse(1), Arrival::kRepeated);
}

TEST(ProvisionalOrderTest, OneThatOvertookAnotherComesAgain) {
  ProvisionalOrder order;
  order.OnResponse(900);
  EXPECT_EQ(order.OnResponse(902), Arrival::kTooEarly);
  EXPECT_EQ(order.OnResponse(901), Arrival::kNext);
  EXPECT_EQ(order.OnResponse(902), Arrival::kNext);
}

TEST(ProvisionalOrderTest, NothingFollowsTheLastNumber) {
  ProvisionalOrder order;
  EXPECT_EQ(order.OnResponse(0xffffffff), Arrival::kNext);
  EXPECT_EQ(order.OnResponse(1), Arrival::kRepeated);
}

// ---- Ours: which are reliable -------------------------------------------

TEST(ReliableResponsesTest, WhoDoesNotSupportThemGetsNone) {
  ReliableResponses responses = ForInvite(ReliableSupport::kNone);
  const auto sent = Send(responses, 183, kSdp);
  ASSERT_TRUE(sent);
  EXPECT_FALSE(sent->rseq);
  EXPECT_EQ(sent->response.sdp, kSdp);
  EXPECT_FALSE(responses.next());
}

TEST(ReliableResponsesTest, WhoSupportsThemGetsThoseThatAreWantedReliable) {
  ReliableResponses responses = ForInvite(ReliableSupport::kOptional);
  EXPECT_FALSE(Send(responses, 180, "", /*reliably=*/false)->rseq);
  EXPECT_EQ(Send(responses, 183, kSdp)->rseq, kFirst);
}

TEST(ReliableResponsesTest, WhoRequiresThemGetsNoOthers) {
  ReliableResponses responses = ForInvite(ReliableSupport::kRequired);
  EXPECT_EQ(Send(responses, 180, "", /*reliably=*/false)->rseq, kFirst);
}

// RFC 3262, 5.
TEST(ReliableResponsesTest, WithoutAnOfferTheFirstHasOne) {
  ReliableResponses supported =
      ForInvite(ReliableSupport::kOptional, /*offered=*/false);
  EXPECT_FALSE(Send(supported, 180)->rseq);
  EXPECT_EQ(Send(supported, 183, kSdp)->rseq, kFirst);

  ReliableResponses required =
      ForInvite(ReliableSupport::kRequired, /*offered=*/false);
  EXPECT_FALSE(Send(required, 180));
  EXPECT_EQ(Send(required, 183, kSdp)->rseq, kFirst);
  ASSERT_TRUE(required.OnPrack(Ack(kFirst)));
  EXPECT_EQ(Send(required, 180)->rseq, kFirst + 1);
}

TEST(ReliableResponsesTest, ASessionDescriptionIsSaidOnce) {
  ReliableResponses responses = ForInvite(ReliableSupport::kOptional);
  Send(responses, 183, kSdp);
  responses.OnPrack(Ack(kFirst));
  EXPECT_EQ(Send(responses, 183, kSdp)->response.sdp, "");
  EXPECT_EQ(Send(responses, 180, kSdp, /*reliably=*/false)->response.sdp, "");
}

// ---- One at a time ------------------------------------------------------

TEST(ReliableResponsesTest, TheNextWaitsForThePrack) {
  ReliableResponses responses = ForInvite(ReliableSupport::kOptional);
  Send(responses, 180);
  EXPECT_FALSE(Send(responses, 183, kSdp));
  EXPECT_FALSE(responses.TakeWaiting(kStart));
  EXPECT_TRUE(responses.OnPrack(Ack(kFirst)));
  const auto next = responses.TakeWaiting(kStart);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->rseq, kFirst + 1);
  EXPECT_EQ(next->response.status, 183);
  EXPECT_FALSE(responses.TakeWaiting(kStart));
}

TEST(ReliableResponsesTest, TheNewestWaitsWithTheSessionOfTheOneBefore) {
  ReliableResponses responses = ForInvite(ReliableSupport::kOptional);
  Send(responses, 180);
  Send(responses, 183, kSdp);
  Send(responses, 182);
  responses.OnPrack(Ack(kFirst));
  const auto next = responses.TakeWaiting(kStart);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->response.status, 182);
  EXPECT_EQ(next->response.sdp, kSdp);
}

TEST(ReliableResponsesTest, OnlyTheRightPrackCounts) {
  ReliableResponses responses = ForInvite(ReliableSupport::kOptional);
  EXPECT_FALSE(responses.OnPrack(Ack(kFirst)));
  Send(responses, 180);
  EXPECT_FALSE(responses.OnPrack(Ack(kFirst + 1)));
  EXPECT_FALSE(responses.OnPrack({kFirst, 8, "INVITE"}));
  EXPECT_FALSE(responses.OnPrack({kFirst, 7, "UPDATE"}));
  EXPECT_TRUE(responses.OnPrack(Ack(kFirst)));
  EXPECT_FALSE(responses.OnPrack(Ack(kFirst)));
}

// ---- Time ---------------------------------------------------------------

TEST(ReliableResponsesTest, IsRepeatedAtTwiceTheIntervalUntilThePrack) {
  ReliableResponses responses = ForInvite(ReliableSupport::kOptional);
  Send(responses, 180);
  MonotonicTime at = kStart;
  for (const int interval : {500, 1000, 2000, 4000, 8000}) {
    at += milliseconds(interval);
    ASSERT_EQ(responses.next(), at);
    EXPECT_EQ(responses.OnTime(at - milliseconds(1)), Due::kNothing);
    EXPECT_EQ(responses.OnTime(at), Due::kRepeat);
    EXPECT_EQ(responses.unacknowledged()->rseq, kFirst);
  }
  responses.OnPrack(Ack(kFirst));
  EXPECT_FALSE(responses.next());
}

TEST(ReliableResponsesTest, WithoutPrackItIsGivenUp) {
  ReliableResponses responses = ForInvite(ReliableSupport::kOptional);
  Send(responses, 180);
  while (*responses.next() < kStart + milliseconds(32'000)) {
    ASSERT_EQ(responses.OnTime(*responses.next()), Due::kRepeat);
  }
  EXPECT_EQ(responses.next(), kStart + milliseconds(32'000));
  EXPECT_EQ(responses.OnTime(*responses.next()), Due::kGiveUp);
  EXPECT_FALSE(responses.next());
}

// RFC 3262, 3.
TEST(ReliableResponsesTest, AfterTheFinalResponseThePrackIsStillRight) {
  ReliableResponses responses = ForInvite(ReliableSupport::kOptional);
  Send(responses, 180);
  Send(responses, 183, kSdp);
  responses.OnFinal();
  EXPECT_FALSE(responses.next());
  EXPECT_EQ(responses.OnTime(kStart + milliseconds(40'000)), Due::kNothing);
  EXPECT_TRUE(responses.OnPrack(Ack(kFirst)));
  EXPECT_FALSE(responses.TakeWaiting(kStart));
}

}  // namespace
}  // namespace callcontrol::sip
