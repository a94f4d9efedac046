// SPDX-License-Identifier: Apache-2.0
#include "server/engine_settings.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "base/ip_network.h"
#include "server/config.h"

namespace callcontrol::server {

sip::TransferPolicy TransferPolicyOf(const config::v1::Config& config) {
  const config::v1::Transfers& t = config.transfers();
  const std::chrono::milliseconds t1 = T1(config);
  sip::TransferPolicy policy;
  policy.hold_limit =
      MillisecondsOr(t.has_hold_limit(), t.hold_limit(), policy.hold_limit);
  policy.refer_unheld = t.refer_unheld();
  policy.ready_limit =
      MillisecondsOr(t.has_ready_limit(), t.ready_limit(), policy.ready_limit);
  policy.refer_response = MillisecondsOr(t.has_refer_response_limit(),
                                         t.refer_response_limit(), 64 * t1);
  policy.first_notify = MillisecondsOr(t.has_first_notify_limit(),
                                       t.first_notify_limit(), 64 * t1);
  policy.final_status = MillisecondsOr(
      t.has_final_status_limit(), t.final_status_limit(), policy.final_status);
  policy.subscription_grace =
      MillisecondsOr(t.has_subscription_grace(), t.subscription_grace(),
                     policy.subscription_grace);
  policy.unconfirmed_wait = MillisecondsOr(
      t.has_unconfirmed_wait(), t.unconfirmed_wait(), policy.unconfirmed_wait);
  policy.bye_grace =
      MillisecondsOr(t.has_bye_grace(), t.bye_grace(), policy.bye_grace);
  policy.lost_grace =
      MillisecondsOr(t.has_lost_grace(), t.lost_grace(), policy.lost_grace);
  policy.bye_answer_wait = MillisecondsOr(
      t.has_bye_answer_wait(), t.bye_answer_wait(), policy.bye_answer_wait);
  // Eight round trips, which is 4 s where T1 is the RFC's.
  policy.probe_wait = 8 * t1;
  policy.silent_probe_wait = t1;
  policy.retry_after_max = MillisecondsOr(
      t.has_retry_after_limit(), t.retry_after_limit(), policy.retry_after_max);
  policy.refresh = t.refresh_subscription();
  policy.tail = MillisecondsOr(t.has_tail(), t.tail(), 64 * t1);
  return policy;
}

sip::TargetPolicy TargetPolicyOf(const config::v1::Config& config) {
  const config::v1::Transfers& transfers = config.transfers();
  return {.host = transfers.refer_domain(),
          .tel_to_sip = transfers.tel_to_sip(),
          .default_country_code = transfers.default_country_code(),
          .international_prefix = transfers.international_prefix()};
}

namespace {

std::chrono::seconds SecondsOr(bool set,
                               const google::protobuf::Duration& duration,
                               std::chrono::seconds fallback) {
  return std::chrono::duration_cast<std::chrono::seconds>(
      MillisecondsOr(set, duration, fallback));
}

std::vector<IpNetwork> NetworksOf(
    const google::protobuf::RepeatedPtrField<std::string>& texts) {
  std::vector<IpNetwork> networks;
  networks.reserve(static_cast<std::size_t>(texts.size()));
  for (const std::string& text : texts) {
    if (const auto read = ReadIpNetwork(text)) networks.push_back(*read);
  }
  return networks;
}

const char* TransportParameter(config::v1::SipTransport transport) {
  switch (transport) {
    case config::v1::SIP_TRANSPORT_UDP:
      return ";transport=udp";
    case config::v1::SIP_TRANSPORT_TCP:
      return ";transport=tcp";
    case config::v1::SIP_TRANSPORT_TLS:
      return ";transport=tls";
    default:
      return "";
  }
}

sip::ReferralMode ModeOf(config::v1::InboundReferMode mode) {
  switch (mode) {
    case config::v1::INBOUND_REFER_MODE_DECLINE:
      return sip::ReferralMode::kDecline;
    case config::v1::INBOUND_REFER_MODE_DELEGATE:
      return sip::ReferralMode::kDelegate;
    case config::v1::INBOUND_REFER_MODE_EXECUTE:
      return sip::ReferralMode::kExecute;
    default:
      return sip::ReferralMode::kOff;
  }
}

sip::ReferralPolicy PolicyOf(const config::v1::InboundRefer& from) {
  sip::ReferralPolicy policy;
  policy.mode = ModeOf(from.mode());
  policy.targets.assign(from.targets().begin(), from.targets().end());
  policy.trunk = from.trunk();
  policy.decision_limit = MillisecondsOr(
      from.has_decision_limit(), from.decision_limit(), policy.decision_limit);
  policy.ring_limit = MillisecondsOr(from.has_ring_limit(), from.ring_limit(),
                                     policy.ring_limit);
  policy.bye_wait =
      MillisecondsOr(from.has_bye_wait(), from.bye_wait(), policy.bye_wait);
  policy.accept_status = from.accept_status();
  return policy;
}

sip::RegistrationTerms RegistrationOf(const config::v1::Trunk& trunk) {
  const config::v1::Registration& from = trunk.registration();
  sip::RegistrationTerms terms;
  terms.aor = AorOf(from).value_or(sip::SipUri()).text;
  const std::string scheme =
      absl::StartsWith(terms.aor, "sips:") ? "sips:" : "sip:";
  terms.registrar = absl::StrCat(
      scheme, from.registrar().empty() ? trunk.address() : from.registrar());
  terms.contact_user = ContactUserOf(from);
  terms.expires = SecondsOr(from.has_expires(), from.expires(), terms.expires);
  terms.first_retry = MillisecondsOr(from.has_first_retry(), from.first_retry(),
                                     terms.first_retry);
  terms.longest_retry =
      MillisecondsOr(from.has_longest_retry(), from.longest_retry(),
                     std::max(terms.longest_retry, terms.first_retry));
  return terms;
}

sip::Trunk TrunkOf(const config::v1::Trunk& from,
                   const config::v1::Config& config) {
  sip::Trunk trunk{.name = from.name(),
                   .address = from.address(),
                   .tls_name = from.tls_name(),
                   .sources = NetworksOf(from.source_networks()),
                   .targets = TargetPolicyOf(config),
                   .session_timer = SessionTimerOf(config),
                   .referrals = from.has_inbound_refer()
                                    ? PolicyOf(from.inbound_refer())
                                    : ReferralPolicyOf(config)};
  trunk.session_timer.interval =
      SecondsOr(from.has_session_interval(), from.session_interval(),
                trunk.session_timer.interval);
  if (!from.address().empty()) {
    trunk.uri = absl::StrCat("sip:", from.address(),
                             TransportParameter(from.transport()));
    const auto address = ReadHostPort(from.address());
    const auto network =
        ReadIpNetwork(address.ok() ? address->host : from.address());
    if (trunk.sources.empty() && network) trunk.sources.push_back(*network);
  }
  sip::TargetPolicy& own = trunk.targets;
  if (!from.refer_domain().empty()) own.host = from.refer_domain();
  if (!from.default_country_code().empty()) {
    own.default_country_code = from.default_country_code();
  }
  if (!from.international_prefix().empty()) {
    own.international_prefix = from.international_prefix();
  }
  if (from.has_tel_to_sip()) own.tel_to_sip = from.tel_to_sip();
  if (from.has_registration()) trunk.registration = RegistrationOf(from);
  trunk.trusted = from.trusted();
  return trunk;
}

sip::BridgeTerms BridgeTermsOf(const config::v1::BridgeRoute& from) {
  sip::BridgeTerms terms{.trunk = from.trunk(), .to = from.to()};
  terms.ring_limit = MillisecondsOr(from.has_ring_limit(), from.ring_limit(),
                                    terms.ring_limit);
  terms.pass_headers.assign(from.pass_headers().begin(),
                            from.pass_headers().end());
  terms.keep_when_transferred = from.keep_when_transferred();
  return terms;
}

}  // namespace

std::optional<sip::TlsOptions> TlsOptionsOf(const config::v1::Config& config) {
  if (!config.sip().has_tls()) return std::nullopt;
  const config::v1::SipTls& from = config.sip().tls();
  sip::TlsOptions options{.certificate = from.certificate(),
                          .private_key = from.private_key(),
                          .ca_file = from.ca_file()};
  if (const auto listen = ReadHostPort(SipTlsListen(config)); listen.ok()) {
    options.listen_host = listen->host;
    options.listen_port = static_cast<std::uint16_t>(listen->port);
  }
  switch (from.client_certificate()) {
    case config::v1::CLIENT_CERTIFICATE_REQUESTED:
      options.client_certificate = sip::ClientCertificate::kRequested;
      break;
    case config::v1::CLIENT_CERTIFICATE_REQUIRED:
      options.client_certificate = sip::ClientCertificate::kRequired;
      break;
    default:
      break;
  }
  return options;
}

sip::ReferralPolicy ReferralPolicyOf(const config::v1::Config& config) {
  return PolicyOf(config.calls().inbound_refer());
}

absl::StatusOr<sip::SipUri> AorOf(const config::v1::Registration& from) {
  const absl::StatusOr<std::string> uri =
      sip::BuildUri("aor", from.aor(), {.leg_is_secure = true});
  if (!uri.ok()) return uri.status();
  return sip::ParseSipUri(*uri);
}

std::string ContactUserOf(const config::v1::Registration& from) {
  return from.contact_user().empty() ? AorOf(from).value_or(sip::SipUri()).user
                                     : from.contact_user();
}

sip::SessionTimerPolicy SessionTimerOf(const config::v1::Config& config) {
  const config::v1::Calls& calls = config.calls();
  sip::SessionTimerPolicy policy;
  policy.interval = SecondsOr(calls.has_session_interval(),
                              calls.session_interval(), policy.interval);
  policy.least = SecondsOr(calls.has_least_session_interval(),
                           calls.least_session_interval(), policy.least);
  // One that is not set follows the least.
  if (policy.interval > std::chrono::seconds(0)) {
    policy.interval = std::max(policy.interval, policy.least);
  }
  return policy;
}

absl::StatusOr<sip::Trunks> TrunksOf(const config::v1::Config& config) {
  sip::Trunks trunks;
  trunks.reserve(static_cast<std::size_t>(config.trunks_size()));
  for (const config::v1::Trunk& from : config.trunks()) {
    sip::Trunk trunk = TrunkOf(from, config);
    if (!from.username().empty()) {
      absl::StatusOr<std::string> password = ReadSecret(from.password());
      if (!password.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("trunks.password: ", password.status().message()));
      }
      trunk.credentials = {.username = from.username(),
                           .password = *std::move(password),
                           .realm = from.realm()};
    }
    trunks.push_back(std::make_shared<const sip::Trunk>(std::move(trunk)));
  }
  return trunks;
}

std::vector<sip::CallRoute> RoutesOf(const config::v1::Config& config) {
  std::vector<sip::CallRoute> routes;
  for (const config::v1::Route& from : config.routes()) {
    sip::CallRoute route;
    route.sources = NetworksOf(from.source_networks());
    route.trunks.assign(from.trunks().begin(), from.trunks().end());
    route.request_uris.assign(from.request_uri().begin(),
                              from.request_uri().end());
    route.tos.assign(from.to().begin(), from.to().end());
    sip::CallTreatment& treatment = route.treatment;
    for (const config::v1::Tag& tag : from.tags()) {
      treatment.tags[tag.name()] = tag.value();
    }
    if (from.has_reject()) {
      treatment.kind = sip::CallTreatment::Kind::kReject;
      const int status = from.reject().status();
      treatment.status = status == 0 ? 603 : status;
      treatment.phrase = from.reject().reason();
    } else if (from.has_bridge()) {
      treatment.kind = sip::CallTreatment::Kind::kBridge;
      treatment.bridge = BridgeTermsOf(from.bridge());
    } else if (from.has_app()) {
      treatment.kind = sip::CallTreatment::Kind::kApp;
      treatment.app_limit = MillisecondsOr(
          from.app().has_limit(), from.app().limit(), treatment.app_limit);
      const int status = from.app().unanswered_status();
      treatment.status = status == 0 ? 480 : status;
    } else if (from.answer().has_answer_after()) {
      treatment.answer_after =
          MillisecondsOr(true, from.answer().answer_after(), {});
    }
    routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace callcontrol::server
