// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SIP_TRANSFER_TRANSFER_FLOW_H_
#define CALLCONTROL_TESTS_SIP_TRANSFER_TRANSFER_FLOW_H_

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "sip/transfer/transfer_machine.h"

namespace callcontrol::sip {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A machine with a clock, so that a test reads as a call flow: what the far end
// does, how time passes, what comes out. Everything that comes out is kept in
// `told` and `asked` until it is looked at.
class TransferFlow {
 public:
  explicit TransferFlow(TransferPolicy policy = {})
      : machine(std::move(policy), MonotonicTime{}) {}

  // ---- The far end and the leg ----
  void LegIsReady() { Take(machine.OnLegReady(now)); }
  void TargetAnswers() { Take(machine.OnTargetAnswered(now)); }
  void TargetIsOver(int status, std::string_view cause) {
    Take(machine.OnTargetOver(status, cause, now));
  }
  void HoldIsAnswered(int status) {
    Take(machine.OnHoldAnswer({status, "x"}, now));
  }
  void ResumeIsAnswered(int status) {
    Take(machine.OnResumeAnswer({status, "x"}, now));
  }
  void ReferLeaves(std::uint32_t cseq = 101) {
    Take(machine.OnReferSent(cseq, now));
  }
  void SendFails(std::string_view cause) {
    Take(machine.OnSendFailed(cause, now));
  }
  void Answers(int code, std::string reason = "") {
    Take(machine.OnReferAnswer({.status = {code, std::move(reason)}}, now));
  }
  void Answers(const ReferAnswer& answer) {
    Take(machine.OnReferAnswer(answer, now));
  }
  void Notifies(ReferNotify notify) {
    if (notify.cseq == 0) notify.cseq = ++last_cseq_;
    Take(machine.OnNotify(notify, now));
  }
  void FarEndHangsUp(std::string_view reason = "") {
    Take(machine.OnFarEndBye(reason, now));
  }
  void ByeIsAnswered(int status) { Take(machine.OnByeAnswer(status, now)); }
  void ProbeIsAnswered(int status) { Take(machine.OnProbeAnswer(status, now)); }
  void LegIsLost(std::string_view cause) {
    Take(machine.OnLegLost(cause, now));
  }
  void RefreshIsAnswered(const RefreshAnswer& answer) {
    Take(machine.OnRefreshAnswer(answer, now));
  }
  CancelOutcome ClientCancels() {
    const CancelOutcome outcome = machine.cancellation();
    Take(machine.OnCancel(now));
    return outcome;
  }
  void WeHangUp() { Take(machine.OnLocalHangUp(now)); }
  void ServerStops() { Take(machine.OnShutdown(now)); }

  // Runs the machine's timers, each at its deadline, up to `duration` from now.
  void Pass(milliseconds duration) {
    const MonotonicTime until = now + duration;
    for (auto next = machine.NextDeadline(); next && *next <= until;
         next = machine.NextDeadline()) {
      now = std::max(now, *next);
      Take(machine.OnTime(now));
    }
    now = until;
  }

  // ---- Short ways to a state ----
  void Sent() {
    LegIsReady();
    ReferLeaves();
    Clear();
  }
  void Accepted() {
    Sent();
    Answers(202, "Accepted");
    Clear();
  }
  void Progressing();

  void Clear() {
    told.clear();
    asked.clear();
  }

  TransferPhase phase() const { return machine.state().phase; }

  // The result, which must be the last event and the only one of its kind.
  std::optional<TransferResult> Result() const {
    std::optional<TransferResult> found;
    for (const TransferEvent& event : all_told_) {
      if (found) {
        ADD_FAILURE() << "an event after the result";
        return std::nullopt;
      }
      if (const auto* result = std::get_if<TransferResult>(&event)) {
        found = *result;
      }
    }
    return found;
  }

  TransferMachine machine;
  MonotonicTime now{};
  std::vector<TransferEvent> told;
  std::vector<TransferAction> asked;

 private:
  void Take(TransferMachine::Step step) {
    told.insert(told.end(), step.events.begin(), step.events.end());
    all_told_.insert(all_told_.end(), step.events.begin(), step.events.end());
    asked.insert(asked.end(), step.actions.begin(), step.actions.end());
  }

  std::vector<TransferEvent> all_told_;
  std::uint32_t last_cseq_ = 0;
};

// ---- NOTIFYs, in the words of a call flow ---------------------------------

inline ReferNotify Notify(SubscriptionSubstate substate, std::string token,
                          int code, std::string reason) {
  ReferNotify notify;
  notify.subscription =
      SubscriptionState{substate, std::move(token), "", {}, {}};
  if (code != 0) {
    notify.body.status = SipStatus{code, std::move(reason)};
  } else {
    notify.body.error = SipfragError::kNoBody;
  }
  return notify;
}
inline ReferNotify Active(int code, std::string reason = "") {
  return Notify(SubscriptionSubstate::kActive, "active", code,
                std::move(reason));
}
inline ReferNotify ActiveFor(int seconds_left) {
  ReferNotify notify = Active(180);
  notify.subscription->expires = seconds(seconds_left);
  return notify;
}
inline ReferNotify Terminated(int code, std::string reason = "") {
  return Notify(SubscriptionSubstate::kTerminated, "terminated", code,
                std::move(reason));
}
inline ReferNotify TerminatedWithout(std::string subscription_reason) {
  ReferNotify notify =
      Notify(SubscriptionSubstate::kTerminated, "terminated", 0, "");
  notify.subscription->reason = std::move(subscription_reason);
  return notify;
}
inline ReferNotify Unreadable() {
  ReferNotify notify = Active(0);
  notify.body.error = SipfragError::kBadStatusLine;
  return notify;
}

inline void TransferFlow::Progressing() {
  Accepted();
  Notifies(Active(180, "Ringing"));
  Clear();
}

// ---- What comes out --------------------------------------------------------

MATCHER_P(Warned, code, "") {
  const auto* warning = std::get_if<TransferWarning>(&arg);
  return warning != nullptr && warning->code == code;
}
MATCHER_P(Status, code, "") {
  const auto* status = std::get_if<TransferStatus>(&arg);
  return status != nullptr && status->status.code == code && !status->final;
}
MATCHER_P(FinalStatus, code, "") {
  const auto* status = std::get_if<TransferStatus>(&arg);
  return status != nullptr && status->status.code == code && status->final;
}
MATCHER_P(AnsweredWith, code, "") {
  const auto* answered = std::get_if<ReferAnswered>(&arg);
  return answered != nullptr && answered->status.code == code;
}
MATCHER_P(SentWithCseq, cseq, "") {
  const auto* sent = std::get_if<ReferSent>(&arg);
  return sent != nullptr && sent->cseq == static_cast<std::uint32_t>(cseq);
}
MATCHER_P(Ended, outcome, "") {
  const auto* result = std::get_if<TransferResult>(&arg);
  if (result != nullptr) {
    *result_listener << "which ended " << ToString(result->outcome);
  }
  return result != nullptr && result->outcome == outcome;
}

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_TESTS_SIP_TRANSFER_TRANSFER_FLOW_H_
