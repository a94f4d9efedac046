// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/standalone_refer.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

#include <sofia-sip/su_uniqueid.h>

#include "absl/strings/str_cat.h"
#include "sip/call/registration.h"
#include "sip/sofia/call_transfer.h"
#include "sip/sofia/message_reader.h"
#include "sip/transfer/notify_match.h"

namespace callcontrol::sip {
namespace {

// RFC 3261, 8.1.1.5: below 2^31, with room to count.
constexpr int kHighestFirstCseq = 1 << 30;

// More than any proxy rings at once.
constexpr std::size_t kMostForks = 16;

}  // namespace

struct StandaloneRefer::Fork {
  Fork() = default;
  Fork(const Fork&) = delete;
  Fork& operator=(const Fork&) = delete;
  ~Fork() { su_home_deinit(home); }

  su_home_t home[1] = {SU_HOME_INIT(home)};
  std::string tag;
  std::uint32_t cseq = 0;
  sip_from_t* remote = nullptr;
  sip_record_route_t* routes = nullptr;
  sip_contact_t* target = nullptr;
};

StandaloneRefer::StandaloneRefer(CallHost& host, StandaloneReferTerms terms)
    : host_(host),
      terms_(std::move(terms)),
      tag_(host_.NewId("")),
      transport_{.sips = IsSips(terms_.uri)},
      cseq_(static_cast<std::uint32_t>(su_randint(1, kHighestFirstCseq))) {
  host_.TakeNotifys(tag_, this);
}

StandaloneRefer::~StandaloneRefer() { host_.TakeNotifys(tag_, nullptr); }

// ---- Requests of ours ---------------------------------------------------

std::vector<SipHeader> StandaloneRefer::headers() const {
  if (!terms_.about) return {};
  // Who does not know the header would take the REFER for a stranger's.
  return {{"Target-Dialog", FormatTargetDialog(*terms_.about)},
          {"Require", "tdialog"}};
}

std::string StandaloneRefer::route() const { return RouteHeader(terms_.route); }

nta_leg_t* StandaloneRefer::leg() {
  const Fork* const fork = LiveFork();
  if (fork == nullptr) sent_ = std::chrono::steady_clock::now();
  su_home_t home[1] = {SU_HOME_INIT(home)};
  sip_from_t* const local = sip_from_make(home, terms_.local.c_str());
  sip_to_t* remote = fork == nullptr ? nullptr : fork->remote;
  if (fork == nullptr) {
    remote = sip_to_make(home, absl::StrCat("<", terms_.uri, ">").c_str());
    // RFC 3261, 19.1.1, table 1: no port and no such parameters.
    if (remote != nullptr) sip_aor_strip(remote->a_url);
  }
  nta_leg_t* leg = nullptr;
  if (local != nullptr && remote != nullptr) {
    sip_from_tag(home, local, tag_.c_str());
    leg = nta_leg_tcreate(
        host_.agent(), nullptr, nullptr,
        SIPTAG_CALL_ID_STR(terms_.sip_call_id.c_str()), SIPTAG_FROM(local),
        SIPTAG_TO(remote),
        SIPTAG_CSEQ(sip_cseq_create(home, cseq_++, SIP_METHOD_REFER)),
        TAG_END());
  }
  su_home_deinit(home);
  if (leg == nullptr) return nullptr;
  if (fork != nullptr) {
    nta_leg_server_route(leg, fork->routes, fork->target);
  }
  host_.DestroyLater(Owned(leg));
  return leg;
}

std::string StandaloneRefer::request_uri() const {
  return in_dialog() ? "" : terms_.uri;
}

SipTarget StandaloneRefer::Target() const {
  if (const Fork* const fork = LiveFork()) {
    SipTarget target = TargetOf(fork->routes != nullptr ? *fork->routes->r_url
                                                        : *fork->target->m_url);
    if (terms_.secure || transport_.sips ||
        fork->target->m_url->url_type == url_sips) {
      target.secure = true;
    }
    if (!terms_.tls_name.empty()) target.tls_name = terms_.tls_name;
    return target;
  }
  if (terms_.first_hop) return *terms_.first_hop;
  return TargetOf(terms_.uri).value_or(SipTarget{});
}

void StandaloneRefer::WithNextHop(NextHopReady ready) {
  FindNextHop(
      host_, Target(), [weak = weak_from_this()] { return !weak.expired(); },
      [this,
       ready = std::move(ready)](absl::StatusOr<SipAddress> next_hop) mutable {
        if (next_hop.ok()) transport_.transport = next_hop->transport;
        std::move(ready)(std::move(next_hop));
      });
}

// ---- NOTIFYs ------------------------------------------------------------

StandaloneRefer::Fork* StandaloneRefer::FindFork(std::string_view tag) {
  const auto it = std::ranges::find_if(
      forks_, [&](const auto& fork) { return fork->tag == tag; });
  return it == forks_.end() ? nullptr : it->get();
}

const StandaloneRefer::Fork* StandaloneRefer::LiveFork() const {
  const auto it = std::ranges::find_if(
      forks_, [&](const auto& fork) { return !stories_.IsOver(fork->tag); });
  return it == forks_.end() ? nullptr : it->get();
}

int StandaloneRefer::OnNotify(const sip_t& sip) {
  const char* const tag = sip.sip_from->a_tag;
  if (tag == nullptr || terms_.sip_call_id != sip.sip_call_id->i_id) return 481;
  const NotifyCandidate candidate = transfer_->candidate();
  if (candidate.refer_cseqs.empty()) return 481;
  const std::optional<EventHeader> event = ReadEventOf(sip);
  const NotifyMatch match = MatchNotify(event, {candidate});
  if (!match.transfer) return match.answer;
  Fork* fork = FindFork(tag);
  if (fork == nullptr) {
    // RFC 6665, 4.1.2.4: after Timer N no further far ends are expected; but a
    // first one that tells nothing until the end is. A dialog needs an address.
    const bool late =
        !forks_.empty() && std::chrono::steady_clock::now() >
                               sent_ + transfer_->state().policy.first_notify;
    if (late || forks_.size() >= kMostForks) return 481;
    if (!HasUsableContact(sip)) return 400;
    forks_.push_back(std::make_unique<Fork>());
    fork = forks_.back().get();
    fork->tag = tag;
    fork->remote = sip_from_dup(fork->home, sip.sip_from);
    fork->routes = sip_record_route_dup(fork->home, sip.sip_record_route);
  } else if (sip.sip_cseq->cs_seq < fork->cseq) {
    return 500;  // RFC 3261, 12.2.2.
  }
  fork->cseq = sip.sip_cseq->cs_seq;
  if (HasUsableContact(sip)) {
    su_free(fork->home, fork->target);
    fork->target = sip_contact_dup(fork->home, sip.sip_contact);
  }
  const ReferNotify notify = ReadNotify(sip);
  if (stories_.OnNotify(tag, notify)) {
    transfer_->OnNotify(notify, event ? event->id : std::nullopt,
                        match.warning);
  }
  return match.answer;
}

}  // namespace callcontrol::sip
