// SPDX-License-Identifier: Apache-2.0

// How this side changes the session of a call: hold, resume, and what a client
// offers.

#include <string>
#include <utility>

#include <sofia-sip/su_uniqueid.h>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "sip/call/sdp_hold.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/sofia_call.h"

namespace callcontrol::sip {
namespace {

using Change = UpdateRequest::Change;

// RFC 3261, 14.1: in units of 10 ms, apart from what the other side draws.
constexpr int kStep = 10;
constexpr int kOwnerLeast = 210;
constexpr int kOwnerMost = 400;
constexpr int kOtherMost = 200;

}  // namespace

Milliseconds SofiaCall::DrawGlareBackoff() const {
  const bool owner = snapshot_.direction == CallDirection::kOutbound;
  return Milliseconds(kStep * (owner ? su_randint(kOwnerLeast, kOwnerMost)
                                     : su_randint(0, kOtherMost)));
}

absl::Status SofiaCall::CheckMayUpdate(const UpdateRequest& request) {
  if (absl::Status status = CheckAnswered(); !status.ok()) return status;
  if (absl::Status status = CheckNoTransfer(); !status.ok()) return status;
  if (update_ != nullptr) {
    return MakeError(absl::StatusCode::kAborted,
                     {.reason = "UPDATE_IN_PROGRESS"},
                     "the far end has not answered the last change yet");
  }
  if (request.change == Change::kSdp) {
    if (absl::Status status = CheckNotBridged(); !status.ok()) return status;
  }
  if (request.change == Change::kSdp &&
      CountMedia(request.sdp) < CountMedia(local_sdp_)) {
    return InvalidField(
        "sdp", "SDP_MISMATCH",
        absl::StrCat("sdp has ", CountMedia(request.sdp),
                     " m= lines and the session ", CountMedia(local_sdp_),
                     "; none may go, those that end get port 0 (RFC 3264, 8)"));
  }
  return absl::OkStatus();
}

std::string SofiaCall::OfferFor(const UpdateRequest& request) const {
  const auto next_version = [this](std::string_view sdp) {
    return WithSdpVersion(sdp, SdpVersion(local_sdp_).value_or(0) + 1);
  };
  switch (request.change) {
    case Change::kHold:
      return next_version(WithHold(local_sdp_, !client_has_media_));
    case Change::kResume:
      return next_version(sdp_off_hold_);
    case Change::kSdp:
      break;
  }
  return request.sdp;
}

void SofiaCall::Update(const UpdateRequest& request,
                       CallEngine::CallDone done) {
  if (absl::Status status = CheckMayUpdate(request); !status.ok()) {
    std::move(done)(std::move(status));
    return;
  }
  const bool hold = request.change == Change::kHold;
  if (request.change != Change::kSdp && hold == snapshot_.on_hold) {
    std::move(done)(absl::OkStatus());
    return;
  }
  const bool client_sdp = request.change == Change::kSdp;
  Renegotiate(
      [this, request] { return OfferFor(request); }, hold,
      [this, client_sdp,
       done = std::move(done)](const SessionUpdate::Outcome& outcome) mutable {
        const int status = outcome.status.code;
        if (IsSuccess(status)) {
          client_has_media_ = client_has_media_ || client_sdp;
          alone_ = alone_ && !client_sdp;
          std::move(done)(absl::OkStatus());
        } else if (!machine_.live() || !outcome.answered || status == 481 ||
                   status == 408) {
          std::move(done)(MakeError(
              absl::StatusCode::kUnavailable, {.reason = "CALL_LOST"},
              absl::StrCat("the call ended before the far end took the change: "
                           "status ",
                           status, " ", outcome.status.reason)));
        } else {
          std::move(done)(MakeError(
              absl::StatusCode::kFailedPrecondition,
              {.reason = "UPDATE_REJECTED"},
              absl::StrCat("the far end refused the change with ", status, " ",
                           outcome.status.reason,
                           "; the session is as before (RFC 3261, 14.1)")));
        }
      });
}

void SofiaCall::SetHold(bool hold, HoldDone done) {
  const bool answered = machine_.state().phase == CallPhase::kAnswered;
  if (answered && update_ != nullptr) {
    waiting_hold_ = WaitingHold{hold, std::move(done)};
    return;
  }
  if (!answered || hold == snapshot_.on_hold) {
    std::move(done)({});
    return;
  }
  hold_abandoned_ = false;
  Renegotiate(
      [this, hold] {
        return OfferFor({.change = hold ? Change::kHold : Change::kResume});
      },
      hold,
      [done = std::move(done)](const SessionUpdate::Outcome& outcome) mutable {
        std::move(done)(outcome.status);
      });
}

void SofiaCall::AbandonHold() {
  if (waiting_hold_) {
    waiting_hold_.reset();
    return;
  }
  if (update_ == nullptr) return;
  hold_abandoned_ = true;
  update_->Cancel();
}

void SofiaCall::Renegotiate(SessionUpdate::MakeOffer make_offer, bool hold,
                            SessionUpdate::Done done) {
  update_ = std::make_shared<SessionUpdate>(
      host_, *this, std::move(make_offer),
      [this, hold,
       done = std::move(done)](const SessionUpdate::Outcome& outcome) mutable {
        OnUpdateEnded(std::string(update_->offer()), hold, outcome);
        // Whoever waits finds the call as it is afterwards.
        std::move(done)(outcome);
        if (std::exchange(hold_abandoned_, false) && snapshot_.on_hold) {
          SetHold(false, [](const SipStatus&) {});
        }
        if (machine_.live()) Perform(machine_.OnOfferEnded());
        if (auto next = std::exchange(waiting_hold_, std::nullopt)) {
          SetHold(next->hold, std::move(next->done));
        }
      });
  if (machine_.ReadyForRefer()) BeginUpdate();
}

void SofiaCall::BeginUpdate() {
  if (update_ != nullptr && !update_->begun()) update_->Begin();
}

void SofiaCall::OnUpdateEnded(const std::string& offer, bool hold,
                              const SessionUpdate::Outcome& outcome) {
  update_.reset();
  if (!machine_.live()) return;
  const int status = outcome.status.code;
  if (IsSuccess(status)) {
    // A refresh offers what there is.
    const bool offered = offer != local_sdp_;
    if (hold && !snapshot_.on_hold) sdp_off_hold_ = local_sdp_;
    snapshot_.on_hold = hold;
    if (!offer.empty()) RememberLocalSdp(offer);
    sdp_origin_.version = SdpVersion(offer).value_or(sdp_origin_.version);
    if (RememberRemoteSdp(outcome.remote_sdp) || offered) {
      Publish(CallChange::kUpdated);
    }
    return;
  }
  // RFC 3261, 12.2.1.2: it does not know the call, or is not there.
  if (status == 481 || status == 408 || (!outcome.answered && status != 487)) {
    LoseLeg(absl::StrCat("a re-INVITE failed: ", status, " ",
                         outcome.status.reason));
  }
}

}  // namespace callcontrol::sip
