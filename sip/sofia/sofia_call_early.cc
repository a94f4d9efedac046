// SPDX-License-Identifier: Apache-2.0

// What passes before an INVITE is answered, in an early dialog: provisional
// responses, PRACK (RFC 3262) and UPDATE (RFC 3311), in either direction.

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include <sofia-sip/su_uniqueid.h>

#include "absl/strings/str_cat.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/request_answers.h"
#include "sip/sofia/sofia_call.h"

namespace callcontrol::sip {
namespace {

MonotonicTime Now() { return std::chrono::steady_clock::now(); }

// RFC 3262, 3.
constexpr int kMostFirstRSeq = 0x7fffffff;

}  // namespace

// ---- Provisional responses ----------------------------------------------

void SofiaCall::BeginProvisional(const sip_t& sip) {
  early_->provisional = ReliableResponses(
      {.support = ReadReliableSupport(sip),
       .offered = early_->offered_media.has_value(),
       .invite_cseq = sip.sip_cseq->cs_seq,
       .first_rseq = static_cast<std::uint32_t>(su_randint(1, kMostFirstRSeq)),
       .t1 = host_.options().t1});
}

void SofiaCall::SendProvisional(
    const std::optional<ReliableResponses::Sending>& sending) {
  if (!sending) return;
  if (sending->rseq && !sending->response.sdp.empty()) {
    machine_.OnEarlySessionSent(!early_->offered_media.has_value());
  }
  Transmit(*sending);
  ArmProvisionalTimer();
}

void SofiaCall::Transmit(const ReliableResponses::Sending& sending) {
  const ProgressRequest& response = sending.response;
  const char* const phrase = response.phrase.empty()
                                 ? sip_status_phrase(response.status)
                                 : response.phrase.c_str();
  const bool with_sdp = !response.sdp.empty();
  const std::string rseq = absl::StrCat(sending.rseq.value_or(0));
  nta_incoming_treply(
      invite_, response.status, phrase, SIPTAG_CONTACT(contact()),
      SIPTAG_ALLOW_STR(allow().c_str()),
      TAG_IF(sending.rseq, SIPTAG_REQUIRE_STR("100rel")),
      TAG_IF(sending.rseq, SIPTAG_RSEQ_STR(rseq.c_str())),
      TAG_IF(with_sdp, SIPTAG_CONTENT_TYPE_STR("application/sdp")),
      TAG_IF(with_sdp, SIPTAG_PAYLOAD_STR(response.sdp.c_str())), TAG_END());
}

void SofiaCall::ArmProvisionalTimer() {
  Disarm(provisional_timer_);
  const std::optional<MonotonicTime> next = early_->provisional.next();
  if (!next) return;
  Arm(provisional_timer_, std::chrono::ceil<Milliseconds>(*next - Now()),
      [this] { OnProvisionalTimer(); });
}

void SofiaCall::OnProvisionalTimer() {
  const ReliableResponses::Due due = early_->provisional.OnTime(Now());
  ArmProvisionalTimer();
  switch (due) {
    case ReliableResponses::Due::kRepeat:
      Transmit(*early_->provisional.unacknowledged());
      return;
    case ReliableResponses::Due::kGiveUp:
      Refuse({504, "No PRACK Came"}, "no PRACK came for a reliable response");
      return;
    case ReliableResponses::Due::kNothing:
      return;
  }
}

// ---- Requests of the far end --------------------------------------------

int SofiaCall::OnPrack(nta_incoming_t* request, const sip_t& sip) {
  const std::optional<RAck> rack = ReadRAck(sip);
  if (!rack) return 400;
  const EarlySession session = machine_.state().early_session;
  if (early_ == nullptr) return 481;
  const bool described =
      early_->provisional.unacknowledged() &&
      !early_->provisional.unacknowledged()->response.sdp.empty();
  if (!early_->provisional.OnPrack(*rack)) return 481;
  ArmProvisionalTimer();
  if (described && session == EarlySession::kOfferSent) {
    // Whoever sees the 200 finds the call as it is then.
    if (RememberRemoteSdp(SdpOf(sip))) Publish(CallChange::kUpdated);
    nta_incoming_treply(request, SIP_200_OK, TAG_END());
    TakeEarlyAnswer(SdpOf(sip));
    return 200;
  }
  // One that crosses the 2xx is an offer like that of a re-INVITE.
  const int to_offer = !machine_.awaits_answer() ? machine_.AnswerToReInvite()
                       : described               ? 200
                                   : machine_.AnswerToEarlyOffer();
  CallMachine::Actions actions;
  if (described) actions = machine_.OnEarlySessionSettled();
  const int status = AnswerEarly(request, sip, to_offer, false);
  if (machine_.awaits_decision()) {
    SendProvisional(early_->provisional.TakeWaiting(Now()));
  }
  Perform(actions);
  return status;
}

void SofiaCall::TakeEarlyAnswer(std::string_view answer) {
  if (answer.empty()) {
    Refuse({488, sip_status_phrase(488)},
           "the offer in a provisional response was not answered");
    return;
  }
  if (SofiaCall* const other = other_leg()) other->AnswerEarlyOffer(answer);
  const CallMachine::Actions actions = machine_.OnEarlySessionSettled();
  if (machine_.awaits_decision()) {
    SendProvisional(early_->provisional.TakeWaiting(Now()));
  }
  Perform(actions);
}

int SofiaCall::AnswerEarly(nta_incoming_t* request, const sip_t& sip,
                           int to_offer, bool refreshes) {
  SdpAnswer answer;
  if (!BodyOf(sip).empty()) {
    if (to_offer == 500) return RefuseForNow(request, 500);
    if (to_offer != 200) return to_offer;
    answer = AnswerOffer(sip);
    // What leaves for the other far end leaves in a re-INVITE, which an early
    // dialog does not have.
    if (answer.for_other_leg) answer.refuse_with = 488;
    if (answer.refuse_with != 0) return RefuseBody(request, answer.refuse_with);
  }
  const bool with_sdp = !answer.sdp.empty();
  const std::string served = allow();
  nta_incoming_treply(
      request, SIP_200_OK, TAG_IF(refreshes, SIPTAG_CONTACT(contact())),
      TAG_IF(refreshes, SIPTAG_ALLOW_STR(served.c_str())),
      SIPTAG_SUPPORTED_STR(supported()),
      TAG_IF(with_sdp, SIPTAG_CONTENT_TYPE_STR("application/sdp")),
      TAG_IF(with_sdp, SIPTAG_PAYLOAD_STR(answer.sdp.c_str())), TAG_END());
  if (with_sdp && TakeSession(sip, answer.sdp)) Publish(CallChange::kUpdated);
  return 200;
}

int SofiaCall::OnEarlyUpdate(nta_incoming_t* request, const sip_t& sip) {
  const int status =
      AnswerEarly(request, sip, machine_.AnswerToEarlyOffer(), true);
  if (status == 200 && HasUsableContact(sip)) RefreshTarget(sip.sip_contact);
  return status;
}

// ---- Of a call that this side places ------------------------------------

int SofiaCall::OnCallingRequest(nta_incoming_t* request, const sip_t& sip) {
  const auto outgoing = outgoing_;
  nta_leg_t* const leg =
      outgoing == nullptr ? nullptr : outgoing->progress().LegOf(sip);
  if (leg == nullptr || sip.sip_request->rq_method != sip_method_update) {
    return 481;
  }
  if (const int refused = RefuseUnknownExtensions(request, sip, supported())) {
    return refused;
  }
  // Each fork has a session of its own, and answers our offer or has not yet.
  const bool settled = !outgoing->progress().Description(sip).empty();
  const int status = AnswerEarly(request, sip, settled ? 200 : 491, true);
  if (status == 200 && HasUsableContact(sip)) {
    nta_leg_client_reroute(leg, nullptr, sip.sip_contact, 0);
  }
  if (status == 200 && !SdpOf(sip).empty()) outgoing->progress().OnUpdated(sip);
  return status;
}

}  // namespace callcontrol::sip
