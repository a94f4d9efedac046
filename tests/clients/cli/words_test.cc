// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/words.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

v1::TransferResult Result(v1::TransferVerdict verdict,
                          v1::TransferOutcome outcome) {
  v1::TransferResult result;
  result.set_verdict(verdict);
  result.set_outcome(outcome);
  return result;
}

v1::TransferResult TargetFailed(int status, const std::string& reason) {
  v1::TransferResult result =
      Result(v1::TRANSFER_VERDICT_FAILURE, v1::TRANSFER_OUTCOME_TARGET_FAILED);
  result.set_final_referred_call_status(status);
  result.set_reason(reason);
  result.set_call_cleared_by(v1::CALL_CLEARED_BY_NOBODY);
  return result;
}

TEST(WordsTest, EveryOutcomeHasASentenceOfItsOwn) {
  std::set<std::string> sentences;
  for (int i = 1; i < v1::TransferOutcome_ARRAYSIZE; ++i) {
    ASSERT_TRUE(v1::TransferOutcome_IsValid(i));
    const std::string sentence = VerdictSentence(Result(
        v1::TRANSFER_VERDICT_FAILURE, static_cast<v1::TransferOutcome>(i)));
    EXPECT_THAT(sentence, Not(HasSubstr("does not know"))) << i;
    EXPECT_TRUE(sentences.insert(sentence).second) << "twice: " << sentence;
  }
}

TEST(WordsTest, AnOutcomeOfALaterServerIsNamedByItsNumber) {
  EXPECT_THAT(
      VerdictSentence(Result(v1::TRANSFER_VERDICT_UNKNOWN,
                             static_cast<v1::TransferOutcome>(99))),
      StartsWith("unknown: the server says 99, which this callctl does not"));
}

TEST(WordsTest, TheVerdictIsTheFirstWord) {
  const auto outcome = v1::TRANSFER_OUTCOME_LOCAL_HANGUP;
  EXPECT_THAT(VerdictSentence(Result(v1::TRANSFER_VERDICT_FAILURE, outcome)),
              StartsWith("failed: "));
  EXPECT_THAT(VerdictSentence(Result(v1::TRANSFER_VERDICT_UNKNOWN, outcome)),
              StartsWith("unknown: "));
}

TEST(WordsTest, Transferred) {
  v1::TransferResult result =
      Result(v1::TRANSFER_VERDICT_SUCCESS, v1::TRANSFER_OUTCOME_TRANSFERRED);
  result.set_final_referred_call_status(200);
  result.set_call_cleared_by(v1::CALL_CLEARED_BY_SERVER);
  EXPECT_EQ(VerdictSentence(result),
            "transferred: the target answered (200 OK); we hung up the "
            "original call");
  EXPECT_EQ(ExitCodeOf(result), 0);
}

TEST(WordsTest, TheTargetFailed) {
  EXPECT_EQ(VerdictSentence(TargetFailed(486, "Busy Here")),
            "failed: the target is busy (486 Busy Here); the call is still up");
  EXPECT_THAT(VerdictSentence(TargetFailed(404, "")),
              HasSubstr("the target does not exist (404 Not Found)"));
  EXPECT_THAT(VerdictSentence(TargetFailed(480, "")),
              HasSubstr("the target did not answer"));
  EXPECT_THAT(VerdictSentence(TargetFailed(503, "")),
              HasSubstr("the target cannot be reached"));
  EXPECT_THAT(VerdictSentence(TargetFailed(302, "")),
              HasSubstr("somewhere else"));
  EXPECT_THAT(VerdictSentence(TargetFailed(494, "")),
              HasSubstr("the target refused the call (494)"));
  EXPECT_EQ(ExitCodeOf(TargetFailed(486, "")), 1);
}

TEST(WordsTest, TheReferFailed) {
  v1::TransferResult result =
      Result(v1::TRANSFER_VERDICT_FAILURE, v1::TRANSFER_OUTCOME_REFER_DECLINED);
  result.set_refer_status(603);
  EXPECT_EQ(VerdictSentence(result),
            "failed: the far end declined the transfer (603 Decline)");
  result.set_refer_status(202);
  result.set_final_referred_call_status(603);
  result.mutable_retry_after()->set_seconds(30);
  EXPECT_EQ(VerdictSentence(result),
            "failed: the far end accepted the transfer, then declined it (603 "
            "Decline); it asks to try again in 30.0s");
}

TEST(WordsTest, NobodyKnows) {
  v1::TransferResult result = Result(v1::TRANSFER_VERDICT_UNKNOWN,
                                     v1::TRANSFER_OUTCOME_ACCEPTED_NO_NOTIFY);
  EXPECT_EQ(VerdictSentence(result),
            "unknown: accepted, but nobody told how it ended");
  EXPECT_EQ(ExitCodeOf(result), 3);
  result.set_outcome(v1::TRANSFER_OUTCOME_NO_FINAL_STATUS);
  result.set_last_call_status(180);
  EXPECT_EQ(VerdictSentence(result),
            "unknown: no final status came in time, the target may still ring "
            "(last heard: 180 Ringing)");
}

TEST(WordsTest, PeersCannotWriteToTheTerminal) {
  EXPECT_THAT(VerdictSentence(TargetFailed(486, "\x1b[2JOK\n")),
              HasSubstr("(486 \\x1b[2JOK\\n)"));
  v1::ReferEvent event;
  event.mutable_warning()->set_code("X\r");
  event.mutable_warning()->set_text("\x1b]0;title\x07");
  EXPECT_THAT(EventLine(event), HasSubstr("X\\r: \\x1b]0;title\\x07"));
}

TEST(WordsTest, AnEventIsALineOfALog) {
  v1::ReferEvent event;
  event.set_transfer_id("t-a-1");
  event.set_sequence(3);
  event.mutable_time()->set_seconds(1714564800);
  event.mutable_time()->set_nanos(250000000);
  v1::TransferStatus& status = *event.mutable_transfer_status();
  status.set_call_status(180);
  status.set_subscription_state("active");
  EXPECT_EQ(EventLine(event),
            "12:00:00.250 t-a-1 #3 transfer_status 180 Ringing, active");
  event.mutable_refer_sent()->set_refer_to("<sip:1000@x>");
  EXPECT_EQ(EventLine(event),
            "12:00:00.250 t-a-1 #3 refer_sent REFER to <sip:1000@x>");
  event.clear_event();
  EXPECT_THAT(EventLine(event), HasSubstr("does not know"));
}

TEST(WordsTest, ACallThatEndedSaysWhy) {
  v1::CallEvent event;
  event.set_type(v1::CALL_EVENT_TYPE_ENDED);
  v1::Call& call = *event.mutable_call();
  call.set_call_id("c-a-1");
  call.set_state(v1::CALL_STATE_ENDED);
  call.set_direction(v1::CALL_DIRECTION_INBOUND);
  call.set_remote_uri("sip:alice@x");
  call.set_local_uri("sip:ivr@y");
  call.set_ended_by(v1::CALL_ENDED_BY_FAR_END);
  call.set_end_reason("Q.850;cause=16");
  EXPECT_EQ(CallEventLine(event),
            "00:00:00.000 ENDED           c-a-1 ENDED sip:alice@x -> sip:ivr@y,"
            " by the far end: Q.850;cause=16");
}

}  // namespace
}  // namespace callcontrol::cli
