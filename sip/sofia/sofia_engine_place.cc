// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/sofia_engine_impl.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "sip/sofia/engine_errors.h"
#include "sip/sofia/message_reader.h"

namespace callcontrol::sip {
namespace {

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

// What the other leg's neighbour, trusted or not, is told of the caller.
void TellCaller(const CallSnapshot& caller, bool trusted,
                PlaceRequest& request) {
  request.identity.privacy = caller.privacy;
  if (trusted) request.identity.asserted = caller.asserted_identity;
  if (!WithholdsUser(caller.privacy, trusted)) return;
  std::erase_if(request.headers,
                [](const SipHeader& header) { return NamesUser(header.name); });
}

}  // namespace

void SofiaEngine::Impl::Place(const PlaceRequest& request, PlaceDone done) {
  std::shared_ptr<const Trunk> trunk = FindTrunk(request.trunk, trunks_);
  if (!CanCallBy(request.trunk, trunk.get())) {
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

SofiaCall* SofiaEngine::Impl::PlaceReferred(const SofiaCall& referrer,
                                            const SofiaCall* partner,
                                            PlaceRequest request,
                                            std::vector<SipHeader> headers,
                                            SipStatus& refusal) {
  const std::shared_ptr<const Trunk> trunk = FindTrunk(request.trunk, trunks_);
  if (!CanCallBy(request.trunk, trunk.get())) {
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

void SofiaEngine::Impl::Bridge(SofiaCall& caller, const sip_t& sip,
                               const BridgeTerms& terms) {
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

SofiaCall& SofiaEngine::Impl::Keep(std::unique_ptr<SofiaCall> call) {
  ++live_calls_;
  return calls_.Keep(std::move(call));
}

SofiaCall* SofiaEngine::Impl::KeepPlaced(PlacePlan plan) {
  if (live_calls_ >= options_.max_calls) return nullptr;
  std::unique_ptr<SofiaCall> call = SofiaCall::Place(*this, std::move(plan));
  return call == nullptr ? nullptr : &Keep(std::move(call));
}

void SofiaEngine::Impl::TellCalling(const SofiaCall& placed) {
  observer_.OnCall(std::make_shared<const CallSnapshot>(placed.snapshot()),
                   CallChange::kCalling);
}

SipUri SofiaEngine::Impl::AtTrunkIfHere(const SipUri& uri,
                                        const std::string& trunk_name) const {
  const std::shared_ptr<const Trunk> trunk = FindTrunk(trunk_name, trunks_);
  if (trunk == nullptr || !LeadsHere(uri)) return uri;
  const absl::StatusOr<SipUri> there =
      ParseSipUri(AtTrunk(uri.scheme == "sips", uri.user, *trunk));
  return there.value_or(uri);
}

}  // namespace callcontrol::sip
