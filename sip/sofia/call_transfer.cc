// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/call_transfer.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/next_hop.h"
#include "sip/sofia/sofia_call.h"
#include "sip/sofia/transfer_plan.h"

namespace callcontrol::sip {
namespace {

MonotonicTime Now() { return std::chrono::steady_clock::now(); }

std::string_view OddityText(std::string_view code) {
  if (code == "NO_EVENT") return "a NOTIFY came without an Event header";
  if (code == "EVENT_CASE") {
    return "a NOTIFY spells its event another way than \"refer\"";
  }
  return "a NOTIFY carries the id of no REFER of this call";
}

}  // namespace

CallTransfer::CallTransfer(CallHost& host, TransferParty& party,
                           TransferPlan plan, TransferPolicy policy)
    : host_(host),
      party_(party),
      plan_(std::move(plan)),
      machine_(policy, Now()) {
  if (plan_.awaited) {
    host_.Find(plan_.replaces_call_id)->Await(plan_.call_id, plan_.transfer_id);
  }
  host_.OnTransferOpened();
  ArmTimer();
}

CallTransfer::~CallTransfer() {
  if (timer_) host_.loop().timers().Cancel(*timer_);
}

// ---- Inputs -------------------------------------------------------------

void CallTransfer::OnLegReady() { Perform(machine_.OnLegReady(Now())); }

void CallTransfer::OnConsultationSettled(SofiaCall& consultation) {
  const CallSnapshot& call = consultation.snapshot();
  if (!plan_.awaited) return;
  const AwaitedTarget target = *std::exchange(plan_.awaited, std::nullopt);
  if (!consultation.live()) {
    Perform(machine_.OnTargetOver(
        call.ended_by == CallEndedBy::kFarEnd ? call.end_status : 0,
        absl::StrCat("the call to the target was not answered: ",
                     call.end_reason),
        Now()));
    return;
  }
  // It may have been placed for a REFER of somebody's, who has it now.
  const absl::Status free = consultation.CheckNoTransfer();
  absl::StatusOr<std::string> refer_to =
      free.ok() ? BuildReplacing(target, consultation)
                : absl::StatusOr<std::string>(free);
  if (!refer_to.ok()) {
    Perform(machine_.OnTargetOver(0, std::string(refer_to.status().message()),
                                  Now()));
    return;
  }
  plan_.refer_to = *std::move(refer_to);
  replanned_ = true;
  Perform(machine_.OnTargetAnswered(Now()));
}

void CallTransfer::OnNotify(const ReferNotify& notify,
                            const std::optional<std::string>& event_id,
                            std::string_view oddity) {
  // It goes out again: a far end can write anything there, a CSeq is digits.
  event_id_ = event_id.value_or("");
  if (!std::ranges::all_of(event_id_, absl::ascii_isdigit)) event_id_.clear();
  if (!oddity.empty()) {
    Perform(machine_.OnOddity(oddity, OddityText(oddity)));
  }
  Perform(machine_.OnNotify(notify, Now()));
}

void CallTransfer::OnFarEndBye(std::string_view sip_reason) {
  Perform(machine_.OnFarEndBye(sip_reason, Now()));
}

void CallTransfer::OnByeAnswer(int status) {
  Perform(machine_.OnByeAnswer(status, Now()));
}

void CallTransfer::OnProbeAnswer(int status) {
  Perform(machine_.OnProbeAnswer(status, Now()));
}

void CallTransfer::OnLegLost(std::string_view cause) {
  Perform(machine_.OnLegLost(cause, Now()));
}

CancelOutcome CallTransfer::OnCancel() {
  const CancelOutcome outcome = machine_.cancellation();
  Perform(machine_.OnCancel(Now()));
  return outcome;
}

void CallTransfer::OnLocalHangUp() { Perform(machine_.OnLocalHangUp(Now())); }

void CallTransfer::OnShutdown() { Perform(machine_.OnShutdown(Now())); }

bool CallTransfer::takes_leg_away() const {
  if (machine_.state().progress != ReferProgress::kAccepted) return false;
  if (!done()) return true;
  switch (machine_.state().outcome) {
    case TransferOutcome::kTransferred:
    case TransferOutcome::kAcceptedUnconfirmed:
    case TransferOutcome::kAcceptedNoSubscription:
    case TransferOutcome::kAcceptedNoNotify:
    case TransferOutcome::kLegEndedUnconfirmed:
      return true;
    default:
      return false;
  }
}

NotifyCandidate CallTransfer::candidate() const {
  return {.refer_cseqs = machine_.state().refer_cseqs,
          .open = !machine_.done(),
          .strict = machine_.state().policy.strict};
}

// ---- Outputs ------------------------------------------------------------

void CallTransfer::Perform(TransferMachine::Step step) {
  for (const TransferEvent& event : step.events) Tell(event);
  for (const TransferAction action : step.actions) {
    switch (action) {
      case TransferAction::kAwaitLeg:
        party_.BeginTransfer();
        break;
      case TransferAction::kHold:
        Hold(true);
        break;
      case TransferAction::kAbandonHold:
        party_.AbandonHold();
        break;
      case TransferAction::kResume:
        Hold(false);
        break;
      case TransferAction::kSendRefer:
        SendRefer();
        break;
      case TransferAction::kSendBye:
        party_.HangUpLeg("transferred or hung up");
        break;
      case TransferAction::kSendProbe:
        party_.Probe();
        break;
      case TransferAction::kRefresh:
        // Each refresh is challenged anew, or not at all.
        subscribe_authorization_ = ChallengeAnswer();
        Subscribe(std::chrono::duration_cast<std::chrono::seconds>(
            machine_.state().policy.final_status));
        break;
      case TransferAction::kUnsubscribe:
        Subscribe(std::chrono::seconds(0));
        break;
      case TransferAction::kForget:
        party_.Forget(*this);  // Destroys this, after the loop's turn.
        return;
    }
  }
  ArmTimer();
}

void CallTransfer::TellSent(ReferSent sent) {
  if (replanned_) sent.refer_to = plan_.refer_to;
  if (standalone_ != nullptr) sent.sip_call_id = standalone_->refer_call_id();
  host_.observer().OnTransferEvent(plan_.transfer_id, sent,
                                   machine_.state().phase, absl::Now());
}

void CallTransfer::Tell(const TransferEvent& event) {
  if (const auto* sent = std::get_if<ReferSent>(&event)) {
    TellSent(*sent);
    return;
  }
  host_.observer().OnTransferEvent(plan_.transfer_id, event,
                                   machine_.state().phase, absl::Now());
  const auto* result = std::get_if<TransferResult>(&event);
  if (result == nullptr) return;
  if (result->outcome == TransferOutcome::kTransferred) ClearConsultation();
  host_.OnTransferEnded();
  party_.OnTransferOver();
}

void CallTransfer::ClearConsultation() {
  if (plan_.replaces_call_id.empty()) return;
  const TransferPolicy& policy = machine_.state().policy;
  const LegAction action = policy.on_success.value_or(LegAction::kHangUp);
  if (action == LegAction::kKeep) return;
  // The target, whose call was replaced, ends it (RFC 3891, 3).
  const Milliseconds grace = action == LegAction::kWaitForPeer
                                 ? policy.unconfirmed_wait
                                 : policy.bye_grace;
  host_.loop().timers().Add(
      Now() + grace, [&host = host_, id = plan_.replaces_call_id] {
        SofiaCall* const consultation = host.Find(id);
        if (consultation == nullptr || !consultation->live()) return;
        consultation->HangUpLeg("replaced by an attended transfer");
      });
}

void CallTransfer::ArmTimer() {
  const std::optional<MonotonicTime> next = machine_.NextDeadline();
  if (timer_ && next && timer_->at == *next) return;
  if (timer_) host_.loop().timers().Cancel(*timer_);
  timer_.reset();
  if (!next) return;
  timer_ = host_.loop().timers().Add(*next, [this] {
    timer_.reset();
    Perform(machine_.OnTime(Now()));
  });
}

// ---- The hold around it -------------------------------------------------

void CallTransfer::Hold(bool hold) {
  party_.SetHold(hold, [&party = party_, id = plan_.transfer_id,
                        hold](const SipStatus& status) {
    // The answer may come long after the transfer.
    CallTransfer* transfer = party.FindTransfer(id);
    if (transfer == nullptr) return;
    TransferMachine& machine = transfer->machine_;
    transfer->Perform(hold ? machine.OnHoldAnswer(status, Now())
                           : machine.OnResumeAnswer(status, Now()));
  });
}

// ---- The REFER ----------------------------------------------------------

RequestPath& CallTransfer::path() const {
  return standalone_ != nullptr ? *standalone_ : *party_.dialog();
}

void CallTransfer::SendRefer() {
  // As late as can be: a ringing target, a hold or a wait may come between the
  // request and this, and with them another Contact. Further attempts go the
  // same way.
  if (!std::exchange(path_chosen_, true)) {
    standalone_ = party_.OutsideDialog(plan_);
    if (standalone_ != nullptr) standalone_->ReportTo(*this);
  }
  path().WithNextHop([&party = party_, id = plan_.transfer_id](
                         absl::StatusOr<SipAddress> next_hop) {
    // The look-up may have taken a while: the transfer is looked up again.
    CallTransfer* transfer = party.FindTransfer(id);
    if (transfer == nullptr ||
        transfer->machine_.state().phase != TransferPhase::kSending) {
      return;
    }
    if (!next_hop.ok()) {
      const absl::Status& error = next_hop.status();
      transfer->Perform(transfer->machine_.OnSendFailed(
          {error.message().data(), error.message().size()}, Now()));
      return;
    }
    transfer->SendReferTo(*next_hop);
  });
}

void CallTransfer::SendReferTo(const SipAddress& next_hop) {
  std::vector<SipHeader> headers = {{"Refer-To", plan_.refer_to},
                                    {"Referred-By", plan_.referred_by}};
  if (plan_.no_subscription) headers.push_back({"Refer-Sub", "false"});
  std::string route;
  if (standalone_ != nullptr) {
    const std::vector<SipHeader> own = standalone_->headers();
    headers.insert(headers.end(), own.begin(), own.end());
    route = standalone_->route();
  }
  headers.insert(headers.end(), plan_.headers.begin(), plan_.headers.end());
  headers.insert(headers.end(), authorization_.headers().begin(),
                 authorization_.headers().end());
  refer_ = ClientTransaction::Send(
      path().leg(), next_hop, host_.options().user_agent,
      {.method = sip_method_refer,
       .method_name = sip_method_name_refer,
       .contact = path().contact(),
       .headers = std::move(headers),
       .request_uri = path().request_uri(),
       .route = std::move(route)},
      [this, next_hop](const sip_t& sip, ClientTransaction::Ending ending) {
        OnReferAnswer(sip, ending, next_hop);
      });
  if (refer_ == nullptr) {
    Perform(machine_.OnSendFailed("the REFER could not be sent", Now()));
    return;
  }
  Perform(machine_.OnReferSent(refer_->cseq(), Now()));
  TellOddities();
}

void CallTransfer::TellOddities() {
  const FarEnd& far_end = party_.far_end();
  const SofiaCall* const consultation = host_.Find(plan_.replaces_call_id);
  if (consultation != nullptr &&
      !consultation->snapshot().far_end.supports_replaces) {
    Perform(machine_.OnOddity(
        "REPLACES_NOT_ADVERTISED",
        "the target's Supported does not list replaces; sent all the same"));
  }
  if (!far_end.allows_refer) {
    Perform(machine_.OnOddity(
        "REFER_NOT_ADVERTISED",
        "the far end's Allow does not list REFER; sent all the same"));
  }
  if (far_end.contact_is_gruu && standalone_ == nullptr) {
    Perform(machine_.OnOddity(
        "PEER_CONTACT_IS_GRUU",
        "the far end's Contact is a GRUU; RFC 7647 would want the REFER "
        "outside the dialog"));
  }
}

void CallTransfer::OnReferAnswer(const sip_t& sip,
                                 ClientTransaction::Ending ending,
                                 const SipAddress& next_hop) {
  const int status = sip.sip_status->st_status;
  if (IsProvisional(status)) {
    Perform(machine_.OnReferProvisional(ReadReferAnswer(sip).status, Now()));
    return;
  }
  // Kept until the end of this function: it is what is calling.
  const std::unique_ptr<ClientTransaction> finished = std::move(refer_);
  switch (ending) {
    case ClientTransaction::Ending::kTimedOut:
      Perform(machine_.OnReferSilence(Now()));
      return;
    case ClientTransaction::Ending::kFailed:
      Perform(machine_.OnSendFailed(WhyUnreachable(host_, next_hop), Now()));
      return;
    case ClientTransaction::Ending::kAnswered:
      break;
  }
  // Outside the dialog a refusal may be anybody's.
  const bool from_far_end = standalone_ == nullptr || IsSuccess(status);
  if (status != 481 && status != 408 && from_far_end) party_.SeenAlive();
  // A 2xx is a target refresh (RFC 4488, 4).
  if (IsSuccess(status) && HasUsableContact(sip)) {
    path().RefreshTarget(sip.sip_contact);
  }
  ReferAnswer answer = ReadReferAnswer(sip);
  answer.answerable =
      authorization_.Take(sip, "REFER", finished->request_uri(),
                          party_.credentials(), host_.NewId("")) ||
      TakeIntoDialog(sip);
  Perform(machine_.OnReferAnswer(answer, Now()));
}

bool CallTransfer::TakeIntoDialog(const sip_t& refusal) {
  // It listed the extension, and does not know it after all (RFC 3261,
  // 8.1.3.5).
  if (standalone_ == nullptr || party_.dialog() == nullptr ||
      !RefusesExtension(refusal, "tdialog")) {
    return false;
  }
  host_.DestroyLater(std::exchange(standalone_, nullptr));
  authorization_ = ChallengeAnswer();
  return true;
}

// ---- The subscription ---------------------------------------------------

void CallTransfer::Subscribe(std::chrono::seconds expires) {
  if (!path().in_dialog()) return;
  path().WithNextHop([&party = party_, id = plan_.transfer_id,
                      expires](const absl::StatusOr<SipAddress>& next_hop) {
    CallTransfer* const transfer = party.FindTransfer(id);
    // The subscription ends by itself where it cannot be reached.
    if (transfer == nullptr || !next_hop.ok()) return;
    transfer->SubscribeAt(*next_hop, expires);
  });
}

void CallTransfer::SubscribeAt(const SipAddress& next_hop,
                               std::chrono::seconds expires) {
  std::vector<SipHeader> headers = {
      {"Event", event_id_.empty() ? "refer" : "refer;id=" + event_id_},
      {"Expires", std::to_string(expires.count())},
      {"Accept", "message/sipfrag"}};
  headers.insert(headers.end(), subscribe_authorization_.headers().begin(),
                 subscribe_authorization_.headers().end());
  subscribe_ = ClientTransaction::Send(
      path().leg(), next_hop, host_.options().user_agent,
      {.method = sip_method_subscribe,
       .method_name = sip_method_name_subscribe,
       .contact = path().contact(),
       .headers = std::move(headers),
       .request_uri = path().request_uri()},
      [this, expires](const sip_t& sip, ClientTransaction::Ending) {
        if (!IsProvisional(sip.sip_status->st_status)) {
          OnSubscribeAnswer(sip, expires);
        }
      });
}

void CallTransfer::OnSubscribeAnswer(const sip_t& sip,
                                     std::chrono::seconds expires) {
  // Kept until the end of this function: it is what is calling.
  const std::unique_ptr<ClientTransaction> finished = std::move(subscribe_);
  if (subscribe_authorization_.Take(sip, "SUBSCRIBE", finished->request_uri(),
                                    party_.credentials(), host_.NewId(""))) {
    Subscribe(expires);
    return;
  }
  if (expires == std::chrono::seconds(0)) return;
  RefreshAnswer answer{.status = sip.sip_status->st_status};
  if (IsSuccess(answer.status) && sip.sip_expires != nullptr) {
    answer.expires = std::chrono::seconds(sip.sip_expires->ex_delta);
  }
  Perform(machine_.OnRefreshAnswer(answer, Now()));
}

}  // namespace callcontrol::sip
