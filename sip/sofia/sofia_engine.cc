// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/sofia_engine.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "sip/dns/resolver.h"
#include "sip/sofia/client_transaction.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/overload_guard.h"
#include "sip/sofia/request_answers.h"
#include "sip/sofia/sip_agent.h"
#include "sip/sofia/sip_loop.h"
#include "sip/sofia/sofia_call.h"
#include "sip/sofia/sofia_log.h"
#include "sip/sofia/standalone_refer.h"
#include "sip/sofia/trunk_registrations.h"
#include "sip/sofia/uri_referral.h"
#include "sip/transfer/display_text.h"
#include "sip/transfer/sip_uri.h"

namespace callcontrol::sip {
namespace {

// How long Stop() waits for answers to its BYEs.
constexpr std::chrono::seconds kStopWait{4};

// And then for answers to the REGISTERs that take its bindings back.
constexpr std::chrono::seconds kUnregisterWait{2};

// RFC 3261, 8.1.1.6.
constexpr int kMaxForwards = 70;

// The user of a URI, where it has one, at the trunk. "sips" means TLS on every
// hop (RFC 3261, 26.2.2).
std::string AtTrunk(bool sips, std::string_view user, const Trunk& trunk) {
  const std::string& host =
      trunk.targets.host.empty() ? trunk.address : trunk.targets.host;
  return absl::StrCat(
      sips ? "sips:" : "sip:", absl::string_view(user.data(), user.size()),
      user.empty() ? "" : "@", host);
}

// The call of the other leg of a bridge, for the INVITE that came.
PlaceRequest RequestOf(const sip_t& sip, const BridgeTerms& terms,
                       const Trunk* trunk) {
  PlaceRequest request{.trunk = terms.trunk,
                       .to = terms.to,
                       .sdp = std::string(SdpOf(sip)),
                       .headers = ReadHeaders(sip, terms.pass_headers),
                       .ring_limit = terms.ring_limit};
  // A caller without a usable identity is called for in the server's own name.
  const std::string from = UriText(*sip.sip_from->a_url);
  if (BuildUri("from", from, {}).ok()) request.from = from;
  if (!request.to.empty() || trunk == nullptr) return request;
  const url_t& wanted = *sip.sip_request->rq_url;
  if (wanted.url_type == url_tel) {
    request.to = UriText(wanted);
    return request;
  }
  request.to =
      AtTrunk(wanted.url_type == url_sips,
              wanted.url_user == nullptr ? "" : wanted.url_user, *trunk);
  return request;
}

absl::Status NoSuchTrunk(const std::string& name) {
  return InvalidField(
      "trunk", "UNKNOWN_TRUNK",
      absl::StrCat("no trunk \"", name, "\" with an address is configured"));
}

// Of "user@host"; empty for none.
std::string_view UserOf(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view()
                                      : address.substr(0, at);
}

// What the other leg's neighbour, trusted or not, is told of the caller.
void TellCaller(const CallSnapshot& caller, bool trusted,
                PlaceRequest& request) {
  request.identity.privacy = caller.privacy;
  if (trusted) request.identity.asserted = caller.asserted_identity;
  if (!WithholdsUser(caller.privacy, trusted)) return;
  std::erase_if(request.headers,
                [](const SipHeader& header) { return NamesUser(header.name); });
}

absl::Status TooMuch() {
  return MakeError(
      absl::StatusCode::kResourceExhausted, {.reason = "OVERLOADED"},
      "the server cannot keep up and takes on nothing new for now; "
      "try again in a few seconds, or elsewhere");
}

absl::Status NoSuchCall(std::string_view id) {
  return MakeError(
      absl::StatusCode::kNotFound, {.reason = "CALL_NOT_FOUND"},
      absl::StrCat("no live call \"", absl::string_view(id.data(), id.size()),
                   "\"; ListCalls shows those there are"));
}

}  // namespace

// What runs on the SIP thread.
class SofiaEngine::Impl final : public CallHost, public RequestHandler {
 public:
  Impl(EngineOptions options, EngineObserver& observer)
      : options_(std::move(options)),
        routes_(options_.routes),
        trunks_(options_.trunks),
        observer_(observer) {}

  ~Impl() override {
    std::promise<void> gone;
    loop_.Post([&] {
      by_sip_call_id_.clear();
      calls_.clear();
      referrals_.clear();
      registrations_.Clear();
      abandoned_.clear();
      EmptyGraves();
      agent_.reset();
      gone.set_value();
    });
    gone.get_future().wait();
  }

  absl::Status Start() {
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

  std::uint16_t port() const { return agent_->port(); }
  std::uint16_t tls_port() const { return agent_->tls_port(); }
  absl::Status ReloadTls() {
    return agent_->tls() == nullptr ? absl::OkStatus()
                                    : agent_->tls()->Reload();
  }

  void Refer(const TransferRequest& request, ReferDone done) {
    if (draining_) {
      std::move(done)(
          MakeError(absl::StatusCode::kUnavailable, {.reason = "DRAINING"},
                    "the server is stopping and takes no more transfers"));
      return;
    }
    TransferParty* party = nullptr;
    absl::StatusOr<TransferPlan> plan = TakeOn(request, party);
    // The client is told before the first event, so that it misses none.
    std::move(done)(std::move(plan));
    if (party != nullptr) party->BeginTransfer();
  }

  void Cancel(const std::string& call_id, const std::string& transfer_id,
              CancelDone done) {
    CallTransfer* const transfer = FindTransfer(call_id, transfer_id);
    std::move(done)(transfer != nullptr ? transfer->OnCancel()
                                        : CancelOutcome::kTooLate);
  }

  void DecideRefer(const ReferDecision& decision, CallDone done) {
    std::move(done)(Decide(decision));
  }

  void Place(const PlaceRequest& request, PlaceDone done) {
    std::shared_ptr<const Trunk> trunk = FindTrunk(request.trunk, trunks_);
    if (!request.trunk.empty() && (trunk == nullptr || trunk->uri.empty())) {
      std::move(done)(NoSuchTrunk(request.trunk));
      return;
    }
    absl::StatusOr<PlacePlan> plan =
        PlanCall(request, options_, std::move(trunk), *contact());
    if (!plan.ok()) {
      std::move(done)(plan.status());
      return;
    }
    plan->route = registrations_.ServiceRouteOf(request.trunk);
    if (draining_) {
      std::move(done)(
          MakeError(absl::StatusCode::kUnavailable, {.reason = "DRAINING"},
                    "the server is stopping and places no more calls"));
      return;
    }
    if (Overloaded()) {
      std::move(done)(TooMuch());
      return;
    }
    SofiaCall* const placed = KeepPlaced(*std::move(plan));
    if (placed == nullptr) {
      std::move(done)(MakeError(
          absl::StatusCode::kResourceExhausted, {.reason = "TOO_MANY_CALLS"},
          absl::StrCat(live_calls_,
                       " calls are live, which is as many as are "
                       "allowed")));
      return;
    }
    TellCalling(*placed);
    // The client is told before anything comes of it.
    std::move(done)(placed->snapshot().call_id);
    placed->BeginPlaced();
  }

  // Tells `done` what `act` makes of the call.
  template <typename Act>
  void WithCall(const std::string& call_id, CallDone done, Act act) {
    SofiaCall* call = Find(call_id);
    std::move(done)(call != nullptr ? act(*call) : NoSuchCall(call_id));
  }

  void SetRouting(std::vector<CallRoute> routes, Trunks trunks) {
    routes_ = std::move(routes);
    trunks_ = std::move(trunks);
    registrations_.Configure(trunks_);
  }

  // From any thread, ahead of Drain(), so that whoever is told of the draining
  // finds it true.
  void RefuseNewWork() { draining_ = true; }

  void Drain(Done done) {
    on_no_transfers_ = std::move(done);
    TellIfDrained();
  }

  void Stop(Done done) {
    on_no_calls_ = std::move(done);
    // A call that ends at once leaves the map at once.
    std::vector<std::string> ids;
    ids.reserve(calls_.size());
    for (const auto& [id, call] : calls_) ids.push_back(id);
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

  // ---- CallHost ----
  const EngineOptions& options() const override { return options_; }
  SipLoop& loop() override { return loop_; }
  Resolver& resolver() override { return *resolver_; }
  EngineObserver& observer() override { return observer_; }
  nta_agent_t* agent() override { return agent_->agent(); }
  const sip_contact_t* contact(LegTransport leg = {}) const override {
    return agent_->contact(leg);
  }
  const TlsLayer* tls() const override { return agent_->tls(); }

  std::string NewId(std::string_view kind) override {
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

  SofiaCall* Find(const std::string& call_id) override {
    const auto it = calls_.find(call_id);
    return it == calls_.end() ? nullptr : it->second.get();
  }

  CallTransfer* FindTransfer(const std::string& call_id,
                             const std::string& transfer_id) override {
    if (SofiaCall* const call = Find(call_id)) {
      return call->FindTransfer(transfer_id);
    }
    const auto found = referrals_.find(transfer_id);
    return found == referrals_.end() ? nullptr
                                     : found->second->FindTransfer(transfer_id);
  }

  void Retire(SofiaCall& call) override {
    const auto it = calls_.find(call.snapshot().call_id);
    if (it == calls_.end()) return;
    const auto [first, last] =
        by_sip_call_id_.equal_range(call.snapshot().sip_call_id);
    for (auto named = first; named != last; ++named) {
      if (named->second == &call) {
        by_sip_call_id_.erase(named);
        break;
      }
    }
    // A call retires in the middle of its own functions.
    DestroyLater(std::move(it->second));
    calls_.erase(it);
  }

  void Retire(UriReferral& referral) override {
    const auto found = referrals_.find(referral.transfer_id());
    if (found == referrals_.end()) return;
    DestroyLater(std::move(found->second));
    referrals_.erase(found);
  }

  void TakeNotifys(const std::string& tag, StandaloneRefer* refer) override {
    if (refer == nullptr) {
      standalone_by_tag_.erase(tag);
    } else {
      standalone_by_tag_[tag] = refer;
    }
  }

  std::vector<std::string> ServiceRouteOf(
      const std::string& trunk) const override {
    return registrations_.ServiceRouteOf(trunk);
  }

  SofiaCall* FindReplaced(const std::string& replaces, int& answer) override {
    su_home_t home[1] = {SU_HOME_INIT(home)};
    SofiaCall* found = nullptr;
    const sip_replaces_t* const names =
        sip_replaces_make(home, replaces.c_str());
    answer = names == nullptr ? 400 : FindReplaced(*names, found);
    su_home_deinit(home);
    return found;
  }

  bool LeadsHere(const SipUri& uri) const override {
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

  bool TakesReferrals() override {
    return !draining_ && open_transfers_ < options_.max_open_transfers &&
           !Overloaded();
  }

  void OnReferWaits(const std::string& refer_id, SofiaCall* call) override {
    if (call == nullptr) {
      waiting_refers_.erase(refer_id);
    } else {
      waiting_refers_[refer_id] = call->snapshot().call_id;
    }
  }

  SipUri AtTrunkIfHere(const SipUri& uri,
                       const std::string& trunk_name) const override {
    const std::shared_ptr<const Trunk> trunk = FindTrunk(trunk_name, trunks_);
    if (trunk == nullptr || !LeadsHere(uri)) return uri;
    const absl::StatusOr<SipUri> there =
        ParseSipUri(AtTrunk(uri.scheme == "sips", uri.user, *trunk));
    return there.value_or(uri);
  }

  SofiaCall* PlaceReferred(const SofiaCall& referrer, const SofiaCall* partner,
                           PlaceRequest request, std::vector<SipHeader> headers,
                           SipStatus& refusal) override {
    const std::shared_ptr<const Trunk> trunk =
        FindTrunk(request.trunk, trunks_);
    if (!request.trunk.empty() && (trunk == nullptr || trunk->uri.empty())) {
      refusal = {500, "the trunk is not configured any more"};
      return nullptr;
    }
    request.from = partner != nullptr ? partner->snapshot().remote_uri
                                      : referrer.snapshot().local_uri;
    // Whoever is called for may have no usable identity.
    if (!BuildUri("from", request.from, {}).ok()) request.from.clear();
    if (partner != nullptr) {
      TellCaller(partner->snapshot(), trunk != nullptr && trunk->trusted,
                 request);
    }
    absl::StatusOr<PlacePlan> plan =
        PlanCall(request, options_, trunk, *contact());
    if (!plan.ok()) {
      refusal = {404, std::string(plan.status().message())};
      return nullptr;
    }
    const bool withheld = WithholdsUser(referrer.snapshot().privacy,
                                        trunk != nullptr && trunk->trusted);
    for (SipHeader& header : headers) {
      if (withheld && header.name == "Referred-By") header.value = kAnonymous;
      plan->headers.push_back(std::move(header));
    }
    plan->route = registrations_.ServiceRouteOf(request.trunk);
    SofiaCall* const placed = KeepPlaced(*std::move(plan));
    if (placed == nullptr) {
      refusal = {503, "too many calls are live"};
      return nullptr;
    }
    placed->TakePartInReferral(referrer);
    placed->Tag(referrer.snapshot().tags);
    TellCalling(*placed);
    return placed;
  }

  void DestroyLater(std::shared_ptr<void> object) override {
    if (buried_.empty()) {
      loop_.Post([this] { EmptyGraves(); });
    }
    buried_.push_back(std::move(object));
  }

  void Abandon(std::shared_ptr<ClientTransaction> invite) override {
    invite->Abandon();
    const ClientTransaction* const kept = invite.get();
    abandoned_.push_back(std::move(invite));
    loop_.timers().Add(
        std::chrono::steady_clock::now() + 64 * options_.t1, [this, kept] {
          std::erase_if(abandoned_,
                        [kept](const auto& old) { return old.get() == kept; });
        });
  }

  void OnTransferOpened() override { ++open_transfers_; }
  void OnTransferEnded() override {
    --open_transfers_;
    TellIfDrained();
  }
  void OnCallEnded() override {
    --live_calls_;
    TellIfStopped();
  }

  // ---- Requests outside any dialog ----
  int OnRequest(nta_incoming_t* request, const sip_t& sip) override {
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
        if (const int refused = RefuseUnknownExtensions(
                request, sip, SupportedFor(request, sip))) {
          return refused;
        }
        return AnswerOptions(request, contact(), options_.user_agent,
                             AllowFor(request, sip),
                             SupportedFor(request, sip));
      case sip_method_refer:
        if (SofiaCall* const call = FindReferredTo(request, sip)) {
          return call->OnReferAbout(request, sip);
        }
        return RefuseOutsideDialogs(request, sip);
      case sip_method_subscribe:
        return RefuseOutsideDialogs(request, sip);
      default:
        return RefuseMethod(request, sip, AllowFor(request, sip));
    }
  }

 private:
  void EmptyGraves() {
    // What goes may bury more.
    while (!buried_.empty()) std::exchange(buried_, {});
  }

  // Whether new work is refused, some of which is here. Transfers of calls by
  // clients are none: they end calls. Those that far ends ask for place one.
  bool Overloaded() {
    std::chrono::nanoseconds busy = loop_.busy();
    if (options_.observer_busy) {
      busy = std::max(busy, options_.observer_busy());
    }
    const bool refuses =
        overload_.Refuses(busy, std::chrono::steady_clock::now());
    const std::optional<std::string> news = overload_.TakeNews();
    if (news && options_.log) options_.log(LogLevel::kWarning, *news);
    return refuses;
  }

  // Where a request came from, and whom it is for; the trunk as well, which is
  // null for none.
  IncomingCall Incoming(nta_incoming_t* request, const sip_t& sip,
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

  bool RefersFrom(nta_incoming_t* request, const sip_t& sip) {
    std::shared_ptr<const Trunk> trunk;
    Incoming(request, sip, trunk);
    const ReferralPolicy& policy =
        trunk != nullptr ? trunk->referrals : options_.referrals;
    return policy.mode != ReferralMode::kOff;
  }

  std::string AllowFor(nta_incoming_t* request, const sip_t& sip) {
    return absl::StrCat(kAllow,
                        RefersFrom(request, sip) ? kAllowReferrals : "");
  }

  // The call that a REFER outside dialogs is about; null for none. Its tags,
  // which nobody can guess, are the permission (RFC 4538, 4; RFC 7647, 4), but
  // not for those who are not of the call's trunk: an attended transfer tells
  // the tags of the call that it replaces.
  SofiaCall* FindReferredTo(nta_incoming_t* request, const sip_t& sip) {
    if (sip.sip_to->a_tag != nullptr) return nullptr;
    const std::optional<TargetDialog> dialog = ReadTargetDialogOf(sip);
    if (!dialog) return nullptr;
    const auto [first, last] = by_sip_call_id_.equal_range(dialog->call_id);
    const auto found = std::find_if(first, last, [&](const auto& named) {
      return named.second->IsDialog(*dialog);
    });
    if (found == last) return nullptr;
    SofiaCall* const call = found->second;
    std::shared_ptr<const Trunk> trunk;
    const IncomingCall incoming = Incoming(request, sip, trunk);
    const bool of_its_neighbour =
        call->trunk() == nullptr || MayComeFrom(incoming.source, *call->trunk(),
                                                registrations_.registered_at());
    return of_its_neighbour ? call : nullptr;
  }

  const char* SupportedFor(nta_incoming_t* request, const sip_t& sip) {
    return SupportedOptions(true, RefersFrom(request, sip));
  }

  // Nobody is let in by REFER or SUBSCRIBE alone: what a stranger asks for is
  // 403 (RFC 3515, 2.4.4 and 5.2), and 405 where nobody may refer.
  int RefuseOutsideDialogs(nta_incoming_t* request, const sip_t& sip) {
    if (!RefersFrom(request, sip)) return RefuseMethod(request, sip, kAllow);
    if (const int refused = RefuseUnknownExtensions(
            request, sip, SupportedOptions(true, true))) {
      return refused;
    }
    const std::optional<EventHeader> event = ReadEventOf(sip);
    const bool subscribes = sip.sip_request->rq_method == sip_method_subscribe;
    if (subscribes && (!event || event->package != "refer")) {
      return AnswerBadEvent(request);
    }
    return sip.sip_to->a_tag != nullptr ? 481 : 403;
  }

  absl::Status Decide(const ReferDecision& decision) {
    const auto waits = waiting_refers_.find(decision.refer_id);
    SofiaCall* const call =
        waits == waiting_refers_.end() ? nullptr : Find(waits->second);
    InboundReferral* const referral =
        call == nullptr ? nullptr : call->FindReferral(decision.refer_id);
    if (referral == nullptr) {
      return MakeError(
          absl::StatusCode::kNotFound, {.reason = "REFER_NOT_FOUND"},
          absl::StrCat("no REFER \"", decision.refer_id,
                       "\" waits for a decision: it has been decided, its "
                       "deadline has passed, or there never was one"));
    }
    const std::string& by =
        decision.trunk.empty() ? referral->trunk() : decision.trunk;
    const std::shared_ptr<const Trunk> trunk = FindTrunk(by, trunks_);
    if (!by.empty() && (trunk == nullptr || trunk->uri.empty())) {
      return NoSuchTrunk(by);
    }
    std::optional<ReferTarget> target;
    if (!decision.refer_to.empty()) {
      TargetPolicy policy =
          trunk != nullptr ? trunk->targets : options_.targets;
      if (trunk != nullptr && policy.host.empty()) policy.host = trunk->address;
      policy.leg_is_secure = options_.tls.has_value();
      absl::StatusOr<std::string> uri =
          BuildUri("refer_to", decision.refer_to, policy);
      if (!uri.ok()) return uri.status();
      absl::StatusOr<ReferTarget> read = ReadReferTarget(*uri);
      if (!read.ok()) return read.status();
      target = *std::move(read);
      if (by.empty() && LeadsHere(target->uri)) {
        return InvalidField("refer_to", "LEADS_HERE",
                            "refer_to names this server; name somebody else, "
                            "or a trunk");
      }
    }
    referral->Decide(decision, std::move(target));
    return absl::OkStatus();
  }

  int OnInvite(nta_incoming_t* request, const sip_t& sip) {
    if (const int refused =
            RefuseUnknownExtensions(request, sip, SupportedFor(request, sip))) {
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
    if (const int refused = FindReplaced(sip, replaced)) return refused;
    // One that takes the place of another is no more than that was.
    if (replaced == nullptr && Overloaded()) return RefuseForNow(request, 503);
    std::unique_ptr<SofiaCall> call = SofiaCall::Create(*this, request, sip);
    if (call == nullptr) return 500;
    if (replaced != nullptr) call->Replace(*replaced);
    std::shared_ptr<const Trunk> trunk;
    const IncomingCall incoming = Incoming(request, sip, trunk);
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

  // Calls the other leg of the bridge that a route wants.
  void Bridge(SofiaCall& caller, const sip_t& sip, const BridgeTerms& terms) {
    const int hops = sip.sip_max_forwards == nullptr
                         ? kMaxForwards
                         : static_cast<int>(std::min<unsigned long>(
                               sip.sip_max_forwards->mf_count, 255));
    if (hops <= 0) {
      caller.Refuse({483, sip_status_phrase(483)}, "Max-Forwards is 0");
      return;
    }
    const std::shared_ptr<const Trunk> trunk = FindTrunk(terms.trunk, trunks_);
    PlaceRequest request = RequestOf(sip, terms, trunk.get());
    TellCaller(caller.snapshot(), trunk != nullptr && trunk->trusted, request);
    absl::StatusOr<PlacePlan> plan =
        PlanCall(request, options_, trunk, *contact());
    if (!plan.ok()) {
      caller.Refuse({404, sip_status_phrase(404)},
                    std::string(plan.status().message()));
      return;
    }
    plan->max_forwards = hops - 1;
    plan->without_offer = plan->sdp.empty();
    // An offer in a reliable response wants its answer in the PRACK, which only
    // the caller's PRACK can bring; and the first one of several phones stands.
    // Whoever does not insist is better served by that of the 2xx.
    plan->reliable_progress =
        !plan->without_offer ||
        ReadReliableSupport(sip) == ReliableSupport::kRequired;
    plan->route = registrations_.ServiceRouteOf(terms.trunk);
    if (sip.sip_from->a_display != nullptr && plan->local_name.empty()) {
      plan->local_name = sip.sip_from->a_display;
    }
    SofiaCall* const placed = KeepPlaced(*std::move(plan));
    if (placed == nullptr) {
      caller.Refuse({503, sip_status_phrase(503)}, "too many calls are live");
      return;
    }
    caller.Join(*placed, terms);
    placed->Tag(caller.snapshot().tags);
    TellCalling(*placed);
    placed->BeginPlaced();
  }

  // Takes a transfer on; `party` is who is to begin it, null where it was only
  // to be validated.
  absl::StatusOr<TransferPlan> TakeOn(const TransferRequest& request,
                                      TransferParty*& party) {
    if (open_transfers_ >= options_.max_open_transfers) {
      return MakeError(absl::StatusCode::kResourceExhausted,
                       {.reason = "TOO_MANY_TRANSFERS"},
                       absl::StrCat(open_transfers_,
                                    " transfers are open, which is as many "
                                    "as are allowed"));
    }
    if (!request.uri.empty()) return TakeOnWithoutCall(request, party);
    SofiaCall* const call = request.call_id.empty()
                                ? FindBySipCallId(request.sip_call_id)
                                : Find(request.call_id);
    if (call == nullptr) {
      return NoSuchCall(request.call_id.empty() ? request.sip_call_id
                                                : request.call_id);
    }
    absl::StatusOr<TransferPlan> plan = call->Refer(request);
    if (plan.ok() && !request.validate_only) party = call;
    return plan;
  }

  absl::StatusOr<TransferPlan> TakeOnWithoutCall(const TransferRequest& request,
                                                 TransferParty*& party) {
    if (!request.validate_only && Overloaded()) return TooMuch();
    TransferPlan plan;
    absl::StatusOr<std::unique_ptr<UriReferral>> referral =
        UriReferral::Create(*this, request, plan);
    if (!referral.ok()) return referral.status();
    if (*referral != nullptr) {
      party = referral->get();
      referrals_.emplace(plan.transfer_id, *std::move(referral));
    }
    return plan;
  }

  // Of a REFER outside any dialog, which has no leg of Sofia's.
  int OnNotify(nta_incoming_t* request, const sip_t& sip) {
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

  // Finds the call that an INVITE wants to take the place of; null for none.
  // Returns how it is refused, 0 where it is not (RFC 3891, 3). The tags, which
  // nobody can guess, are the permission.
  int FindReplaced(const sip_t& sip, SofiaCall*& found) {
    if (HasBadHeader(sip, "Replaces")) return 400;
    if (sip.sip_replaces == nullptr) return 0;
    const int answer = FindReplaced(*sip.sip_replaces, found);
    return answer == 200 ? 0 : answer;
  }

  // The same of a Replaces value: 200 where that call may be replaced.
  int FindReplaced(const sip_replaces_t& replaces, SofiaCall*& found) {
    if (replaces.rp_to_tag == nullptr || replaces.rp_from_tag == nullptr) {
      return 400;
    }
    const auto [first, last] =
        by_sip_call_id_.equal_range(std::string_view(replaces.rp_call_id));
    for (auto it = first; it != last; ++it) {
      const std::optional<int> answer = it->second->AnswerToReplaces(replaces);
      if (!answer) continue;
      found = it->second;
      return *answer;
    }
    return 481;
  }

  // Keeps a call that this side places. Null where there are too many.
  SofiaCall* KeepPlaced(PlacePlan plan) {
    if (live_calls_ >= options_.max_calls) return nullptr;
    std::unique_ptr<SofiaCall> call = SofiaCall::Place(*this, std::move(plan));
    return call == nullptr ? nullptr : &Keep(std::move(call));
  }

  void TellCalling(const SofiaCall& placed) {
    observer_.OnCall(std::make_shared<const CallSnapshot>(placed.snapshot()),
                     CallChange::kCalling);
  }

  // Keeps a new call.
  SofiaCall& Keep(std::unique_ptr<SofiaCall> call) {
    ++live_calls_;
    SofiaCall& kept = *call;
    by_sip_call_id_.emplace(kept.snapshot().sip_call_id, &kept);
    calls_.emplace(kept.snapshot().call_id, std::move(call));
    return kept;
  }

  SofiaCall* FindBySipCallId(const std::string& sip_call_id) {
    // A Call-ID may name several dialogs (spirals); the live one is meant.
    const auto [first, last] = by_sip_call_id_.equal_range(sip_call_id);
    SofiaCall* found = nullptr;
    for (auto it = first; it != last; ++it) {
      if (found == nullptr || it->second->live()) found = it->second;
    }
    return found;
  }

  void TellIfDrained() {
    if (open_transfers_ > 0 || !on_no_transfers_) return;
    std::move(std::exchange(on_no_transfers_, nullptr))();
  }

  void TellIfStopped() {
    if (live_calls_ > 0 || !on_no_calls_) return;
    // Not before: some neighbours take no BYE of strangers.
    registrations_.End(std::exchange(on_no_calls_, nullptr), kUnregisterWait);
  }

  const EngineOptions options_;
  std::vector<CallRoute> routes_;
  Trunks trunks_;
  EngineObserver& observer_;
  std::random_device random_device_;
  std::unique_ptr<SipAgent> agent_;
  std::vector<std::shared_ptr<ClientTransaction>> abandoned_;
  std::unordered_map<std::string, std::unique_ptr<SofiaCall>> calls_;
  std::multimap<std::string, SofiaCall*, std::less<>> by_sip_call_id_;
  // REFERs outside dialogs, by the tag that is theirs.
  std::map<std::string, StandaloneRefer*, std::less<>> standalone_by_tag_;
  // Transfers outside any call, by id.
  std::unordered_map<std::string, std::unique_ptr<UriReferral>> referrals_;
  // REFERs that wait for a client, and whose call they came in.
  std::unordered_map<std::string, std::string> waiting_refers_;
  TrunkRegistrations registrations_{*this};
  // What is destroyed at the next turn of the loop.
  std::vector<std::shared_ptr<void>> buried_;
  int live_calls_ = 0;
  int open_transfers_ = 0;
  std::atomic<bool> draining_ = false;
  OverloadGuard overload_{options_.overload_after};
  Done on_no_transfers_ = nullptr;
  Done on_no_calls_ = nullptr;
  // Ends before what its thread uses.
  SipLoop loop_;
  // Ends before the loop, which its callbacks post to.
  std::unique_ptr<Resolver> resolver_;
};

absl::StatusOr<std::unique_ptr<SofiaEngine>> SofiaEngine::Start(
    EngineOptions options, EngineObserver& observer) {
  auto impl = std::make_unique<Impl>(std::move(options), observer);
  if (absl::Status status = impl->Start(); !status.ok()) return status;
  return std::unique_ptr<SofiaEngine>(new SofiaEngine(std::move(impl)));
}

SofiaEngine::SofiaEngine(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)), sip_port_(impl_->port()) {}

SofiaEngine::~SofiaEngine() = default;

void SofiaEngine::Refer(TransferRequest request, ReferDone done) {
  impl_->loop().Post([impl = impl_.get(), request = std::move(request),
                      done = std::move(done)]() mutable {
    impl->Refer(request, std::move(done));
  });
}

void SofiaEngine::Cancel(std::string call_id, std::string transfer_id,
                         CancelDone done) {
  impl_->loop().Post([impl = impl_.get(), call_id = std::move(call_id),
                      transfer_id = std::move(transfer_id),
                      done = std::move(done)]() mutable {
    impl->Cancel(call_id, transfer_id, std::move(done));
  });
}

void SofiaEngine::Place(PlaceRequest request, PlaceDone done) {
  impl_->loop().Post([impl = impl_.get(), request = std::move(request),
                      done = std::move(done)]() mutable {
    impl->Place(request, std::move(done));
  });
}

void SofiaEngine::Progress(ProgressRequest request, CallDone done) {
  impl_->loop().Post([impl = impl_.get(), request = std::move(request),
                      done = std::move(done)]() mutable {
    impl->WithCall(request.call_id, std::move(done),
                   [&](SofiaCall& call) { return call.Progress(request); });
  });
}

void SofiaEngine::Answer(std::string call_id, std::string sdp, CallDone done) {
  impl_->loop().Post([impl = impl_.get(), call_id = std::move(call_id),
                      sdp = std::move(sdp), done = std::move(done)]() mutable {
    impl->WithCall(call_id, std::move(done), [&](SofiaCall& call) {
      return call.AnswerBy(std::move(sdp));
    });
  });
}

void SofiaEngine::Reject(RejectRequest request, CallDone done) {
  impl_->loop().Post([impl = impl_.get(), request = std::move(request),
                      done = std::move(done)]() mutable {
    impl->WithCall(request.call_id, std::move(done),
                   [&](SofiaCall& call) { return call.Reject(request); });
  });
}

void SofiaEngine::Update(UpdateRequest request, CallDone done) {
  impl_->loop().Post([impl = impl_.get(), request = std::move(request),
                      done = std::move(done)]() mutable {
    if (SofiaCall* call = impl->Find(request.call_id)) {
      call->Update(request, std::move(done));
    } else {
      std::move(done)(NoSuchCall(request.call_id));
    }
  });
}

void SofiaEngine::DecideRefer(ReferDecision decision, CallDone done) {
  impl_->loop().Post([impl = impl_.get(), decision = std::move(decision),
                      done = std::move(done)]() mutable {
    impl->DecideRefer(decision, std::move(done));
  });
}

void SofiaEngine::HangUp(std::string call_id, CallDone done) {
  impl_->loop().Post([impl = impl_.get(), call_id = std::move(call_id),
                      done = std::move(done)]() mutable {
    impl->WithCall(call_id, std::move(done), [](SofiaCall& call) {
      call.HangUp("hung up by a client");
      return absl::OkStatus();
    });
  });
}

void SofiaEngine::SetRouting(std::vector<CallRoute> routes, Trunks trunks,
                             Done done) {
  impl_->loop().Post([impl = impl_.get(), routes = std::move(routes),
                      trunks = std::move(trunks),
                      done = std::move(done)]() mutable {
    impl->SetRouting(std::move(routes), std::move(trunks));
    std::move(done)();
  });
}

std::uint16_t SofiaEngine::sip_tls_port() const { return impl_->tls_port(); }

void SofiaEngine::ReloadTls(
    absl::AnyInvocable<void(absl::Status result) &&> done) {
  impl_->loop().Post([impl = impl_.get(), done = std::move(done)]() mutable {
    std::move(done)(impl->ReloadTls());
  });
}

void SofiaEngine::Drain(Done done) {
  impl_->RefuseNewWork();
  impl_->loop().Post([impl = impl_.get(), done = std::move(done)]() mutable {
    impl->Drain(std::move(done));
  });
}

void SofiaEngine::Stop(Done done) {
  impl_->RefuseNewWork();
  impl_->loop().Post([impl = impl_.get(), done = std::move(done)]() mutable {
    impl->Stop(std::move(done));
  });
}

std::chrono::nanoseconds SofiaEngine::lag() const {
  return impl_->loop().lag();
}

}  // namespace callcontrol::sip
