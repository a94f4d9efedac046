// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/sofia_engine_impl.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "sip/sofia/engine_errors.h"
#include "sip/transfer/refer_to.h"

namespace callcontrol::sip {

void SofiaEngine::Impl::Refer(const TransferRequest& request, ReferDone done) {
  if (draining_) {
    std::move(done)(
        MakeError(absl::StatusCode::kUnavailable, {.reason = "DRAINING"},
                  "the server is stopping and takes no more transfers"));
    return;
  }
  TransferParty* party = nullptr;
  absl::StatusOr<TransferPlan> plan = TakeOn(request, party);
  // The client is told before the first event, so that it misses none.
  std::move(done)(std::move(plan));
  if (party != nullptr) party->BeginTransfer();
}

absl::StatusOr<TransferPlan> SofiaEngine::Impl::TakeOn(
    const TransferRequest& request, TransferParty*& party) {
  if (open_transfers_ >= options_.max_open_transfers) {
    return MakeError(absl::StatusCode::kResourceExhausted,
                     {.reason = "TOO_MANY_TRANSFERS"},
                     absl::StrCat(open_transfers_,
                                  " transfers are open, which is as many "
                                  "as are allowed"));
  }
  if (!request.uri.empty()) return TakeOnWithoutCall(request, party);
  SofiaCall* const call = request.call_id.empty()
                              ? calls_.FindBySipCallId(request.sip_call_id)
                              : Find(request.call_id);
  if (call == nullptr) {
    return NoSuchCall(request.call_id.empty() ? request.sip_call_id
                                              : request.call_id);
  }
  absl::StatusOr<TransferPlan> plan = call->Refer(request);
  if (plan.ok() && !request.validate_only) party = call;
  return plan;
}

absl::StatusOr<TransferPlan> SofiaEngine::Impl::TakeOnWithoutCall(
    const TransferRequest& request, TransferParty*& party) {
  if (!request.validate_only && Overloaded()) return TooMuch();
  TransferPlan plan;
  absl::StatusOr<std::unique_ptr<UriReferral>> referral =
      UriReferral::Create(*this, request, plan);
  if (!referral.ok()) return referral.status();
  if (*referral != nullptr) {
    party = referral->get();
    referrals_.emplace(plan.transfer_id, *std::move(referral));
  }
  return plan;
}

void SofiaEngine::Impl::Cancel(const std::string& call_id,
                               const std::string& transfer_id,
                               CancelDone done) {
  CallTransfer* const transfer = FindTransfer(call_id, transfer_id);
  std::move(done)(transfer != nullptr ? transfer->OnCancel()
                                      : CancelOutcome::kTooLate);
}

CallTransfer* SofiaEngine::Impl::FindTransfer(const std::string& call_id,
                                              const std::string& transfer_id) {
  if (SofiaCall* const call = Find(call_id)) {
    return call->FindTransfer(transfer_id);
  }
  const auto found = referrals_.find(transfer_id);
  return found == referrals_.end() ? nullptr
                                   : found->second->FindTransfer(transfer_id);
}

// ---- REFERs of far ends -------------------------------------------------

bool SofiaEngine::Impl::TakesReferrals() {
  return !draining_ && open_transfers_ < options_.max_open_transfers &&
         !Overloaded();
}

void SofiaEngine::Impl::OnReferWaits(const std::string& refer_id,
                                     SofiaCall* call) {
  if (call == nullptr) {
    waiting_refers_.erase(refer_id);
  } else {
    waiting_refers_[refer_id] = call->snapshot().call_id;
  }
}

absl::Status SofiaEngine::Impl::Decide(const ReferDecision& decision) {
  const auto waits = waiting_refers_.find(decision.refer_id);
  SofiaCall* const call =
      waits == waiting_refers_.end() ? nullptr : Find(waits->second);
  InboundReferral* const referral =
      call == nullptr ? nullptr : call->FindReferral(decision.refer_id);
  if (referral == nullptr) {
    return MakeError(
        absl::StatusCode::kNotFound, {.reason = "REFER_NOT_FOUND"},
        absl::StrCat("no REFER \"", decision.refer_id,
                     "\" waits for a decision: it has been decided, its "
                     "deadline has passed, or there never was one"));
  }
  const std::string& by =
      decision.trunk.empty() ? referral->trunk() : decision.trunk;
  const std::shared_ptr<const Trunk> trunk = FindTrunk(by, trunks_);
  if (!CanCallBy(by, trunk.get())) return NoSuchTrunk(by);
  std::optional<ReferTarget> target;
  if (!decision.refer_to.empty()) {
    TargetPolicy policy = trunk != nullptr ? trunk->targets : options_.targets;
    if (trunk != nullptr && policy.host.empty()) policy.host = trunk->address;
    policy.leg_is_secure = options_.tls.has_value();
    absl::StatusOr<std::string> uri =
        BuildUri("refer_to", decision.refer_to, policy);
    if (!uri.ok()) return uri.status();
    absl::StatusOr<ReferTarget> read = ReadReferTarget(*uri);
    if (!read.ok()) return read.status();
    target = *std::move(read);
    if (by.empty() && LeadsHere(target->uri)) {
      return InvalidField("refer_to", "LEADS_HERE",
                          "refer_to names this server; name somebody else, "
                          "or a trunk");
    }
  }
  referral->Decide(decision, std::move(target));
  return absl::OkStatus();
}

}  // namespace callcontrol::sip
