// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/transfer_machine.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>

namespace callcontrol::sip {
namespace {

// What an answer to the REFER that is no 2xx makes of the transfer
// (protocol.md 1C). 481 and 408 are looked at before, because they put the leg
// in doubt.
TransferOutcome OutcomeOfRefusal(int status) {
  if (status < 400) return TransferOutcome::kReferRedirected;
  switch (status) {
    case 401:
    case 407:
      return TransferOutcome::kReferAuthFailed;
    case 403:
    case 603:
      return TransferOutcome::kReferDeclined;
    case 405:
    case 420:
    case 501:
      return TransferOutcome::kReferNotSupported;
    default:
      return TransferOutcome::kReferRejected;
  }
}

void Append(TransferMachine::Step more, TransferMachine::Step& step) {
  std::ranges::move(more.actions, std::back_inserter(step.actions));
  std::ranges::move(more.events, std::back_inserter(step.events));
}

// How often a REFER is sent again for a Retry-After (protocol.md, 40).
constexpr int kMostRetries = 1;

// Refusals that may pass, by what the far end says (protocol.md, 40).
bool MayPass(int status) {
  return status == 480 || status == 500 || status == 503 || status == 600 ||
         status == 603;
}

// Answers to a SUBSCRIBE that end the subscription (RFC 6665, 4.1.2.2).
bool EndsSubscription(int status) {
  return (status >= 480 && status <= 485) || status == 404 || status == 405 ||
         status == 410 || status == 416 || status == 489 || status == 501 ||
         status == 604;
}

}  // namespace

TransferMachine::TransferMachine(TransferPolicy policy, MonotonicTime now) {
  state_.created = now;
  state_.flood_window = now;
  state_.leg_up = policy.has_leg;
  state_.policy = policy;
  // How long a target may ring is its own call's to say.
  if (!AwaitsTarget()) Arm(Timer::kReady, now + policy.ready_limit);
}

// ---- The REFER ----------------------------------------------------------

TransferMachine::Step TransferMachine::OnLegReady(MonotonicTime now) {
  Step step;
  if (!In(Phase::kPrep)) return step;
  Disarm(Timer::kReady);
  if (state_.policy.hold_first && !state_.hold_tried) {
    state_.phase = Phase::kHolding;
    Arm(Timer::kHold, now + state_.policy.hold_limit);
    step.actions.push_back(TransferAction::kHold);
    return step;
  }
  if (AwaitsTarget()) return step;
  state_.phase = Phase::kSending;
  step.actions.push_back(TransferAction::kSendRefer);
  return step;
}

TransferMachine::Step TransferMachine::OnTargetAnswered(MonotonicTime now) {
  Step step;
  if (!AwaitsTarget()) return step;
  state_.target_answered = true;
  if (!In(Phase::kPrep)) return step;
  Arm(Timer::kReady, now + state_.policy.ready_limit);
  step.actions.push_back(TransferAction::kAwaitLeg);
  return step;
}

TransferMachine::Step TransferMachine::OnTargetOver(int status,
                                                    std::string_view cause,
                                                    MonotonicTime now) {
  Step step;
  if (!AwaitsTarget() || !In(Phase::kPrep, Phase::kHolding)) return step;
  state_.reason = cause;
  if (IsFinal(status)) state_.final = SipStatus{status, std::string(cause)};
  if (In(Phase::kHolding)) {
    step.actions.push_back(TransferAction::kAbandonHold);
  }
  Restore(TransferOutcome::kTargetFailed, now, step);
  return step;
}

TransferMachine::Step TransferMachine::OnHoldAnswer(const SipStatus& status,
                                                    MonotonicTime now) {
  Step step;
  if (!In(Phase::kHolding)) return step;
  if (status.code == 0 || IsSuccess(status.code)) {
    state_.holds = status.code != 0;
    Prepare(now, step);
  } else {
    HoldFailed("the far end refused to be put on hold: " +
                   std::to_string(status.code) + " " + status.reason,
               now, step);
  }
  return step;
}

TransferMachine::Step TransferMachine::OnResumeAnswer(const SipStatus& status,
                                                      MonotonicTime now) {
  Step step;
  if (!In(Phase::kRestoring)) return step;
  Disarm(Timer::kHold);
  if (status.code != 0 && !IsSuccess(status.code)) {
    WarnOnce("RESUME_FAILED",
             "the far end could not be taken off hold: " +
                 std::to_string(status.code) + " " + status.reason,
             step);
  }
  const bool waits_for_bye =
      state_.deadlines[static_cast<std::size_t>(Timer::kUnconfirmed)]
          .has_value();
  if (!waits_for_bye) Finish(state_.outcome, now, step);
  return step;
}

TransferMachine::Step TransferMachine::OnReferSent(std::uint32_t cseq,
                                                   MonotonicTime now) {
  Step step;
  if (!In(Phase::kSending)) return step;
  state_.phase = Phase::kSent;
  state_.progress = ReferProgress::kSent;
  state_.refer_cseqs.push_back(cseq);
  Arm(Timer::kReferResponse, now + state_.policy.refer_response);
  Arm(Timer::kFirstNotify, now + state_.policy.first_notify);
  step.events.emplace_back(ReferSent{
      .cseq = cseq, .attempt = static_cast<int>(state_.refer_cseqs.size())});
  return step;
}

TransferMachine::Step TransferMachine::OnSendFailed(std::string_view cause,
                                                    MonotonicTime now) {
  Step step;
  if (!In(Phase::kSending, Phase::kSent, Phase::kSentNoLeg)) return step;
  state_.reason = cause;
  Refuse(TransferOutcome::kTransportFailed, now, step);
  return step;
}

TransferMachine::Step TransferMachine::OnReferProvisional(
    const SipStatus& status, MonotonicTime) {
  Step step;
  if (status.code == 100 || done()) return step;
  WarnOnce("UNEXPECTED_PROVISIONAL",
           "the REFER was answered " + std::to_string(status.code) +
               "; only 100 is a provisional answer to it",
           step);
  return step;
}

TransferMachine::Step TransferMachine::OnReferAnswer(const ReferAnswer& answer,
                                                     MonotonicTime now) {
  Step step;
  const int status = answer.status.code;
  if (done() || !IsFinal(status) || state_.refer_cseqs.empty()) return step;
  Disarm(Timer::kReferResponse);
  state_.refer_status = status;
  state_.refer_reason = answer.status.reason;
  step.events.emplace_back(ReferAnswered{answer.status});

  if (IsSuccess(status)) {
    const bool open = In(Phase::kSent, Phase::kProbing);
    if (open && answer.no_subscription && !state_.final) {
      state_.progress = ReferProgress::kAccepted;
      Warn("NO_SUBSCRIPTION",
           "accepted with Refer-Sub: false: the far end will not report", step);
      Unmonitor(TransferOutcome::kAcceptedNoSubscription,
                state_.policy.unconfirmed_wait, now, step);
      return step;
    }
    Accept(now, step);
    return step;
  }

  if (!In(Phase::kSent, Phase::kSentNoLeg)) return step;
  state_.reason = answer.status.reason;
  state_.sip_reason = answer.sip_reason;
  state_.retry_after = answer.retry_after;
  state_.contacts = answer.contacts;
  if (In(Phase::kSent) && answer.answerable && !state_.final) {
    Resend(step);
  } else if (MayRetry(answer) && status == 491) {
    BackOff(state_.policy.glare_backoffs[state_.glares++],
            "the REFER met an INVITE of the far end; it is sent again", now,
            step);
  } else if (MayRetry(answer)) {
    ++state_.retries;
    BackOff(*answer.retry_after,
            "the far end said when to try again; the REFER is sent again then",
            now, step);
  } else if (In(Phase::kSent) && status == 481) {
    Probe(TransferOutcome::kReferRejected, state_.policy.probe_wait, now, step);
  } else if (In(Phase::kSent) && status == 408) {
    Probe(TransferOutcome::kReferTimeout, state_.policy.probe_wait, now, step);
  } else {
    Refuse(OutcomeOfRefusal(status), now, step);
  }
  return step;
}

bool TransferMachine::MayRetry(const ReferAnswer& answer) const {
  if (!In(Phase::kSent) || state_.final) return false;
  if (answer.status.code == 491) {
    return state_.glares < state_.policy.glare_backoffs.size();
  }
  return MayPass(answer.status.code) && answer.retry_after &&
         state_.retries < kMostRetries &&
         state_.policy.retry_after_max > Milliseconds(0) &&
         *answer.retry_after <= state_.policy.retry_after_max;
}

TransferMachine::Step TransferMachine::OnReferSilence(MonotonicTime now) {
  Step step;
  if (!In(Phase::kSent, Phase::kSentNoLeg)) return step;
  Disarm(Timer::kReferResponse);
  state_.reason = "no answer to the REFER";
  if (In(Phase::kSent) && !state_.final) {
    Probe(TransferOutcome::kReferTimeout, state_.policy.silent_probe_wait, now,
          step);
  } else {
    Refuse(TransferOutcome::kReferTimeout, now, step);
  }
  return step;
}

void TransferMachine::Accept(MonotonicTime now, Step& step) {
  state_.progress = ReferProgress::kAccepted;
  switch (state_.phase) {
    case Phase::kSentNoLeg:
      LoseLeg(TransferOutcome::kLegEndedUnconfirmed, now, step);
      return;
    case Phase::kProbing:
      Disarm(Timer::kProbe);
      Warn("LATE_ACCEPT", "accepted after the REFER had been given up", step);
      [[fallthrough]];
    case Phase::kSent:
      break;
    default:
      return;
  }
  Disarm(Timer::kReferResponse);
  if (state_.final) {
    TakeFinal(now, step);
    return;
  }
  Arm(Timer::kFinalStatus, now + state_.policy.final_status);
  state_.phase = state_.notifies > 0 ? Phase::kProgress : Phase::kAccepted;
  if (state_.subscription_ended) {
    TakeSubscriptionEnd(now, step);
  } else if (In(Phase::kAccepted) && state_.first_notify_passed) {
    Expire(Timer::kFirstNotify, now, step);
  }
}

void TransferMachine::Refuse(TransferOutcome outcome, MonotonicTime now,
                             Step& step) {
  Disarm(Timer::kReferResponse);
  if (state_.final) {
    if (state_.refer_status >= 300) {
      Warn("CONFLICT",
           "the REFER was refused with " + std::to_string(state_.refer_status) +
               " after its final NOTIFY; the NOTIFY counts",
           step);
    }
    TakeFinal(now, step);
  } else if (In(Phase::kSentNoLeg)) {
    Finish(TransferOutcome::kLegEndedDuringRefer, now, step);
  } else {
    Restore(outcome, now, step);
  }
}

// ---- The leg ------------------------------------------------------------

TransferMachine::Step TransferMachine::OnFarEndBye(std::string_view sip_reason,
                                                   MonotonicTime now) {
  Step step;
  if (done() || In(Phase::kSentNoLeg, Phase::kLegLost)) return step;
  LegEnded(ClearedBy::kFarEnd, now);
  const bool expected =
      In(Phase::kClearing, Phase::kUnmonitored, Phase::kByeing);
  if (!sip_reason.empty() && !expected) state_.sip_reason = sip_reason;
  if (!expected) {
    state_.reason = "the far end hung up";
    std::string text = "the far end sent BYE";
    if (!sip_reason.empty()) text.append("; Reason: ").append(sip_reason);
    Warn("LEG_ENDED", text, step);
  }
  switch (state_.phase) {
    case Phase::kPrep:
    case Phase::kHolding:
    case Phase::kSending:
    case Phase::kBackoff:
      Finish(TransferOutcome::kLegEndedBeforeRefer, now, step);
      break;
    case Phase::kSent:
      if (state_.final) {
        TakeFinal(now, step);
      } else {
        state_.phase = Phase::kSentNoLeg;
      }
      break;
    case Phase::kAccepted:
    case Phase::kProgress:
    case Phase::kSubWait:
      LoseLeg(TransferOutcome::kLegEndedUnconfirmed, now, step);
      break;
    case Phase::kClearing:
      Finish(TransferOutcome::kTransferred, now, step);
      break;
    case Phase::kProbing:
    case Phase::kUnmonitored:
    case Phase::kRestoring:
    case Phase::kByeing:
      Finish(state_.outcome, now, step);
      break;
    case Phase::kSentNoLeg:
    case Phase::kLegLost:
    case Phase::kDone:
    case Phase::kGone:
      break;
  }
  return step;
}

TransferMachine::Step TransferMachine::OnByeAnswer(int status,
                                                   MonotonicTime now) {
  Step step;
  if (done()) return step;
  state_.bye_status = status;
  if (In(Phase::kByeing)) Finish(state_.outcome, now, step);
  return step;
}

TransferMachine::Step TransferMachine::OnProbeAnswer(int status,
                                                     MonotonicTime now) {
  Step step;
  if (!In(Phase::kProbing)) return step;
  Disarm(Timer::kProbe);
  if (status == 481 || status == 408) {
    state_.reason = "the far end does not know the call any more";
    HangUp(TransferOutcome::kLegLost, now, step);
  } else {
    Restore(state_.outcome, now, step);
  }
  return step;
}

TransferMachine::Step TransferMachine::OnLegLost(std::string_view cause,
                                                 MonotonicTime now) {
  Step step;
  if (done() || !state_.leg_up) return step;
  LegEnded(ClearedBy::kServer, now);
  state_.reason = cause;
  Warn("LEG_ENDED", cause, step);
  switch (state_.phase) {
    case Phase::kPrep:
    case Phase::kHolding:
    case Phase::kSending:
    case Phase::kBackoff:
      Finish(TransferOutcome::kLegEndedBeforeRefer, now, step);
      break;
    case Phase::kSent:
      if (state_.final) {
        TakeFinal(now, step);
      } else {
        Finish(TransferOutcome::kLegLost, now, step);
      }
      break;
    case Phase::kClearing:
      Finish(TransferOutcome::kTransferred, now, step);
      break;
    case Phase::kAccepted:
    case Phase::kProgress:
    case Phase::kSubWait:
      LoseLeg(TransferOutcome::kLegLost, now, step);
      break;
    default:
      Finish(state_.outcome, now, step);
      break;
  }
  return step;
}

TransferMachine::Step TransferMachine::OnRefreshAnswer(
    const RefreshAnswer& answer, MonotonicTime now) {
  Step step;
  if (!In(Phase::kSent, Phase::kAccepted, Phase::kProgress)) return step;
  if (IsSuccess(answer.status)) {
    if (answer.expires) Prolong(*answer.expires, now);
    return step;
  }
  if (!EndsSubscription(answer.status)) {
    WarnOnce("REFRESH_REFUSED",
             "the far end answered " + std::to_string(answer.status) +
                 " to a SUBSCRIBE; the subscription lasts until it expires",
             step);
    return step;
  }
  state_.subscription_ended = true;
  if (!In(Phase::kSent)) TakeSubscriptionEnd(now, step);
  return step;
}

CancelOutcome TransferMachine::cancellation() const {
  switch (state_.phase) {
    case Phase::kPrep:
    case Phase::kHolding:
    case Phase::kSending:
    case Phase::kBackoff:
      return CancelOutcome::kWithdrawn;
    case Phase::kSent:
    case Phase::kSentNoLeg:
    case Phase::kAccepted:
    case Phase::kProgress:
    case Phase::kSubWait:
      return state_.final ? CancelOutcome::kTooLate
                          : CancelOutcome::kUnsubscribed;
    default:
      return CancelOutcome::kTooLate;
  }
}

TransferMachine::Step TransferMachine::OnCancel(MonotonicTime now) {
  Step step;
  switch (cancellation()) {
    case CancelOutcome::kWithdrawn:
      state_.reason = "withdrawn by a client";
      // The call is not the transfer's any more.
      state_.policy.on_failure = LegAction::kKeep;
      if (In(Phase::kHolding)) {
        step.actions.push_back(TransferAction::kAbandonHold);
      }
      Abandon(TransferOutcome::kCancelled, now, step);
      break;
    case CancelOutcome::kUnsubscribed:
      state_.reason = "no longer followed, at a client's request";
      // The dialog is there for the subscription even after a BYE (RFC 6665,
      // 4.5.2).
      if (!state_.subscription_ended &&
          (state_.notifies > 0 ||
           state_.progress == ReferProgress::kAccepted)) {
        step.actions.push_back(TransferAction::kUnsubscribe);
      }
      Finish(TransferOutcome::kCancelled, now, step);
      break;
    case CancelOutcome::kTooLate:
      break;
  }
  return step;
}

TransferMachine::Step TransferMachine::OnLocalHangUp(MonotonicTime now) {
  Step step;
  if (done() || !state_.leg_up) return step;
  if (In(Phase::kUnmonitored, Phase::kRestoring)) {
    HangUp(state_.outcome, now, step);
  } else if (In(Phase::kClearing) ||
             (state_.final && IsSuccess(state_.final->code))) {
    HangUp(TransferOutcome::kTransferred, now, step);
  } else {
    state_.reason = "the call was hung up on this side";
    HangUp(TransferOutcome::kLocalHangup, now, step);
  }
  return step;
}

TransferMachine::Step TransferMachine::OnShutdown(MonotonicTime now) {
  Step step;
  if (done()) return step;
  if (state_.final) {
    state_.reason = state_.final->reason;
    Finish(OutcomeOfFinal(), now, step);
  } else if (In(Phase::kUnmonitored, Phase::kRestoring, Phase::kByeing) ||
             In(Phase::kProbing, Phase::kLegLost)) {
    Finish(state_.outcome, now, step);
  } else {
    state_.reason = "the server stopped";
    Finish(TransferOutcome::kServerShutdown, now, step);
  }
  return step;
}

// ---- Time ---------------------------------------------------------------

TransferMachine::Step TransferMachine::OnTime(MonotonicTime now) {
  Step step;
  for (;;) {
    const auto due = std::min_element(
        state_.deadlines.begin(), state_.deadlines.end(),
        [](const auto& a, const auto& b) { return a && (!b || *a < *b); });
    if (!*due || **due > now) return step;
    const auto timer = static_cast<Timer>(due - state_.deadlines.begin());
    Disarm(timer);
    Expire(timer, now, step);
  }
}

std::optional<MonotonicTime> TransferMachine::NextDeadline() const {
  std::optional<MonotonicTime> next;
  for (const std::optional<MonotonicTime>& deadline : state_.deadlines) {
    if (deadline && (!next || *deadline < *next)) next = deadline;
  }
  return next;
}

void TransferMachine::Expire(Timer timer, MonotonicTime now, Step& step) {
  switch (timer) {
    case Timer::kHold:
      if (In(Phase::kHolding)) {
        step.actions.push_back(TransferAction::kAbandonHold);
        HoldFailed("the far end did not say in time whether it is on hold", now,
                   step);
      } else {
        Append(OnResumeAnswer({408, "no answer in time"}, now), step);
      }
      return;
    case Timer::kReady:
      state_.reason = "the ACK of the call or an open INVITE or UPDATE is due";
      Abandon(TransferOutcome::kLegNotReady, now, step);
      return;
    case Timer::kBackoff:
      Prepare(now, step);
      return;
    case Timer::kReferResponse:
      Append(OnReferSilence(now), step);
      return;
    case Timer::kFirstNotify:
      state_.first_notify_passed = true;
      if (!In(Phase::kAccepted)) return;
      if (state_.policy.strict) {
        Unmonitor(TransferOutcome::kAcceptedNoNotify,
                  state_.policy.unconfirmed_wait, now, step);
      } else {
        WarnOnce("NO_NOTIFY_YET", "accepted, but no NOTIFY has come so far",
                 step);
      }
      return;
    case Timer::kFinalStatus:
      state_.reason = "no final status within the limit";
      Unmonitor(state_.notifies == 0 ? TransferOutcome::kAcceptedNoNotify
                                     : TransferOutcome::kNoFinalStatus,
                Milliseconds(0), now, step);
      return;
    case Timer::kExpires:
      WarnOnce("SUBSCRIPTION_EXPIRED",
               "the subscription is past its time; still listening", step);
      return;
    case Timer::kRefresh:
      step.actions.push_back(TransferAction::kRefresh);
      return;
    case Timer::kSubscriptionGrace:
      Unmonitor(TransferOutcome::kAcceptedUnconfirmed,
                state_.policy.unconfirmed_wait, now, step);
      return;
    case Timer::kUnconfirmed:
      if (In(Phase::kUnmonitored) && UnconfirmedAction() == LegAction::kKeep) {
        Finish(state_.outcome, now, step);
      } else {
        HangUp(state_.outcome, now, step);
      }
      return;
    case Timer::kByeGrace:
      HangUp(TransferOutcome::kTransferred, now, step);
      return;
    case Timer::kLost:
    case Timer::kByeAnswer:
      Finish(state_.outcome, now, step);
      return;
    case Timer::kProbe:
      Restore(state_.outcome, now, step);
      return;
    case Timer::kTail:
      state_.phase = Phase::kGone;
      step.actions.push_back(TransferAction::kForget);
      return;
  }
}

}  // namespace callcontrol::sip
