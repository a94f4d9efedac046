// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/sofia_call.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "absl/time/clock.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/next_hop.h"
#include "sip/transfer/display_text.h"

namespace callcontrol::sip {
namespace {

// Numbers the sessions of this process for the o= line (RFC 4566, 5.2).
std::uint64_t NewSessionId() {
  static std::uint64_t last = 0;
  if (last == 0)
    last = static_cast<std::uint64_t>(absl::ToUnixSeconds(absl::Now()));
  return ++last;
}

// A URI or Call-ID of a peer, for people and for look-ups.
std::string CleanName(std::string_view text) { return CleanText(text, 2048); }

}  // namespace

std::unique_ptr<SofiaCall> SofiaCall::Create(CallHost& host,
                                             nta_incoming_t* invite,
                                             const sip_t& sip) {
  std::unique_ptr<SofiaCall> call(new SofiaCall(host, invite, sip));
  return call->leg_ == nullptr ? nullptr : std::move(call);
}

SofiaCall::SofiaCall(CallHost& host, nta_incoming_t* invite, const sip_t& sip)
    : host_(host), invite_(invite) {
  transport_ = ReadLegTransport(sip);
  leg_ = CreateServerLeg(host_, *this, sip);
  if (leg_ == nullptr) return;
  nta_incoming_tag(invite_, nta_leg_get_tag(leg_));
  nta_incoming_bind(
      invite_,
      [](InviteHandler* self, nta_incoming_t* request, const sip_t* message) {
        self->OnAckOrCancel(request, message);
        return 0;
      },
      static_cast<InviteHandler*>(this));

  BeginSession();
  snapshot_.sip_call_id = CleanName(sip.sip_call_id->i_id);
  snapshot_.local_uri = CleanName(UriText(*sip.sip_to->a_url));
  snapshot_.remote_uri = CleanName(UriText(*sip.sip_from->a_url));
  snapshot_.remote_target = CleanName(UriText(*sip.sip_contact->m_url));
  snapshot_.far_end = ReadFarEnd(sip);
}

void SofiaCall::BeginSession() {
  sdp_origin_.session_id = NewSessionId();
  sdp_origin_.address = host_.contact()->m_url->url_host;
  std::erase_if(sdp_origin_.address,
                [](char c) { return c == '[' || c == ']'; });
  snapshot_.call_id = host_.NewId("c");
  snapshot_.create_time = absl::Now();
}

void SofiaCall::TakeTrunk(std::shared_ptr<const Trunk> trunk) {
  trunk_ = std::move(trunk);
  if (trunk_ != nullptr) snapshot_.trunk = trunk_->name;
  session_timer_ =
      SessionTimer(trunk_ != nullptr ? trunk_->session_timer
                                     : host_.options().session_timer);
}

bool SofiaCall::IsDialog(const TargetDialog& dialog) const {
  const char* const remote_tag = nta_leg_get_rtag(leg_);
  return machine_.live() && snapshot_.sip_call_id == dialog.call_id &&
         remote_tag != nullptr && dialog.remote_tag == remote_tag &&
         dialog.local_tag == nta_leg_get_tag(leg_);
}

const Credentials* SofiaCall::credentials() const {
  if (credentials_ != nullptr) return credentials_.get();
  const bool has = trunk_ != nullptr && trunk_->credentials.has_value();
  return has ? &*trunk_->credentials : nullptr;
}

SofiaCall::~SofiaCall() {
  Disarm(answer_timer_);
  Disarm(session_timer_id_);
  Disarm(relay_timer_);
  Disarm(provisional_timer_);
  outgoing_.reset();
  update_.reset();
  transfers_.clear();
  referrals_.clear();
  info_relays_.clear();
  if (deferred_ != nullptr && deferred_ != reinvite_) {
    nta_incoming_destroy(deferred_);
  }
  if (invite_ != nullptr) nta_incoming_destroy(invite_);
  if (reinvite_ != nullptr) nta_incoming_destroy(reinvite_);
  if (leg_ != nullptr) nta_leg_destroy(leg_);
}

// ---- What the machine asks for ------------------------------------------

void SofiaCall::Perform(const CallMachine::Actions& actions) {
  for (const CallAction action : actions) {
    switch (action) {
      case CallAction::kSendRinging:
        SendRinging();
        break;
      case CallAction::kSendAnswer:
        Answer();
        break;
      case CallAction::kSendReject:
        SendReject();
        break;
      case CallAction::kSendBye:
        SendBye();
        break;
      case CallAction::kSendCancel:
        SendCancel();
        break;
      case CallAction::kLegReady:
        BeginUpdate();
        BeginTransfer();
        if (InboundReferral* const joined = joined_referral()) {
          joined->OnLegReady();
        }
        if (catches_up_) CatchUp();
        break;
    }
  }
  if (!machine_.awaits_decision() && !machine_.is_calling()) {
    Disarm(answer_timer_);
  }
  if (!machine_.awaits_answer() && early_ != nullptr) {
    Disarm(provisional_timer_);
    early_->provisional.OnFinal();
    // A PRACK may cross the final answer (RFC 3262, 3).
    if (!early_->provisional.unacknowledged()) early_.reset();
  }
  PublishPhase();
  TellAwaiting();
  if (!machine_.live()) LeaveBridge();
  ReleaseIfOver();
}

void SofiaCall::Arm(std::optional<TimerQueue::Id>& timer, Milliseconds wait,
                    absl::AnyInvocable<void()> then) {
  Disarm(timer);
  timer = host_.loop().timers().Add(std::chrono::steady_clock::now() + wait,
                                    [&timer, then = std::move(then)]() mutable {
                                      timer.reset();
                                      then();
                                    });
}

void SofiaCall::Disarm(std::optional<TimerQueue::Id>& timer) {
  if (timer) host_.loop().timers().Cancel(*timer);
  timer.reset();
}

void SofiaCall::HangUp(std::string_view reason) {
  if (CallTransfer* transfer = open_transfer()) transfer->OnLocalHangUp();
  HangUpLeg(reason);
}

void SofiaCall::ShutDownTransfers() {
  if (CallTransfer* transfer = open_transfer()) transfer->OnShutdown();
  if (InboundReferral* const referral = open_referral()) referral->OnShutdown();
}

void SofiaCall::HangUpLeg(std::string_view reason) {
  // The ACK leaves before the BYE.
  const auto update = update_;
  if (update != nullptr && update->awaits_answer()) update->AnswerWith("");
  Perform(machine_.OnHangUp(reason));
}

void SofiaCall::SendCancel() {
  if (const auto outgoing = outgoing_) {
    outgoing->Cancel();
  } else {
    // It is answered already; the ACK is followed by BYE.
    AcknowledgeCall("");
  }
}

void SofiaCall::SendBye() {
  WithNextHop([this](absl::StatusOr<SipAddress> next_hop) {
    // The far end's BYE may have come while the name was looked up.
    if (machine_.state().phase != CallPhase::kEnding) return;
    if (next_hop.ok()) {
      std::vector<SipHeader> headers = bye_authorization_.headers();
      if (!bye_reason_.empty()) headers.push_back({"Reason", bye_reason_});
      bye_ = ClientTransaction::Send(
          leg_, *next_hop, host_.options().user_agent,
          {SIP_METHOD_BYE, nullptr, std::move(headers)},
          [this](const sip_t& sip, ClientTransaction::Ending ending) {
            if (IsProvisional(sip.sip_status->st_status)) return;
            if (TakeByeChallenge(sip)) {
              host_.DestroyLater(std::move(bye_));
              SendBye();
              return;
            }
            OnByeAnswered(ending == ClientTransaction::Ending::kAnswered
                              ? sip.sip_status->st_status
                              : 0);
          });
    }
    if (bye_ == nullptr) OnByeAnswered(0);
  });
}

bool SofiaCall::TakeByeChallenge(const sip_t& sip) {
  return bye_authorization_.Take(sip, "BYE", bye_->request_uri(), credentials(),
                                 host_.NewId(""));
}

void SofiaCall::OnByeAnswered(int status) {
  // The transaction is what is calling: it goes after this.
  const std::unique_ptr<ClientTransaction> finished = std::move(bye_);
  for (const auto& transfer : transfers_) transfer->OnByeAnswer(status);
  Perform(machine_.OnByeAnswer(status));
}

void SofiaCall::Probe() {
  if (probe_ != nullptr || !machine_.live()) return;
  machine_.OnSuspect();
  WithNextHop([this](absl::StatusOr<SipAddress> next_hop) {
    if (next_hop.ok()) {
      probe_ = ClientTransaction::Send(
          leg_, *next_hop, host_.options().user_agent,
          {SIP_METHOD_OPTIONS, contact()},
          [this](const sip_t& sip, ClientTransaction::Ending ending) {
            if (IsProvisional(sip.sip_status->st_status)) return;
            OnProbeAnswered(ending == ClientTransaction::Ending::kAnswered
                                ? sip.sip_status->st_status
                                : 408);
          });
    }
    if (probe_ == nullptr) OnProbeAnswered(408);
  });
}

void SofiaCall::OnProbeAnswered(int status) {
  const std::unique_ptr<ClientTransaction> finished = std::move(probe_);
  for (const auto& transfer : transfers_) transfer->OnProbeAnswer(status);
  if (status != 481 && status != 408) {
    machine_.OnAlive();
    return;
  }
  // Whatever came from the far end meanwhile has cleared it.
  if (!machine_.state().suspect) return;
  LoseLeg("the far end does not know the call any more");
}

// ---- Where requests go --------------------------------------------------

void SofiaCall::WithNextHopOf(nta_leg_t* leg, NextHopReady ready) {
  FindNextHopOf(
      host_, leg,
      {.sips = transport_.sips,
       .tls_name = trunk_ != nullptr ? trunk_->tls_name : std::string()},
      [&host = host_, id = snapshot_.call_id] {
        return host.Find(id) != nullptr;
      },
      std::move(ready));
}

void SofiaCall::RefreshTarget(const sip_contact_t* contact) {
  if (contact == nullptr) return;
  const std::string uri = UriText(*contact->m_url);
  const sip_contact_t* const known = RemoteTargetOf(leg_);
  // Nearly every message repeats it; one that is too long to be written cannot
  // be compared. The route set stays as it is (RFC 3261, 12.2).
  if (known == nullptr || uri.empty() || UriText(*known->m_url) != uri) {
    nta_leg_client_reroute(leg_, nullptr, contact, 0);
  }
  const std::string target = CleanName(uri);
  if (target == snapshot_.remote_target) return;
  snapshot_.remote_target = target;
  if (machine_.live()) Publish(CallChange::kUpdated);
}

// ---- Watchers and the end -----------------------------------------------

void SofiaCall::PublishPhase() {
  const CallState& state = machine_.state();
  if (snapshot_.phase == state.phase) return;
  if (!machine_.live()) {
    session_timer_.Stop();
    ArmSessionTimer();
  }
  snapshot_.phase = state.phase;
  snapshot_.end_reason = state.end_reason;
  snapshot_.end_status = state.end_status;
  snapshot_.ended_by = state.ended_by;
  switch (state.phase) {
    case CallPhase::kIncoming:
    case CallPhase::kCalling:
      return;
    case CallPhase::kRinging:
      Publish(CallChange::kRinging);
      return;
    case CallPhase::kAnswered:
      Publish(CallChange::kAnswered);
      return;
    case CallPhase::kEnding:
      Publish(CallChange::kUpdated);
      return;
    case CallPhase::kEnded:
      snapshot_.end_time = absl::Now();
      // Ended calls are kept for a while, and in number.
      snapshot_.local_sdp.clear();
      snapshot_.remote_sdp.clear();
      Publish(CallChange::kEnded);
      host_.OnCallEnded();
      if (const auto update = update_) update->GiveUp();
      return;
  }
}

void SofiaCall::Publish(CallChange change) {
  host_.observer().OnCall(std::make_shared<const CallSnapshot>(snapshot_),
                          change);
}

void SofiaCall::ReleaseIfOver() {
  if (machine_.state().phase != CallPhase::kEnded || retired_) return;
  if (!transfers_.empty() || !referrals_.empty() || bye_ != nullptr) return;
  retired_ = true;
  host_.Retire(*this);
}

CallTransfer* SofiaCall::FindTransfer(std::string_view transfer_id) {
  const auto it = std::ranges::find_if(transfers_, [&](const auto& transfer) {
    return transfer->id() == transfer_id;
  });
  return it == transfers_.end() ? nullptr : it->get();
}

CallTransfer* SofiaCall::open_transfer() {
  if (transfers_.empty() || transfers_.back()->done()) return nullptr;
  return transfers_.back().get();
}

void SofiaCall::Forget(CallTransfer& transfer) {
  const auto it = std::ranges::find_if(
      transfers_, [&](const auto& owned) { return owned.get() == &transfer; });
  if (it == transfers_.end()) return;
  host_.DestroyLater(std::move(*it));
  transfers_.erase(it);
  ReleaseIfOver();
}

}  // namespace callcontrol::sip
