// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/ladder.h"

#include <cstdint>
#include <string>
#include <vector>

#include "clients/cli/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Writes the log of a transfer that began at 2024-05-01 12:00:00 UTC. Times are
// milliseconds since then.
class LadderTest : public ::testing::Test {
 protected:
  LadderTest() {
    transfer_.set_transfer_id("t-a1-9x2c");
    transfer_.set_call_id("c-a1-7f3k");
    transfer_.set_sip_call_id("38482@atlanta.example.com");
    transfer_.set_refer_to("<sip:1000@example.com>");
    SetTime(0, transfer_.mutable_create_time());
  }

  static void SetTime(std::int64_t ms, google::protobuf::Timestamp* time) {
    time->set_seconds(1714564800 + ms / 1000);
    time->set_nanos(static_cast<std::int32_t>(ms % 1000 * 1000000));
  }

  v1::ReferEvent& Add(std::int64_t ms) {
    v1::ReferEvent& event = events_.emplace_back();
    event.set_sequence(static_cast<std::int64_t>(events_.size()));
    SetTime(ms, event.mutable_time());
    return event;
  }
  void Refer(std::int64_t ms, int cseq, int attempt = 1) {
    v1::ReferSent& sent = *Add(ms).mutable_refer_sent();
    sent.set_cseq(cseq);
    sent.set_attempt(attempt);
  }
  void Response(std::int64_t ms, int status) {
    Add(ms).mutable_refer_response()->set_refer_status(status);
  }
  void Notify(std::int64_t ms, int status, const std::string& state) {
    v1::TransferStatus& told = *Add(ms).mutable_transfer_status();
    told.set_call_status(status);
    told.set_subscription_state(state);
  }
  void Warning(std::int64_t ms, const std::string& code,
               const std::string& text) {
    v1::TransferWarning& warning = *Add(ms).mutable_warning();
    warning.set_code(code);
    warning.set_text(text);
  }
  v1::TransferResult& Result(std::int64_t ms, v1::TransferVerdict verdict,
                             v1::TransferOutcome outcome) {
    v1::TransferResult& result = *Add(ms).mutable_result();
    result.set_verdict(verdict);
    result.set_outcome(outcome);
    result.mutable_duration()->set_seconds(ms / 1000);
    result.mutable_duration()->set_nanos(
        static_cast<std::int32_t>(ms % 1000 * 1000000));
    return result;
  }

  // The ladder, its first line feed as in the raw strings of the tests.
  std::string Draw(bool ascii = false) const {
    return "\n" + RenderLadder(transfer_, events_, ascii);
  }

  v1::Transfer transfer_;
  std::vector<v1::ReferEvent> events_;
};

TEST_F(LadderTest, TheTargetAnswers) {
  Refer(2, 102);
  Response(31, 202);
  Notify(35, 100, "active;expires=60");
  Notify(460, 180, "active");
  Notify(4210, 200, "terminated");
  v1::TransferResult& result = Result(4733, v1::TRANSFER_VERDICT_SUCCESS,
                                      v1::TRANSFER_OUTCOME_TRANSFERRED);
  result.set_final_referred_call_status(200);
  result.set_call_cleared_by(v1::CALL_CLEARED_BY_SERVER);
  result.set_bye_status(200);
  SetTime(4712, result.mutable_bye_time());

  EXPECT_EQ(Draw(), R"(
transfer      t-a1-9x2c
call          c-a1-7f3k
Call-ID       38482@atlanta.example.com
Refer-To      <sip:1000@example.com>
began         2024-05-01 12:00:00.000 UTC

    callcontrold                         far end                         target
    (transferor)                      (transferee)
    0.002 │─────── REFER, CSeq 102 ────────►│                                 │
    0.031 │◄───────── 202 Accepted ─────────│┄┄┄┄┄┄┄┄┄┄┄┄ INVITE ┄┄┄┄┄┄┄┄┄┄┄┄►│
    0.035 │◄───── NOTIFY 100 (active) ──────│                                 │
          │──────────── 200 OK ────────────►│                                 │
    0.460 │◄───── NOTIFY 180 (active) ──────│◄┄┄┄┄┄┄┄┄┄ 180 Ringing ┄┄┄┄┄┄┄┄┄┄│
          │──────────── 200 OK ────────────►│                                 │
          ┊                                 ┊                                 ┊
    4.210 │◄─── NOTIFY 200 (terminated) ────│◄┄┄┄┄┄┄┄┄┄┄┄┄ 200 OK ┄┄┄┄┄┄┄┄┄┄┄┄│
          │──────────── 200 OK ────────────►│                                 │
    4.712 │───────────── BYE ──────────────►│                                 │
          │◄──────────── 200 OK ────────────│                                 │

SUCCESS TRANSFERRED after 4.733 s
transferred: the target answered (200 OK); we hung up the original call
dotted: as the far end reports it
)");
}

TEST_F(LadderTest, TheTargetIsBusyInAscii) {
  Refer(2, 102);
  Response(31, 202);
  Notify(480, 486, "terminated");
  v1::TransferResult& result = Result(481, v1::TRANSFER_VERDICT_FAILURE,
                                      v1::TRANSFER_OUTCOME_TARGET_FAILED);
  result.set_final_referred_call_status(486);
  result.set_call_cleared_by(v1::CALL_CLEARED_BY_NOBODY);
  result.set_sip_reason("Q.850;cause=17;text=\"User busy\"");

  EXPECT_EQ(Draw(true), R"(
transfer      t-a1-9x2c
call          c-a1-7f3k
Call-ID       38482@atlanta.example.com
Refer-To      <sip:1000@example.com>
began         2024-05-01 12:00:00.000 UTC

    callcontrold                         far end                         target
    (transferor)                      (transferee)
    0.002 |------- REFER, CSeq 102 -------->|                                 |
    0.031 |<--------- 202 Accepted ---------|............ INVITE ............>|
    0.480 |<--- NOTIFY 486 (terminated) ----|<........ 486 Busy Here .........|
          |------------ 200 OK ------------>|                                 |

FAILURE TARGET_FAILED after 0.481 s
failed: the target is busy (486 Busy Here); the call is still up
dotted: as the far end reports it
Reason        Q.850;cause=17;text="User busy"
)");
}

TEST_F(LadderTest, TheFarEndHangsUpInsteadOfTelling) {
  Refer(2, 102);
  Response(31, 202);
  Warning(900, "LEG_ENDED", "the far end hung up before a final status came");
  v1::TransferResult& result =
      Result(2901, v1::TRANSFER_VERDICT_UNKNOWN,
             v1::TRANSFER_OUTCOME_LEG_ENDED_UNCONFIRMED);
  result.set_call_cleared_by(v1::CALL_CLEARED_BY_FAR_END);
  SetTime(900, result.mutable_bye_time());

  EXPECT_EQ(Draw(), R"(
transfer      t-a1-9x2c
call          c-a1-7f3k
Call-ID       38482@atlanta.example.com
Refer-To      <sip:1000@example.com>
began         2024-05-01 12:00:00.000 UTC

    callcontrold                         far end
    (transferor)                      (transferee)
    0.002 │─────── REFER, CSeq 102 ────────►│
    0.031 │◄───────── 202 Accepted ─────────│
    0.900 │◄───────────── BYE ──────────────│
          │──────────── 200 OK ────────────►│
    0.900 │                                 │ ! LEG_ENDED: the far end hung
          │                                 │   up before a final status came

UNKNOWN LEG_ENDED_UNCONFIRMED after 2.901 s
unknown: accepted, then the far end hung up without saying how it ended
)");
}

TEST_F(LadderTest, TheFirstNotifyOvertakesTheAnswer) {
  Refer(2, 102);
  Notify(20, 180, "active");
  Response(31, 202);
  Warning(36, "EVENT_CASE", "the NOTIFY says \"Event: Refer\", not \"refer\"");

  transfer_.set_state(v1::TRANSFER_STATE_PROGRESSING);
  EXPECT_EQ(Draw(), R"(
transfer      t-a1-9x2c
call          c-a1-7f3k
Call-ID       38482@atlanta.example.com
Refer-To      <sip:1000@example.com>
began         2024-05-01 12:00:00.000 UTC

    callcontrold                         far end                         target
    (transferor)                      (transferee)
    0.002 │─────── REFER, CSeq 102 ────────►│                                 │
          │                                 │┄┄┄┄┄┄┄┄┄┄┄┄ INVITE ┄┄┄┄┄┄┄┄┄┄┄┄►│
    0.020 │◄───── NOTIFY 180 (active) ──────│◄┄┄┄┄┄┄┄┄┄ 180 Ringing ┄┄┄┄┄┄┄┄┄┄│
          │──────────── 200 OK ────────────►│                                 │
    0.031 │◄───────── 202 Accepted ─────────│                                 │
    0.036 │                                 │ ! EVENT_CASE: the NOTIFY says   │
          │                                 │   "Event: Refer", not "refer"   │
          ┊                                 ┊                                 ┊

still running: PROGRESSING, 4 events so far
)");
}

TEST_F(LadderTest, AChallengeIsAnswered) {
  Refer(2, 102);
  Response(31, 401);
  Refer(40, 103, 2);
  const std::string ladder = Draw(true);
  EXPECT_THAT(ladder, HasSubstr("401 Unauthorized"));
  EXPECT_THAT(ladder, HasSubstr("REFER, CSeq 103, again"));
  EXPECT_THAT(ladder, Not(HasSubstr("target"))) << "nothing is known of it";
}

TEST_F(LadderTest, AByeWithoutAnAnswerSaysSo) {
  Refer(2, 102);
  v1::TransferResult& result = Result(50, v1::TRANSFER_VERDICT_UNKNOWN,
                                      v1::TRANSFER_OUTCOME_LOCAL_HANGUP);
  result.set_call_cleared_by(v1::CALL_CLEARED_BY_SERVER);
  SetTime(40, result.mutable_bye_time());
  EXPECT_THAT(Draw(), HasSubstr("BYE: no answer yet"));
}

TEST_F(LadderTest, NoLineIsWiderThan80ColumnsNorCarriesControlCharacters) {
  transfer_.set_refer_to("<sip:" + std::string(500, 'x') + "@example.com>");
  Refer(2, 102);
  v1::ReferResponse& response = *Add(31).mutable_refer_response();
  response.set_refer_status(202);
  response.set_reason("\x1b[2J" + std::string(200, 'y'));
  Notify(40, 183, std::string(100, 's'));
  Warning(50, "ODD", std::string(100, 'w') + "\n" + std::string(100, 'v'));
  std::string line;
  for (const char c : Draw()) {
    if (c != '\n') {
      EXPECT_NE(c, '\x1b');
      line += c;
      continue;
    }
    EXPECT_LE(DisplayWidth(line), 80) << line;
    line.clear();
  }
}

TEST_F(LadderTest, ATransferOfWhichNothingIsKnownYet) {
  transfer_.set_state(v1::TRANSFER_STATE_PREPARING);
  EXPECT_THAT(Draw(), HasSubstr("still running: PREPARING, 0 events so far"));
}

}  // namespace
}  // namespace callcontrol::cli
