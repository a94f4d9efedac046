// SPDX-License-Identifier: Apache-2.0
#include "sip/call/referral_machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace callcontrol::sip {
namespace {

using std::chrono::seconds;

// RFC 3515, 3.10.
constexpr seconds kLeastGap{1};

// The answers to a NOTIFY that end its subscription (RFC 6665, 4.2.2).
bool EndsSubscription(int status) {
  switch (status) {
    case 404:
    case 405:
    case 408:
    case 410:
    case 416:
    case 480:
    case 481:
    case 482:
    case 483:
    case 484:
    case 485:
    case 489:
    case 501:
    case 604:
      return true;
    default:
      return false;
  }
}

seconds Left(MonotonicTime until, MonotonicTime now) {
  return std::max(std::chrono::ceil<seconds>(until - now), seconds(0));
}

}  // namespace

ReferralMachine::ReferralMachine(const ReferralTerms& terms) {
  state_.terms = terms;
  state_.subscribed = terms.subscribed;
}

ReferralStep ReferralMachine::Begin(MonotonicTime now) {
  const ReferralTerms& terms = state_.terms;
  state_.phase = terms.asks ? ReferralPhase::kAsking : ReferralPhase::kTrying;
  state_.decide_by = now + terms.decision_limit;
  state_.expires_at = now + terms.lifetime;
  state_.give_up_at = state_.expires_at;
  // Nothing has been told: the first NOTIFY waits for nothing.
  state_.told_at = now - kLeastGap;
  state_.untold = true;
  ReferralStep step{.carry_out = !terms.asks};
  Flush(now, step);
  return step;
}

ReferralStep ReferralMachine::OnAccepted(MonotonicTime now) {
  ReferralStep step;
  if (state_.phase != ReferralPhase::kAsking) return step;
  state_.phase = ReferralPhase::kTrying;
  // It is active now (RFC 6665, 4.2.2).
  state_.untold = true;
  step.carry_out = true;
  Flush(now, step);
  return step;
}

ReferralStep ReferralMachine::OnProgress(const SipStatus& status,
                                         MonotonicTime now) {
  ReferralStep step;
  if (state_.phase != ReferralPhase::kTrying || !IsProvisional(status.code) ||
      status.code == state_.status.code) {
    return step;
  }
  state_.status = status;
  state_.untold = true;
  Flush(now, step);
  return step;
}

ReferralStep ReferralMachine::OnOutcome(const SipStatus& status,
                                        bool clears_leg, MonotonicTime now) {
  ReferralStep step;
  if (!open()) return step;
  state_.clears_leg = clears_leg;
  Finish(status, now, step);
  return step;
}

ReferralStep ReferralMachine::OnNotifyAnswer(int status, MonotonicTime now) {
  ReferralStep step;
  if (!state_.notify_open) return step;
  state_.notify_open = false;
  if (EndsSubscription(status)) state_.subscribed = false;
  const bool reporting = state_.phase == ReferralPhase::kReporting;
  if (reporting && (state_.final_told || !state_.subscribed)) {
    OnReported(now, step);
  } else {
    Flush(now, step);
  }
  return step;
}

ReferralStep ReferralMachine::OnSubscribe(seconds expires, seconds& granted,
                                          MonotonicTime now) {
  ReferralStep step;
  granted = std::min(expires, Left(state_.expires_at, now));
  if (!state_.subscribed) return step;
  if (granted == seconds(0)) {
    state_.ending = "timeout";
  } else {
    state_.expires_at = now + granted;
  }
  // Each SUBSCRIBE is followed by a NOTIFY at once (RFC 6665, 4.2.1.2).
  state_.untold = true;
  state_.told_at = now - kLeastGap;
  Flush(now, step);
  return step;
}

ReferralStep ReferralMachine::OnLegOver() {
  ReferralStep step;
  state_.leg_gone = true;
  if (state_.phase == ReferralPhase::kClearing) {
    state_.phase = ReferralPhase::kOver;
    step.over = true;
  }
  return step;
}

ReferralStep ReferralMachine::OnTime(MonotonicTime now) {
  ReferralStep step;
  if (state_.phase == ReferralPhase::kAsking && now >= state_.decide_by) {
    Finish({603, "Decline"}, now, step);
    return step;
  }
  if (state_.phase == ReferralPhase::kReporting && now >= state_.report_by) {
    if (state_.final_told) {
      OnReported(now, step);
    } else {
      state_.notify_open = false;
      Flush(now, step);
    }
    return step;
  }
  if (open() && now >= state_.give_up_at) {
    Finish({408, "Request Timeout"}, now, step);
    return step;
  }
  if (state_.phase == ReferralPhase::kClearing && now >= state_.clear_at) {
    state_.phase = ReferralPhase::kOver;
    return {.clear_leg = true, .over = true};
  }
  if (open() && state_.subscribed && now >= state_.expires_at) {
    state_.ending = "timeout";
    state_.untold = true;
    state_.told_at = now - kLeastGap;
  }
  Flush(now, step);
  return step;
}

std::optional<MonotonicTime> ReferralMachine::NextDeadline() const {
  std::optional<MonotonicTime> next = NextNotify();
  const auto also = [&next](MonotonicTime at) {
    next = next ? std::min(*next, at) : at;
  };
  switch (state_.phase) {
    case ReferralPhase::kAsking:
      also(state_.decide_by);
      [[fallthrough]];
    case ReferralPhase::kTrying:
      also(state_.give_up_at);
      if (state_.subscribed && state_.ending.empty()) also(state_.expires_at);
      break;
    case ReferralPhase::kReporting:
      also(state_.report_by);
      break;
    case ReferralPhase::kClearing:
      also(state_.clear_at);
      break;
    case ReferralPhase::kOver:
      break;
  }
  return next;
}

std::optional<MonotonicTime> ReferralMachine::NextNotify() const {
  if (!state_.subscribed || !state_.untold || state_.notify_open) {
    return std::nullopt;
  }
  const bool waits = open() && state_.ending.empty();
  return waits ? state_.told_at + kLeastGap : MonotonicTime::min();
}

void ReferralMachine::Flush(MonotonicTime now, ReferralStep& step) {
  const std::optional<MonotonicTime> due = NextNotify();
  if (!due || now < *due) return;
  ReferralNotify notify{.status = state_.status};
  const bool final = IsFinal(state_.status.code);
  if (final || !state_.ending.empty()) {
    notify.subscription_state = absl::StrCat(
        "terminated;reason=", final ? "noresource" : state_.ending);
  } else {
    notify.subscription_state = absl::StrCat(
        state_.phase == ReferralPhase::kAsking ? "pending" : "active",
        ";expires=", Left(state_.expires_at, now).count());
  }
  step.notify = std::move(notify);
  state_.untold = false;
  state_.notify_open = true;
  state_.told_at = now;
  if (final) {
    state_.final_told = true;
    state_.report_by = now + state_.terms.report_limit;
  } else if (!state_.ending.empty()) {
    state_.subscribed = false;
  }
}

void ReferralMachine::Finish(const SipStatus& status, MonotonicTime now,
                             ReferralStep& step) {
  state_.phase = ReferralPhase::kReporting;
  state_.status = status;
  if (!state_.subscribed) {
    OnReported(now, step);
    return;
  }
  state_.untold = true;
  state_.report_by = now + state_.terms.report_limit;
  Flush(now, step);
}

void ReferralMachine::OnReported(MonotonicTime now, ReferralStep& step) {
  const bool success = IsSuccess(state_.status.code);
  state_.subscribed = false;
  if (success && !state_.leg_gone && !state_.clears_leg) {
    state_.phase = ReferralPhase::kClearing;
    state_.clear_at = now + state_.terms.bye_wait;
    return;
  }
  state_.phase = ReferralPhase::kOver;
  step.clear_leg = state_.clears_leg && !state_.leg_gone;
  step.over = true;
}

}  // namespace callcontrol::sip
