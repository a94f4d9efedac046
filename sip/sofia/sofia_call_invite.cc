// SPDX-License-Identifier: Apache-2.0

// How an INVITE is answered: by the server, by a client, or not at all; and the
// session descriptions of both sides.

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/error.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/sofia_call.h"
#include "sip/transfer/display_text.h"

namespace callcontrol::sip {
namespace {

// Several times what a browser offers. Kept for as long as the call is, several
// times over.
constexpr std::size_t kMaxSdp = 16'384;

// A session description, which unlike other text has more than one line.
std::string CleanSdp(std::string_view sdp) {
  if (IsValidUtf8(sdp)) return std::string(sdp);
  std::string clean;
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(sdp.data(), sdp.size()), '\n')) {
    absl::StrAppend(&clean, CleanText({line.data(), line.size()}, 1024),
                    "\r\n");
  }
  return clean;
}

}  // namespace

void SofiaCall::Start(const sip_t& sip, const CallTreatment& treatment,
                      std::shared_ptr<const Trunk> trunk) {
  early_ = std::make_unique<EarlyState>();
  TakeTrunk(std::move(trunk));
  snapshot_.tags = treatment.tags;
  // Others may say what they want (RFC 3325, 5).
  if (trunk_ != nullptr && trunk_->trusted) {
    snapshot_.asserted_identity = ReadAssertedIdentityOf(sip);
  }
  snapshot_.privacy = ReadPrivacyOf(sip);
  // Whoever decides about the call wants to see its offer.
  RememberRemoteSdp(SdpOf(sip));
  Publish(CallChange::kIncoming);
  nta_incoming_treply(invite_, SIP_100_TRYING, TAG_END());
  const SessionTimerTerms terms = ReadSessionTimer(sip);
  if (session_timer_.IsTooShort(terms)) {
    Perform(machine_.OnRefused(422, "the session interval is too short"));
    return;
  }
  session_timer_.OnRequest(terms);
  if (treatment.kind == CallTreatment::Kind::kReject) {
    early_->reject.phrase = treatment.phrase;
    Perform(machine_.OnRefused(treatment.status, "rejected by a route"));
    return;
  }
  if (!BodyOf(sip).empty()) early_->offered_media = CountMedia(BodyOf(sip));
  BeginProvisional(sip);
  const SdpAnswer answer = AnswerOffer(sip);
  if (answer.refuse_with == 0 || answer.refuse_with == 488) {
    if (treatment.kind == CallTreatment::Kind::kBridge) {
      // The answer is the other leg's.
      client_has_media_ = true;
      return;
    }
  }
  // A client may read an offer that this server cannot.
  const bool to_client = treatment.kind == CallTreatment::Kind::kApp;
  if (answer.refuse_with != 0 && !(to_client && answer.refuse_with == 488)) {
    Perform(machine_.OnRefused(answer.refuse_with,
                               "the session description cannot be answered"));
    return;
  }
  local_sdp_ = answer.sdp;
  if (to_client) {
    OfferToClients(treatment);
  } else {
    AnswerAfter(treatment.answer_after.value_or(host_.options().answer_after));
  }
}

void SofiaCall::AnswerAfter(Milliseconds ringing) {
  const bool ring_first = ringing > Milliseconds(0);
  if (ring_first) {
    Arm(answer_timer_, ringing, [this] { Perform(machine_.OnAnswerDue()); });
  }
  Perform(machine_.OnInvite(ring_first));
}

void SofiaCall::OfferToClients(const CallTreatment& treatment) {
  early_->reject.phrase = treatment.phrase;
  Arm(answer_timer_, treatment.app_limit, [this, status = treatment.status] {
    Perform(machine_.OnRefused(status, "no client answered in time"));
  });
}

// ---- A client's decisions -----------------------------------------------

absl::Status SofiaCall::CheckAwaitsAnswer() const {
  if (absl::Status status = CheckNotBridged(); !status.ok()) return status;
  if (machine_.awaits_decision()) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   {.reason = "CALL_NOT_INCOMING"},
                   absl::StrCat("call ", snapshot_.call_id,
                                " has been answered or has ended"));
}

absl::Status SofiaCall::TakeSdp(std::string sdp) {
  if (early_->offered_media && CountMedia(sdp) != *early_->offered_media) {
    return InvalidField(
        "sdp", "SDP_MISMATCH",
        absl::StrCat("sdp has ", CountMedia(sdp), " m= lines and the offer ",
                     *early_->offered_media,
                     "; an answer has one for each (RFC 3264, 6)"));
  }
  if (client_has_media_ && sdp != local_sdp_) {
    return InvalidField("sdp", "SDP_MISMATCH",
                        "sdp differs from the one that ProgressCall sent; "
                        "leave it out, or repeat it (RFC 3261, 13.2.1)");
  }
  client_has_media_ = true;
  RememberLocalSdp(std::move(sdp));
  return absl::OkStatus();
}

absl::Status SofiaCall::Progress(const ProgressRequest& request) {
  if (absl::Status status = CheckAwaitsAnswer(); !status.ok()) return status;
  if (!request.sdp.empty() && !early_->offered_media &&
      !early_->provisional.supported()) {
    return InvalidField("sdp", "NO_OFFER",
                        "the INVITE has no offer that a provisional response "
                        "could answer (RFC 3261, 13.2.1), and the caller takes "
                        "none that could offer (RFC 3262)");
  }
  if (!request.sdp.empty()) {
    if (absl::Status status = TakeSdp(request.sdp); !status.ok()) return status;
  }
  early_->progress = request;
  early_->progress_reliably = !request.sdp.empty();
  const bool rang = machine_.state().phase == CallPhase::kRinging;
  Perform(machine_.OnProgress());
  if (rang && !request.sdp.empty()) Publish(CallChange::kUpdated);
  return absl::OkStatus();
}

absl::Status SofiaCall::AnswerBy(std::string sdp) {
  if (absl::Status status = CheckAwaitsAnswer(); !status.ok()) return status;
  if (!sdp.empty()) {
    if (absl::Status status = TakeSdp(std::move(sdp)); !status.ok()) {
      return status;
    }
  } else if (local_sdp_.empty()) {
    return InvalidField("sdp", "SDP_REQUIRED",
                        "the server cannot read the offer, so sdp must answer "
                        "it");
  }
  Perform(machine_.OnAnswerDue());
  return absl::OkStatus();
}

absl::Status SofiaCall::Reject(const RejectRequest& request) {
  if (absl::Status status = CheckAwaitsAnswer(); !status.ok()) return status;
  early_->reject = request;
  Perform(machine_.OnRefused(request.status, "rejected by a client"));
  return absl::OkStatus();
}

// ---- ACK and CANCEL -----------------------------------------------------

void SofiaCall::OnAckOrCancel(nta_incoming_t* invite, const sip_t* sip) {
  const bool is_reinvite = invite == reinvite_;
  (is_reinvite ? reinvite_ : invite_) = nullptr;
  const bool was_deferred = invite == deferred_;
  if (was_deferred) deferred_ = nullptr;
  // Sofia answers a cancelled INVITE with 487 after this.
  nta_incoming_destroy(invite);
  if (sip == nullptr) {
    const CallMachine::Actions actions = machine_.OnAckTimeout();
    if (!actions.empty()) {
      for (const auto& transfer : transfers_) {
        transfer->OnLegLost("no ACK came for the answer");
      }
    }
    Perform(actions);
  } else if (sip->sip_request->rq_method == sip_method_cancel) {
    if (was_deferred) {
      OnDeferredCancelled();
    } else {
      Perform(machine_.OnCancel());
    }
  } else {
    // The ACK holds the answer where the offer was ours.
    if (RememberRemoteSdp(SdpOf(*sip))) Publish(CallChange::kUpdated);
    const std::string answer(SdpOf(*sip));
    Perform(machine_.OnAck());
    if (SofiaCall* const other = other_leg()) other->RelayAck(answer);
  }
}

void SofiaCall::SendRinging() {
  SendProvisional(early_->provisional.OnProgress(
      early_->progress, early_->progress_reliably,
      std::chrono::steady_clock::now()));
}

void SofiaCall::SendReject() {
  const int status = machine_.state().end_status;
  const char* const phrase = early_->reject.phrase.empty()
                                 ? sip_status_phrase(status)
                                 : early_->reject.phrase.c_str();
  const std::string least = session_timer_.LeastHeader();
  std::string contacts;
  for (const std::string& contact : early_->reject.contacts) {
    absl::StrAppend(&contacts, contacts.empty() ? "" : ", ", "<", contact, ">");
  }
  nta_incoming_treply(
      invite_, status, phrase, SIPTAG_ACCEPT_STR(kAccept),
      SIPTAG_SERVER_STR(host_.options().user_agent.c_str()),
      TAG_IF(status == 422, SIPTAG_MIN_SE_STR(least.c_str())),
      TAG_IF(!contacts.empty(), SIPTAG_CONTACT_STR(contacts.c_str())),
      TAG_END());
  nta_incoming_destroy(std::exchange(invite_, nullptr));
}

void SofiaCall::Answer() {
  // What was said reliably is not said again (RFC 6337).
  const bool said = machine_.state().early_session == EarlySession::kSettled;
  SendOk(invite_, said ? "" : local_sdp_);
  RememberLocalSdp(std::move(local_sdp_));
  snapshot_.answer_time = absl::Now();
  EndReplaced();
}

// ---- Replaces -----------------------------------------------------------

std::optional<int> SofiaCall::AnswerToReplaces(
    const sip_replaces_t& replaces) const {
  const auto equal = [](const char* a, const char* b) {
    return a != nullptr && b != nullptr && absl::string_view(a) == b;
  };
  // As this side, which receives it, sees the tags (RFC 3891, 3).
  if (!equal(replaces.rp_to_tag, nta_leg_get_tag(leg_)) ||
      !equal(replaces.rp_from_tag, nta_leg_get_rtag(leg_))) {
    return std::nullopt;
  }
  const int answer = machine_.AnswerToReplaces(replaces.rp_early_only != 0);
  // Its other leg is about to get another one by a REFER.
  const SofiaCall* const other = other_leg();
  const bool moves =
      in_referral() || (other != nullptr && other->in_referral());
  return answer == 200 && moves ? 491 : answer;
}

void SofiaCall::EndReplaced() {
  SofiaCall* const replaced = host_.Find(snapshot_.replaces_call_id);
  if (replaced == nullptr || !replaced->live()) return;
  replaced->HangUp(absl::StrCat("replaced by call ", snapshot_.call_id));
}

SofiaCall::SdpAnswer SofiaCall::AnswerOffer(const sip_t& sip) {
  if (!BodyOf(sip).empty() && !HasSdp(sip)) return {.refuse_with = 415};
  if (BodyOf(sip).size() > kMaxSdp) return {.refuse_with = 413};
  if (client_has_media_) {
    // The session is not the server's to change; a refresh changes nothing.
    const bool same = BodyOf(sip).empty()
                          ? other_leg() == nullptr
                          : CleanSdp(BodyOf(sip)) == snapshot_.remote_sdp;
    if (same) return {.sdp = local_sdp_};
    return other_leg() != nullptr ? SdpAnswer{.for_other_leg = true}
                                  : SdpAnswer{.refuse_with = 488};
  }
  if (BodyOf(sip).empty()) {
    if (local_sdp_.empty()) {
      sdp_origin_.version = 1;
      return {.sdp = WriteInactiveOffer(sdp_origin_)};
    }
    return {.sdp = local_sdp_};
  }
  // The version rises only where the description changes (RFC 3264, 8).
  absl::StatusOr<std::string> same =
      WriteInactiveAnswer(BodyOf(sip), sdp_origin_);
  if (!same.ok()) return {.refuse_with = 488};
  if (*same == local_sdp_) return {.sdp = *std::move(same)};
  ++sdp_origin_.version;
  return {.sdp = WriteInactiveAnswer(BodyOf(sip), sdp_origin_).value_or("")};
}

void SofiaCall::RememberLocalSdp(std::string sdp) {
  local_sdp_ = std::move(sdp);
  // It repeats what the far end offered, whatever bytes those are.
  snapshot_.local_sdp = CleanSdp(local_sdp_);
}

bool SofiaCall::RememberRemoteSdp(std::string_view sdp) {
  if (sdp.empty() || sdp.size() > kMaxSdp) return false;
  std::string clean = CleanSdp(sdp);
  if (clean == snapshot_.remote_sdp) return false;
  snapshot_.remote_sdp = std::move(clean);
  return true;
}

bool SofiaCall::TakeSession(const sip_t& sip, const std::string& answer) {
  // Answers of the server's own, or of the other leg, hold nobody; that is what
  // a resume goes back to.
  if (snapshot_.on_hold && (!client_has_media_ || bridged())) {
    sdp_off_hold_ = answer;
  }
  const bool local_changed = answer != local_sdp_;
  RememberLocalSdp(answer);
  return RememberRemoteSdp(SdpOf(sip)) || local_changed;
}

}  // namespace callcontrol::sip
