// SPDX-License-Identifier: Apache-2.0

// The NOTIFYs of a transfer, and the entries of its phases.

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "sip/transfer/transfer_machine.h"

namespace callcontrol::sip {
namespace {

// RFC 3515, 3.10 allows the far end one NOTIFY a second; these bound what one
// that does not care can make us keep.
constexpr int kMaxNotifies = 50;
constexpr int kMaxNotifiesPerSecond = 20;

}  // namespace

std::string_view ToString(TransferPhase phase) {
  switch (phase) {
    case TransferPhase::kPrep:
      return "PREP";
    case TransferPhase::kHolding:
      return "HOLDING";
    case TransferPhase::kSending:
      return "SENDING";
    case TransferPhase::kSent:
      return "SENT";
    case TransferPhase::kSentNoLeg:
      return "SENT_NOLEG";
    case TransferPhase::kBackoff:
      return "BACKOFF";
    case TransferPhase::kAccepted:
      return "ACCEPTED";
    case TransferPhase::kProgress:
      return "PROGRESS";
    case TransferPhase::kSubWait:
      return "SUBWAIT";
    case TransferPhase::kUnmonitored:
      return "UNMONITORED";
    case TransferPhase::kLegLost:
      return "LEGLOST";
    case TransferPhase::kProbing:
      return "PROBING";
    case TransferPhase::kClearing:
      return "CLEARING";
    case TransferPhase::kRestoring:
      return "RESTORING";
    case TransferPhase::kByeing:
      return "BYEING";
    case TransferPhase::kDone:
      return "DONE";
    case TransferPhase::kGone:
      return "GONE";
  }
  return "?";
}

// ---- NOTIFY -------------------------------------------------------------

TransferMachine::Step TransferMachine::OnNotify(const ReferNotify& notify,
                                                MonotonicTime now) {
  Step step;
  if (done() || state_.refer_cseqs.empty()) return step;
  if (IsRepetition(notify)) return step;
  const bool terminated =
      notify.subscription &&
      notify.subscription->substate == SubscriptionSubstate::kTerminated;
  const bool final = notify.body.status && IsFinal(notify.body.status->code);
  // The first final status and the first end of the subscription always count.
  const bool decides =
      (final && !state_.final) || (terminated && !state_.subscription_ended);
  if (!decides && IsFlood(now)) {
    WarnOnce("NOTIFY_FLOOD", "too many NOTIFYs; not all of them are shown",
             step);
    return step;
  }
  ++state_.notifies;
  state_.last_notify_cseq = notify.cseq;
  state_.last_notify_status = notify.body.status ? notify.body.status->code : 0;
  state_.last_notify_terminated = terminated;
  Disarm(Timer::kFirstNotify);

  for (const std::string_view warning : notify.body.warnings) {
    WarnOnce(std::string("SIPFRAG_").append(warning),
             "the body of a NOTIFY is off the standard (RFC 3420)", step);
  }
  if (!notify.subscription) {
    WarnOnce("NO_SUBSCRIPTION_STATE",
             "a NOTIFY came without a readable Subscription-State", step);
  } else if (notify.subscription->expires && !state_.subscription_ended &&
             !terminated &&
             In(Phase::kSent, Phase::kAccepted, Phase::kProgress)) {
    Prolong(*notify.subscription->expires, now);
  }
  if (terminated) {
    state_.subscription_ended = true;
    state_.subscription_reason = notify.subscription->reason;
    state_.retry_after = notify.subscription->retry_after;
    Disarm(Timer::kExpires);
    Disarm(Timer::kRefresh);
  }
  ReadStatus(notify, now, step);
  if (terminated && !state_.final && In(Phase::kAccepted, Phase::kProgress)) {
    TakeSubscriptionEnd(now, step);
  }
  return step;
}

void TransferMachine::Prolong(std::chrono::seconds left, MonotonicTime now) {
  // Far ends that write the same expires into every NOTIFY are many; that it
  // may only shrink (RFC 6665, 4.2.2) would warn of them for nothing. Time for
  // Timer F of a SUBSCRIBE (RFC 3261, 17.1.2.2).
  constexpr std::chrono::seconds kSubscribeTime{32};
  const Milliseconds time =
      std::min<std::chrono::seconds>(left, std::chrono::hours(24));
  Arm(Timer::kExpires, now + time);
  if (state_.policy.refresh && time > Milliseconds(0)) {
    Arm(Timer::kRefresh,
        now + std::max<Milliseconds>(time / 2, time - kSubscribeTime));
  }
}

bool TransferMachine::IsRepetition(const ReferNotify& notify) const {
  const bool terminated =
      notify.subscription &&
      notify.subscription->substate == SubscriptionSubstate::kTerminated;
  return state_.notifies > 0 && notify.cseq == state_.last_notify_cseq &&
         (notify.body.status ? notify.body.status->code : 0) ==
             state_.last_notify_status &&
         terminated == state_.last_notify_terminated;
}

bool TransferMachine::IsFlood(MonotonicTime now) {
  if (now - state_.flood_window >= std::chrono::seconds(1)) {
    state_.flood_window = now;
    state_.flood_count = 0;
  }
  return ++state_.flood_count > kMaxNotifiesPerSecond ||
         state_.notifies >= kMaxNotifies;
}

void TransferMachine::ReadStatus(const ReferNotify& notify, MonotonicTime now,
                                 Step& step) {
  if (!notify.body.status) {
    // An empty NOTIFY that ends the subscription is no oddity: the
    // Subscription-State says all there is.
    if (state_.subscription_ended &&
        notify.body.error == SipfragError::kNoBody) {
      return;
    }
    Warn("NOTIFY_UNPARSED",
         std::string("the body of a NOTIFY tells no status: ")
             .append(notify.body.error ? ToString(*notify.body.error)
                                       : std::string_view("?")),
         step);
    return;
  }
  const SipStatus& status = *notify.body.status;
  if (state_.final) {
    if (IsFinal(status.code) && status.code != state_.final->code) {
      Warn("EXTRA_FINAL",
           "another final status, " + std::to_string(status.code) + ", after " +
               std::to_string(state_.final->code) + "; the first one counts",
           step);
    }
    return;
  }
  state_.last_status = status.code;
  step.events.emplace_back(TransferStatus{
      status, notify.subscription ? notify.subscription->token : std::string(),
      IsFinal(status.code), notify.cseq});
  if (!IsFinal(status.code)) {
    TakeProgress(now, step);
    return;
  }
  state_.final = status;
  if (!notify.body.sip_reason.empty()) {
    state_.sip_reason = notify.body.sip_reason;
  }
  if (!In(Phase::kSent)) TakeFinal(now, step);
}

void TransferMachine::TakeProgress(MonotonicTime now, Step& step) {
  if (In(Phase::kAccepted)) {
    state_.phase = Phase::kProgress;
  } else if (In(Phase::kProbing)) {
    // The 2xx was lost, the transfer lives (reliability.md, finding 9).
    Accept(now, step);
  }
}

TransferOutcome TransferMachine::OutcomeOfFinal() const {
  if (IsSuccess(state_.final->code)) return TransferOutcome::kTransferred;
  // 603 is the far end's own user saying no (RFC 3515, 2.4.5).
  return state_.final->code == 603 ? TransferOutcome::kReferDeclined
                                   : TransferOutcome::kTargetFailed;
}

void TransferMachine::TakeFinal(MonotonicTime now, Step& step) {
  const bool success = IsSuccess(state_.final->code);
  const TransferOutcome outcome = OutcomeOfFinal();
  state_.reason = state_.final->reason;
  if (In(Phase::kByeing)) {
    // The leg is being cleared already; only the truth about it can change.
    if (success) state_.outcome = outcome;
  } else if (!state_.leg_up) {
    Finish(outcome, now, step);
  } else if (success) {
    Clear(now, step);
  } else {
    Restore(outcome, now, step);
  }
}

void TransferMachine::TakeSubscriptionEnd(MonotonicTime now, Step& step) {
  const std::string& reason = state_.subscription_reason;
  Warn("SUBSCRIPTION_ENDED",
       "the subscription ended without a final status" +
           (reason.empty() ? std::string() : "; reason: " + reason),
       step);
  if (reason == "rejected" || reason == "giveup") {
    state_.reason = "subscription " + reason;
    Restore(TransferOutcome::kReferDeclined, now, step);
  } else if (reason == "probation" || reason == "deactivated") {
    state_.reason = "subscription " + reason;
    Restore(TransferOutcome::kSubscriptionRejectedByPeer, now, step);
  } else {
    DisarmAll();
    state_.phase = Phase::kSubWait;
    Arm(Timer::kSubscriptionGrace, now + state_.policy.subscription_grace);
  }
}

// ---- Entries of phases --------------------------------------------------

void TransferMachine::Prepare(MonotonicTime now, Step& step) {
  DisarmAll();
  state_.phase = Phase::kPrep;
  // A hold is asked for once.
  state_.hold_tried = true;
  if (AwaitsTarget()) return;
  Arm(Timer::kReady, now + state_.policy.ready_limit);
  step.actions.push_back(TransferAction::kAwaitLeg);
}

void TransferMachine::HoldFailed(std::string_view cause, MonotonicTime now,
                                 Step& step) {
  if (state_.policy.refer_unheld) {
    Warn("HOLD_FAILED", cause, step);
    Prepare(now, step);
  } else {
    state_.reason = cause;
    Finish(TransferOutcome::kHoldFailed, now, step);
  }
}

void TransferMachine::Resend(Step& step) {
  DisarmAll();
  state_.phase = Phase::kSending;
  ForgetRefusal();
  step.actions.push_back(TransferAction::kSendRefer);
}

void TransferMachine::BackOff(Milliseconds wait, std::string_view why,
                              MonotonicTime now, Step& step) {
  DisarmAll();
  state_.phase = Phase::kBackoff;
  ForgetRefusal();
  Arm(Timer::kBackoff, now + wait);
  Warn("REFER_RETRIED", why, step);
}

void TransferMachine::ForgetRefusal() {
  // Nothing of a refused REFER will come about, and what it said is not about
  // the next one.
  state_.progress = ReferProgress::kNotSent;
  state_.reason.clear();
  state_.sip_reason.clear();
  state_.retry_after.reset();
}

void TransferMachine::Abandon(TransferOutcome outcome, MonotonicTime now,
                              Step& step) {
  if (state_.holds) {
    Restore(outcome, now, step);
  } else {
    Finish(outcome, now, step);
  }
}

void TransferMachine::Clear(MonotonicTime now, Step& step) {
  DisarmAll();
  const LegAction action =
      state_.policy.on_success.value_or(LegAction::kHangUp);
  if (action == LegAction::kKeep) {
    Finish(TransferOutcome::kTransferred, now, step);
    return;
  }
  state_.phase = Phase::kClearing;
  Arm(Timer::kByeGrace,
      now + (action == LegAction::kWaitForPeer ? state_.policy.unconfirmed_wait
                                               : state_.policy.bye_grace));
}

void TransferMachine::Restore(TransferOutcome outcome, MonotonicTime now,
                              Step& step) {
  DisarmAll();
  state_.phase = Phase::kRestoring;
  state_.outcome = outcome;
  const bool keeps = state_.policy.on_failure != LegAction::kHangUp;
  if (keeps && std::exchange(state_.holds, false)) {
    Arm(Timer::kHold, now + state_.policy.hold_limit);
    step.actions.push_back(TransferAction::kResume);
  }
  switch (state_.policy.on_failure.value_or(LegAction::kKeep)) {
    case LegAction::kKeep:
      if (!NextDeadline()) Finish(outcome, now, step);
      return;
    case LegAction::kHangUp:
      HangUp(outcome, now, step);
      return;
    case LegAction::kWaitForPeer:
      Arm(Timer::kUnconfirmed, now + state_.policy.unconfirmed_wait);
      return;
  }
}

void TransferMachine::Unmonitor(TransferOutcome outcome, Milliseconds wait,
                                MonotonicTime now, Step& step) {
  DisarmAll();
  state_.outcome = outcome;
  if (!state_.leg_up) {
    Finish(outcome, now, step);
    return;
  }
  state_.phase = Phase::kUnmonitored;
  if (UnconfirmedAction() == LegAction::kWaitForPeer) {
    wait = state_.policy.unconfirmed_wait;
  }
  if (wait == Milliseconds(0)) {
    Expire(Timer::kUnconfirmed, now, step);
  } else {
    Arm(Timer::kUnconfirmed, now + wait);
  }
}

LegAction TransferMachine::UnconfirmedAction() const {
  // Without a final status the target may still ring, and a BYE would end that
  // at some far ends.
  return state_.policy.on_unconfirmed.value_or(
      state_.outcome == TransferOutcome::kNoFinalStatus ? LegAction::kKeep
                                                        : LegAction::kHangUp);
}

void TransferMachine::Probe(TransferOutcome outcome, Milliseconds wait,
                            MonotonicTime now, Step& step) {
  if (state_.final || !state_.leg_up) {
    Refuse(outcome, now, step);
    return;
  }
  DisarmAll();
  state_.phase = Phase::kProbing;
  state_.outcome = outcome;
  Warn("LEG_SUSPECT",
       state_.refer_status == 0
           ? "the far end did not answer the REFER; asking it by OPTIONS"
           : "the far end may have lost the call; asking it by OPTIONS",
       step);
  Arm(Timer::kProbe, now + wait);
  step.actions.push_back(TransferAction::kSendProbe);
}

void TransferMachine::LoseLeg(TransferOutcome outcome, MonotonicTime now,
                              Step& step) {
  DisarmAll();
  if (state_.final) {
    TakeFinal(now, step);
    return;
  }
  state_.phase = Phase::kLegLost;
  state_.outcome = outcome;
  Arm(Timer::kLost, now + state_.policy.lost_grace);
}

void TransferMachine::HangUp(TransferOutcome outcome, MonotonicTime now,
                             Step& step) {
  DisarmAll();
  state_.phase = Phase::kByeing;
  state_.outcome = outcome;
  LegEnded(ClearedBy::kServer, now);
  Arm(Timer::kByeAnswer, now + state_.policy.bye_answer_wait);
  step.actions.push_back(TransferAction::kSendBye);
}

void TransferMachine::Finish(TransferOutcome outcome, MonotonicTime now,
                             Step& step) {
  DisarmAll();
  state_.phase = Phase::kDone;
  state_.outcome = outcome;
  Arm(Timer::kTail, now + state_.policy.tail);

  TransferResult result;
  result.verdict = VerdictOf(outcome, state_.progress);
  result.outcome = outcome;
  result.refer_status = state_.refer_status;
  if (state_.final) result.final_status = state_.final->code;
  result.last_status = state_.last_status;
  result.reason = state_.reason;
  result.retry_after = state_.retry_after;
  result.sip_reason = state_.sip_reason;
  result.cleared_by = state_.cleared_by;
  result.duration =
      std::chrono::duration_cast<Milliseconds>(now - state_.created);
  if (state_.bye_time) {
    result.bye_age =
        std::chrono::duration_cast<Milliseconds>(now - *state_.bye_time);
  }
  result.bye_status = state_.bye_status;
  result.contacts = state_.contacts;
  result.subscription_reason = state_.subscription_reason;
  step.events.emplace_back(std::move(result));
}

// ---- Small things -------------------------------------------------------

void TransferMachine::Warn(std::string_view code, std::string_view text,
                           Step& step) {
  step.events.emplace_back(
      TransferWarning{std::string(code), std::string(text)});
}

void TransferMachine::WarnOnce(std::string_view code, std::string_view text,
                               Step& step) {
  if (std::ranges::find(state_.warned, code) != state_.warned.end()) return;
  state_.warned.emplace_back(code);
  Warn(code, text, step);
}

TransferMachine::Step TransferMachine::OnOddity(std::string_view code,
                                                std::string_view text) {
  Step step;
  if (!done()) WarnOnce(code, text, step);
  return step;
}

void TransferMachine::LegEnded(ClearedBy by, MonotonicTime now) {
  if (!state_.leg_up) return;
  state_.leg_up = false;
  state_.cleared_by = by;
  state_.bye_time = now;
}

}  // namespace callcontrol::sip
