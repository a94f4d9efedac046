// SPDX-License-Identifier: Apache-2.0
//
// Every order of what may happen to a transfer, up to a depth, against the
// invariants of protocol.md 3.3. Where transfer_invariants_test.cc draws a few
// long histories, this test leaves out no short one.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/sip/transfer/transfer_flow.h"

namespace callcontrol::sip {
namespace {

// A transfer somewhere on its way, and what was seen of it so far.
struct World {
  TransferMachine machine;
  MonotonicTime now{};
  std::uint32_t notify_cseq = 1;
  bool refer_left = false;
  bool far_bye = false;
  bool success_reported = false;
  int refers = 0;
  int holds = 0;
  int resumes = 0;
  int byes = 0;
  int finals = 0;
  int results = 0;
  int forgets = 0;
  // Of the result.
  TransferVerdict verdict = TransferVerdict::kUnknown;
  TransferOutcome outcome = TransferOutcome::kInternalError;
  std::optional<int> final_status{};
  // An event came after the result, or a REFER after the far end's BYE.
  std::string broken{};

  void Take(const TransferMachine::Step& step) {
    for (const TransferEvent& event : step.events) {
      if (results > 0) broken = "an event after the result";
      if (const auto* status = std::get_if<TransferStatus>(&event)) {
        finals += status->final ? 1 : 0;
      } else if (const auto* result = std::get_if<TransferResult>(&event)) {
        ++results;
        verdict = result->verdict;
        outcome = result->outcome;
        final_status = result->final_status;
      }
    }
    for (const TransferAction action : step.actions) {
      refers += action == TransferAction::kSendRefer ? 1 : 0;
      holds += action == TransferAction::kHold ? 1 : 0;
      resumes += action == TransferAction::kResume ? 1 : 0;
      byes += action == TransferAction::kSendBye ? 1 : 0;
      forgets += action == TransferAction::kForget ? 1 : 0;
      if (action == TransferAction::kSendRefer && far_bye) {
        broken = "a REFER after the far end's BYE";
      }
    }
  }
};

struct Input {
  std::string_view name;
  std::function<void(World&)> give;
};

Input Answer(std::string_view name, int code, bool no_subscription = false) {
  return {name, [code, no_subscription](World& w) {
            w.Take(w.machine.OnReferAnswer(
                {.status = {code, "x"}, .no_subscription = no_subscription},
                w.now));
          }};
}

Input Notify(std::string_view name, const ReferNotify& notify) {
  return {name, [notify](World& w) {
            ReferNotify next = notify;
            next.cseq = ++w.notify_cseq;
            if (next.body.status) {
              w.success_reported |= IsSuccess(next.body.status->code);
            }
            w.Take(w.machine.OnNotify(next, w.now));
          }};
}

// What a holder of the machine, a far end without manners, and time may do.
const std::vector<Input>& Inputs() {
  static const std::vector<Input> inputs = {
      {"hold-200",
       [](World& w) {
         w.Take(w.machine.OnHoldAnswer({200, "OK"}, w.now));
       }},
      {"hold-488",
       [](World& w) {
         w.Take(w.machine.OnHoldAnswer({488, "No"}, w.now));
       }},
      {"resume-200",
       [](World& w) {
         w.Take(w.machine.OnResumeAnswer({200, "OK"}, w.now));
       }},
      {"ready", [](World& w) { w.Take(w.machine.OnLegReady(w.now)); }},
      {"target-200",
       [](World& w) { w.Take(w.machine.OnTargetAnswered(w.now)); }},
      {"target-486",
       [](World& w) { w.Take(w.machine.OnTargetOver(486, "x", w.now)); }},
      {"sent",
       [](World& w) {
         w.refer_left |= w.machine.state().phase == TransferPhase::kSending;
         w.Take(w.machine.OnReferSent(101, w.now));
       }},
      {"send-fails",
       [](World& w) { w.Take(w.machine.OnSendFailed("broken", w.now)); }},
      Answer("202", 202),
      Answer("202-no-sub", 202, true),
      Answer("302", 302),
      Answer("401", 401),
      {"401-answerable",
       [](World& w) {
         w.Take(w.machine.OnReferAnswer(
             {.status = {401, "x"}, .answerable = true}, w.now));
       }},
      Answer("404", 404),
      Answer("481", 481),
      Answer("491", 491),
      Answer("603", 603),
      {"503-later",
       [](World& w) {
         w.Take(w.machine.OnReferAnswer(
             {.status = {503, "x"}, .retry_after = std::chrono::seconds(1)},
             w.now));
       }},
      {"silence", [](World& w) { w.Take(w.machine.OnReferSilence(w.now)); }},
      Notify("NOTIFY-100", Active(100)),
      Notify("NOTIFY-180", Active(180)),
      Notify("NOTIFY-180-expires", ActiveFor(3)),
      Notify("NOTIFY-200-active", Active(200)),
      Notify("NOTIFY-200", Terminated(200)),
      Notify("NOTIFY-486", Terminated(486)),
      Notify("NOTIFY-603", Terminated(603)),
      Notify("NOTIFY-100-terminated", Terminated(100)),
      Notify("NOTIFY-rejected", TerminatedWithout("rejected")),
      Notify("NOTIFY-probation", TerminatedWithout("probation")),
      {"far-BYE",
       [](World& w) {
         w.Take(w.machine.OnFarEndBye("", w.now));
         w.far_bye = true;
       }},
      {"BYE-200", [](World& w) { w.Take(w.machine.OnByeAnswer(200, w.now)); }},
      {"probe-200",
       [](World& w) { w.Take(w.machine.OnProbeAnswer(200, w.now)); }},
      {"probe-481",
       [](World& w) { w.Take(w.machine.OnProbeAnswer(481, w.now)); }},
      {"refresh-481",
       [](World& w) {
         w.Take(w.machine.OnRefreshAnswer({.status = 481}, w.now));
       }},
      {"cancel", [](World& w) { w.Take(w.machine.OnCancel(w.now)); }},
      {"hang-up", [](World& w) { w.Take(w.machine.OnLocalHangUp(w.now)); }},
      {"leg-lost", [](World& w) { w.Take(w.machine.OnLegLost("x", w.now)); }},
      {"stop", [](World& w) { w.Take(w.machine.OnShutdown(w.now)); }},
      {"timer",
       [](World& w) {
         const auto next = w.machine.NextDeadline();
         if (!next) return;
         w.now = std::max(w.now, *next);
         w.Take(w.machine.OnTime(w.now));
       }},
  };
  return inputs;
}

// The same for worlds that can't be told apart from here on: times count from
// now, and what is only for people is left out.
std::string KeyOf(const World& w) {
  const TransferState& s = w.machine.state();
  std::string key = absl::StrCat(
      s.phase, ",", s.outcome, ",", s.progress, ",", s.refer_status, ",",
      s.refer_cseqs.size(), ",", std::min(s.notifies, 2), ",",
      s.last_notify_status, ",", s.last_notify_terminated, ",",
      s.first_notify_passed, ",", s.subscription_ended, ",",
      s.subscription_reason, ",", s.last_status, ",", s.hold_tried, s.holds,
      s.target_answered, ",", s.glares, s.retries);
  absl::StrAppend(&key, ",", s.final ? s.final->code : 0, ",", s.leg_up, ",",
                  s.cleared_by, ",", s.bye_status, ";", w.refer_left, w.far_bye,
                  w.success_reported, w.refers, w.holds, w.resumes, w.byes,
                  w.finals, w.results, w.forgets, ";");
  for (const auto& deadline : s.deadlines) {
    absl::StrAppend(&key, deadline ? (*deadline - w.now).count() : -1, ",");
  }
  for (const std::string& code : s.warned) absl::StrAppend(&key, code, ",");
  return key;
}

// Explores every sequence of inputs up to a length, each state once.
class Explorer {
 public:
  explicit Explorer(const TransferPolicy& policy) : policy_(policy) {}

  void Explore(int depth) {
    World start{.machine = TransferMachine(policy_, MonotonicTime{})};
    Visit(start, depth);
  }

  std::size_t states() const { return explored_.size(); }
  std::uint64_t steps() const { return steps_; }

 private:
  void Visit(const World& world, int depth) {
    ++steps_;
    // To how many inputs from here it was explored, plus one.
    int& explored = explored_[KeyOf(world)];
    if (explored > depth) return;
    if (explored == 0) CheckEnd(world);
    explored = depth + 1;
    if (depth == 0 || ::testing::Test::HasFailure()) return;
    for (const Input& input : Inputs()) {
      World next = world;
      path_.push_back(input.name);
      input.give(next);
      Check(next);
      Visit(next, depth - 1);
      path_.pop_back();
    }
  }

  std::string Path() const {
    std::string text;
    for (const std::string_view name : path_) {
      absl::StrAppend(&text, " ", std::string(name));
    }
    return text;
  }

  void Check(const World& w) const {
    const TransferMachine& machine = w.machine;
    EXPECT_EQ(w.broken, "") << Path();
    EXPECT_LE(w.refers, 3) << "one REFER, and two after a 491:" << Path();
    EXPECT_LE(w.resumes, w.holds) << "who holds takes off hold:" << Path();
    EXPECT_LE(w.byes, 1) << "one BYE:" << Path();
    EXPECT_LE(w.finals, 1) << "the first final status counts:" << Path();
    EXPECT_LE(w.forgets, 1) << Path();
    EXPECT_EQ(w.results, machine.done() ? 1 : 0) << "one result:" << Path();
    if (machine.state().phase == TransferPhase::kDone) {
      EXPECT_EQ(std::ranges::count_if(
                    machine.state().deadlines,
                    [](const auto& deadline) { return deadline.has_value(); }),
                1)
          << "only the tail runs after the end:" << Path();
    } else if (!machine.done() && !AwaitsItsHolder(machine.state())) {
      EXPECT_TRUE(machine.NextDeadline().has_value())
          << "nothing would ever end it:" << Path();
    }
    if (w.results > 0) CheckResult(w);
  }

  // What comes next is for the holder to tell, who knows when.
  static bool AwaitsItsHolder(const TransferState& state) {
    return state.phase == TransferPhase::kSending ||
           (state.phase == TransferPhase::kPrep && state.policy.awaits_target &&
            !state.target_answered);
  }

  void CheckResult(const World& w) const {
    const bool success = w.verdict == TransferVerdict::kSuccess;
    EXPECT_EQ(success, w.outcome == TransferOutcome::kTransferred) << Path();
    EXPECT_TRUE(!success || w.success_reported)
        << "a success that nobody reported:" << Path();
    EXPECT_EQ(success, w.final_status && IsSuccess(*w.final_status))
        << "a reported success is told, and nothing else is:" << Path();
    EXPECT_TRUE(w.refer_left || w.verdict == TransferVerdict::kFailure)
        << "what never left has failed:" << Path();
  }

  // Left alone, it ends: by itself, once, and with nothing left to do.
  void CheckEnd(World world) {
    if (world.machine.state().phase == TransferPhase::kSending) {
      world.Take(world.machine.OnSendFailed("nobody there", world.now));
    }
    const auto await_target = [&] {
      if (AwaitsItsHolder(world.machine.state())) {
        world.Take(world.machine.OnTargetOver(487, "ended", world.now));
      }
    };
    await_target();
    for (int i = 0; i < 64 && world.machine.NextDeadline(); ++i) {
      world.now = std::max(world.now, *world.machine.NextDeadline());
      world.Take(world.machine.OnTime(world.now));
      await_target();
    }
    EXPECT_TRUE(world.machine.done()) << "it never ends:" << Path();
    EXPECT_FALSE(world.machine.NextDeadline().has_value()) << Path();
    EXPECT_EQ(world.forgets, 1) << Path();
    Check(world);
  }

  const TransferPolicy policy_;
  std::vector<std::string_view> path_;
  std::unordered_map<std::string, int> explored_;
  std::uint64_t steps_ = 0;
};

void ExpectHoldsFor(const TransferPolicy& policy, int depth, const char* what) {
  Explorer explorer(policy);
  explorer.Explore(depth);
  std::cout << what << ": " << explorer.states() << " states, "
            << explorer.steps() << " steps, all sequences of up to " << depth
            << " of " << Inputs().size() << " inputs" << std::endl;
  EXPECT_GT(explorer.states(), 500U);
}

constexpr int kDepth = 5;

TEST(TransferModelTest, HoldsForTheDefaults) {
  ExpectHoldsFor({}, kDepth, "defaults");
}

TEST(TransferModelTest, HoldsForAStrictClientThatKeepsCalls) {
  TransferPolicy policy;
  policy.strict = true;
  policy.on_success = LegAction::kKeep;
  policy.on_unconfirmed = LegAction::kKeep;
  ExpectHoldsFor(policy, kDepth, "strict, keep");
}

TEST(TransferModelTest, HoldsWhereTheFarEndIsHeldFirst) {
  TransferPolicy policy;
  policy.hold_first = true;
  ExpectHoldsFor(policy, kDepth + 1, "held first");
  policy.refer_unheld = true;
  policy.on_failure = LegAction::kWaitForPeer;
  ExpectHoldsFor(policy, kDepth + 1, "held first where it lets itself be held");
}

TEST(TransferModelTest, HoldsWhereTheTargetStillRings) {
  TransferPolicy policy;
  policy.awaits_target = true;
  policy.hold_first = true;
  policy.refer_unheld = true;
  ExpectHoldsFor(policy, kDepth + 1, "the target rings, held first");
}

TEST(TransferModelTest, HoldsWhereTheReferIsSentAgain) {
  TransferPolicy policy;
  policy.retry_after_max = std::chrono::seconds(5);
  policy.refresh = true;
  ExpectHoldsFor(policy, kDepth + 1, "sent again, refreshed");
}

TEST(TransferModelTest, HoldsOutsideAnyCall) {
  TransferPolicy policy;
  policy.has_leg = false;
  ExpectHoldsFor(policy, kDepth, "no call");
}

TEST(TransferModelTest, HoldsWhereTheFarEndIsWaitedFor) {
  TransferPolicy policy;
  policy.on_success = LegAction::kWaitForPeer;
  policy.on_unconfirmed = LegAction::kWaitForPeer;
  policy.on_failure = LegAction::kHangUp;
  ExpectHoldsFor(policy, kDepth, "wait, hang up");
}

}  // namespace
}  // namespace callcontrol::sip
