// SPDX-License-Identifier: Apache-2.0

// How a client's request becomes a transfer of a call.

#include <utility>

#include "absl/strings/match.h"
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
  if (absl::Status status = CheckNoTransfer(); !status.ok()) return status;
  if (request.validate_only) return plan;

  plan->transfer_id = host_.NewId("t");
  if (request.credentials) credentials_ = request.credentials;
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

absl::Status SofiaCall::CheckNoTransfer() {
  const CallTransfer* const open = open_transfer();
  if (open == nullptr) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kAborted,
      {.reason = "TRANSFER_IN_PROGRESS", .transfer_id = open->id()},
      absl::StrCat("transfer ", open->id(), " of call ", snapshot_.call_id,
                   " is open; watch it, or wait for its result"));
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
  absl::StatusOr<std::string> refer_to = PlanReferTo(request, policy);
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
  plan.replaces_call_id = request.replaces_call_id;
  plan.no_subscription = request.no_subscription;
  plan.request_id = request.request_id;
  return plan;
}

absl::StatusOr<std::string> SofiaCall::PlanReferTo(
    const TransferRequest& request, const TargetPolicy& policy) const {
  if (request.replaces_call_id.empty()) {
    return BuildReferTo(request.refer_to, request.target_headers, std::nullopt,
                        policy);
  }
  const absl::StatusOr<SofiaCall*> consultation =
      FindConsultation(request.replaces_call_id);
  if (!consultation.ok()) return consultation.status();
  const std::string target = request.refer_to.empty()
                                 ? (*consultation)->PublicTarget()
                                 : request.refer_to;
  std::vector<SipHeader> target_headers = request.target_headers;
  // A target that cannot replace must not ring as if for a new call.
  target_headers.push_back({"Require", "replaces"});
  return BuildReferTo(target, target_headers, (*consultation)->AsReplaced(),
                      policy);
}

absl::StatusOr<SofiaCall*> SofiaCall::FindConsultation(
    const std::string& call_id) const {
  SofiaCall* const call = host_.Find(call_id);
  if (call == nullptr) {
    return MakeError(
        absl::StatusCode::kNotFound,
        {.reason = "CALL_NOT_FOUND", .field = "replaces_call_id"},
        absl::StrCat("no live call \"", call_id, "\" to be replaced"));
  }
  if (call == this) {
    return InvalidField("replaces_call_id", "SAME_CALL",
                        "a call cannot replace itself: replaces_call_id names "
                        "the call to the target");
  }
  // RFC 5589, 7.6: only a confirmed dialog can be replaced.
  if (absl::Status status = call->CheckAnswered(); !status.ok()) return status;
  if (absl::Status status = call->CheckNoTransfer(); !status.ok()) {
    return status;
  }
  return call;
}

ReplacedDialog SofiaCall::AsReplaced() const {
  // Whoever called whom: the to-tag is that of the UA the INVITE goes to.
  const char* const remote_tag = nta_leg_get_rtag(leg_);
  return {.call_id = snapshot_.sip_call_id,
          .to_tag = remote_tag == nullptr ? "" : remote_tag,
          .from_tag = nta_leg_get_tag(leg_)};
}

std::string SofiaCall::PublicTarget() const {
  const sip_contact_t* target = nullptr;
  nta_leg_get_route(leg_, nullptr, &target);
  // Browsers write a Contact that nobody can reach (RFC 7118, 5).
  const bool reachable = target != nullptr &&
                         target->m_url->url_host != nullptr &&
                         !absl::EndsWith(target->m_url->url_host, ".invalid");
  return reachable ? UriText(*target->m_url) : snapshot_.remote_uri;
}

TransferPolicy SofiaCall::PolicyOf(const TransferRequest& request) const {
  TransferPolicy policy = host_.options().transfers;
  const TransferLimits& limits = request.limits;
  for (const auto& [asked, limit] :
       {std::pair{&limits.hold, &policy.hold_limit},
        std::pair{&limits.ready, &policy.ready_limit},
        std::pair{&limits.refer_response, &policy.refer_response},
        std::pair{&limits.first_notify, &policy.first_notify},
        std::pair{&limits.final_status, &policy.final_status},
        std::pair{&limits.subscription_grace, &policy.subscription_grace},
        std::pair{&limits.unconfirmed_wait, &policy.unconfirmed_wait},
        std::pair{&limits.bye_grace, &policy.bye_grace},
        std::pair{&limits.lost_grace, &policy.lost_grace},
        std::pair{&limits.bye_answer, &policy.bye_answer_wait},
        std::pair{&limits.retry_after, &policy.retry_after_max}}) {
    *limit = asked->value_or(*limit);
  }
  if (request.on_success) policy.on_success = request.on_success;
  if (request.on_unconfirmed) policy.on_unconfirmed = request.on_unconfirmed;
  if (request.on_failure) policy.on_failure = request.on_failure;
  policy.strict = policy.strict || request.strict;
  policy.hold_first = request.hold_first;
  policy.glare_backoff = DrawGlareBackoff();
  return policy;
}

}  // namespace callcontrol::sip
