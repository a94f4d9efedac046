// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/sip/transfer/transfer_flow.h"

// The invariants of protocol.md 3.3, held against random inputs.
namespace callcontrol::sip {
namespace {

// What a holder of the machine, and a far end without manners, may do next.
constexpr int kInputs = 20;

class RandomTransfer {
 public:
  explicit RandomTransfer(std::uint32_t seed)
      : random_(seed), flow_(RandomPolicy()) {}

  void Step() {
    const std::size_t told = flow_.told.size();
    const std::size_t asked = flow_.asked.size();
    const bool was_done = flow_.machine.done();
    far_bye_before_ = far_bye_;
    const std::string input = Input(Draw(kInputs));
    trace_ += " " + input;
    Check(told, asked, was_done);
  }

  // Lets every timer run out: whatever happened, it ends.
  void Finish() {
    for (int i = 0; i < 3; ++i) {
      // A REFER that was asked for leaves, or does not.
      if (flow_.phase() == TransferPhase::kSending) flow_.SendFails("broken");
      flow_.Pass(std::chrono::hours(3));
    }
    ASSERT_TRUE(flow_.machine.done()) << trace_;
    EXPECT_EQ(flow_.machine.NextDeadline(), std::nullopt) << trace_;
    ASSERT_TRUE(flow_.Result().has_value()) << trace_;
    CheckResult(*flow_.Result());
    EXPECT_EQ(std::ranges::count(flow_.asked, TransferAction::kForget), 1)
        << trace_;
  }

 private:
  int Draw(int below) {
    return std::uniform_int_distribution<int>(0, below - 1)(random_);
  }

  std::optional<LegAction> RandomAction() {
    switch (Draw(4)) {
      case 0:
        return LegAction::kHangUp;
      case 1:
        return LegAction::kWaitForPeer;
      case 2:
        return LegAction::kKeep;
      default:
        return std::nullopt;
    }
  }

  TransferPolicy RandomPolicy() {
    TransferPolicy policy;
    policy.on_success = RandomAction();
    policy.on_unconfirmed = RandomAction();
    policy.on_failure = RandomAction();
    policy.strict = Draw(4) == 0;
    policy.hold_first = Draw(3) == 0;
    policy.refer_unheld = Draw(2) == 0;
    return policy;
  }

  ReferNotify RandomNotify() {
    static constexpr int kCodes[] = {0, 100, 180, 183, 200, 202, 302, 486, 603};
    static constexpr const char* kReasons[] = {"noresource", "rejected",
                                               "probation", "timeout", ""};
    const int code = kCodes[Draw(9)];
    ReferNotify notify = Draw(3) == 0 ? Terminated(code) : Active(code);
    notify.subscription->reason = kReasons[Draw(5)];
    if (Draw(4) == 0) notify.subscription->expires = seconds(Draw(100));
    if (Draw(6) == 0) notify.subscription.reset();
    // Mostly a new CSeq; sometimes the one before again.
    notify.cseq = Draw(5) == 0 ? cseq_ : ++cseq_;
    success_reported_ |= code == 200 || code == 202;
    return notify;
  }

  std::string Input(int which) {
    switch (which) {
      case 0:
      case 1:
        flow_.LegIsReady();
        return "ready";
      case 2:
      case 3:
        if (flow_.phase() == TransferPhase::kSending) refer_sent_ = true;
        flow_.ReferLeaves(101);
        return "sent";
      case 4: {
        const int codes[] = {200, 202, 302, 401, 404, 408, 481, 491, 503, 603};
        const int code = codes[Draw(10)];
        flow_.Answers({.status = {code, "x"}, .no_subscription = Draw(5) == 0});
        return std::to_string(code);
      }
      case 5:
        flow_.SendFails("broken");
        return "fails";
      case 6:
      case 7:
      case 8:
      case 9:
        flow_.Notifies(RandomNotify());
        return "notify";
      case 10:
        far_bye_ = true;
        flow_.FarEndHangsUp("Q.850;cause=16");
        return "far-bye";
      case 11:
        flow_.ByeIsAnswered(Draw(2) == 0 ? 200 : 481);
        return "bye-answer";
      case 12:
        flow_.ProbeIsAnswered(Draw(2) == 0 ? 200 : 481);
        return "probe-answer";
      case 13:
        if (Draw(4) == 0) flow_.WeHangUp();
        return "hang-up";
      case 14:
        if (Draw(6) == 0) flow_.LegIsLost("lost");
        return "lost";
      case 15:
        if (Draw(8) == 0) flow_.ServerStops();
        return "stop";
      case 16:
        flow_.HoldIsAnswered(Draw(2) == 0 ? 200 : 488);
        return "hold-answer";
      case 17:
        flow_.ResumeIsAnswered(Draw(2) == 0 ? 200 : 488);
        return "resume-answer";
      case 18:
        flow_.Pass(milliseconds(Draw(3'000)));
        return "pass";
      default:
        flow_.Pass(milliseconds(Draw(40'000)));
        return "pass-long";
    }
  }

  void Check(std::size_t told, std::size_t asked, bool was_done) {
    if (was_done) {
      EXPECT_EQ(flow_.told.size(), told) << "an event after the end:" << trace_;
    }
    for (std::size_t i = asked; i < flow_.asked.size(); ++i) {
      EXPECT_FALSE(far_bye_before_ &&
                   flow_.asked[i] == TransferAction::kSendRefer)
          << "a REFER after the far end's BYE:" << trace_;
    }
    EXPECT_LE(std::ranges::count(flow_.asked, TransferAction::kSendBye), 1)
        << trace_;
    EXPECT_LE(std::ranges::count(flow_.asked, TransferAction::kSendRefer), 3)
        << trace_;
    EXPECT_LE(std::ranges::count(flow_.asked, TransferAction::kResume),
              std::ranges::count(flow_.asked, TransferAction::kHold))
        << trace_;
    int finals = 0;
    int results = 0;
    for (const TransferEvent& event : flow_.told) {
      const auto* status = std::get_if<TransferStatus>(&event);
      finals += status != nullptr && status->final ? 1 : 0;
      results += std::holds_alternative<TransferResult>(event) ? 1 : 0;
    }
    EXPECT_LE(finals, 1) << trace_;
    EXPECT_EQ(results, flow_.machine.done() ? 1 : 0) << trace_;
    if (flow_.machine.done() && flow_.phase() == TransferPhase::kDone) {
      int armed = 0;
      for (const auto& deadline : flow_.machine.state().deadlines) {
        armed += deadline ? 1 : 0;
      }
      EXPECT_EQ(armed, 1) << "only the tail runs after the end:" << trace_;
    }
    if (!flow_.machine.done()) {
      EXPECT_TRUE(flow_.machine.NextDeadline().has_value() ||
                  flow_.phase() == TransferPhase::kSending)
          << "nothing would ever end it:" << trace_;
    }
  }

  void CheckResult(const TransferResult& result) {
    if (result.verdict == TransferVerdict::kSuccess) {
      EXPECT_TRUE(success_reported_) << "a success nobody reported:" << trace_;
      ASSERT_TRUE(result.final_status.has_value()) << trace_;
      EXPECT_TRUE(IsSuccess(*result.final_status)) << trace_;
    }
    EXPECT_EQ(result.outcome == TransferOutcome::kTransferred,
              result.verdict == TransferVerdict::kSuccess)
        << trace_;
    if (result.final_status && IsSuccess(*result.final_status)) {
      EXPECT_EQ(result.outcome, TransferOutcome::kTransferred)
          << "a reported success that was not told:" << trace_;
    }
    if (!refer_sent_) {
      EXPECT_EQ(result.verdict, TransferVerdict::kFailure) << trace_;
    }
  }

  std::mt19937 random_;
  TransferFlow flow_;
  std::string trace_;
  std::uint32_t cseq_ = 1;
  bool refer_sent_ = false;
  bool far_bye_ = false;
  bool far_bye_before_ = false;
  bool success_reported_ = false;
};

TEST(TransferInvariantsTest, HoldForRandomInputs) {
  for (std::uint32_t seed = 1; seed <= 2'000; ++seed) {
    RandomTransfer transfer(seed);
    for (int i = 0; i < 30; ++i) transfer.Step();
    transfer.Finish();
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "with seed " << seed;
      return;
    }
  }
}

}  // namespace
}  // namespace callcontrol::sip
