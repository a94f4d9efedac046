// SPDX-License-Identifier: Apache-2.0

// REFERs of the far end (RFC 3515), and a call's part in those of others.

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sip/call/sdp_hold.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/request_answers.h"
#include "sip/sofia/sofia_call.h"
#include "sip/transfer/display_text.h"

namespace callcontrol::sip {
namespace {

// How much longer a subscription lasts than all that may happen.
constexpr std::chrono::seconds kSubscriptionMargin{60};

constexpr int kMostCatchUps = 2;

}  // namespace

const ReferralPolicy& SofiaCall::referral_policy() const {
  return trunk_ != nullptr ? trunk_->referrals : host_.options().referrals;
}

InboundReferral* SofiaCall::open_referral() const {
  const auto it = std::ranges::find_if(
      referrals_, [](const auto& referral) { return referral->open(); });
  return it == referrals_.end() ? nullptr : it->get();
}

InboundReferral* SofiaCall::joined_referral() const {
  const SofiaCall* const referrer =
      referral_of_.empty() ? nullptr : host_.Find(referral_of_);
  return referrer == nullptr ? nullptr : referrer->open_referral();
}

InboundReferral* SofiaCall::FindReferral(std::string_view id) {
  const auto it = std::ranges::find_if(
      referrals_, [&](const auto& referral) { return referral->id() == id; });
  return it == referrals_.end() ? nullptr : it->get();
}

// ---- The REFER ----------------------------------------------------------

int SofiaCall::CheckMayBeReferred() {
  if (!machine_.live()) return 481;
  // One at a time, and none that nobody could be called for.
  const bool free = referrals_.empty() && CheckNoTransfer().ok() && !alone_;
  if (!CheckAnswered().ok() || !free) return 603;
  SofiaCall* const other = other_leg();
  // Nor one whose place somebody else is about to take.
  if (other != nullptr &&
      (!other->CheckNoTransfer().ok() || !other->IsOfferedByNoneBut(*this))) {
    return 491;
  }
  // An INVITE is open, one way or the other (RFC 3261, 14.2 by analogy).
  return machine_.ReadyForRefer() ? 0 : 491;
}

int SofiaCall::OnReferAbout(nta_incoming_t* request, const sip_t& sip) {
  if (const int refused = RefuseUnknownExtensions(request, sip, supported())) {
    return refused;
  }
  if (!HasUsableContact(sip)) return 400;
  // Its tag goes into the answer, whatever that is.
  std::shared_ptr<ReferralDialog> own = ReferralDialog::Create(
      host_, request, sip,
      trunk_ != nullptr ? trunk_->tls_name : std::string());
  if (own == nullptr) return 500;
  return OnRefer(request, sip, std::move(own));
}

int SofiaCall::OnRefer(nta_incoming_t* request, const sip_t& sip,
                       std::shared_ptr<ReferralDialog> own) {
  const ReferralPolicy& policy = referral_policy();
  if (policy.mode == ReferralMode::kOff) {
    return RefuseMethod(request, sip, allow());
  }
  if (policy.mode == ReferralMode::kDecline) return 603;
  if (!HasUsableContact(sip)) return 400;
  if (const int refused = CheckMayBeReferred()) return refused;
  if (!host_.TakesReferrals()) return RefuseForNow(request, 503);
  absl::StatusOr<ReferTarget> target = ReadReferTo(sip);
  ReferralRequest asked{.target = target, .depth = referral_depth_};
  if (asked.target.ok()) {
    SipUri& uri = asked.target->uri;
    uri = host_.AtTrunkIfHere(uri, policy.trunk);
    asked.leads_here = host_.LeadsHere(uri);
    // The tags of a call of ours are for nobody else.
    int answer = 481;
    asked.replaces_own =
        !target->replaces.empty() &&
        host_.FindReplaced(target->replaces, answer) != nullptr;
    if (asked.replaces_own && answer != 200) return answer == 491 ? 491 : 603;
  }
  const std::optional<SipStatus> refusal = RefuseReferral(policy, asked);
  if (const auto& log = host_.options().log) {
    const std::string verdict =
        refusal ? absl::StrCat("refused: ", refusal->code, " ", refusal->reason)
                : "taken on";
    log(LogLevel::kInfo,
        absl::StrCat("REFER in call ", snapshot_.call_id, " to ",
                     asked.target.ok() ? CleanText(asked.target->uri.text, 256)
                                       : "what cannot be read",
                     " ", verdict));
  }
  if (refusal) {
    nta_incoming_treply(request, refusal->code, refusal->reason.c_str(),
                        TAG_END());
    return refusal->code;
  }
  TakeReferral(request, sip,
               {.target = *std::move(target),
                .referred_by = ReadReferredBy(sip),
                .event_id = absl::StrCat(sip.sip_cseq->cs_seq),
                .trunk = policy.trunk,
                .replaces_own = asked.replaces_own,
                .ring_limit = policy.ring_limit},
               std::move(own));
  return 0;
}

void SofiaCall::TakeReferral(nta_incoming_t* request, const sip_t& sip,
                             ReferralOrder order,
                             std::shared_ptr<ReferralDialog> own) {
  const ReferralPolicy& policy = referral_policy();
  const bool asks = policy.mode == ReferralMode::kDelegate;
  const ReferralTerms terms{
      .asks = asks,
      .subscribed = !DeclinesSubscription(sip),
      .decision_limit = policy.decision_limit,
      .lifetime = policy.ring_limit +
                  (asks ? policy.decision_limit : Milliseconds(0)) +
                  2 * kRelayLimit * host_.options().t1 + kSubscriptionMargin,
      .bye_wait = policy.bye_wait};
  if (own == nullptr) RefreshTarget(sip.sip_contact);
  int status = policy.accept_status;
  // Who refers from outside knows RFC 7647.
  const bool new_style = own != nullptr || snapshot_.far_end.contact_is_gruu;
  if (status == 0) status = new_style ? 200 : 202;
  const sip_contact_t* const ours = own != nullptr ? own->contact() : contact();
  nta_incoming_treply(
      request, status, sip_status_phrase(status), SIPTAG_CONTACT(ours),
      SIPTAG_SUPPORTED_STR(supported()),
      TAG_IF(!terms.subscribed, SIPTAG_HEADER_STR("Refer-Sub: false")),
      TAG_END());
  nta_incoming_destroy(request);
  referrals_.push_back(std::make_unique<InboundReferral>(
      host_, *this, std::move(order), terms, std::move(own)));
  InboundReferral& referral = *referrals_.back();
  if (asks) {
    snapshot_.pending_refer =
        std::make_shared<const PendingRefer>(referral.Pending());
    host_.OnReferWaits(referral.id(), this);
    Publish(CallChange::kReferRequested);
  }
  referral.Begin();
}

void SofiaCall::OnReferDecided(const std::string& refer_id) {
  if (snapshot_.pending_refer == nullptr) return;
  host_.OnReferWaits(refer_id, nullptr);
  snapshot_.pending_refer.reset();
  if (machine_.live()) Publish(CallChange::kUpdated);
}

void SofiaCall::OnReferralOver() {
  std::erase_if(referrals_, [this](auto& referral) {
    const bool over = referral->over();
    // One that is over is in the middle of its own functions.
    if (over) host_.DestroyLater(std::move(referral));
    return over;
  });
  ReleaseIfOver();
}

// ---- Its subscription ---------------------------------------------------

int SofiaCall::OnSubscribe(nta_incoming_t* request, const sip_t& sip) {
  if (referral_policy().mode == ReferralMode::kOff) {
    return RefuseMethod(request, sip, allow());
  }
  const std::optional<EventHeader> event = ReadEventOf(sip);
  if (!event || event->package != "refer") return AnswerBadEvent(request);
  const auto found =
      std::ranges::find_if(referrals_, [&](const auto& referral) {
        return !referral->has_own_dialog() &&
               referral->ServesSubscription(event->id);
      });
  // Only a REFER begins one (RFC 3515, 2.4.4).
  if (found == referrals_.end()) return 403;
  if (HasUsableContact(sip)) RefreshTarget(sip.sip_contact);
  (*found)->OnSubscribe(request, sip);
  return 200;
}

// ---- Its part in others' ------------------------------------------------

void SofiaCall::TakePartInReferral(const SofiaCall& referrer) {
  referral_of_ = referrer.snapshot_.call_id;
  if (!machine_.is_calling()) return;
  referral_depth_ = referrer.referral_depth_ + 1;
  snapshot_.referring_call_id = referral_of_;
}

void SofiaCall::LeaveReferrals() {
  InboundReferral* const joined = joined_referral();
  LeaveReferral();
  if (joined != nullptr) joined->OnLegOver(*this);
  // Each may go meanwhile.
  std::vector<std::string> ids;
  ids.reserve(referrals_.size());
  for (const auto& referral : referrals_) ids.push_back(referral->id());
  for (const std::string& id : ids) {
    if (InboundReferral* const own = FindReferral(id)) own->OnReferrerOver();
  }
}

void SofiaCall::JoinInstead(SofiaCall& other) {
  // What those they leave have offered is answered by nobody.
  for (SofiaCall* const leg : {this, &other}) {
    leg->RefuseDeferred({491, sip_status_phrase(491)});
    if (SofiaCall* const left = leg->Unbridge()) {
      left->WithdrawOfferOf(*leg);
      left->OnAlone();
      // The referrer hangs up by itself, once it is told.
      if (left->open_referral() == nullptr) {
        left->HangUp(
            absl::StrCat("its far end was joined to that of call ",
                         (leg == this ? other : *this).snapshot_.call_id));
      }
    }
  }
  Join(other, {.keep_when_transferred = keeps_other_leg_});
  Publish(CallChange::kUpdated);
  other.Publish(CallChange::kUpdated);
}

void SofiaCall::CatchUp() {
  SofiaCall* const other = other_leg();
  catches_up_ = other != nullptr && !MayBeOffered();
  if (other == nullptr || catches_up_) return;
  // What was refused only to fit another session is no news.
  const std::string theirs =
      WithoutRefusedMedia(CountMedia(local_sdp_), other->snapshot_.remote_sdp);
  if (theirs.empty() ||
      HasSameMedia(local_sdp_, WithRefusedMedia(theirs, local_sdp_))) {
    return;
  }
  if (catch_ups_++ < kMostCatchUps) RelayOffer(theirs, *other);
}

}  // namespace callcontrol::sip
