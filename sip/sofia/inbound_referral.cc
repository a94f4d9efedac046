// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/inbound_referral.h"

#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sip/call/bridge.h"
#include "sip/call/sdp_hold.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/sofia_call.h"
#include "sip/transfer/display_text.h"

namespace callcontrol::sip {
namespace {

MonotonicTime Now() { return std::chrono::steady_clock::now(); }

// No subscription lasts as long.
constexpr std::chrono::seconds kLongest = std::chrono::hours(24);

// The referrer learns the status and no more (RFC 3515, 5.3): the phrase is the
// usual one, whatever the target said.
SipStatus Bare(int code) {
  const char* const phrase = sip_status_phrase(code);
  return {code, phrase == nullptr ? "" : phrase};
}

}  // namespace

InboundReferral::InboundReferral(CallHost& host, SofiaCall& referrer,
                                 ReferralOrder order,
                                 const ReferralTerms& terms,
                                 std::shared_ptr<ReferralDialog> own)
    : host_(host),
      referrer_(referrer),
      id_(host.NewId("r")),
      order_(std::move(order)),
      machine_(terms),
      own_dialog_(std::move(own)),
      decide_by_(absl::Now() + absl::FromChrono(terms.decision_limit)) {
  if (own_dialog_ != nullptr) own_dialog_->ServeFor(*this);
  host_.OnTransferOpened();
}

InboundReferral::~InboundReferral() {
  if (timer_) host_.loop().timers().Cancel(*timer_);
}

PendingRefer InboundReferral::Pending() const {
  return {.refer_id = id_,
          .refer_to = CleanText(order_.target.uri.text, kMaxUriLength),
          .replaces = CleanText(order_.target.replaces, kMaxUriLength),
          .referred_by = CleanText(order_.referred_by, kMaxUriLength),
          .deadline = decide_by_};
}

void InboundReferral::Begin() {
  if (SofiaCall* const other = referrer_.other_leg()) {
    partner_id_ = other->snapshot().call_id;
    other->TakePartInReferral(referrer_);
  }
  Perform(machine_.Begin(Now()));
}

void InboundReferral::Decide(const ReferDecision& decision,
                             std::optional<ReferTarget> target) {
  if (!decision.accept) {
    Fail(decision.status);
    return;
  }
  referrer_.OnReferDecided(id_);
  if (target) {
    // Whom a client names is no dialog of the referrer's.
    order_.target = *std::move(target);
    order_.replaces_own = false;
  }
  if (!decision.trunk.empty()) order_.trunk = decision.trunk;
  Perform(machine_.OnAccepted(Now()));
}

bool InboundReferral::ServesSubscription(
    const std::optional<std::string>& event_id) const {
  return machine_.subscribed() && (!event_id || *event_id == order_.event_id);
}

void InboundReferral::OnSubscribe(nta_incoming_t* request, const sip_t& sip) {
  // RFC 6665, 4.1.2.1: as long as can be where it does not say.
  std::chrono::seconds asked = kLongest;
  if (sip.sip_expires != nullptr &&
      sip.sip_expires->ex_delta <
          static_cast<unsigned long>(kLongest.count())) {
    asked = std::chrono::seconds(sip.sip_expires->ex_delta);
  }
  std::chrono::seconds granted{0};
  const ReferralStep step = machine_.OnSubscribe(asked, granted, Now());
  const std::string expires = absl::StrCat(granted.count());
  nta_incoming_treply(request, SIP_200_OK, SIPTAG_CONTACT(path().contact()),
                      SIPTAG_EXPIRES_STR(expires.c_str()), TAG_END());
  Perform(step);
}

void InboundReferral::OnShutdown() {
  if (machine_.open()) Fail(503);
}

// ---- What the machine asks for ------------------------------------------

void InboundReferral::Perform(const ReferralStep& step) {
  if (step.notify) Notify(*step.notify);
  if (step.clear_leg) referrer_.HangUpLeg("the transfer left it alone");
  if (step.carry_out) CarryOut();
  const bool told =
      machine_.over() || machine_.state().phase == ReferralPhase::kClearing;
  if (told && std::exchange(counted_, false)) host_.OnTransferEnded();
  if (step.over) {
    referrer_.OnReferralOver();
  } else {
    ArmTimer();
  }
}

void InboundReferral::ArmTimer() {
  if (timer_) host_.loop().timers().Cancel(*timer_);
  timer_.reset();
  const std::optional<MonotonicTime> next = machine_.NextDeadline();
  if (!next) return;
  timer_ = host_.loop().timers().Add(*next, [this] {
    timer_.reset();
    const bool was_open = machine_.open();
    const ReferralStep step = machine_.OnTime(Now());
    if (was_open && !machine_.open()) Abandon();
    Perform(step);
  });
}

RequestPath& InboundReferral::path() const {
  return own_dialog_ != nullptr ? *own_dialog_
                                : static_cast<RequestPath&>(referrer_);
}

void InboundReferral::Notify(const ReferralNotify& notify) {
  authorization_ = ChallengeAnswer();
  path().WithNextHop([&call = referrer_, id = id_,
                      notify](const absl::StatusOr<SipAddress>& next_hop) {
    InboundReferral* const self = call.FindReferral(id);
    if (self == nullptr) return;
    if (next_hop.ok()) self->SendNotify(*next_hop, notify);
    if (self->notify_ == nullptr) {
      self->Perform(self->machine_.OnNotifyAnswer(408, Now()));
    }
  });
}

void InboundReferral::SendNotify(const SipAddress& next_hop,
                                 const ReferralNotify& notify) {
  std::vector<SipHeader> headers = {
      {"Event", absl::StrCat("refer;id=", order_.event_id)},
      {"Subscription-State", notify.subscription_state}};
  headers.insert(headers.end(), authorization_.headers().begin(),
                 authorization_.headers().end());
  notify_ = ClientTransaction::Send(
      path().leg(), next_hop, host_.options().user_agent,
      {.method = sip_method_notify,
       .method_name = sip_method_name_notify,
       .contact = path().contact(),
       .headers = std::move(headers),
       .body = absl::StrCat("SIP/2.0 ", notify.status.code, " ",
                            notify.status.reason, "\r\n"),
       .content_type = "message/sipfrag;version=2.0"},
      [this, next_hop, notify](const sip_t& sip,
                               ClientTransaction::Ending ending) {
        const int status = sip.sip_status->st_status;
        if (IsProvisional(status)) return;
        // It is what is calling, and goes after that has returned.
        const std::unique_ptr<ClientTransaction> finished = std::move(notify_);
        if (authorization_.Take(sip, "NOTIFY", finished->request_uri(),
                                referrer_.credentials(), host_.NewId(""))) {
          SendNotify(next_hop, notify);
          if (notify_ != nullptr) return;
        }
        const bool answered = ending == ClientTransaction::Ending::kAnswered;
        Perform(machine_.OnNotifyAnswer(answered ? status : 408, Now()));
      });
}

// ---- The target ---------------------------------------------------------

void InboundReferral::CarryOut() {
  if (const SofiaCall* const other = partner()) {
    offered_ = WithoutHold(other->snapshot().remote_sdp);
  } else if (!referrer_.live()) {
    // Nobody is left to call for.
    Fail(487);
    return;
  } else if (referrer_.client_has_media()) {
    offered_ = WithoutHold(referrer_.offer());
  }
  if (order_.replaces_own) {
    TakeOverOwn();
    return;
  }
  const SipUri to = host_.AtTrunkIfHere(order_.target.uri, order_.trunk);
  PlaceRequest request{.trunk = order_.trunk,
                       .to = to.text,
                       .sdp = offered_,
                       .ring_limit = order_.ring_limit};
  std::vector<SipHeader> headers = order_.target.headers;
  if (!order_.referred_by.empty()) {
    headers.push_back({"Referred-By", order_.referred_by});
  }
  SipStatus refusal;
  SofiaCall* const placed = host_.PlaceReferred(
      referrer_, partner(), std::move(request), std::move(headers), refusal);
  if (placed == nullptr) {
    Fail(refusal.code);
    return;
  }
  target_id_ = placed->snapshot().call_id;
  placed->BeginPlaced();
}

void InboundReferral::TakeOverOwn() {
  int answer = 481;
  SofiaCall* const replaced =
      host_.FindReplaced(order_.target.replaces, answer);
  SofiaCall* const other =
      replaced == nullptr ? nullptr : replaced->other_leg();
  // Two far ends are needed that this server can join, and that nobody else has
  // anything to do with.
  if (partner() == nullptr || other == nullptr || replaced == &referrer_ ||
      replaced == partner()) {
    Fail(603);
    return;
  }
  if (answer != 200 || !other->MayBeOffered() ||
      !replaced->CheckNoTransfer().ok() || !other->CheckNoTransfer().ok()) {
    Fail(491);
    return;
  }
  target_id_ = other->snapshot().call_id;
  replaced_id_ = replaced->snapshot().call_id;
  replaced->TakePartInReferral(referrer_);
  other->TakePartInReferral(referrer_);
  step_ = Step::kTargetOffered;
  other->RelayOffer(offered_, referrer_);
}

void InboundReferral::OnTargetProgress(const SipStatus& status) {
  Perform(machine_.OnProgress(Bare(status.code), Now()));
}

void InboundReferral::OnTargetAnswered() {
  const SofiaCall* const answered = target();
  if (answered == nullptr || !machine_.open()) return;
  answer_ = answered->snapshot().remote_sdp;
  if (partner_id_.empty()) {
    Succeed();
  } else if (answer_.empty()) {
    Fail(500);
  } else {
    OfferToPartner();
  }
}

// ---- The partner --------------------------------------------------------

void InboundReferral::OfferToPartner() {
  SofiaCall* const other = partner();
  if (other == nullptr || !other->live()) return;
  partner_due_ = !other->MayBeOffered();
  if (partner_due_) return;
  step_ = Step::kPartnerOffered;
  partner_touched_ = true;
  other->RelayOffer(answer_, referrer_);
}

void InboundReferral::OnLegReady() {
  if (partner_due_ && machine_.open()) OfferToPartner();
}

bool InboundReferral::AwaitsOfferOf(const SofiaCall& leg) const {
  switch (step_) {
    case Step::kNone:
      return false;
    case Step::kTargetOffered:
      return leg.snapshot().call_id == target_id_;
    case Step::kPartnerOffered:
      return leg.snapshot().call_id == partner_id_;
  }
  return false;
}

void InboundReferral::OnOfferSettled(const SessionUpdate::Outcome& outcome) {
  const Step step = std::exchange(step_, Step::kNone);
  if (!machine_.open()) return;
  const bool taken =
      IsSuccess(outcome.status.code) && !outcome.remote_sdp.empty();
  if (!taken) {
    Fail(IsSuccess(outcome.status.code)
             ? 500
             : RelayedDialogRefusal(outcome.status).code);
  } else if (step == Step::kTargetOffered) {
    answer_ = outcome.remote_sdp;
    OfferToPartner();
  } else {
    Succeed();
  }
}

// ---- The end ------------------------------------------------------------

void InboundReferral::OnReferrerOver() { Perform(machine_.OnLegOver()); }

void InboundReferral::OnLegOver(const SofiaCall& leg) {
  const std::string& id = leg.snapshot().call_id;
  // The replaced one may end by itself.
  if (!machine_.open() || (id != partner_id_ && id != target_id_)) return;
  // Without the partner nobody is left whom the target could be joined to.
  const int status = id == partner_id_ ? 487 : leg.snapshot().end_status;
  Fail(status >= 300 ? status : 487);
}

void InboundReferral::Succeed() {
  SofiaCall* const found = target();
  SofiaCall* const other = partner();
  if (found == nullptr || (other == nullptr && !partner_id_.empty())) {
    Fail(487);
    return;
  }
  found->LeaveReferral();
  ReleaseReplaced();
  if (other != nullptr) {
    other->LeaveReferral();
    other->JoinInstead(*found);
    // What the partner said last may be news to the target.
    found->CatchUp();
  }
  Perform(machine_.OnOutcome(Bare(200), false, Now()));
}

void InboundReferral::ReleaseReplaced() {
  SofiaCall* const replaced = host_.Find(replaced_id_);
  if (replaced != nullptr) replaced->LeaveReferral();
}

void InboundReferral::Fail(int status) {
  const SofiaCall* const other = partner();
  // Somebody else may have taken the partner's place meanwhile.
  const bool left_alone =
      !partner_id_.empty() && referrer_.live() &&
      (other == nullptr || !other->live()) &&
      (!referrer_.bridged() || referrer_.other_leg() == other);
  const ReferralStep step = machine_.OnOutcome(Bare(status), left_alone, Now());
  Abandon();
  Perform(step);
}

void InboundReferral::Abandon() {
  referrer_.OnReferDecided(id_);
  const Step step = std::exchange(step_, Step::kNone);
  partner_due_ = false;
  ReleaseReplaced();
  if (SofiaCall* const found = target(); found != nullptr && found->live()) {
    found->LeaveReferral();
    if (step == Step::kTargetOffered) found->WithdrawOfferOf(referrer_);
    if (found->bridged()) {
      found->CatchUp();
    } else {
      found->HangUpLeg("the transfer that it was part of failed");
    }
  }
  if (SofiaCall* const other = partner(); other != nullptr && other->live()) {
    other->LeaveReferral();
    if (step == Step::kPartnerOffered) other->WithdrawOfferOf(referrer_);
    if (!other->bridged()) {
      other->HangUpLeg("the transfer failed, and the other leg had ended");
    } else if (partner_touched_) {
      other->CatchUp();
    }
  }
}

}  // namespace callcontrol::sip
