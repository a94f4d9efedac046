// SPDX-License-Identifier: Apache-2.0

// A call as one leg of a bridge: what comes from its far end goes to the other
// leg's, session descriptions byte by byte.
//
// A request that only the other far end can answer is deferred. Nothing waits
// for both directions: while an offer goes one way, one that comes the other
// way gets 491.

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "sip/call/bridge.h"
#include "sip/call/sdp_hold.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/request_answers.h"
#include "sip/sofia/sofia_call.h"

namespace callcontrol::sip {
namespace {

// How many INFOs of one leg may wait for the other far end: more than anybody
// dials digits.
constexpr std::size_t kMostInfos = 16;

constexpr int kNoStatus = 0;

constexpr char kGone[] = "The other side is gone";

}  // namespace

void SofiaCall::Join(SofiaCall& other, const BridgeTerms& terms) {
  for (auto [leg, its_other] :
       {std::pair{this, &other}, std::pair{&other, this}}) {
    leg->other_leg_id_ = its_other->snapshot_.call_id;
    leg->snapshot_.bridged_call_id = leg->other_leg_id_;
    leg->keeps_other_leg_ = terms.keep_when_transferred;
    leg->alone_ = false;
    leg->catch_ups_ = 0;
  }
}

SofiaCall* SofiaCall::other_leg() const {
  return other_leg_id_.empty() ? nullptr : host_.Find(other_leg_id_);
}

SofiaCall* SofiaCall::Unbridge() {
  SofiaCall* const other = other_leg();
  other_leg_id_.clear();
  if (other != nullptr) other->other_leg_id_.clear();
  return other;
}

absl::Status SofiaCall::CheckNotBridged() const {
  if (other_leg() == nullptr) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kFailedPrecondition, {.reason = "CALL_BRIDGED"},
      absl::StrCat("call ", snapshot_.call_id, " is bridged to ", other_leg_id_,
                   ", whose far end decides about its session"));
}

std::string SofiaCall::allow() const {
  return absl::StrCat(kAllow, takes_referrals() ? kAllowReferrals : "",
                      other_leg() != nullptr ? ", INFO" : "");
}

// ---- The first INVITE ---------------------------------------------------

void SofiaCall::RelayProgress(const SipStatus& status, std::string_view sdp,
                              bool reliably) {
  if (!machine_.awaits_decision()) return;
  const bool rang = machine_.state().phase == CallPhase::kRinging;
  // Only a reliable one can have an offer, and the first one stands.
  const bool early_media =
      !sdp.empty() && machine_.state().early_session == EarlySession::kNone &&
      (early_->offered_media.has_value() ||
       (reliably && early_->provisional.supported()));
  early_->progress_reliably = reliably;
  early_->progress = {.status = status.code, .phrase = status.reason};
  const bool changed = early_media && sdp != local_sdp_;
  if (early_media) {
    early_->progress.sdp = std::string(sdp);
    RememberLocalSdp(early_->progress.sdp);
  }
  Perform(machine_.OnProgress());
  if (rang && changed) Publish(CallChange::kUpdated);
}

void SofiaCall::RelayAnswer(std::string sdp) {
  if (!machine_.awaits_decision()) return;
  // One that came early need not come again (RFC 6337, 2.2). Another one than
  // that, of another fork, can only be offered.
  if (machine_.state().early_session != EarlySession::kNone) {
    catches_up_ = !sdp.empty() && sdp != local_sdp_;
  } else if (!sdp.empty()) {
    local_sdp_ = std::move(sdp);
  }
  if (local_sdp_.empty()) {
    RelayRefusal({500, "The other side sent no session description"}, {});
    return;
  }
  Perform(machine_.OnAnswerDue());
}

void SofiaCall::RelayRefusal(const SipStatus& status,
                             std::vector<std::string> contacts) {
  Refuse(RelayedRefusal(status),
         absl::StrCat("the other leg was refused: ", status.code, " ",
                      status.reason),
         std::move(contacts));
}

void SofiaCall::Refuse(const SipStatus& status, std::string_view why,
                       std::vector<std::string> contacts) {
  if (early_ == nullptr) return;
  early_->reject = {.status = status.code,
                    .phrase = status.reason,
                    .contacts = std::move(contacts)};
  Perform(machine_.OnRefused(status.code, why));
}

void SofiaCall::AnswerEarlyOffer(std::string_view answer) {
  const auto outgoing = outgoing_;
  if (outgoing == nullptr) return;
  RememberLocalSdp(std::string(answer));
  outgoing->progress().AnswerWith(std::string(answer));
}

void SofiaCall::RelayAck(std::string_view answer) {
  if (unacknowledged_ != nullptr) {
    AcknowledgeCall(std::string(answer));
  } else if (const auto update = update_;
             update != nullptr && update->awaits_answer()) {
    // Its offer may have been made longer on the other leg.
    update->AnswerWith(ContinueSession(
        WithMediaUpTo(update->offered_media(), answer), local_sdp_));
  } else {
    return;
  }
  // There is no session without one.
  if (answer.empty()) HangUp("the offer in the 2xx was not answered");
}

// ---- Changes of the session ---------------------------------------------

bool SofiaCall::MayBeOffered() const {
  return machine_.state().phase == CallPhase::kAnswered && update_ == nullptr &&
         deferred_ == nullptr;
}

int SofiaCall::DeferOffer(nta_incoming_t* request, const sip_t& sip,
                          SofiaCall& other) {
  if (!other.MayBeOffered()) return 491;
  machine_.OnOfferDeferred();
  deferred_ = request;
  if (sip.sip_request->rq_method == sip_method_invite) {
    BindReInvite(request);
    nta_incoming_treply(request, SIP_100_TRYING, TAG_END());
  }
  other.RelayOffer(std::string(SdpOf(sip)), *this);
  return kNoStatus;
}

void SofiaCall::RelayOffer(std::string sdp, const SofiaCall& from) {
  relay_withdrawn_ = false;
  offered_by_ = from.snapshot_.call_id;
  relayed_media_.reset();
  if (!sdp.empty()) relayed_media_ = CountMedia(sdp);
  Arm(relay_timer_, kRelayLimit * host_.options().t1, [this] {
    if (SofiaCall* const asker = host_.Find(offered_by_)) {
      asker->SettleOffer({.status = {504, "The other side did not answer"}},
                         *this);
    }
    WithdrawOffer();
    // RFC 3261, 9.1.
    Arm(relay_timer_, 64 * host_.options().t1, [this] {
      if (const auto update = update_) update->GiveUp();
    });
  });
  Renegotiate(
      [this, sdp = std::move(sdp)] {
        if (sdp.empty()) return sdp;
        // One of another session may have fewer streams than this one.
        return ContinueSession(WithRefusedMedia(sdp, local_sdp_), local_sdp_);
      },
      false,
      [this](const SessionUpdate::Outcome& outcome) { OnRelayEnded(outcome); });
}

void SofiaCall::OnRelayEnded(const SessionUpdate::Outcome& outcome) {
  Disarm(relay_timer_);
  SofiaCall* const asker = host_.Find(std::exchange(offered_by_, ""));
  if (!relay_withdrawn_) {
    // One that was given up is no answer of the far end's.
    const bool given_up = !outcome.answered && outcome.status.code == 487;
    if (asker == nullptr) return;
    SessionUpdate::Outcome told = outcome;
    if (given_up) told = {{500, kGone}};
    if (relayed_media_) {
      told.remote_sdp = WithMediaUpTo(*relayed_media_, told.remote_sdp);
    }
    asker->SettleOffer(told, *this);
    return;
  }
  // The CANCEL came too late.
  if (IsSuccess(outcome.status.code)) CatchUp();
}

void SofiaCall::OnTheirOffer(const SessionUpdate::Outcome& offer) {
  SofiaCall* const asker = host_.Find(offered_by_);
  if (asker != nullptr && asker->live() && asker->AwaitsOffer() &&
      !relay_withdrawn_) {
    asker->SettleOffer(offer, *this);
  } else if (const auto update = update_) {
    update->AnswerWith("");
  }
}

void SofiaCall::SettleOffer(const SessionUpdate::Outcome& outcome,
                            const SofiaCall& by) {
  if (!asked_leg_id_.empty()) {
    OnPlaceDecided(outcome);
    return;
  }
  if (InboundReferral* const referral = open_referral();
      referral != nullptr && referral->AwaitsOfferOf(by)) {
    referral->OnOfferSettled(outcome);
    return;
  }
  if (other_leg() != &by) return;
  if (deferred_ == nullptr) {
    // What was offered there was this far end's; its answer is news here.
    if (IsSuccess(outcome.status.code)) CatchUp();
    return;
  }
  if (!IsSuccess(outcome.status.code) || outcome.remote_sdp.empty()) {
    const bool refused = !IsSuccess(outcome.status.code);
    RefuseDeferred(refused ? RelayedDialogRefusal(outcome.status)
                           : SipStatus{500, "No session description came"});
    return;
  }
  nta_incoming_t* const request = std::exchange(deferred_, nullptr);
  const bool invites = request == reinvite_;
  msg_t* const message = nta_incoming_getrequest(request);
  if (const sip_t* const sip = sip_object(message)) {
    std::string sdp = outcome.remote_sdp;
    // What was asked for is an offer, in a session that may have more streams.
    if (BodyOf(*sip).empty()) sdp = WithRefusedMedia(sdp, local_sdp_);
    AcceptSessionRequest(request, *sip, ContinueSession(sdp, local_sdp_));
  }
  msg_destroy(message);
  if (!invites) nta_incoming_destroy(request);
  Perform(machine_.OnDeferredAccepted(invites));
}

void SofiaCall::RefuseDeferred(const SipStatus& status) {
  if (deferred_ == nullptr) return;
  nta_incoming_t* const request = std::exchange(deferred_, nullptr);
  if (request == reinvite_) reinvite_ = nullptr;
  nta_incoming_treply(request, status.code, status.reason.c_str(), TAG_END());
  nta_incoming_destroy(request);
  Perform(machine_.OnDeferredRefused());
}

void SofiaCall::OnDeferredCancelled() {
  SofiaCall* const other = other_leg();
  Perform(machine_.OnDeferredRefused());
  if (other != nullptr) other->WithdrawOffer();
}

void SofiaCall::WithdrawOffer() {
  const auto update = update_;
  if (update == nullptr) return;
  relay_withdrawn_ = true;
  if (update->awaits_answer()) {
    update->AnswerWith("");
  } else {
    update->Cancel();
  }
}

// ---- Replaces ------------------------------------------------------------

void SofiaCall::TakePlaceInBridge(const sip_t& sip, SofiaCall& replaced) {
  SofiaCall* const other = replaced.other_leg();
  if (other == nullptr || !other->MayBeOffered()) {
    Refuse({491, sip_status_phrase(491)}, "the other leg is being changed");
    return;
  }
  asked_leg_id_ = other->snapshot_.call_id;
  other->RelayOffer(std::string(SdpOf(sip)), *this);
}

void SofiaCall::OnPlaceDecided(const SessionUpdate::Outcome& outcome) {
  SofiaCall* const other = host_.Find(std::exchange(asked_leg_id_, ""));
  const bool taken =
      IsSuccess(outcome.status.code) && !outcome.remote_sdp.empty();
  if (other == nullptr || !taken) {
    const SipStatus status = IsSuccess(outcome.status.code)
                                 ? SipStatus{500, "No session description came"}
                                 : RelayedDialogRefusal(outcome.status);
    Refuse(status, "the other leg was not taken over");
    return;
  }
  if (other->in_referral()) {
    Refuse({491, sip_status_phrase(491)}, "the other leg is being referred");
    other->CatchUp();
    return;
  }
  // The replaced leg ends alone, with the answer to this one.
  other->Unbridge();
  Join(*other, {.keep_when_transferred = other->keeps_other_leg_});
  other->Publish(CallChange::kUpdated);
  RelayAnswer(outcome.remote_sdp);
}

// ---- INFO ---------------------------------------------------------------

// An INFO of the other leg (RFC 6086) until the far end of this one answers.
struct SofiaCall::InfoRelay {
  explicit InfoRelay(nta_incoming_t* its_request) : request(its_request) {}
  ~InfoRelay() { nta_incoming_destroy(request); }
  InfoRelay(const InfoRelay&) = delete;
  InfoRelay& operator=(const InfoRelay&) = delete;

  nta_incoming_t* const request;
  OutgoingRequest outgoing{};
  std::unique_ptr<ClientTransaction> info{};
};

int SofiaCall::OnInfo(nta_incoming_t* request, const sip_t& sip) {
  SofiaCall* const other = other_leg();
  if (other == nullptr) return RefuseMethod(request, sip, allow());
  return other->RelayInfo(request, sip);
}

int SofiaCall::RelayInfo(nta_incoming_t* request, const sip_t& sip) {
  if (machine_.state().phase != CallPhase::kAnswered ||
      machine_.state().ack_due || info_relays_.size() >= kMostInfos) {
    return RefuseForNow(request, 500);
  }
  const auto relay = std::make_shared<InfoRelay>(request);
  relay->outgoing = {
      .method = sip_method_info,
      .method_name = "INFO",
      .contact = contact(),
      .headers = ReadHeaders(sip, {"Info-Package", "Content-Disposition"}),
      .body = std::string(BodyOf(sip)),
      .content_type = ReadContentType(sip)};
  info_relays_.push_back(relay);
  WithNextHop([this, relay](absl::StatusOr<SipAddress> next_hop) {
    if (next_hop.ok()) SendInfo(relay, *next_hop);
    if (relay->info == nullptr) FinishInfo(relay, {503, "Not sent"});
  });
  return kNoStatus;
}

void SofiaCall::SendInfo(const std::shared_ptr<InfoRelay>& relay,
                         const SipAddress& next_hop) {
  relay->info = ClientTransaction::Send(
      leg_, next_hop, host_.options().user_agent, relay->outgoing,
      [this, weak = std::weak_ptr(relay)](const sip_t& sip,
                                          ClientTransaction::Ending ending) {
        const auto answered = weak.lock();
        if (answered == nullptr || IsProvisional(sip.sip_status->st_status)) {
          return;
        }
        const SipStatus status = ReadStatus(sip);
        FinishInfo(answered, status);
        const bool from_far_end =
            ending == ClientTransaction::Ending::kAnswered;
        if (status.code == 481 || !from_far_end) Probe();
      });
}

void SofiaCall::FinishInfo(const std::shared_ptr<InfoRelay>& relay,
                           const SipStatus& status) {
  const SipStatus answer =
      IsSuccess(status.code) ? status : RelayedDialogRefusal(status);
  nta_incoming_treply(relay->request, answer.code, answer.reason.c_str(),
                      TAG_END());
  std::erase(info_relays_, relay);
  // Its transaction goes after what it is calling has returned.
  host_.DestroyLater(relay);
}

// ---- The end ------------------------------------------------------------

void SofiaCall::LeaveBridge() {
  SofiaCall* const asked = host_.Find(std::exchange(asked_leg_id_, ""));
  if (asked != nullptr) asked->WithdrawOffer();
  RefuseDeferred({487, sip_status_phrase(487)});
  LeaveReferrals();
  SofiaCall* const other = Unbridge();
  if (other == nullptr) return;
  if (open_referral() != nullptr) {
    // RFC 5589, 6: whoever refers may leave at once, and the transfer goes on.
    other->OnAlone();
    return;
  }
  const bool transferred =
      !transfers_.empty() && transfers_.back()->takes_leg_away();
  if (transferred && keeps_other_leg_) {
    other->OnAlone();
  } else {
    other->OnOtherLegOver(snapshot_.end_reason, bye_reason_);
  }
}

void SofiaCall::OnAlone() {
  RefuseDeferred({500, kGone});
  alone_ = true;
  snapshot_.bridged_call_id.clear();
  if (!machine_.live()) return;
  Publish(CallChange::kUpdated);
  const auto update = update_;
  if (update != nullptr && update->awaits_answer()) {
    HangUp("nobody is left to answer the far end's offer");
  }
}

void SofiaCall::OnOtherLegOver(std::string_view reason,
                               std::string_view sip_reason) {
  if (joined_referral() != nullptr) {
    // It is being joined to somebody else: whoever refers may leave (RFC 5589,
    // 6), also the call that brought the two together.
    OnAlone();
    return;
  }
  RefuseDeferred({500, kGone});
  if (!machine_.live()) return;
  bye_reason_ = sip_reason;
  if (!offered_by_.empty()) {
    // It may be one that was to take the place of the leg that has ended.
    if (SofiaCall* const asker = host_.Find(offered_by_)) {
      asker->SettleOffer({.status = {500, kGone}}, *this);
    }
    WithdrawOffer();
  }
  // Its transfer goes on, and says how this leg ends.
  other_leg_gone_ = open_transfer() != nullptr;
  if (other_leg_gone_) return;
  // The far end is told first what became of its REFER.
  const bool told_first = std::ranges::any_of(
      referrals_, [](const auto& referral) { return referral->clears_leg(); });
  if (told_first) return;
  HangUpLeg(absl::StrCat("the other leg ended", reason.empty() ? "" : ": ",
                         absl::string_view(reason.data(), reason.size())));
}

void SofiaCall::OnTransferOver() {
  if (!std::exchange(other_leg_gone_, false) || !machine_.live()) return;
  HangUpLeg("the other leg had ended");
}

}  // namespace callcontrol::sip
