// SPDX-License-Identifier: Apache-2.0

// The requests that a far end sends inside a dialog.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/request_answers.h"
#include "sip/sofia/sofia_call.h"

namespace callcontrol::sip {

int SofiaCall::OnRequest(nta_incoming_t* request, const sip_t& sip) {
  const sip_method_t method = sip.sip_request->rq_method;
  // An ACK that no INVITE waits for; the status ends its transaction and is
  // never sent.
  if (method == sip_method_ack) return 200;
  // Until our INVITE has its final answer: also while a CANCEL is out.
  if (machine_.is_calling() || outgoing_ != nullptr) {
    return OnCallingRequest(request, sip);
  }
  if (!IsOfDialog(leg_, sip)) return 481;
  SeenAlive();
  if (const int refused = RefuseUnknownExtensions(request, sip, supported())) {
    return refused;
  }
  if (IsPrack(sip)) return OnPrack(request, sip);
  switch (method) {
    case sip_method_invite:
    case sip_method_update:
      return OnSessionRequest(request, sip);
    case sip_method_info:
      return OnInfo(request, sip);
    case sip_method_refer:
      return OnRefer(request, sip, nullptr);
    case sip_method_subscribe:
      return OnSubscribe(request, sip);
    case sip_method_bye:
      return OnBye(sip);
    case sip_method_notify:
      if (const int status = OnNotify(sip); status != 489) return status;
      return AnswerBadEvent(request);
    case sip_method_cancel:
      return 481;  // Sofia found no INVITE for it.
    case sip_method_options:
      return AnswerOptions(request, contact(), host_.options().user_agent,
                           allow(), supported());
    default:
      return RefuseMethod(request, sip, allow());
  }
}

int SofiaCall::OnBye(const sip_t& sip) {
  const std::string reason = ReadReason(sip);
  bye_reason_ = reason;
  for (const auto& transfer : transfers_) transfer->OnFarEndBye(reason);
  if (open_transfer() != nullptr) AwaitOvertakenNotifys(sip);
  // The BYE is answered by what is returned, before the call goes: its
  // destruction waits for the loop's turn.
  Perform(machine_.OnFarEndBye(reason));
  return 200;
}

void SofiaCall::AwaitOvertakenNotifys(const sip_t& bye) {
  // Sofia refuses a lower CSeq before anybody is asked (RFC 3261, 12.2.2), but
  // the dialog goes on for the subscription (RFC 6665, 4.5.2) and what the
  // NOTIFY tells is no less true: a leg that has seen no CSeq takes the place
  // of this.
  const sip_route_t* route = nullptr;
  const sip_contact_t* target = nullptr;
  nta_leg_get_route(leg_, &route, &target);
  su_home_t home[1] = {SU_HOME_INIT(home)};
  nta_leg_t* const fresh = nta_leg_tcreate(
      host_.agent(), &HandleRequest, static_cast<RequestHandler*>(this),
      SIPTAG_CALL_ID(bye.sip_call_id), SIPTAG_FROM(bye.sip_to),
      SIPTAG_TO(bye.sip_from), SIPTAG_ROUTE(route),
      SIPTAG_CSEQ(sip_cseq_create(home, nta_leg_get_seq(leg_), SIP_METHOD_BYE)),
      TAG_END());
  su_home_deinit(home);
  if (fresh == nullptr) return;
  // Only so is the first hop known for a loose router.
  if (target != nullptr) nta_leg_client_reroute(fresh, nullptr, target, 0);
  host_.DestroyLater(Owned(std::exchange(leg_, fresh)));
}

int SofiaCall::OnNotify(const sip_t& sip) {
  // Those whose REFER left; candidates[i] is of referred[i].
  std::vector<CallTransfer*> referred;
  std::vector<NotifyCandidate> candidates;
  for (const auto& transfer : transfers_) {
    NotifyCandidate candidate = transfer->candidate();
    if (candidate.refer_cseqs.empty()) continue;
    referred.push_back(transfer.get());
    candidates.push_back(std::move(candidate));
  }
  const std::optional<EventHeader> event = ReadEventOf(sip);
  const NotifyMatch match = MatchNotify(event, candidates);
  if (!match.transfer) return match.answer;
  if (HasUsableContact(sip)) RefreshTarget(sip.sip_contact);
  referred[*match.transfer]->OnNotify(
      ReadNotify(sip), event ? event->id : std::nullopt, match.warning);
  return match.answer;
}

int SofiaCall::OnSessionRequest(nta_incoming_t* request, const sip_t& sip) {
  const bool offers = !BodyOf(sip).empty();
  const bool invites = sip.sip_request->rq_method == sip_method_invite;
  if (!invites && machine_.awaits_answer()) return OnEarlyUpdate(request, sip);
  // An UPDATE without an offer refreshes, and answers nothing (RFC 3311, 5.1).
  const bool only_refreshes =
      !invites && !offers && machine_.state().phase == CallPhase::kAnswered;
  // An offer of ours, or an answer to theirs, is on its way in an INVITE (RFC
  // 3261, 14.2; RFC 3311, 5.2).
  const int status = only_refreshes ? 200 : machine_.AnswerToReInvite();
  if (status == 500) return RefuseForNow(request, 500);
  if (status != 200) return status;
  if (session_timer_.IsTooShort(ReadSessionTimer(sip))) {
    return RefuseInterval(request, session_timer_.LeastHeader());
  }
  SdpAnswer answer;
  if (!only_refreshes) answer = AnswerOffer(sip);
  if (answer.for_other_leg) return DeferOffer(request, sip, *other_leg());
  if (answer.refuse_with != 0) return RefuseBody(request, answer.refuse_with);
  if (invites) BindReInvite(request);
  AcceptSessionRequest(request, sip, answer.sdp);
  if (!invites) return 200;
  machine_.OnReInviteAnswered();
  return 0;
}

void SofiaCall::BindReInvite(nta_incoming_t* request) {
  reinvite_ = request;
  nta_incoming_bind(
      request,
      [](InviteHandler* self, nta_incoming_t* invite, const sip_t* message) {
        self->OnAckOrCancel(invite, message);
        return 0;
      },
      static_cast<InviteHandler*>(this));
}

void SofiaCall::AcceptSessionRequest(nta_incoming_t* request, const sip_t& sip,
                                     const std::string& sdp) {
  session_timer_.OnRequest(ReadSessionTimer(sip));
  if (HasUsableContact(sip)) RefreshTarget(sip.sip_contact);
  const bool changed = !sdp.empty() && TakeSession(sip, sdp);
  SendOk(request, sdp);
  if (changed) Publish(CallChange::kUpdated);
}

}  // namespace callcontrol::sip
