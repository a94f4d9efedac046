// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/sofia_call.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/error.h"
#include "sip/sofia/message_reader.h"
#include "sip/transfer/display_text.h"

namespace callcontrol::sip {
namespace {

// Several times what a browser offers. Kept for as long as the call is, several
// times over.
constexpr std::size_t kMaxSdp = 16'384;

// Numbers the sessions of this process for the o= line (RFC 4566, 5.2).
std::uint64_t NewSessionId() {
  static std::uint64_t last = 0;
  if (last == 0)
    last = static_cast<std::uint64_t>(absl::ToUnixSeconds(absl::Now()));
  return ++last;
}

// A URI or Call-ID of a peer, for people and for look-ups.
std::string CleanName(std::string_view text) { return CleanText(text, 2048); }

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

std::unique_ptr<SofiaCall> SofiaCall::Create(CallHost& host,
                                             nta_incoming_t* invite,
                                             const sip_t& sip) {
  std::unique_ptr<SofiaCall> call(new SofiaCall(host, invite, sip));
  return call->leg_ == nullptr ? nullptr : std::move(call);
}

SofiaCall::SofiaCall(CallHost& host, nta_incoming_t* invite, const sip_t& sip)
    : host_(host), invite_(invite) {
  tcp_ = sip.sip_via != nullptr &&
         absl::string_view(sip.sip_via->v_protocol) == "SIP/2.0/TCP";
  // The tag is there before the leg is made: a leg that is tagged later also
  // matches requests without any tag.
  su_home_t home[1] = {SU_HOME_INIT(home)};
  sip_to_t* local = sip_to_dup(home, sip.sip_to);
  sip_to_tag(home, local, host_.NewId("").c_str());
  leg_ = nta_leg_tcreate(
      host_.agent(),
      [](RequestHandler* self, nta_leg_t*, nta_incoming_t* request,
         const sip_t* message) { return self->OnRequest(request, *message); },
      static_cast<RequestHandler*>(this), SIPTAG_CALL_ID(sip.sip_call_id),
      SIPTAG_FROM(local), SIPTAG_TO(sip.sip_from),
      NTATAG_REMOTE_CSEQ(sip.sip_cseq->cs_seq), TAG_END());
  su_home_deinit(home);
  if (leg_ == nullptr) return;
  nta_leg_server_route(leg_, sip.sip_record_route, sip.sip_contact);
  nta_incoming_tag(invite_, nta_leg_get_tag(leg_));
  nta_incoming_bind(
      invite_,
      [](InviteHandler* self, nta_incoming_t* request, const sip_t* message) {
        self->OnAckOrCancel(request, message);
        return 0;
      },
      static_cast<InviteHandler*>(this));

  sdp_origin_.session_id = NewSessionId();
  sdp_origin_.address = host_.contact(false)->m_url->url_host;
  std::erase_if(sdp_origin_.address,
                [](char c) { return c == '[' || c == ']'; });

  snapshot_.call_id = host_.NewId("c");
  snapshot_.sip_call_id = CleanName(sip.sip_call_id->i_id);
  snapshot_.local_uri = CleanName(UriText(*sip.sip_to->a_url));
  snapshot_.remote_uri = CleanName(UriText(*sip.sip_from->a_url));
  snapshot_.remote_target = CleanName(UriText(*sip.sip_contact->m_url));
  snapshot_.far_end = ReadFarEnd(sip);
  snapshot_.create_time = absl::Now();
}

SofiaCall::~SofiaCall() {
  if (answer_timer_) host_.loop().timers().Cancel(*answer_timer_);
  transfers_.clear();
  if (invite_ != nullptr) nta_incoming_destroy(invite_);
  if (reinvite_ != nullptr) nta_incoming_destroy(reinvite_);
  if (leg_ != nullptr) nta_leg_destroy(leg_);
}

// ---- The INVITE ---------------------------------------------------------

void SofiaCall::Start(const sip_t& sip, const CallTreatment& treatment) {
  snapshot_.tags = treatment.tags;
  // Whoever decides about the call wants to see its offer.
  if (BodyOf(sip).size() <= kMaxSdp) RememberRemoteSdp(sip);
  Publish(CallChange::kIncoming);
  nta_incoming_treply(invite_, SIP_100_TRYING, TAG_END());
  if (treatment.kind == CallTreatment::Kind::kReject) {
    reject_.phrase = treatment.phrase;
    Perform(machine_.OnRefused(treatment.status, "rejected by a route"));
    return;
  }
  const SdpAnswer answer = AnswerOffer(sip);
  // A client may read an offer that this server cannot.
  const bool to_client = treatment.kind == CallTreatment::Kind::kApp;
  if (answer.refuse_with != 0 && !(to_client && answer.refuse_with == 488)) {
    Perform(machine_.OnRefused(answer.refuse_with,
                               "the session description cannot be answered"));
    return;
  }
  if (!BodyOf(sip).empty()) offered_media_ = CountMedia(BodyOf(sip));
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
    ArmAnswerTimer(ringing, [this] { Perform(machine_.OnAnswerDue()); });
  }
  Perform(machine_.OnInvite(ring_first));
}

void SofiaCall::OfferToClients(const CallTreatment& treatment) {
  reject_.phrase = treatment.phrase;
  ArmAnswerTimer(treatment.app_limit, [this, status = treatment.status] {
    Perform(machine_.OnRefused(status, "no client answered in time"));
  });
}

void SofiaCall::ArmAnswerTimer(Milliseconds wait,
                               absl::AnyInvocable<void()> then) {
  answer_timer_ =
      host_.loop().timers().Add(std::chrono::steady_clock::now() + wait,
                                [this, then = std::move(then)]() mutable {
                                  answer_timer_.reset();
                                  then();
                                });
}

// ---- A client's decisions -----------------------------------------------

absl::Status SofiaCall::CheckAwaitsAnswer() const {
  if (machine_.awaits_answer()) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   {.reason = "CALL_NOT_INCOMING"},
                   absl::StrCat("call ", snapshot_.call_id,
                                " has been answered or has ended"));
}

absl::Status SofiaCall::TakeSdp(std::string sdp) {
  if (offered_media_ && CountMedia(sdp) != *offered_media_) {
    return InvalidField(
        "sdp", "SDP_MISMATCH",
        absl::StrCat("sdp has ", CountMedia(sdp), " m= lines and the offer ",
                     *offered_media_,
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
  if (!request.sdp.empty() && !offered_media_) {
    return InvalidField("sdp", "NO_OFFER",
                        "the INVITE has no offer, so there is nothing that a "
                        "provisional response could answer (RFC 3261, 13.2.1)");
  }
  if (!request.sdp.empty()) {
    if (absl::Status status = TakeSdp(request.sdp); !status.ok()) return status;
  }
  progress_ = request;
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
  reject_ = request;
  Perform(machine_.OnRefused(request.status, "rejected by a client"));
  return absl::OkStatus();
}

// ---- ACK and CANCEL -----------------------------------------------------

void SofiaCall::OnAckOrCancel(nta_incoming_t* invite, const sip_t* sip) {
  const bool is_reinvite = invite == reinvite_;
  (is_reinvite ? reinvite_ : invite_) = nullptr;
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
    Perform(machine_.OnCancel());
  } else {
    // The ACK holds the answer where the offer was ours.
    if (RememberRemoteSdp(*sip)) Publish(CallChange::kUpdated);
    Perform(machine_.OnAck());
  }
}

void SofiaCall::SendRinging() {
  const int status = progress_.status;
  const char* const phrase = progress_.phrase.empty()
                                 ? sip_status_phrase(status)
                                 : progress_.phrase.c_str();
  const bool with_sdp = !progress_.sdp.empty();
  nta_incoming_treply(
      invite_, status, phrase, SIPTAG_CONTACT(contact()),
      SIPTAG_ALLOW_STR(kAllow),
      TAG_IF(with_sdp, SIPTAG_CONTENT_TYPE_STR("application/sdp")),
      TAG_IF(with_sdp, SIPTAG_PAYLOAD_STR(progress_.sdp.c_str())), TAG_END());
}

void SofiaCall::SendReject() {
  const int status = machine_.state().end_status;
  const char* const phrase = reject_.phrase.empty() ? sip_status_phrase(status)
                                                    : reject_.phrase.c_str();
  std::string contacts;
  for (const std::string& contact : reject_.contacts) {
    absl::StrAppend(&contacts, contacts.empty() ? "" : ", ", "<", contact, ">");
  }
  nta_incoming_treply(
      invite_, status, phrase, SIPTAG_ACCEPT_STR(kAccept),
      SIPTAG_SERVER_STR(host_.options().user_agent.c_str()),
      TAG_IF(!contacts.empty(), SIPTAG_CONTACT_STR(contacts.c_str())),
      TAG_END());
  nta_incoming_destroy(std::exchange(invite_, nullptr));
}

void SofiaCall::Answer() {
  nta_incoming_treply(invite_, SIP_200_OK, SIPTAG_CONTACT(contact()),
                      SIPTAG_ALLOW_STR(kAllow),
                      SIPTAG_SUPPORTED_STR(kSupported),
                      SIPTAG_SERVER_STR(host_.options().user_agent.c_str()),
                      SIPTAG_CONTENT_TYPE_STR("application/sdp"),
                      SIPTAG_PAYLOAD_STR(local_sdp_.c_str()), TAG_END());
  RememberLocalSdp(std::move(local_sdp_));
  snapshot_.answer_time = absl::Now();
}

SofiaCall::SdpAnswer SofiaCall::AnswerOffer(const sip_t& sip) {
  if (client_has_media_) {
    // The session is not the server's to change; a refresh changes nothing.
    const bool same =
        BodyOf(sip).empty() || CleanSdp(BodyOf(sip)) == snapshot_.remote_sdp;
    return same ? SdpAnswer{.sdp = local_sdp_} : SdpAnswer{.refuse_with = 488};
  }
  if (BodyOf(sip).empty()) {
    if (local_sdp_.empty()) {
      sdp_origin_.version = 1;
      return {.sdp = WriteInactiveOffer(sdp_origin_)};
    }
    return {.sdp = local_sdp_};
  }
  if (!HasSdp(sip)) return {.refuse_with = 415};
  if (BodyOf(sip).size() > kMaxSdp) return {.refuse_with = 413};
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

bool SofiaCall::RememberRemoteSdp(const sip_t& sip) {
  if (BodyOf(sip).empty() || !HasSdp(sip)) return false;
  std::string sdp = CleanSdp(BodyOf(sip));
  if (sdp == snapshot_.remote_sdp) return false;
  snapshot_.remote_sdp = std::move(sdp);
  return true;
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
      case CallAction::kLegReady:
        if (CallTransfer* transfer = open_transfer()) transfer->OnLegReady();
        break;
    }
  }
  if (answer_timer_ && !machine_.awaits_answer()) {
    host_.loop().timers().Cancel(*answer_timer_);
    answer_timer_.reset();
  }
  PublishPhase();
  ReleaseIfOver();
}

void SofiaCall::HangUp() {
  if (CallTransfer* transfer = open_transfer()) transfer->OnLocalHangUp();
  HangUpLeg("hung up by a client");
}

void SofiaCall::ShutDownTransfers() {
  if (CallTransfer* transfer = open_transfer()) transfer->OnShutdown();
}

void SofiaCall::HangUpLeg(std::string_view reason) {
  Perform(machine_.OnHangUp(reason));
}

void SofiaCall::SendBye() {
  WithNextHop([this](absl::StatusOr<SipAddress> next_hop) {
    // The far end's BYE may have come while the name was looked up.
    if (machine_.state().phase != CallPhase::kEnding) return;
    if (next_hop.ok()) {
      bye_ = ClientTransaction::Send(
          leg_, *next_hop, SIP_METHOD_BYE, nullptr, host_.options().user_agent,
          {}, [this](const sip_t& sip, ClientTransaction::Ending ending) {
            if (IsProvisional(sip.sip_status->st_status)) return;
            OnByeAnswered(ending == ClientTransaction::Ending::kAnswered
                              ? sip.sip_status->st_status
                              : 0);
          });
    }
    if (bye_ == nullptr) OnByeAnswered(0);
  });
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
          leg_, *next_hop, SIP_METHOD_OPTIONS, contact(),
          host_.options().user_agent, {},
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
  constexpr char kCause[] = "the far end does not know the call any more";
  if (CallTransfer* transfer = open_transfer()) transfer->OnLegLost(kCause);
  HangUpLeg(kCause);
}

// ---- Where requests go --------------------------------------------------

void SofiaCall::WithNextHop(NextHopReady ready) {
  const sip_route_t* route = nullptr;
  const sip_contact_t* target = nullptr;
  nta_leg_get_route(leg_, &route, &target);
  if (route == nullptr && target == nullptr) {
    std::move(ready)(absl::UnavailableError("the far end gave no address"));
    return;
  }
  const SipTarget next =
      TargetOf(route != nullptr ? *route->r_url : *target->m_url);
  const auto check = [](SipAddress address) -> absl::StatusOr<SipAddress> {
    if (address.transport == SipTransport::kTls) {
      return absl::UnavailableError("SIP over TLS is not served");
    }
    return address;
  };
  if (const std::optional<SipAddress> address = NumericAddress(next)) {
    std::move(ready)(check(*address));
    return;
  }
  host_.resolver().Resolve(
      next, host_.options().dns_limit,
      [&host = host_, id = snapshot_.call_id, check, ready = std::move(ready)](
          absl::StatusOr<std::vector<SipAddress>> found) mutable {
        host.loop().Post([&host, id, check, ready = std::move(ready),
                          found = std::move(found)]() mutable {
          if (host.Find(id) == nullptr) return;
          if (!found.ok()) {
            std::move(ready)(found.status());
          } else {
            std::move(ready)(check(found->front()));
          }
        });
      });
}

void SofiaCall::RefreshTarget(const sip_contact_t* contact) {
  if (contact == nullptr) return;
  // The route set stays as it is (RFC 3261, 12.2).
  nta_leg_client_reroute(leg_, nullptr, contact, 0);
  const std::string target = CleanName(UriText(*contact->m_url));
  if (target == snapshot_.remote_target) return;
  snapshot_.remote_target = target;
  if (machine_.live()) Publish(CallChange::kUpdated);
}

// ---- Watchers and the end -----------------------------------------------

void SofiaCall::PublishPhase() {
  const CallState& state = machine_.state();
  if (snapshot_.phase == state.phase) return;
  snapshot_.phase = state.phase;
  snapshot_.end_reason = state.end_reason;
  snapshot_.end_status = state.end_status;
  snapshot_.ended_by = state.ended_by;
  switch (state.phase) {
    case CallPhase::kIncoming:
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
      return;
  }
}

void SofiaCall::Publish(CallChange change) {
  host_.observer().OnCall(std::make_shared<const CallSnapshot>(snapshot_),
                          change);
}

void SofiaCall::ReleaseIfOver() {
  if (machine_.state().phase != CallPhase::kEnded || retired_) return;
  if (!transfers_.empty() || bye_ != nullptr) return;
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
