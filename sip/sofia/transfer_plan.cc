// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/transfer_plan.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "sip/sofia/sofia_call.h"
#include "sip/transfer/header_guard.h"

namespace callcontrol::sip {
namespace {

// The consultation call, as one that can be replaced.
absl::StatusOr<SofiaCall*> FindConsultation(CallHost& host,
                                            const std::string& call_id,
                                            const PlannedParty& party) {
  SofiaCall* const call = host.Find(call_id);
  if (call == nullptr) {
    return MakeError(
        absl::StatusCode::kNotFound,
        {.reason = "CALL_NOT_FOUND", .field = "replaces_call_id"},
        absl::StrCat("no live call \"", call_id, "\" to be replaced"));
  }
  if (call_id == party.call_id) {
    return InvalidField("replaces_call_id", "SAME_CALL",
                        "a call cannot replace itself: replaces_call_id names "
                        "the call to the target");
  }
  if (!call->AwaitsAnswer()) {
    if (absl::Status status = call->CheckAnswered(); !status.ok()) {
      return status;
    }
  }
  if (absl::Status status = call->CheckNoTransfer(); !status.ok()) {
    return status;
  }
  return call;
}

// Writes Refer-To into `plan`, and what is missing there until the call to the
// target is answered.
absl::Status PlanReferTo(CallHost& host, const TransferRequest& request,
                         const PlannedParty& party, const TargetPolicy& targets,
                         TransferPlan& plan) {
  absl::StatusOr<std::string> refer_to;
  if (request.replaces_call_id.empty()) {
    refer_to = BuildReferTo(request.refer_to, request.target_headers,
                            std::nullopt, targets);
  } else {
    const absl::StatusOr<SofiaCall*> consultation =
        FindConsultation(host, request.replaces_call_id, party);
    if (!consultation.ok()) return consultation.status();
    AwaitedTarget target{.refer_to = request.refer_to,
                         .headers = request.target_headers,
                         .targets = targets};
    // A target that cannot replace must not ring as if for a new call.
    target.headers.push_back({"Require", "replaces"});
    refer_to = BuildReplacing(target, **consultation);
    if ((*consultation)->AwaitsAnswer()) {
      // What is wrong with it is told now.
      const ReplacedDialog known = (*consultation)->AsReplaced();
      const absl::StatusOr<std::string> checked =
          BuildReferTo("sip:target", target.headers, known, targets);
      if (!checked.ok()) return checked.status();
      plan.awaited = std::move(target);
    }
  }
  if (!refer_to.ok()) return refer_to.status();
  plan.refer_to = *std::move(refer_to);
  return absl::OkStatus();
}

absl::StatusOr<std::string> PlanReferredBy(const TransferRequest& request,
                                           const PlannedParty& party,
                                           const TargetPolicy& targets) {
  if (!request.referred_by.empty()) {
    return BuildReferredBy(request.referred_by, targets);
  }
  absl::StatusOr<std::string> referred_by =
      BuildReferredBy(party.referred_by, targets);
  // A far end may call itself what no header may hold; its address is good.
  if (referred_by.ok()) return referred_by;
  return BuildReferredBy(absl::StrCat("sip:", targets.host), targets);
}

}  // namespace

absl::StatusOr<std::string> BuildReplacing(const AwaitedTarget& target,
                                           const SofiaCall& consultation) {
  std::optional<ReplacedDialog> replaced;
  // Only a confirmed dialog can be replaced (RFC 5589, 7.6).
  if (!consultation.AwaitsAnswer()) replaced = consultation.AsReplaced();
  return BuildReferTo(
      target.refer_to.empty() ? consultation.PublicTarget() : target.refer_to,
      target.headers, replaced, target.targets);
}

absl::StatusOr<TransferPlan> PlanTransfer(CallHost& host,
                                          const TransferRequest& request,
                                          const PlannedParty& party,
                                          const TargetPolicy& targets) {
  if (absl::Status status = CheckReferHeaders(request.headers); !status.ok()) {
    return status;
  }
  TransferPlan plan;
  if (absl::Status status = PlanReferTo(host, request, party, targets, plan);
      !status.ok()) {
    return status;
  }
  absl::StatusOr<std::string> referred_by =
      PlanReferredBy(request, party, targets);
  if (!referred_by.ok()) return referred_by.status();
  const absl::StatusOr<IdentityPlan> identity =
      PlanIdentity(request.identity, targets, party.trusted);
  if (!identity.ok()) return identity.status();
  // RFC 3323, 4.1: whoever the target is told of, it is not the user.
  if (identity->anonymous) *referred_by = kAnonymous;

  plan.call_id = party.call_id;
  plan.sip_call_id = party.sip_call_id;
  plan.referred_by = *std::move(referred_by);
  plan.anonymous = identity->anonymous;
  plan.headers = request.headers;
  plan.headers.insert(plan.headers.end(), identity->headers.begin(),
                      identity->headers.end());
  plan.replaces_call_id = request.replaces_call_id;
  plan.no_subscription = request.no_subscription;
  plan.request_id = request.request_id;
  return plan;
}

TransferPolicy PolicyOf(const TransferPolicy& configured,
                        const TransferRequest& request,
                        const TransferPlan& plan) {
  TransferPolicy policy = configured;
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
  policy.awaits_target = plan.awaited.has_value();
  return policy;
}

}  // namespace callcontrol::sip
