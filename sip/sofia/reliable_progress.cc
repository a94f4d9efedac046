// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/reliable_progress.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/sofia_call.h"

namespace callcontrol::sip {
namespace {

// More phones than anybody has ring at once.
constexpr std::size_t kMostDialogs = 32;

// The far end's.
std::string_view TagOf(const sip_t& sip) {
  const char* const tag =
      sip.sip_request != nullptr ? sip.sip_from->a_tag : sip.sip_to->a_tag;
  return tag == nullptr ? std::string_view() : std::string_view(tag);
}

}  // namespace

ReliableProgress::~ReliableProgress() {
  for (const auto& dialog : dialogs_) {
    if (dialog->leg != nullptr) host_.DestroyLater(Owned(dialog->leg));
  }
}

std::optional<ReliableProgress::News> ReliableProgress::OnAnswer(
    const sip_t& sip) {
  const std::string sdp(SdpOf(sip));
  const std::optional<std::uint32_t> rseq = ReadReliableRSeq(sip);
  const std::shared_ptr<Dialog> known = Find(TagOf(sip));
  if (!rseq) {
    const bool described = known != nullptr && !known->description.empty();
    return News{false, described ? "" : sdp};
  }
  const bool offers = kind_ == Kind::kAsks && !sdp.empty() &&
                      (known == nullptr || known->description.empty());
  if (offers && offerer_ != nullptr) return std::nullopt;
  const std::shared_ptr<Dialog> dialog = FindOrBegin(sip);
  if (dialog == nullptr) return std::nullopt;
  const ProvisionalOrder::Arrival arrival = dialog->order.OnResponse(*rseq);
  if (arrival == ProvisionalOrder::Arrival::kRepeated) Repeat(dialog, *rseq);
  if (arrival != ProvisionalOrder::Arrival::kNext) return std::nullopt;
  News news{.reliable = true};
  if (dialog->description.empty()) news.sdp = sdp;
  const auto prack = std::make_shared<Prack>();
  prack->rack = {*rseq, sip.sip_cseq->cs_seq, "INVITE"};
  dialog->pracks.push_back(prack);
  if (offers) {
    offerer_ = dialog;
    offer_ = sdp;
    unanswered_ = prack;
    return news;
  }
  if (!news.sdp.empty()) dialog->description = sdp;
  Send(dialog, prack);
  return news;
}

void ReliableProgress::AnswerWith(const std::string& answer) {
  const std::shared_ptr<Prack> prack = std::exchange(unanswered_, nullptr);
  if (prack == nullptr) return;
  prack->answer = answer;
  offerer_->description = offer_;
  Send(offerer_, prack);
}

// ---- Dialogs ------------------------------------------------------------

std::shared_ptr<ReliableProgress::Dialog> ReliableProgress::Find(
    std::string_view tag) const {
  const auto it = std::ranges::find_if(
      dialogs_, [tag](const auto& dialog) { return dialog->tag == tag; });
  return it == dialogs_.end() ? nullptr : *it;
}

std::shared_ptr<ReliableProgress::Dialog> ReliableProgress::FindOrBegin(
    const sip_t& sip) {
  const std::string_view tag = TagOf(sip);
  if (std::shared_ptr<Dialog> known = Find(tag)) return known;
  if (tag.empty() || dialogs_.size() >= kMostDialogs) return nullptr;
  auto dialog = std::make_shared<Dialog>();
  dialog->tag = tag;
  if (kind_ != Kind::kInDialog) {
    // It has seen the INVITE.
    dialog->leg = nta_leg_tcreate(
        host_.agent(), &HandleRequest, static_cast<RequestHandler*>(&call_),
        SIPTAG_CALL_ID(sip.sip_call_id), SIPTAG_FROM(sip.sip_from),
        SIPTAG_TO(sip.sip_to), SIPTAG_CSEQ(sip.sip_cseq), TAG_END());
    if (dialog->leg == nullptr) return nullptr;
    call_.RouteDialog(dialog->leg, sip);
  }
  dialogs_.push_back(dialog);
  return dialog;
}

nta_leg_t* ReliableProgress::LegOf(const sip_t& sip) const {
  const std::shared_ptr<Dialog> dialog = Find(TagOf(sip));
  return dialog == nullptr ? nullptr : dialog->leg;
}

nta_leg_t* ReliableProgress::TakeLeg(const sip_t& sip) {
  const std::shared_ptr<Dialog> dialog = Find(TagOf(sip));
  return dialog == nullptr ? nullptr : std::exchange(dialog->leg, nullptr);
}

std::string ReliableProgress::Description(const sip_t& sip) const {
  const std::shared_ptr<Dialog> dialog = Find(TagOf(sip));
  return dialog == nullptr ? "" : dialog->description;
}

void ReliableProgress::OnUpdated(const sip_t& update) {
  const std::shared_ptr<Dialog> dialog = Find(TagOf(update));
  if (dialog != nullptr) dialog->description = SdpOf(update);
}

nta_leg_t* ReliableProgress::LegFor(const Dialog& dialog) const {
  return dialog.leg != nullptr ? dialog.leg : call_.leg();
}

// ---- PRACKs -------------------------------------------------------------

void ReliableProgress::Repeat(const std::shared_ptr<Dialog>& dialog,
                              std::uint32_t rseq) {
  for (const std::shared_ptr<Prack>& prack : dialog->pracks) {
    if (prack->rack.rseq == rseq && std::exchange(prack->lost, false)) {
      Send(dialog, prack);
    }
  }
}

void ReliableProgress::Send(const std::shared_ptr<Dialog>& dialog,
                            const std::shared_ptr<Prack>& prack) {
  call_.WithNextHopOf(
      LegFor(*dialog), [weak = weak_from_this(), dialog,
                        prack](absl::StatusOr<SipAddress> next_hop) {
        const std::shared_ptr<ReliableProgress> self = weak.lock();
        if (self == nullptr) return;
        if (next_hop.ok()) self->SendTo(*next_hop, dialog, prack);
        prack->lost = prack->transaction == nullptr;
      });
}

void ReliableProgress::SendTo(const SipAddress& next_hop,
                              const std::shared_ptr<Dialog>& dialog,
                              const std::shared_ptr<Prack>& prack) {
  std::vector<SipHeader> headers = prack->authorization.headers();
  headers.push_back(
      {"RAck", absl::StrCat(prack->rack.rseq, " ", prack->rack.cseq, " ",
                            prack->rack.method)});
  prack->transaction = ClientTransaction::Send(
      LegFor(*dialog), next_hop, host_.options().user_agent,
      {.method = kPrackMethod,
       .method_name = kPrackName,
       .headers = std::move(headers),
       .body = prack->answer},
      [weak = weak_from_this(), its_dialog = std::weak_ptr(dialog),
       its = std::weak_ptr(prack)](const sip_t& sip,
                                   ClientTransaction::Ending ending) {
        // A look-up may keep the PRACK longer than this is there.
        const std::shared_ptr<ReliableProgress> self = weak.lock();
        const std::shared_ptr<Dialog> answering = its_dialog.lock();
        const std::shared_ptr<Prack> answered = its.lock();
        if (self != nullptr && answering != nullptr && answered != nullptr &&
            IsFinal(sip.sip_status->st_status)) {
          self->OnPrackAnswered(answering, answered, sip, ending);
        }
      });
}

void ReliableProgress::OnPrackAnswered(const std::shared_ptr<Dialog>& dialog,
                                       const std::shared_ptr<Prack>& prack,
                                       const sip_t& sip,
                                       ClientTransaction::Ending ending) {
  const std::shared_ptr<ClientTransaction> finished =
      std::move(prack->transaction);
  // A transaction goes after what it is calling has returned.
  host_.DestroyLater(finished);
  if (prack->authorization.Take(sip, kPrackName, finished->request_uri(),
                                call_.credentials(), host_.NewId(""))) {
    Send(dialog, prack);
    return;
  }
  prack->lost = ending != ClientTransaction::Ending::kAnswered;
  if (!prack->lost) std::erase(dialog->pracks, prack);
}

}  // namespace callcontrol::sip
