// SPDX-License-Identifier: Apache-2.0
#include "server/proto_mapping.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <variant>

#include "server/hooks/hook_guard.h"

namespace callcontrol::server {
namespace {

v1::CallClearedBy ClearedByToProto(sip::ClearedBy by) {
  switch (by) {
    case sip::ClearedBy::kNobody:
      return v1::CALL_CLEARED_BY_NOBODY;
    case sip::ClearedBy::kServer:
      return v1::CALL_CLEARED_BY_SERVER;
    case sip::ClearedBy::kFarEnd:
      return v1::CALL_CLEARED_BY_FAR_END;
  }
  return v1::CALL_CLEARED_BY_UNSPECIFIED;
}

google::protobuf::Duration DurationToProto(std::chrono::milliseconds duration) {
  google::protobuf::Duration result;
  result.set_seconds(duration.count() / 1000);
  result.set_nanos(static_cast<std::int32_t>(duration.count() % 1000) *
                   1'000'000);
  return result;
}

void FillPlan(const sip::TransferPlan& plan, v1::ReferSent& to) {
  to.set_refer_to(plan.refer_to);
  to.set_referred_by(plan.referred_by);
  to.set_sip_call_id(plan.sip_call_id);
  for (const sip::SipHeader& header : plan.headers) {
    v1::SipHeader* added = to.add_headers();
    added->set_name(header.name);
    added->set_value(header.value);
  }
}

void FillResult(const sip::TransferResult& result, absl::Time time,
                v1::TransferResult& to) {
  to.set_verdict(ToProto(result.verdict));
  to.set_outcome(ToProto(result.outcome));
  to.set_refer_status(result.refer_status);
  if (result.final_status) {
    to.set_final_referred_call_status(*result.final_status);
  }
  to.set_last_call_status(result.last_status);
  to.set_reason(result.reason);
  if (result.retry_after)
    *to.mutable_retry_after() = DurationToProto(*result.retry_after);
  to.set_sip_reason(result.sip_reason);
  to.set_call_cleared_by(ClearedByToProto(result.cleared_by));
  *to.mutable_duration() = DurationToProto(result.duration);
  if (result.bye_age) {
    *to.mutable_bye_time() = ToProto(time - absl::FromChrono(*result.bye_age));
  }
  to.set_bye_status(result.bye_status);
  for (const std::string& contact : result.contacts) to.add_contacts(contact);
  to.set_subscription_reason(result.subscription_reason);
}

}  // namespace

google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp result;
  const std::int64_t nanos = absl::ToUnixNanos(time);
  result.set_seconds(nanos / 1'000'000'000);
  result.set_nanos(static_cast<std::int32_t>(nanos % 1'000'000'000));
  return result;
}

void FillEvent(const sip::TransferEvent& event, const sip::TransferPlan& plan,
               absl::Time time, v1::ReferEvent& to) {
  if (const auto* sent = std::get_if<sip::ReferSent>(&event)) {
    v1::ReferSent& message = *to.mutable_refer_sent();
    FillPlan(plan, message);
    if (!sent->refer_to.empty()) message.set_refer_to(sent->refer_to);
    if (!sent->sip_call_id.empty()) message.set_sip_call_id(sent->sip_call_id);
    message.set_cseq(sent->cseq);
    message.set_attempt(sent->attempt);
  } else if (const auto* answered = std::get_if<sip::ReferAnswered>(&event)) {
    to.mutable_refer_response()->set_refer_status(answered->status.code);
    to.mutable_refer_response()->set_reason(answered->status.reason);
  } else if (const auto* status = std::get_if<sip::TransferStatus>(&event)) {
    v1::TransferStatus& message = *to.mutable_transfer_status();
    message.set_event("transfer-status");
    message.set_call_status(status->status.code);
    message.set_reason(status->status.reason);
    message.set_subscription_state(status->subscription_state);
    message.set_final(status->final);
    message.set_notify_cseq(status->notify_cseq);
  } else if (const auto* warning = std::get_if<sip::TransferWarning>(&event)) {
    to.mutable_warning()->set_code(warning->code);
    to.mutable_warning()->set_text(warning->text);
  } else {
    FillResult(std::get<sip::TransferResult>(event), time,
               *to.mutable_result());
  }
}

v1::ReferEvent PlannedEvent(const sip::TransferPlan& plan, absl::Time time) {
  v1::ReferEvent event;
  event.set_call_id(plan.call_id);
  event.set_sequence(1);
  *event.mutable_time() = ToProto(time);
  FillPlan(plan, *event.mutable_planned());
  return event;
}

bool sip::Privacy::*PrivacyMember(int value) {
  switch (value) {
    case v1::PRIVACY_ID:
      return &sip::Privacy::id;
    case v1::PRIVACY_HEADER:
      return &sip::Privacy::header;
    case v1::PRIVACY_SESSION:
      return &sip::Privacy::session;
    case v1::PRIVACY_USER:
      return &sip::Privacy::user;
    case v1::PRIVACY_CRITICAL:
      return &sip::Privacy::critical;
    case v1::PRIVACY_NONE:
      return &sip::Privacy::none;
    default:
      return nullptr;
  }
}

v1::Call ToProto(const sip::CallSnapshot& call) {
  v1::Call result;
  result.set_call_id(call.call_id);
  result.set_sip_call_id(call.sip_call_id);
  result.set_direction(ToProto(call.direction));
  result.set_state(ToProto(call.phase));
  result.set_local_uri(call.local_uri);
  result.set_remote_uri(call.remote_uri);
  result.set_remote_target(call.remote_target);
  result.set_trunk(call.trunk);
  result.set_replaces_call_id(call.replaces_call_id);
  result.set_referring_call_id(call.referring_call_id);
  result.set_bridged_call_id(call.bridged_call_id);
  result.set_remote_sdp(call.remote_sdp);
  result.set_local_sdp(call.local_sdp);
  v1::FarEnd& far_end = *result.mutable_far_end();
  far_end.set_allows_refer(call.far_end.allows_refer);
  far_end.set_supports_replaces(call.far_end.supports_replaces);
  far_end.set_supports_norefersub(call.far_end.supports_norefersub);
  far_end.set_supports_target_dialog(call.far_end.supports_target_dialog);
  far_end.set_contact_is_gruu(call.far_end.contact_is_gruu);
  far_end.set_user_agent(call.far_end.user_agent);
  result.set_on_hold(call.on_hold);
  result.mutable_asserted_identity()->Assign(call.asserted_identity.begin(),
                                             call.asserted_identity.end());
  for (int value = v1::Privacy_MIN; value <= v1::Privacy_MAX; ++value) {
    bool sip::Privacy::*const member = PrivacyMember(value);
    if (member != nullptr && call.privacy.*member) {
      result.add_privacy(static_cast<v1::Privacy>(value));
    }
  }
  for (const std::string& id : call.transfer_ids) result.add_transfer_ids(id);
  result.mutable_tags()->insert(call.tags.begin(), call.tags.end());
  *result.mutable_create_time() = ToProto(call.create_time);
  if (call.answer_time) {
    *result.mutable_answer_time() = ToProto(*call.answer_time);
  }
  if (call.end_time) *result.mutable_end_time() = ToProto(*call.end_time);
  result.set_end_status(call.end_status);
  result.set_end_reason(call.end_reason);
  switch (call.ended_by) {
    case sip::CallEndedBy::kNobody:
      break;
    case sip::CallEndedBy::kServer:
      result.set_ended_by(v1::CALL_ENDED_BY_SERVER);
      break;
    case sip::CallEndedBy::kFarEnd:
      result.set_ended_by(v1::CALL_ENDED_BY_FAR_END);
      break;
  }
  return result;
}

v1::HookDelivery ToProto(const HookQueue::Entry& entry, HookTime now,
                         absl::Time time) {
  const HookDelivery& delivery = entry.delivery;
  v1::HookDelivery result;
  result.set_delivery_id(delivery.id);
  result.set_transfer_id(delivery.transfer_id);
  result.set_call_id(delivery.call_id);
  result.set_sip_call_id(delivery.sip_call_id);
  result.set_sequence(delivery.sequence);
  result.set_kind(delivery.kind == HookKind::kAction ? v1::HOOK_KIND_ACTION
                                                     : v1::HOOK_KIND_EVENT);
  result.set_url(WithoutCredentials(delivery.url));
  result.set_body(delivery.body);
  result.set_state(delivery.dead   ? v1::HOOK_DELIVERY_STATE_DEAD
                   : entry.sending ? v1::HOOK_DELIVERY_STATE_SENDING
                                   : v1::HOOK_DELIVERY_STATE_PENDING);
  result.set_attempts(delivery.attempts);
  *result.mutable_create_time() = ToProto(delivery.create_time);
  if (result.state() == v1::HOOK_DELIVERY_STATE_PENDING) {
    const auto wait = std::max(entry.not_before - now, HookTime::duration(0));
    *result.mutable_next_attempt_time() =
        ToProto(time + absl::FromChrono(wait));
  }
  result.set_last_status(delivery.last_status);
  result.set_last_error(delivery.last_error);
  return result;
}

v1::PendingRefer ToProto(const sip::PendingRefer& refer) {
  v1::PendingRefer result;
  result.set_refer_id(refer.refer_id);
  result.set_refer_to(refer.refer_to);
  result.set_replaces(refer.replaces);
  result.set_referred_by(refer.referred_by);
  *result.mutable_deadline() = ToProto(refer.deadline);
  return result;
}

v1::CallEventType ToProto(sip::CallChange change) {
  switch (change) {
    case sip::CallChange::kIncoming:
      return v1::CALL_EVENT_TYPE_INCOMING;
    case sip::CallChange::kCalling:
      return v1::CALL_EVENT_TYPE_CALLING;
    case sip::CallChange::kRinging:
      return v1::CALL_EVENT_TYPE_RINGING;
    case sip::CallChange::kAnswered:
      return v1::CALL_EVENT_TYPE_ANSWERED;
    case sip::CallChange::kUpdated:
      return v1::CALL_EVENT_TYPE_UPDATED;
    case sip::CallChange::kTransferring:
      return v1::CALL_EVENT_TYPE_TRANSFERRING;
    case sip::CallChange::kReferRequested:
      return v1::CALL_EVENT_TYPE_REFER_REQUESTED;
    case sip::CallChange::kEnded:
      return v1::CALL_EVENT_TYPE_ENDED;
  }
  return v1::CALL_EVENT_TYPE_UNSPECIFIED;
}

v1::CallDirection ToProto(sip::CallDirection direction) {
  return direction == sip::CallDirection::kInbound
             ? v1::CALL_DIRECTION_INBOUND
             : v1::CALL_DIRECTION_OUTBOUND;
}

v1::CallState ToProto(sip::CallPhase phase) {
  switch (phase) {
    case sip::CallPhase::kIncoming:
      return v1::CALL_STATE_INCOMING;
    case sip::CallPhase::kCalling:
      return v1::CALL_STATE_CALLING;
    case sip::CallPhase::kRinging:
      return v1::CALL_STATE_RINGING;
    case sip::CallPhase::kAnswered:
      return v1::CALL_STATE_ANSWERED;
    case sip::CallPhase::kEnding:
      return v1::CALL_STATE_ENDING;
    case sip::CallPhase::kEnded:
      return v1::CALL_STATE_ENDED;
  }
  return v1::CALL_STATE_UNSPECIFIED;
}

v1::TransferState ToProto(sip::TransferPhase phase) {
  switch (phase) {
    case sip::TransferPhase::kPrep:
    case sip::TransferPhase::kHolding:
    case sip::TransferPhase::kSending:
    case sip::TransferPhase::kBackoff:
      return v1::TRANSFER_STATE_PREPARING;
    case sip::TransferPhase::kSent:
    case sip::TransferPhase::kSentNoLeg:
    case sip::TransferPhase::kProbing:
      return v1::TRANSFER_STATE_REFER_SENT;
    case sip::TransferPhase::kAccepted:
      return v1::TRANSFER_STATE_ACCEPTED;
    case sip::TransferPhase::kProgress:
      return v1::TRANSFER_STATE_PROGRESSING;
    case sip::TransferPhase::kSubWait:
    case sip::TransferPhase::kUnmonitored:
    case sip::TransferPhase::kLegLost:
    case sip::TransferPhase::kClearing:
    case sip::TransferPhase::kRestoring:
    case sip::TransferPhase::kByeing:
      return v1::TRANSFER_STATE_CLEARING;
    case sip::TransferPhase::kDone:
    case sip::TransferPhase::kGone:
      return v1::TRANSFER_STATE_ENDED;
  }
  return v1::TRANSFER_STATE_UNSPECIFIED;
}

v1::TransferOutcome ToProto(sip::TransferOutcome outcome) {
  // Both enums carry the names of protocol.md 3.2; the names are the mapping,
  // so that neither has to keep the other's order.
  v1::TransferOutcome result = v1::TRANSFER_OUTCOME_UNSPECIFIED;
  v1::TransferOutcome_Parse(
      "TRANSFER_OUTCOME_" + std::string(sip::ToString(outcome)), &result);
  return result;
}

v1::CancelOutcome ToProto(sip::CancelOutcome outcome) {
  switch (outcome) {
    case sip::CancelOutcome::kWithdrawn:
      return v1::CANCEL_OUTCOME_WITHDRAWN;
    case sip::CancelOutcome::kUnsubscribed:
      return v1::CANCEL_OUTCOME_UNSUBSCRIBED;
    case sip::CancelOutcome::kTooLate:
      return v1::CANCEL_OUTCOME_TOO_LATE;
  }
  return v1::CANCEL_OUTCOME_UNSPECIFIED;
}

v1::TransferVerdict ToProto(sip::TransferVerdict verdict) {
  switch (verdict) {
    case sip::TransferVerdict::kSuccess:
      return v1::TRANSFER_VERDICT_SUCCESS;
    case sip::TransferVerdict::kFailure:
      return v1::TRANSFER_VERDICT_FAILURE;
    case sip::TransferVerdict::kUnknown:
      return v1::TRANSFER_VERDICT_UNKNOWN;
  }
  return v1::TRANSFER_VERDICT_UNSPECIFIED;
}

}  // namespace callcontrol::server
