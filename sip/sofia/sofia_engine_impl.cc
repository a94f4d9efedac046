// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/sofia_engine_impl.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sip/sofia/engine_errors.h"
#include "sip/sofia/sofia_log.h"
#include "sip/transfer/display_text.h"

namespace callcontrol::sip {
namespace {

// How long Stop() waits for answers to its BYEs.
constexpr std::chrono::seconds kStopWait{4};

// And then for answers to the REGISTERs that take its bindings back.
constexpr std::chrono::seconds kUnregisterWait{2};

}  // namespace

SofiaEngine::Impl::Impl(EngineOptions options, EngineObserver& observer)
    : options_(std::move(options)),
      routes_(options_.routes),
      trunks_(options_.trunks),
      observer_(observer) {}

SofiaEngine::Impl::~Impl() {
  std::promise<void> gone;
  loop_.Post([&] {
    calls_.Clear();
    referrals_.clear();
    registrations_.Clear();
    abandoned_.clear();
    EmptyGraves();
    agent_.reset();
    gone.set_value();
  });
  gone.get_future().wait();
}

absl::Status SofiaEngine::Impl::Start() {
  absl::StatusOr<std::unique_ptr<Resolver>> resolver =
      Resolver::Create(options_.dns);
  if (!resolver.ok()) return resolver.status();
  resolver_ = *std::move(resolver);
  std::promise<absl::Status> started;
  loop_.Post([&] {
    RedirectSofiaLog(options_.log);
    absl::StatusOr<std::unique_ptr<SipAgent>> agent =
        SipAgent::Create(loop_, options_, *this);
    const absl::Status status = agent.status();
    if (agent.ok()) {
      agent_ = *std::move(agent);
      registrations_.Configure(trunks_);
    }
    started.set_value(status);
  });
  return started.get_future().get();
}

absl::Status SofiaEngine::Impl::ReloadTls() {
  return agent_->tls() == nullptr ? absl::OkStatus() : agent_->tls()->Reload();
}

void SofiaEngine::Impl::Drain(Done done) {
  on_no_transfers_ = std::move(done);
  TellIfDrained();
}

void SofiaEngine::Impl::Stop(Done done) {
  on_no_calls_ = std::move(done);
  // A call that ends at once leaves the map at once.
  const std::vector<std::string> ids = calls_.ids();
  for (const std::string& id : ids) {
    SofiaCall* call = Find(id);
    if (call != nullptr) call->ShutDownTransfers();
  }
  for (const auto& [id, referral] : referrals_) referral->ShutDown();
  // None of these ends for the lack of another.
  for (const std::string& id : ids) {
    SofiaCall* call = Find(id);
    if (call != nullptr) call->HangUp("the server stops");
  }
  loop_.timers().Add(std::chrono::steady_clock::now() + kStopWait, [this] {
    live_calls_ = 0;
    TellIfStopped();
  });
  TellIfStopped();
}

void SofiaEngine::Impl::SetRouting(std::vector<CallRoute> routes,
                                   Trunks trunks) {
  routes_ = std::move(routes);
  trunks_ = std::move(trunks);
  registrations_.Configure(trunks_);
}

void SofiaEngine::Impl::WithCall(
    const std::string& call_id, CallDone done,
    absl::FunctionRef<absl::Status(SofiaCall&)> act) {
  SofiaCall* const call = Find(call_id);
  std::move(done)(call != nullptr ? act(*call) : NoSuchCall(call_id));
}

void SofiaEngine::Impl::Update(const UpdateRequest& request, CallDone done) {
  if (SofiaCall* const call = Find(request.call_id)) {
    call->Update(request, std::move(done));
  } else {
    std::move(done)(NoSuchCall(request.call_id));
  }
}

std::string SofiaEngine::Impl::NewId(std::string_view kind) {
  // 96 bits from the system: ids and tags must not be guessable (RFC 4538,
  // 8).
  std::string random;
  for (int i = 0; i < 3; ++i) {
    absl::StrAppend(&random, absl::Hex(random_device_(), absl::kZeroPad8));
  }
  if (kind.empty()) return random;
  return absl::StrCat(absl::string_view(kind.data(), kind.size()), "-",
                      options_.node, "-", random);
}

void SofiaEngine::Impl::Retire(SofiaCall& call) {
  // A call retires in the middle of its own functions.
  if (std::unique_ptr<SofiaCall> ended = calls_.Take(call)) {
    DestroyLater(std::move(ended));
  }
}

void SofiaEngine::Impl::Retire(UriReferral& referral) {
  const auto found = referrals_.find(referral.transfer_id());
  if (found == referrals_.end()) return;
  DestroyLater(std::move(found->second));
  referrals_.erase(found);
}

void SofiaEngine::Impl::TakeNotifys(const std::string& tag,
                                    StandaloneRefer* refer) {
  if (refer == nullptr) {
    standalone_by_tag_.erase(tag);
  } else {
    standalone_by_tag_[tag] = refer;
  }
}

std::vector<std::string> SofiaEngine::Impl::ServiceRouteOf(
    const std::string& trunk) const {
  return registrations_.ServiceRouteOf(trunk);
}

SofiaCall* SofiaEngine::Impl::FindReplaced(const std::string& replaces,
                                           int& answer) {
  su_home_t home[1] = {SU_HOME_INIT(home)};
  const sip_replaces_t* const named = sip_replaces_make(home, replaces.c_str());
  answer = 400;
  SofiaCall* const found =
      named == nullptr ? nullptr : calls_.FindReplaced(*named, answer);
  su_home_deinit(home);
  return found;
}

bool SofiaEngine::Impl::LeadsHere(const SipUri& uri) const {
  const auto is_ours = [&uri](const sip_contact_t* ours) {
    if (ours == nullptr) return false;
    const url_t& url = *ours->m_url;
    const bool sips = uri.scheme == "sips";
    const std::string port =
        !uri.port.empty() ? uri.port : (sips ? "5061" : "5060");
    const char* const our_port = url_port(&url);
    return EqualsIgnoreCase(uri.host, url.url_host) && port == our_port;
  };
  const std::string listened =
      absl::StrCat(options_.listen_host, ":", agent_->port());
  return absl::StrCat(uri.host, ":", uri.port) == listened ||
         is_ours(contact({SipTransport::kUdp})) ||
         (tls() != nullptr && is_ours(contact({SipTransport::kTls})));
}

void SofiaEngine::Impl::DestroyLater(std::shared_ptr<void> object) {
  if (buried_.empty()) {
    loop_.Post([this] { EmptyGraves(); });
  }
  buried_.push_back(std::move(object));
}

void SofiaEngine::Impl::EmptyGraves() {
  // What goes may bury more.
  while (!buried_.empty()) std::exchange(buried_, {});
}

void SofiaEngine::Impl::Abandon(std::shared_ptr<ClientTransaction> invite) {
  invite->Abandon();
  const ClientTransaction* const kept = invite.get();
  abandoned_.push_back(std::move(invite));
  loop_.timers().Add(
      std::chrono::steady_clock::now() + 64 * options_.t1, [this, kept] {
        std::erase_if(abandoned_,
                      [kept](const auto& old) { return old.get() == kept; });
      });
}

void SofiaEngine::Impl::OnTransferEnded() {
  --open_transfers_;
  TellIfDrained();
}

void SofiaEngine::Impl::OnCallEnded() {
  --live_calls_;
  TellIfStopped();
}

bool SofiaEngine::Impl::Overloaded() {
  std::chrono::nanoseconds busy = loop_.busy();
  if (options_.observer_busy) {
    busy = std::max(busy, options_.observer_busy());
  }
  const bool watched = overload_.over_at().has_value();
  const bool refuses =
      overload_.Refuses(busy, std::chrono::steady_clock::now());
  if (refuses && !watched) WatchOverload();
  return refuses;
}

void SofiaEngine::Impl::WatchOverload() {
  overload_.Look(std::chrono::steady_clock::now());
  const std::optional<std::string> news = overload_.TakeNews();
  if (news && options_.log) options_.log(LogLevel::kWarning, *news);
  if (const std::optional<MonotonicTime> over_at = overload_.over_at()) {
    loop_.timers().Add(*over_at, [this] { WatchOverload(); });
  }
}

void SofiaEngine::Impl::TellIfDrained() {
  if (open_transfers_ > 0 || !on_no_transfers_) return;
  std::move(std::exchange(on_no_transfers_, nullptr))();
}

void SofiaEngine::Impl::TellIfStopped() {
  if (live_calls_ > 0 || !on_no_calls_) return;
  // Not before: some neighbours take no BYE of strangers.
  registrations_.End(std::exchange(on_no_calls_, nullptr), kUnregisterWait);
}

}  // namespace callcontrol::sip
