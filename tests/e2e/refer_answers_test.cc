// SPDX-License-Identifier: Apache-2.0
//
// Every final answer that a far end can give to a REFER. Whatever it says, one
// REFER was on the wire, the call lives on and can be hung up at once
// (protocol.md, section 0, D1 to D5).
#include <chrono>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/server_test.h"

namespace callcontrol::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class ReferAnswersTest : public ServerTest<ReferAnswersTest>,
                         public ::testing::WithParamInterface<int> {
 protected:
  static v1::TransferOutcome ExpectedOutcome(int status) {
    switch (status) {
      case 302:
        return v1::TRANSFER_OUTCOME_REFER_REDIRECTED;
      case 401:
      case 407:
        return v1::TRANSFER_OUTCOME_REFER_AUTH_FAILED;
      case 403:
      case 603:
        return v1::TRANSFER_OUTCOME_REFER_DECLINED;
      case 405:
      case 420:
      case 501:
        return v1::TRANSFER_OUTCOME_REFER_NOT_SUPPORTED;
      case 408:
        return v1::TRANSFER_OUTCOME_REFER_TIMEOUT;
      default:
        return v1::TRANSFER_OUTCOME_REFER_REJECTED;
    }
  }

  // What such an answer carries.
  static SipHeaders HeadersOf(int status) {
    const std::string challenge =
        "Digest realm=\"peer.example\", nonce=\"abc\", algorithm=MD5";
    switch (status) {
      case 302:
        return {{"Contact", "<sip:carol@elsewhere.example>"}};
      case 401:
        return {{"WWW-Authenticate", challenge}};
      case 407:
        return {{"Proxy-Authenticate", challenge}};
      case 405:
        return {{"Allow", "INVITE, ACK, BYE, CANCEL"}};
      case 420:
        return {{"Unsupported", "tdialog"}};
      case 423:
        return {{"Min-Expires", "120"}};
      case 489:
        return {{"Allow-Events", "presence"}};
      default:
        return WithRetryAfter(status) ? SipHeaders{{"Retry-After", "1"}}
                                      : SipHeaders{};
    }
  }

  static bool WithRetryAfter(int status) {
    return status == 480 || status == 500 || status == 503 || status == 600 ||
           status == 603;
  }
};

TEST_P(ReferAnswersTest, IsToldAndLeavesTheCallAlone) {
  Shows({"27", "34", "35", "36", "37", "38", "39", "40", "42", "43", "80", "96",
         "F26", "F27", "F28", "F38"});
  const int status = GetParam();
  AnsweredCall call(server(), {.answer_options = false});
  TransferStream stream = call.Refer();
  //  REFER --->   <--- the answer
  call.peer.Answer(call.peer.Expect("REFER"), status, "Told You",
                   HeadersOf(status));
  EXPECT_THAT(stream.Next(), ReferSent());
  v1::ReferEvent answered = stream.Next();
  EXPECT_THAT(answered, ReferAnswered(status));
  EXPECT_EQ(answered.refer_response().reason(), "Told You");
  //  OPTIONS --->   <--- 200: a suspect call is probed (protocol.md, #39)
  if (status == 481 || status == 408) {
    call.peer.Answer(call.peer.Expect("OPTIONS"), 200);
  }

  std::vector<v1::ReferEvent> rest = stream.RestUntilResult();
  v1::TransferResult result = rest.back().result();
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_FAILURE);
  EXPECT_EQ(result.outcome(), ExpectedOutcome(status));
  EXPECT_EQ(result.refer_status(), status);
  EXPECT_EQ(result.reason(), "Told You");
  EXPECT_FALSE(result.has_final_referred_call_status());
  EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_NOBODY);
  EXPECT_EQ(result.retry_after().seconds(), WithRetryAfter(status) ? 1 : 0);
  EXPECT_EQ(result.contacts_size(), status == 302 ? 1 : 0);
  if (status == 302) {
    EXPECT_THAT(result.contacts(0), HasSubstr("sip:carol@elsewhere.example"));
  }
  if (status == 481) {
    EXPECT_THAT(rest, Contains(Warned("LEG_SUSPECT")));
  }
  // No second REFER, neither at once nor after a short time.
  call.peer.ExpectNothing(50ms);
  //        <--- re-INVITE; BYE --->
  call.ExpectAlive();
}

INSTANTIATE_TEST_SUITE_P(
    Registry, ReferAnswersTest,
    ::testing::Values(302, 400, 401, 402, 403, 404, 405, 406, 407, 408, 410,
                      412, 413, 414, 415, 416, 417, 420, 421, 422, 423, 424,
                      428, 429, 430, 433, 436, 437, 438, 439, 440, 469, 470,
                      480, 481, 482, 483, 484, 485, 486, 487, 488, 489, 493,
                      494, 500, 501, 502, 503, 504, 505, 513, 555, 580, 600,
                      603, 604, 606),
    ::testing::PrintToStringParamName());

class ReferRetryTest : public ServerTest<ReferRetryTest> {};

TEST_F(ReferRetryTest, AStatusOfNoClassIsAFailure) {
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  call.peer.Answer(call.peer.Expect("REFER"), 703, "Decline");
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(stream.Next(), ReferAnswered(500));
  const v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_REFER_REJECTED);
  EXPECT_EQ(result.refer_status(), 500);
  call.ExpectAlive();
}

// Longer than the Retry-After.
TEST_F(ReferRetryTest, NothingIsRepeatedBehindTheClientsBack) {
  Shows({"40"});
  AnsweredCall busy(server());
  TransferStream first = busy.Refer();
  busy.peer.Answer(busy.peer.Expect("REFER"), 503, "Busy",
                   {{"Retry-After", "1"}});
  EXPECT_THAT(first.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_REJECTED));
  busy.peer.ExpectNothing(1200ms);
  busy.ExpectAlive();
}

// RFC 3261, 20.33, where the client wants it.
//
//  <--- REFER
//  ---> 503, Retry-After: 1
//        ... 1 s ...
//  <--- REFER (CSeq + 1)
//  ---> 503, Retry-After: 1: told, and not followed again
TEST_F(ReferRetryTest, ARetryAfterIsWaitedForOnceAtTheClientsWish) {
  Shows({"7", "40"});
  AnsweredCall call(server());
  TransferStream stream =
      call.Refer("sip:carol@target.example", [](v1::ReferRequest& request) {
        request.mutable_limits()->mutable_retry_after()->set_seconds(2);
      });
  const SipMessage busy = call.peer.Expect("REFER");
  const auto asked = std::chrono::steady_clock::now();
  call.peer.Answer(busy, 503, "Busy", {{"Retry-After", "1"}});
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(stream.Next(), ReferAnswered(503));
  EXPECT_THAT(stream.Next(), Warned("REFER_RETRIED"));
  const SipMessage again = call.peer.Expect("REFER", 3000ms);
  EXPECT_GE(std::chrono::steady_clock::now() - asked, 950ms);
  EXPECT_EQ(again.CSeqNumber(), busy.CSeqNumber() + 1);
  call.peer.Answer(again, 503, "Busy", {{"Retry-After", "1"}});
  EXPECT_THAT(stream.Next(), ReferSent());
  const v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_REFER_REJECTED);
  EXPECT_EQ(result.retry_after().seconds(), 1);
  call.ExpectAlive();
}

// RFC 3261, 14.1: at most 2 s for who does not own the Call-ID.
//
//  <--- REFER
//  ---> 491
//        ... 0 to 2 s ...
//  <--- REFER (CSeq + 1)
//  ---> 202, NOTIFY 200
TEST_F(ReferRetryTest, AReferThatMeetsAnInviteIsSentAgain) {
  Shows({"7", "41"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  const SipMessage met = call.peer.Expect("REFER");
  call.peer.Answer(met, 491);
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(stream.Next(), ReferAnswered(491));
  EXPECT_THAT(stream.Next(), Warned("REFER_RETRIED"));
  const SipMessage again = call.peer.Expect("REFER", 2500ms);
  EXPECT_EQ(again.CSeqNumber(), met.CSeqNumber() + 1);
  EXPECT_EQ(again.Header("Refer-To"), met.Header("Refer-To"));
  const v1::ReferEvent sent = stream.Next();
  EXPECT_THAT(sent, ReferSent());
  EXPECT_EQ(sent.refer_sent().attempt(), 2);
  call.peer.Answer(again, 202);
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", "terminated"), Answered(200));
  EXPECT_THAT(stream.Next(), ReferAnswered(202));
  EXPECT_THAT(stream.Next(), Status(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
}

TEST_F(ReferRetryTest, TheThirdMeetingIsARefusal) {
  Shows({"41"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  for (int i = 0; i < 3; ++i) {
    call.peer.Answer(call.peer.Expect("REFER", 2500ms), 491);
  }
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_REJECTED));
  call.ExpectAlive();
}

}  // namespace
}  // namespace callcontrol::testing
