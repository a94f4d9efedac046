// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/referral_dialog.h"

#include <optional>
#include <utility>

#include "sip/sofia/inbound_referral.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/request_answers.h"

namespace callcontrol::sip {

std::shared_ptr<ReferralDialog> ReferralDialog::Create(CallHost& host,
                                                       nta_incoming_t* request,
                                                       const sip_t& sip,
                                                       std::string tls_name) {
  std::shared_ptr<ReferralDialog> dialog(
      new ReferralDialog(host, request, sip, std::move(tls_name)));
  return dialog->leg_ == nullptr ? nullptr : dialog;
}

ReferralDialog::ReferralDialog(CallHost& host, nta_incoming_t* request,
                               const sip_t& sip, std::string tls_name)
    : host_(host),
      transport_(ReadLegTransport(sip)),
      tls_name_(std::move(tls_name)) {
  leg_ = CreateServerLeg(host_, *this, sip);
  if (leg_ != nullptr) nta_incoming_tag(request, nta_leg_get_tag(leg_));
}

ReferralDialog::~ReferralDialog() {
  if (leg_ != nullptr) nta_leg_destroy(leg_);
}

int ReferralDialog::OnRequest(nta_incoming_t* request, const sip_t& sip) {
  const sip_method_t method = sip.sip_request->rq_method;
  // The status ends its transaction and is never sent.
  if (method == sip_method_ack) return 200;
  if (!IsOfDialog(leg_, sip)) return 481;
  if (const int refused =
          RefuseUnknownExtensions(request, sip, SupportedOptions(true, true))) {
    return refused;
  }
  if (method == sip_method_subscribe) return OnSubscribe(request, sip);
  // There is no usage that these could be of.
  return 481;
}

int ReferralDialog::OnSubscribe(nta_incoming_t* request, const sip_t& sip) {
  const std::optional<EventHeader> event = ReadEventOf(sip);
  if (!event || event->package != "refer") return AnswerBadEvent(request);
  if (!referral_->ServesSubscription(event->id)) return 481;
  if (HasUsableContact(sip)) RefreshTarget(sip.sip_contact);
  referral_->OnSubscribe(request, sip);
  return 200;
}

void ReferralDialog::WithNextHop(NextHopReady ready) {
  FindNextHopOf(
      host_, leg_, {.sips = transport_.sips, .tls_name = tls_name_},
      [weak = weak_from_this()] { return !weak.expired(); }, std::move(ready));
}

void ReferralDialog::RefreshTarget(const sip_contact_t* contact) {
  if (contact != nullptr) nta_leg_client_reroute(leg_, nullptr, contact, 0);
}

}  // namespace callcontrol::sip
