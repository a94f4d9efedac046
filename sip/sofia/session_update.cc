// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/session_update.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "sip/sofia/message_reader.h"
#include "sip/sofia/sofia_call.h"

namespace callcontrol::sip {
namespace {

// How often it is sent again after a 491 (protocol.md, 3.3).
constexpr int kMostMet = 2;

}  // namespace

SessionUpdate::SessionUpdate(CallHost& host, SofiaCall& call,
                             MakeOffer make_offer, Done done)
    : host_(host),
      call_(call),
      make_offer_(std::move(make_offer)),
      done_(std::move(done)) {}

SessionUpdate::~SessionUpdate() {
  if (timer_) host_.loop().timers().Cancel(*timer_);
}

void SessionUpdate::Begin() {
  begun_ = true;
  // After a back-off or a challenge the call may be ending.
  if (!call_.live()) {
    GiveUp();
    return;
  }
  call_.OnOfferSent();
  call_.WithNextHop([weak = weak_from_this()](
                        absl::StatusOr<SipAddress> next_hop) {
    const std::shared_ptr<SessionUpdate> self = weak.lock();
    if (self == nullptr) return;
    if (!self->call_.live()) {
      self->GiveUp();
    } else if (next_hop.ok()) {
      self->SendTo(*next_hop);
    } else {
      self->Finish({.status = {503, std::string(next_hop.status().message())}});
    }
  });
}

void SessionUpdate::Cancel() {
  cancelled_ = true;
  if (invite_ != nullptr) {
    invite_->Cancel();
  } else if (timer_) {
    GiveUp();
  }
}

void SessionUpdate::GiveUp() {
  const std::shared_ptr<SessionUpdate> self = shared_from_this();
  if (unanswered_ != nullptr) AnswerWith("");
  if (invite_ != nullptr) host_.Abandon(std::move(invite_));
  Finish({.status = {487, sip_status_phrase(487)}});
}

void SessionUpdate::SendTo(const SipAddress& next_hop) {
  offer_ = make_offer_();
  std::vector<SipHeader> headers = call_.SessionHeaders();
  headers.insert(headers.end(), authorization_.headers().begin(),
                 authorization_.headers().end());
  progress_ = std::make_shared<ReliableProgress>(
      host_, call_, ReliableProgress::Kind::kInDialog);
  invite_ = ClientTransaction::Send(
      call_.leg(), next_hop, host_.options().user_agent,
      {.method = sip_method_invite,
       .method_name = "INVITE",
       .contact = call_.contact(),
       .headers = std::move(headers),
       .body = offer_,
       .allow = call_.allow(),
       .supported = call_.supported(!offer_.empty())},
      [this](const sip_t& sip, ClientTransaction::Ending ending) {
        OnAnswer(sip, ending);
      });
  if (invite_ == nullptr) {
    Finish({.status = {503, "the re-INVITE could not be sent"}});
  } else if (cancelled_) {
    invite_->Cancel();
  }
}

void SessionUpdate::OnAnswer(const sip_t& sip,
                             ClientTransaction::Ending ending) {
  const int status = sip.sip_status->st_status;
  if (IsProvisional(status)) {
    if (!offer_.empty()) progress_->OnAnswer(sip);
    return;
  }
  // Kept until the end of this function: it is what is calling.
  std::shared_ptr<ClientTransaction> finished = std::move(invite_);
  // A transaction goes after what it is calling has returned.
  host_.DestroyLater(finished);
  const bool answered = ending == ClientTransaction::Ending::kAnswered;
  if (answered && status != 481 && status != 408) call_.SeenAlive();
  if (status == 491 && met_ < kMostMet && !cancelled_) {
    BackOff();
    return;
  }
  if (!cancelled_ &&
      (call_.TakeLeastInterval(sip) ||
       authorization_.Take(sip, "INVITE", finished->request_uri(),
                           call_.credentials(), host_.NewId("")))) {
    Begin();
    return;
  }
  // What was answered reliably is not changed by the 2xx.
  const std::string early = progress_->Description(sip);
  Outcome outcome{
      .status = ReadStatus(sip),
      .answered = answered,
      .remote_sdp = early.empty() ? std::string(SdpOf(sip)) : early};
  if (IsSuccess(status)) {
    if (HasUsableContact(sip)) call_.RefreshTarget(sip.sip_contact);
    call_.OnSessionAnswered(sip);
    if (offer_.empty() && !outcome.remote_sdp.empty()) {
      unanswered_ = std::move(finished);
      unanswered_outcome_ = outcome;
      call_.OnTheirOffer(outcome);
    } else {
      Acknowledge(std::move(finished), std::move(outcome));
    }
  } else {
    Finish(outcome);
  }
}

void SessionUpdate::Acknowledge(std::shared_ptr<ClientTransaction> invite,
                                Outcome outcome, std::string answer) {
  // Nothing else leaves in the dialog before the ACK.
  call_.WithNextHop(
      [weak = weak_from_this(), &call = call_, invite = std::move(invite),
       outcome = std::move(outcome),
       answer = std::move(answer)](absl::StatusOr<SipAddress> next_hop) {
        // The call may have another leg by now.
        if (next_hop.ok()) invite->Acknowledge(call.leg(), *next_hop, answer);
        if (const auto self = weak.lock()) self->Finish(outcome);
      });
}

void SessionUpdate::AnswerWith(std::string answer) {
  if (unanswered_ == nullptr) return;
  offer_ = answer;
  Acknowledge(std::exchange(unanswered_, nullptr),
              std::exchange(unanswered_outcome_, {}), std::move(answer));
}

void SessionUpdate::BackOff() {
  ++met_;
  call_.OnOfferMet();
  AwaitBackoff();
}

void SessionUpdate::AwaitBackoff() {
  timer_ = host_.loop().timers().Add(
      std::chrono::steady_clock::now() + call_.DrawGlareBackoff(), [this] {
        timer_.reset();
        // RFC 3261, 14.1: not while one of theirs is open.
        if (call_.live() && call_.their_offer_open()) {
          AwaitBackoff();
        } else {
          Begin();
        }
      });
}

void SessionUpdate::Finish(const Outcome& outcome) {
  if (!done_) return;
  // `done` may drop the call's share of this.
  const std::shared_ptr<SessionUpdate> self = shared_from_this();
  std::move(std::exchange(done_, nullptr))(outcome);
}

}  // namespace callcontrol::sip
