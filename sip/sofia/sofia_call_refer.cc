// SPDX-License-Identifier: Apache-2.0

// How a client's request becomes a transfer of a call.

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/next_hop.h"
#include "sip/sofia/sofia_call.h"
#include "sip/sofia/transfer_plan.h"

namespace callcontrol::sip {

absl::StatusOr<TransferPlan> SofiaCall::Refer(const TransferRequest& request) {
  // What the client can mend by itself comes first.
  absl::StatusOr<TransferPlan> plan = Plan(request);
  if (!plan.ok()) return plan.status();
  if (absl::Status status = CheckAnswered(); !status.ok()) return status;
  if (absl::Status status = CheckNoTransfer(); !status.ok()) return status;
  if (request.validate_only) return plan;

  plan->transfer_id = host_.NewId("t");
  SetCredentials(request.credentials);
  snapshot_.transfer_ids.push_back(plan->transfer_id);
  TransferPolicy policy = PolicyOf(host_.options().transfers, request, *plan);
  for (Milliseconds& wait : policy.glare_backoffs) wait = DrawGlareBackoff();
  transfers_.push_back(
      std::make_unique<CallTransfer>(host_, *this, *plan, policy));
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

bool SofiaCall::AwaitsAnswer() const {
  const CallState& state = machine_.state();
  return !state.hang_up_wanted && (state.phase == CallPhase::kIncoming ||
                                   state.phase == CallPhase::kCalling ||
                                   state.phase == CallPhase::kRinging);
}

void SofiaCall::TellAwaiting() {
  if (awaiting_.empty() || AwaitsAnswer()) return;
  for (const auto& [call_id, transfer_id] : std::exchange(awaiting_, {})) {
    CallTransfer* const transfer = host_.FindTransfer(call_id, transfer_id);
    if (transfer != nullptr) transfer->OnConsultationSettled(*this);
  }
}

absl::Status SofiaCall::CheckNoTransfer() {
  const InboundReferral* const own = open_referral();
  if (const auto* const referral = own != nullptr ? own : joined_referral()) {
    return MakeError(
        absl::StatusCode::kAborted, {.reason = "REFER_IN_PROGRESS"},
        absl::StrCat("REFER ", referral->id(), " of the far end of call ",
                     own != nullptr ? snapshot_.call_id : referral_of_,
                     " is being carried out"));
  }
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
  if (transfer != nullptr && machine_.ReadyForRefer() && refresh_ == nullptr) {
    transfer->OnLegReady();
  }
}

absl::StatusOr<TransferPlan> SofiaCall::Plan(
    const TransferRequest& request) const {
  const EngineOptions& options = host_.options();
  TargetPolicy targets = trunk_ != nullptr ? trunk_->targets : options.targets;
  if (targets.host.empty()) {
    const sip_contact_t* const target = RemoteTargetOf(leg_);
    if (target != nullptr) targets.host = target->m_url->url_host;
  }
  targets.leg_is_secure = transport_.transport == SipTransport::kTls;
  return PlanTransfer(
      host_, request,
      {.call_id = snapshot_.call_id,
       .sip_call_id = snapshot_.sip_call_id,
       .referred_by = options.referred_by_local ? snapshot_.local_uri
                                                : snapshot_.remote_uri,
       .trusted = trunk_ != nullptr && trunk_->trusted},
      targets);
}

std::shared_ptr<StandaloneRefer> SofiaCall::OutsideDialog(
    const TransferPlan& plan) {
  const sip_contact_t* const target = RemoteTargetOf(leg_);
  const char* const remote_tag = nta_leg_get_rtag(leg_);
  // RFC 7647, 4, and RFC 4538, 3: only there is it the one that is meant, and
  // only by Target-Dialog does it know what for.
  if (host_.options().refer_in_dialog_always || target == nullptr ||
      remote_tag == nullptr || !IsGruu(*target->m_url) ||
      !snapshot_.far_end.supports_target_dialog) {
    return nullptr;
  }
  // Credentials and identities of a trunk are for nobody else.
  if (trunk_ != nullptr && trunk_->uri.empty()) return nullptr;
  const TargetDialog about{.call_id = snapshot_.sip_call_id,
                           .local_tag = remote_tag,
                           .remote_tag = nta_leg_get_tag(leg_)};
  // Not every far end's Call-ID is one.
  if (ReadTargetDialog(FormatTargetDialog(about)) != about) return nullptr;
  StandaloneReferTerms terms{
      .uri = UriText(*target->m_url),
      .local = plan.anonymous ? kAnonymous
                              : absl::StrCat("<", snapshot_.local_uri, ">"),
      .sip_call_id = host_.NewId(""),
      .about = about};
  std::string next_hop;
  if (trunk_ != nullptr) {
    next_hop = trunk_->uri;
    terms.route = host_.ServiceRouteOf(trunk_->name);
    terms.tls_name = trunk_->tls_name;
  }
  terms.first_hop = FirstHopOf(terms.uri, next_hop, terms.route, trunk_.get());
  if (!terms.first_hop) return nullptr;
  // What the dialog kept to TLS stays there.
  terms.secure = transport_.transport == SipTransport::kTls;
  if (terms.secure && !terms.first_hop->secure &&
      terms.first_hop->transport != SipTransport::kTls) {
    return nullptr;
  }
  return std::make_shared<StandaloneRefer>(host_, std::move(terms));
}

ReplacedDialog SofiaCall::AsReplaced() const {
  // Whoever called whom: the to-tag is that of the UA the INVITE goes to.
  const char* const remote_tag = nta_leg_get_rtag(leg_);
  return {.call_id = snapshot_.sip_call_id,
          .to_tag = remote_tag == nullptr ? "" : remote_tag,
          .from_tag = nta_leg_get_tag(leg_)};
}

std::string SofiaCall::PublicTarget() const {
  const sip_contact_t* const target = RemoteTargetOf(leg_);
  // Browsers write a Contact that nobody can reach (RFC 7118, 5).
  const bool reachable = target != nullptr &&
                         target->m_url->url_host != nullptr &&
                         !absl::EndsWith(target->m_url->url_host, ".invalid");
  return reachable ? UriText(*target->m_url) : snapshot_.remote_uri;
}

}  // namespace callcontrol::sip
