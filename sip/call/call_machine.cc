// SPDX-License-Identifier: Apache-2.0
#include "sip/call/call_machine.h"

namespace callcontrol::sip {

CallMachine::Actions CallMachine::OnInvite(bool ring_first) {
  if (state_.phase != CallPhase::kIncoming) return {};
  return ring_first ? OnProgress() : OnAnswerDue();
}

CallMachine::Actions CallMachine::OnProgress() {
  if (!awaits_answer()) return {};
  state_.phase = CallPhase::kRinging;
  return {CallAction::kSendRinging};
}

CallMachine::Actions CallMachine::OnAnswerDue() {
  if (!awaits_answer()) return {};
  state_.answer_wanted = state_.early_session == EarlySession::kAnswerSent ||
                         state_.early_session == EarlySession::kOfferSent;
  if (state_.answer_wanted) return {};
  state_.phase = CallPhase::kAnswered;
  state_.ack_due = true;
  return {CallAction::kSendAnswer};
}

void CallMachine::OnEarlySessionSent(bool offers) {
  if (!awaits_answer()) return;
  state_.early_session =
      offers ? EarlySession::kOfferSent : EarlySession::kAnswerSent;
}

CallMachine::Actions CallMachine::OnEarlySessionSettled() {
  if (state_.early_session == EarlySession::kNone) return {};
  state_.early_session = EarlySession::kSettled;
  if (!state_.answer_wanted) return {};
  return OnAnswerDue();
}

CallMachine CallMachine::Placed() {
  return CallMachine(CallState{.outbound = true, .phase = CallPhase::kCalling});
}

CallMachine::Actions CallMachine::OnCallProgress() {
  if (is_calling()) state_.phase = CallPhase::kRinging;
  return {};
}

CallMachine::Actions CallMachine::OnCallAnswered() {
  if (state_.outbound && state_.phase == CallPhase::kEnding) {
    return {CallAction::kSendBye};
  }
  if (!is_calling()) return {};
  state_.phase = CallPhase::kAnswered;
  return {CallAction::kLegReady};
}

CallMachine::Actions CallMachine::OnCallRefused(int status,
                                                std::string_view reason,
                                                CallEndedBy by) {
  if (is_calling()) {
    End(by, status, reason);
  } else if (state_.outbound && state_.phase == CallPhase::kEnding) {
    // Our CANCEL did it, whatever the answer.
    state_.phase = CallPhase::kEnded;
  }
  return {};
}

CallMachine::Actions CallMachine::OnCallUnanswered() {
  return Cancel(408, "nobody answered in time");
}

CallMachine::Actions CallMachine::Cancel(int status, std::string_view reason) {
  if (!is_calling()) return {};
  state_.phase = CallPhase::kEnding;
  state_.ended_by = CallEndedBy::kServer;
  state_.end_status = status;
  state_.end_reason = reason;
  return {CallAction::kSendCancel};
}

CallMachine::Actions CallMachine::OnRefused(int status,
                                            std::string_view reason) {
  if (!awaits_answer()) return {};
  End(CallEndedBy::kServer, status, reason);
  return {CallAction::kSendReject};
}

CallMachine::Actions CallMachine::OnAck() {
  if (!state_.ack_due && !state_.reinvite_ack_due) return {};
  state_.ack_due = false;
  state_.reinvite_ack_due = false;
  if (state_.phase != CallPhase::kAnswered) return {};
  if (state_.hang_up_wanted) return Bye();
  if (!ReadyForRefer()) return {};
  return {CallAction::kLegReady};
}

CallMachine::Actions CallMachine::OnAckTimeout() {
  if (!state_.ack_due && !state_.reinvite_ack_due) return {};
  state_.ack_due = false;
  state_.reinvite_ack_due = false;
  if (state_.phase != CallPhase::kAnswered) return {};
  if (!state_.hang_up_wanted) state_.end_reason = "no ACK came for the answer";
  return Bye();
}

CallMachine::Actions CallMachine::OnCancel() {
  if (awaits_answer()) {
    End(CallEndedBy::kFarEnd, 487, "cancelled by the caller");
    return {};
  }
  // It crossed our 2xx, and the transaction that would await the ACK is gone
  // with it.
  return OnAckTimeout();
}

int CallMachine::AnswerToReInvite() const {
  if (!live()) return 481;
  if (state_.phase != CallPhase::kAnswered) return 500;
  if (state_.ack_due || state_.reinvite_ack_due || state_.offer_deferred) {
    return 500;
  }
  return state_.own_offer == OwnOffer::kOpen ? 491 : 200;
}

CallMachine::Actions CallMachine::OnDeferredRefused() {
  if (!state_.offer_deferred) return {};
  state_.offer_deferred = false;
  if (!ReadyForRefer()) return {};
  return {CallAction::kLegReady};
}

CallMachine::Actions CallMachine::OnDeferredAccepted(bool invite) {
  if (!state_.offer_deferred) return {};
  state_.offer_deferred = false;
  state_.reinvite_ack_due = invite;
  if (!ReadyForRefer()) return {};
  return {CallAction::kLegReady};
}

int CallMachine::AnswerToEarlyOffer() const {
  if (!live()) return 481;
  switch (state_.early_session) {
    case EarlySession::kNone:
    case EarlySession::kAnswerSent:
      return 500;
    case EarlySession::kOfferSent:
      return 491;
    case EarlySession::kSettled:
      return 200;
  }
  return 500;
}

int CallMachine::AnswerToReplaces(bool early_only) const {
  if (!live()) return 603;
  if (state_.phase != CallPhase::kAnswered) return 481;
  return early_only ? 486 : 200;
}

CallMachine::Actions CallMachine::OnOfferEnded() {
  if (state_.own_offer == OwnOffer::kNone) return {};
  state_.own_offer = OwnOffer::kNone;
  if (!ReadyForRefer()) return {};
  return {CallAction::kLegReady};
}

CallMachine::Actions CallMachine::OnFarEndBye(std::string_view sip_reason) {
  // A BYE that crosses ours changes nothing about who ended the call first.
  if (state_.phase == CallPhase::kEnding) {
    state_.phase = CallPhase::kEnded;
  } else if (state_.phase == CallPhase::kAnswered) {
    End(CallEndedBy::kFarEnd, 0, sip_reason);
  } else if (awaits_answer()) {
    // In an early dialog the INVITE is still to be answered (RFC 3261,
    // 15.1.2).
    End(CallEndedBy::kFarEnd, 487, sip_reason);
    return {CallAction::kSendReject};
  }
  return {};
}

CallMachine::Actions CallMachine::OnHangUp(std::string_view reason) {
  if (is_calling()) return Cancel(487, reason);
  switch (state_.phase) {
    case CallPhase::kIncoming:
    case CallPhase::kCalling:
    case CallPhase::kRinging:
      End(CallEndedBy::kServer, 480, reason);
      return {CallAction::kSendReject};
    case CallPhase::kAnswered:
      if (state_.hang_up_wanted) return {};
      state_.end_reason = reason;
      if (state_.ack_due) {
        state_.hang_up_wanted = true;
        return {};
      }
      return Bye();
    case CallPhase::kEnding:
    case CallPhase::kEnded:
      return {};
  }
  return {};
}

CallMachine::Actions CallMachine::OnByeAnswer(int) {
  // Whatever the answer, even none: the session is over with our BYE (RFC
  // 3261, 15.1.1).
  if (state_.phase == CallPhase::kEnding) state_.phase = CallPhase::kEnded;
  return {};
}

CallMachine::Actions CallMachine::Bye() {
  state_.phase = CallPhase::kEnding;
  state_.hang_up_wanted = false;
  state_.ended_by = CallEndedBy::kServer;
  return {CallAction::kSendBye};
}

void CallMachine::End(CallEndedBy by, int status, std::string_view reason) {
  state_.phase = CallPhase::kEnded;
  state_.answer_wanted = false;
  state_.ack_due = false;
  state_.reinvite_ack_due = false;
  state_.offer_deferred = false;
  state_.own_offer = OwnOffer::kNone;
  state_.ended_by = by;
  state_.end_status = status;
  state_.end_reason = reason;
}

}  // namespace callcontrol::sip
