// SPDX-License-Identifier: Apache-2.0

// How a call of ours comes about: from the INVITE to the ACK of its 2xx.

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/next_hop.h"
#include "sip/sofia/sofia_call.h"
#include "sip/transfer/display_text.h"

namespace callcontrol::sip {

std::unique_ptr<SofiaCall> SofiaCall::Place(CallHost& host, PlacePlan plan) {
  std::unique_ptr<SofiaCall> call(new SofiaCall(host, std::move(plan)));
  return call->leg_ == nullptr ? nullptr : std::move(call);
}

SofiaCall::SofiaCall(CallHost& host, PlacePlan plan)
    : host_(host), machine_(CallMachine::Placed()) {
  snapshot_.direction = CallDirection::kOutbound;
  snapshot_.phase = machine_.state().phase;
  snapshot_.sip_call_id = host_.NewId("");
  snapshot_.local_uri = plan.local_uri;
  snapshot_.remote_uri = plan.request_uri;
  BeginSession();

  su_home_t home[1] = {SU_HOME_INIT(home)};
  const bool named = !plan.local_name.empty();
  sip_from_t* const local = sip_from_make(
      home,
      absl::StrCat(plan.local_name, named ? " " : "", "<", plan.local_uri, ">")
          .c_str());
  sip_to_t* const remote =
      sip_to_make(home, absl::StrCat("<", plan.request_uri, ">").c_str());
  if (local != nullptr && remote != nullptr) {
    // RFC 3261, 19.1.1, table 1: neither has a port or such parameters.
    sip_aor_strip(remote->a_url);
    sip_from_tag(home, local, host_.NewId("").c_str());
    leg_ = nta_leg_tcreate(host_.agent(), &HandleRequest,
                           static_cast<RequestHandler*>(this),
                           SIPTAG_CALL_ID_STR(snapshot_.sip_call_id.c_str()),
                           SIPTAG_FROM(local), SIPTAG_TO(remote), TAG_END());
  }
  su_home_deinit(home);

  if (plan.without_offer) {
    client_has_media_ = true;
  } else if (plan.sdp.empty()) {
    sdp_origin_.version = 1;
    RememberLocalSdp(WriteInactiveOffer(sdp_origin_));
  } else {
    client_has_media_ = true;
    RememberLocalSdp(plan.sdp);
  }
  TakeTrunk(plan.trunk);
  SetCredentials(plan.credentials);
  outgoing_ = std::make_shared<OutgoingInvite>(host_, *this, std::move(plan));
}

void SofiaCall::BeginPlaced() {
  const std::shared_ptr<OutgoingInvite> outgoing = outgoing_;
  Arm(answer_timer_, outgoing->plan().ring_limit,
      [this] { Perform(machine_.OnCallUnanswered()); });
  outgoing->Begin();
}

void SofiaCall::OnCallProgress(const SipStatus& status,
                               const ReliableProgress::News& news) {
  const bool rang = machine_.state().phase == CallPhase::kRinging;
  const bool early_media = RememberRemoteSdp(news.sdp);
  Perform(machine_.OnCallProgress());
  if (rang && early_media) Publish(CallChange::kUpdated);
  if (SofiaCall* const caller = other_leg()) {
    caller->RelayProgress(status, news.sdp, news.reliable);
  } else if (InboundReferral* const referral = joined_referral()) {
    referral->OnTargetProgress(status);
  }
}

void SofiaCall::RouteDialog(nta_leg_t* leg, const sip_t& answer) const {
  su_home_t home[1] = {SU_HOME_INIT(home)};
  const sip_contact_t* const contact =
      HasUsableContact(answer)
          ? answer.sip_contact
          : sip_contact_make(
                home,
                absl::StrCat("<", outgoing_->plan().request_uri, ">").c_str());
  // A 2xx sets the route set anew (RFC 3261, 13.2.2.4).
  nta_leg_client_reroute(leg, answer.sip_record_route, contact, 1);
  su_home_deinit(home);
}

void SofiaCall::OnCallAnswered(const sip_t& sip,
                               std::shared_ptr<ClientTransaction> invite) {
  if (nta_leg_t* const early = outgoing_->progress().TakeLeg(sip)) {
    host_.DestroyLater(Owned(std::exchange(leg_, early)));
  } else if (sip.sip_to->a_tag != nullptr) {
    nta_leg_rtag(leg_, sip.sip_to->a_tag);
  }
  RouteDialog(leg_, sip);
  if (const sip_contact_t* const target = RemoteTargetOf(leg_)) {
    snapshot_.remote_target = CleanText(UriText(*target->m_url), 2048);
  }
  const std::string early_sdp = outgoing_->progress().Description(sip);
  const bool offer_open = outgoing_->plan().without_offer && early_sdp.empty();
  outgoing_.reset();
  snapshot_.far_end = ReadFarEnd(sip);
  snapshot_.answer_time = absl::Now();
  // What was said reliably is not changed by the 2xx (RFC 3261, 13.2.1).
  const std::string sdp =
      early_sdp.empty() ? std::string(SdpOf(sip)) : early_sdp;
  RememberRemoteSdp(sdp);
  OnSessionAnswered(sip);
  Disarm(answer_timer_);
  unacknowledged_ = std::move(invite);
  SofiaCall* const caller = other_leg();
  if (offer_open && caller != nullptr && machine_.is_calling()) {
    // The answer is the caller's, and comes in its ACK.
    caller->RelayAnswer(sdp);
    return;
  }
  AcknowledgeCall("", sdp);
}

void SofiaCall::AcknowledgeCall(std::string answer, std::string theirs) {
  if (unacknowledged_ == nullptr) return;
  // Nothing else leaves in the dialog before the ACK.
  WithNextHop([this, invite = std::exchange(unacknowledged_, nullptr),
               answer = std::move(answer), theirs = std::move(theirs)](
                  absl::StatusOr<SipAddress> next_hop) {
    if (next_hop.ok()) invite->Acknowledge(leg_, *next_hop, answer);
    if (!answer.empty()) RememberLocalSdp(answer);
    const bool called = machine_.is_calling();
    Perform(machine_.OnCallAnswered());
    if (!next_hop.ok()) {
      HangUpLeg("the far end gave no address to reach it at");
    } else if (SofiaCall* const caller = other_leg(); called && caller) {
      caller->RelayAnswer(theirs);
    } else if (InboundReferral* const referral = joined_referral();
               called && referral != nullptr) {
      referral->OnTargetAnswered();
    }
  });
}

void SofiaCall::OnCallRefused(const SipStatus& status,
                              std::vector<std::string> contacts,
                              CallEndedBy by) {
  outgoing_.reset();
  // What this side gave up itself was not refused.
  SofiaCall* const caller = machine_.is_calling() ? Unbridge() : nullptr;
  std::string reason = status.reason;
  for (const std::string& contact : contacts) {
    absl::StrAppend(&reason, "; Contact: ", contact);
  }
  Perform(machine_.OnCallRefused(status.code, reason, by));
  if (caller != nullptr) caller->RelayRefusal(status, std::move(contacts));
}

}  // namespace callcontrol::sip
