// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/outgoing_invite.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/next_hop.h"
#include "sip/sofia/sofia_call.h"
#include "sip/transfer/header_guard.h"
#include "sip/transfer/refer_to.h"

namespace callcontrol::sip {

absl::StatusOr<PlacePlan> PlanCall(const PlaceRequest& request,
                                   const EngineOptions& options,
                                   std::shared_ptr<const Trunk> trunk,
                                   const sip_contact_t& contact) {
  TargetPolicy policy = trunk != nullptr ? trunk->targets : options.targets;
  if (trunk != nullptr && policy.host.empty()) policy.host = trunk->address;
  // Nothing leads to a tel: URI.
  policy.tel_to_sip = true;
  // A sips: URI takes the call to TLS.
  policy.leg_is_secure = options.tls.has_value();
  absl::StatusOr<std::string> to = BuildUri("to", request.to, policy);
  if (!to.ok()) return to.status();

  if (policy.host.empty()) policy.host = contact.m_url->url_host;
  absl::StatusOr<std::string> from = BuildUri(
      "from", request.from.empty() ? "callcontrol" : request.from, policy);
  if (!from.ok()) return from.status();
  if (absl::Status status = CheckReferHeaders(request.headers); !status.ok()) {
    return status;
  }
  const absl::StatusOr<IdentityPlan> identity = PlanIdentity(
      request.identity, policy, trunk != nullptr && trunk->trusted);
  if (!identity.ok()) return identity.status();
  PlacePlan plan{.request_uri = *std::move(to),
                 .next_hop = trunk != nullptr ? trunk->uri : std::string(),
                 .trunk = std::move(trunk),
                 .local_uri = *std::move(from),
                 .headers = request.headers,
                 .sdp = request.sdp,
                 .credentials = request.credentials,
                 .ring_limit = request.ring_limit};
  plan.headers.insert(plan.headers.end(), identity->headers.begin(),
                      identity->headers.end());
  if (identity->anonymous) {
    plan.local_uri = kAnonymousUri;
    plan.local_name = kAnonymousName;
  }
  return plan;
}

OutgoingInvite::OutgoingInvite(CallHost& host, SofiaCall& call, PlacePlan plan)
    : host_(host), call_(call), plan_(std::move(plan)) {
  ExpectAnswers();
}

OutgoingInvite::~OutgoingInvite() {
  if (timer_) host_.loop().timers().Cancel(*timer_);
}

void OutgoingInvite::Begin() {
  const std::optional<SipTarget> target = FirstHopOf(
      plan_.request_uri, plan_.next_hop, plan_.route, plan_.trunk.get());
  if (!target) {
    Fail(500, "the target cannot be read");
    return;
  }
  target_ = *target;
  FindAddresses(
      host_, target_,
      [weak = weak_from_this()] {
        const std::shared_ptr<OutgoingInvite> self = weak.lock();
        return self != nullptr && !self->cancelled_;
      },
      [this](absl::StatusOr<std::vector<SipAddress>> found) {
        if (!found.ok()) {
          Fail(503, {found.status().message().data(),
                     found.status().message().size()});
          return;
        }
        addresses_ = *std::move(found);
        SendNext();
      });
}

void OutgoingInvite::ExpectAnswers() {
  using Kind = ReliableProgress::Kind;
  progress_ = std::make_shared<ReliableProgress>(
      host_, call_, plan_.without_offer ? Kind::kAsks : Kind::kBegins);
}

void OutgoingInvite::SendNext() {
  std::vector<SipHeader> headers = plan_.headers;
  const std::vector<SipHeader> session = call_.SessionHeaders();
  headers.insert(headers.end(), session.begin(), session.end());
  headers.insert(headers.end(), authorization_.headers().begin(),
                 authorization_.headers().end());
  std::string why = "the target could not be reached";
  while (next_ < addresses_.size()) {
    const absl::StatusOr<SipAddress> address =
        NextHopTo(addresses_[next_++], target_, host_.options());
    if (!address.ok()) {
      why = std::string(address.status().message());
      continue;
    }
    ExpectAnswers();
    call_.SetTransport({address->transport, IsSips(plan_.request_uri)});
    invite_ = ClientTransaction::Send(
        call_.leg(), *address, host_.options().user_agent,
        {.method = sip_method_invite,
         .method_name = "INVITE",
         .contact = call_.contact(),
         .headers = headers,
         .body = call_.offer(),
         .request_uri = plan_.request_uri,
         .allow = call_.allow(),
         .supported = call_.supported(plan_.reliable_progress),
         .route = RouteHeader(plan_.route),
         .max_forwards = plan_.max_forwards},
        [this, next_hop = *address](const sip_t& sip,
                                    ClientTransaction::Ending ending) {
          OnAnswer(sip, ending, next_hop);
        });
    if (invite_ != nullptr) return;
  }
  Fail(503, why);
}

void OutgoingInvite::Cancel() {
  if (std::exchange(cancelled_, true)) return;
  if (invite_ == nullptr) {
    Fail(487, "cancelled");
    return;
  }
  invite_->Cancel();
  timer_ = host_.loop().timers().Add(
      std::chrono::steady_clock::now() + 64 * host_.options().t1, [this] {
        timer_.reset();
        Fail(487, "the CANCEL was not answered");
      });
}

void OutgoingInvite::OnAnswer(const sip_t& sip,
                              ClientTransaction::Ending ending,
                              const SipAddress& next_hop) {
  const int status = sip.sip_status->st_status;
  if (IsProvisional(status)) {
    if (const auto news = progress_->OnAnswer(sip)) {
      call_.OnCallProgress(ReadStatus(sip), *news);
    }
    return;
  }
  std::shared_ptr<ClientTransaction> finished = std::move(invite_);
  // A transaction goes after what it is calling has returned.
  host_.DestroyLater(finished);
  // The call drops its share of this in what follows.
  const std::shared_ptr<OutgoingInvite> self = shared_from_this();
  if (IsSuccess(status)) {
    call_.OnCallAnswered(sip, std::move(finished));
    return;
  }
  if (!cancelled_ &&
      (call_.TakeLeastInterval(sip) ||
       authorization_.Take(sip, "INVITE", finished->request_uri(),
                           call_.credentials(), host_.NewId("")))) {
    // To the same address again.
    --next_;
    SendNext();
    return;
  }
  // RFC 3263, 4.3.
  const bool answered = ending == ClientTransaction::Ending::kAnswered;
  if ((!answered || status == 503) && !cancelled_ &&
      next_ < addresses_.size()) {
    authorization_ = ChallengeAnswer();
    SendNext();
  } else if (ending == ClientTransaction::Ending::kFailed) {
    Fail(status, WhyUnreachable(host_, next_hop));
  } else {
    call_.OnCallRefused(ReadStatus(sip), ReadRedirection(sip),
                        answered ? CallEndedBy::kFarEnd : CallEndedBy::kServer);
  }
}

void OutgoingInvite::Fail(int status, std::string_view reason) {
  const std::shared_ptr<OutgoingInvite> self = shared_from_this();
  call_.OnCallRefused({status, std::string(reason)}, {}, CallEndedBy::kServer);
}

}  // namespace callcontrol::sip
