// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/uri_referral.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

#include <sofia-sip/su_uniqueid.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/error.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/transfer_plan.h"
#include "sip/transfer/notify_match.h"
#include "sip/transfer/refer_to.h"

namespace callcontrol::sip {
namespace {

// RFC 3261, 8.1.1.5: below 2^31, with room to count.
constexpr int kHighestFirstCseq = 1 << 30;

// More than any proxy rings at once.
constexpr std::size_t kMostForks = 16;

// What only a call has cannot be asked for without one.
absl::Status CheckFieldsWithoutCall(const TransferRequest& request) {
  if (request.hold_first) {
    return InvalidField("hold_first", "NO_CALL",
                        "hold_first needs a call: set call_id, not uri");
  }
  if (request.on_success || request.on_unconfirmed || request.on_failure) {
    return InvalidField("leg_policy", "NO_CALL",
                        "leg_policy needs a call: set call_id, not uri");
  }
  if (request.no_subscription) {
    return InvalidField("no_subscription", "NO_CALL",
                        "no_subscription needs a call: a REFER to a uri may "
                        "fork (RFC 4488, 4)");
  }
  return absl::OkStatus();
}

std::string HostOf(const std::string& uri) {
  su_home_t home[1] = {SU_HOME_INIT(home)};
  const url_t* const url = url_hdup(home, URL_STRING_MAKE(uri.c_str())->us_url);
  std::string host =
      url == nullptr || url->url_host == nullptr ? "" : url->url_host;
  su_home_deinit(home);
  return host;
}

}  // namespace

struct UriReferral::Fork {
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

absl::StatusOr<std::shared_ptr<UriReferral>> UriReferral::Create(
    CallHost& host, const TransferRequest& request, TransferPlan& plan) {
  if (absl::Status status = CheckFieldsWithoutCall(request); !status.ok()) {
    return status;
  }
  const EngineOptions& options = host.options();
  TargetPolicy targets = options.targets;
  // Nothing leads to a tel: URI, and only TLS to a sips: one.
  targets.tel_to_sip = true;
  targets.leg_is_secure = options.tls.has_value();
  absl::StatusOr<std::string> uri = BuildUri("uri", request.uri, targets);
  if (!uri.ok()) return uri.status();
  targets.tel_to_sip = options.targets.tel_to_sip;
  // A sips: target would be told to whoever stands on the way to a sip: one.
  targets.leg_is_secure = IsSips(*uri);
  if (targets.host.empty()) targets.host = HostOf(*uri);
  // RFC 3323, 4.1.1.3. No trunk is trusted here.
  const bool anonymous = WithholdsUser(request.identity.privacy, false);
  const std::string local =
      anonymous
          ? kAnonymousUri
          : absl::StrCat("sip:callcontrol@", host.contact()->m_url->url_host);
  std::string sip_call_id = host.NewId("");
  absl::StatusOr<TransferPlan> planned =
      PlanTransfer(host, request,
                   {.sip_call_id = sip_call_id,
                    .referred_by = options.referred_by_local ? local : *uri},
                   targets);
  if (!planned.ok()) return planned.status();
  plan = *std::move(planned);
  if (request.validate_only) return nullptr;

  plan.transfer_id = host.NewId("t");
  std::shared_ptr<UriReferral> referral(
      new UriReferral(host, *std::move(uri),
                      anonymous ? kAnonymous : absl::StrCat("<", local, ">"),
                      std::move(sip_call_id)));
  referral->credentials_ = request.credentials;
  TransferPolicy policy = PolicyOf(options.transfers, request);
  policy.has_leg = false;
  // One SUBSCRIBE would not do for several far ends.
  policy.refresh = false;
  referral->transfer_ =
      std::make_unique<CallTransfer>(host, *referral, plan, policy);
  host.observer().OnTransferStarted(plan, absl::Now());
  return referral;
}

UriReferral::UriReferral(CallHost& host, std::string uri, std::string local,
                         std::string sip_call_id)
    : host_(host),
      uri_(std::move(uri)),
      local_(std::move(local)),
      sip_call_id_(std::move(sip_call_id)),
      tag_(host_.NewId("")),
      transport_{.sips = IsSips(uri_)},
      cseq_(static_cast<std::uint32_t>(su_randint(1, kHighestFirstCseq))) {}

UriReferral::~UriReferral() = default;

// ---- Requests of ours ---------------------------------------------------

nta_leg_t* UriReferral::leg() {
  const Fork* const fork = LiveFork();
  if (fork == nullptr) sent_ = std::chrono::steady_clock::now();
  su_home_t home[1] = {SU_HOME_INIT(home)};
  sip_from_t* const local = sip_from_make(home, local_.c_str());
  sip_to_t* remote = fork == nullptr ? nullptr : fork->remote;
  if (fork == nullptr) {
    remote = sip_to_make(home, absl::StrCat("<", uri_, ">").c_str());
    // RFC 3261, 19.1.1, table 1: no port and no such parameters.
    if (remote != nullptr) sip_aor_strip(remote->a_url);
  }
  nta_leg_t* leg = nullptr;
  if (local != nullptr && remote != nullptr) {
    sip_from_tag(home, local, tag_.c_str());
    leg = nta_leg_tcreate(
        host_.agent(), nullptr, nullptr,
        SIPTAG_CALL_ID_STR(sip_call_id_.c_str()), SIPTAG_FROM(local),
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

std::string UriReferral::request_uri() const { return in_dialog() ? "" : uri_; }

const Credentials* UriReferral::credentials() const {
  return credentials_ ? &*credentials_ : nullptr;
}

SipTarget UriReferral::Target() const {
  if (const Fork* const fork = LiveFork()) {
    SipTarget target = TargetOf(fork->routes != nullptr ? *fork->routes->r_url
                                                        : *fork->target->m_url);
    if (transport_.sips || fork->target->m_url->url_type == url_sips) {
      target.secure = true;
    }
    return target;
  }
  return TargetOf(uri_).value_or(SipTarget{});
}

void UriReferral::WithNextHop(NextHopReady ready) {
  FindNextHop(
      host_, Target(), [weak = weak_from_this()] { return !weak.expired(); },
      [this,
       ready = std::move(ready)](absl::StatusOr<SipAddress> next_hop) mutable {
        if (next_hop.ok()) transport_.transport = next_hop->transport;
        std::move(ready)(std::move(next_hop));
      });
}

// ---- NOTIFYs ------------------------------------------------------------

UriReferral::Fork* UriReferral::FindFork(std::string_view tag) {
  const auto it = std::ranges::find_if(
      forks_, [&](const auto& fork) { return fork->tag == tag; });
  return it == forks_.end() ? nullptr : it->get();
}

const UriReferral::Fork* UriReferral::LiveFork() const {
  const auto it = std::ranges::find_if(
      forks_, [&](const auto& fork) { return !stories_.IsOver(fork->tag); });
  return it == forks_.end() ? nullptr : it->get();
}

int UriReferral::OnNotify(const sip_t& sip) {
  const char* const tag = sip.sip_from->a_tag;
  if (tag == nullptr || sip_call_id_ != sip.sip_call_id->i_id) return 481;
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

void UriReferral::Forget(CallTransfer&) { host_.Retire(*this); }

}  // namespace callcontrol::sip
