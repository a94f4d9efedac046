// SPDX-License-Identifier: Apache-2.0

// How a client's request becomes a transfer of a call.

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/sofia_call.h"
#include "sip/transfer/header_guard.h"
#include "sip/transfer/refer_to.h"

namespace callcontrol::sip {

absl::StatusOr<TransferPlan> SofiaCall::Refer(const TransferRequest& request) {
  // What the client can mend by itself comes first.
  absl::StatusOr<TransferPlan> plan = Plan(request);
  if (!plan.ok()) return plan.status();
  if (absl::Status status = CheckAnswered(); !status.ok()) return status;
  if (CallTransfer* open = open_transfer()) {
    return MakeError(
        absl::StatusCode::kAborted,
        {.reason = "TRANSFER_IN_PROGRESS", .transfer_id = open->id()},
        absl::StrCat("transfer ", open->id(), " of call ", snapshot_.call_id,
                     " is open; watch it, or wait for its result"));
  }
  if (request.validate_only) return plan;

  plan->transfer_id = host_.NewId("t");
  snapshot_.transfer_ids.push_back(plan->transfer_id);
  transfers_.push_back(
      std::make_unique<CallTransfer>(host_, *this, *plan, PolicyOf(request)));
  host_.observer().OnTransferStarted(*plan, absl::Now());
  Publish(CallChange::kTransferring);
  return plan;
}

absl::Status SofiaCall::CheckAnswered() const {
  if (machine_.state().phase == CallPhase::kAnswered &&
      !machine_.state().hang_up_wanted) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   {.reason = "CALL_NOT_READY"},
                   absl::StrCat("call ", snapshot_.call_id,
                                " is not answered, or is ending: only an "
                                "answered call can be transferred or changed"));
}

void SofiaCall::BeginTransfer() {
  CallTransfer* transfer = open_transfer();
  if (transfer != nullptr && machine_.ReadyForRefer()) transfer->OnLegReady();
}

absl::StatusOr<TransferPlan> SofiaCall::Plan(
    const TransferRequest& request) const {
  const EngineOptions& options = host_.options();
  TargetPolicy policy;
  policy.tel_to_sip = options.tel_to_sip;
  policy.default_country_code = options.default_country_code;
  policy.international_prefix = options.international_prefix;
  policy.host = options.refer_domain;
  if (policy.host.empty()) {
    const sip_contact_t* target = nullptr;
    nta_leg_get_route(leg_, nullptr, &target);
    if (target != nullptr) policy.host = target->m_url->url_host;
  }

  if (absl::Status status = CheckReferHeaders(request.headers); !status.ok()) {
    return status;
  }
  absl::StatusOr<std::string> refer_to = BuildReferTo(
      request.refer_to, request.target_headers, std::nullopt, policy);
  if (!refer_to.ok()) return refer_to.status();

  absl::StatusOr<std::string> referred_by;
  if (!request.referred_by.empty()) {
    referred_by = BuildReferredBy(request.referred_by, policy);
  } else {
    referred_by = BuildReferredBy(
        options.referred_by_local ? snapshot_.local_uri : snapshot_.remote_uri,
        policy);
    // A far end may call itself what no header may hold; its Contact is good.
    if (!referred_by.ok()) {
      referred_by = BuildReferredBy(absl::StrCat("sip:", policy.host), policy);
    }
  }
  if (!referred_by.ok()) return referred_by.status();

  TransferPlan plan;
  plan.call_id = snapshot_.call_id;
  plan.sip_call_id = snapshot_.sip_call_id;
  plan.refer_to = *std::move(refer_to);
  plan.referred_by = *std::move(referred_by);
  plan.headers = request.headers;
  plan.no_subscription = request.no_subscription;
  plan.request_id = request.request_id;
  return plan;
}

TransferPolicy SofiaCall::PolicyOf(const TransferRequest& request) const {
  TransferPolicy policy = host_.options().transfers;
  policy.refer_response =
      request.refer_response.value_or(policy.refer_response);
  policy.first_notify = request.first_notify.value_or(policy.first_notify);
  policy.final_status = request.final_status.value_or(policy.final_status);
  if (request.on_success) policy.on_success = request.on_success;
  if (request.on_unconfirmed) policy.on_unconfirmed = request.on_unconfirmed;
  if (request.on_failure) policy.on_failure = request.on_failure;
  policy.strict = policy.strict || request.strict;
  policy.hold_first = request.hold_first;
  policy.glare_backoff = DrawGlareBackoff();
  return policy;
}

}  // namespace callcontrol::sip
