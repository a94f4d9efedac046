// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/sofia_engine_impl.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/request_answers.h"
#include "sip/sofia/standalone_refer.h"

namespace callcontrol::sip {
namespace {

// Of "user@host"; empty for none.
std::string_view UserOf(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view()
                                      : address.substr(0, at);
}

// What is served outside dialogs; `refers`: to whoever may refer.
std::string AllowOf(bool refers) {
  return absl::StrCat(kAllow, refers ? kAllowReferrals : "");
}

}  // namespace

int SofiaEngine::Impl::OnRequest(nta_incoming_t* request, const sip_t& sip) {
  if (IsPrack(sip)) return 481;
  switch (sip.sip_request->rq_method) {
    case sip_method_ack:
      return 200;  // Ends its transaction; never sent.
    case sip_method_invite:
      if (sip.sip_to->a_tag != nullptr) return 481;
      return OnInvite(request, sip);
    case sip_method_notify:
      return OnNotify(request, sip);
    case sip_method_bye:
    case sip_method_update:
    case sip_method_cancel:
      return 481;
    case sip_method_options:
      return OnOptions(request, sip);
    case sip_method_refer:
      if (SofiaCall* const call = FindReferredTo(request, sip)) {
        return call->OnReferAbout(request, sip);
      }
      return RefuseOutsideDialogs(request, sip);
    case sip_method_subscribe:
      return RefuseOutsideDialogs(request, sip);
    default:
      return RefuseMethod(request, sip, AllowOf(RefersFrom(request, sip)));
  }
}

int SofiaEngine::Impl::OnOptions(nta_incoming_t* request, const sip_t& sip) {
  const bool refers = RefersFrom(request, sip);
  const char* const supported = SupportedOptions(true, refers);
  if (const int refused = RefuseUnknownExtensions(request, sip, supported)) {
    return refused;
  }
  return AnswerOptions(request, contact(), options_.user_agent, AllowOf(refers),
                       supported);
}

int SofiaEngine::Impl::OnInvite(nta_incoming_t* request, const sip_t& sip) {
  std::shared_ptr<const Trunk> trunk;
  const IncomingCall incoming = Incoming(request, sip, trunk);
  if (const int refused = RefuseUnknownExtensions(
          request, sip, SupportedOptions(true, MayRefer(trunk.get())))) {
    return refused;
  }
  // "sips" means TLS on every hop (RFC 3261, 26.2.2; RFC 5630, 3.1.3).
  if (sip.sip_request->rq_url->url_type == url_sips && !CameByTls(sip)) {
    return 416;
  }
  if (draining_ || live_calls_ >= options_.max_calls) {
    return RefuseForNow(request, 503);
  }
  if (!HasUsableContact(sip)) {
    nta_incoming_treply(request, 400, "Missing or Bad Contact", TAG_END());
    return 400;
  }
  SofiaCall* replaced = nullptr;
  if (const int refused = RefuseReplaces(sip, replaced)) return refused;
  // One that takes the place of another is no more than that was.
  if (replaced == nullptr && Overloaded()) return RefuseForNow(request, 503);
  std::unique_ptr<SofiaCall> call = SofiaCall::Create(*this, request, sip);
  if (call == nullptr) return 500;
  if (replaced != nullptr) call->Replace(*replaced);
  CallTreatment treatment = TreatmentOf(incoming, routes_);
  const bool joins = replaced != nullptr && replaced->bridged() &&
                     treatment.kind != CallTreatment::Kind::kReject;
  if (joins) treatment.kind = CallTreatment::Kind::kBridge;
  SofiaCall& caller = Keep(std::move(call));
  caller.Start(sip, treatment, std::move(trunk));
  if (treatment.kind != CallTreatment::Kind::kBridge || !caller.live()) {
    return 0;
  }
  if (joins) {
    caller.TakePlaceInBridge(sip, *replaced);
  } else {
    Bridge(caller, sip, treatment.bridge);
  }
  return 0;
}

int SofiaEngine::Impl::RefuseReplaces(const sip_t& sip, SofiaCall*& found) {
  if (HasBadHeader(sip, "Replaces")) return 400;
  if (sip.sip_replaces == nullptr) return 0;
  int answer = 0;
  found = calls_.FindReplaced(*sip.sip_replaces, answer);
  return answer == 200 ? 0 : answer;
}

int SofiaEngine::Impl::OnNotify(nta_incoming_t* request, const sip_t& sip) {
  if (sip.sip_to->a_tag == nullptr) return 481;
  const auto found =
      standalone_by_tag_.find(std::string_view(sip.sip_to->a_tag));
  if (found == standalone_by_tag_.end()) return 481;
  if (const int refused = RefuseUnknownExtensions(
          request, sip, SupportedOptions(true, false))) {
    return refused;
  }
  const int status = found->second->OnNotify(sip);
  return status == 489 ? AnswerBadEvent(request) : status;
}

int SofiaEngine::Impl::RefuseOutsideDialogs(nta_incoming_t* request,
                                            const sip_t& sip) {
  if (!RefersFrom(request, sip)) return RefuseMethod(request, sip, kAllow);
  if (const int refused =
          RefuseUnknownExtensions(request, sip, SupportedOptions(true, true))) {
    return refused;
  }
  const std::optional<EventHeader> event = ReadEventOf(sip);
  const bool subscribes = sip.sip_request->rq_method == sip_method_subscribe;
  if (subscribes && (!event || event->package != "refer")) {
    return AnswerBadEvent(request);
  }
  return sip.sip_to->a_tag != nullptr ? 481 : 403;
}

SofiaCall* SofiaEngine::Impl::FindReferredTo(nta_incoming_t* request,
                                             const sip_t& sip) {
  if (sip.sip_to->a_tag != nullptr) return nullptr;
  const std::optional<TargetDialog> dialog = ReadTargetDialogOf(sip);
  if (!dialog) return nullptr;
  SofiaCall* const call = calls_.FindDialog(*dialog);
  if (call == nullptr) return nullptr;
  std::shared_ptr<const Trunk> trunk;
  const IncomingCall incoming = Incoming(request, sip, trunk);
  const bool of_its_neighbour =
      call->trunk() == nullptr || MayComeFrom(incoming.source, *call->trunk(),
                                              registrations_.registered_at());
  return of_its_neighbour ? call : nullptr;
}

IncomingCall SofiaEngine::Impl::Incoming(nta_incoming_t* request,
                                         const sip_t& sip,
                                         std::shared_ptr<const Trunk>& trunk) {
  msg_t* const message = nta_incoming_getrequest(request);
  const su_addrinfo_t* const source =
      message == nullptr ? nullptr : msg_addrinfo(message);
  IncomingCall incoming =
      ReadIncomingCall(sip, source == nullptr ? nullptr : source->ai_addr);
  if (message != nullptr) msg_destroy(message);
  trunk = TrunkOf(incoming.source, UserOf(incoming.request_uri), trunks_,
                  registrations_.registered_at());
  if (trunk != nullptr) incoming.trunk = trunk->name;
  return incoming;
}

bool SofiaEngine::Impl::MayRefer(const Trunk* trunk) const {
  const ReferralPolicy& policy =
      trunk != nullptr ? trunk->referrals : options_.referrals;
  return policy.mode != ReferralMode::kOff;
}

bool SofiaEngine::Impl::RefersFrom(nta_incoming_t* request, const sip_t& sip) {
  std::shared_ptr<const Trunk> trunk;
  Incoming(request, sip, trunk);
  return MayRefer(trunk.get());
}

}  // namespace callcontrol::sip
