// SPDX-License-Identifier: Apache-2.0
#include "sip/dns/route_lookup.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "sip/dns/dns_error.h"

namespace callcontrol::sip {
namespace {

// SRV hosts asked about for one target, the best priorities first. A domain has
// two to four; the bound is for those that mean harm.
constexpr std::size_t kMaxHosts = 8;

// RFC 6761 section 6.3: these never go to the DNS.
bool IsLocalhost(std::string_view host) {
  const std::string name = absl::AsciiStrToLower({host.data(), host.size()});
  return name == "localhost" || name.ends_with(".localhost");
}

absl::Status ErrorOf(DnsStatus status, std::string_view host) {
  const std::string name(host);
  switch (status) {
    case DnsStatus::kTimeout:
      return DnsError(
          absl::StatusCode::kDeadlineExceeded, "DNS_TIMEOUT",
          absl::StrCat("the DNS gave no answer about \"", name, "\" in time"));
    case DnsStatus::kNotFound:
      return DnsError(
          absl::StatusCode::kNotFound, "DNS_NOT_FOUND",
          absl::StrCat("the DNS has no SIP server for \"", name, "\""));
    default:
      return DnsError(
          absl::StatusCode::kUnavailable, "DNS_UNAVAILABLE",
          absl::StrCat("no name server could be asked about \"", name, "\""));
  }
}

}  // namespace

RouteLookup::RouteLookup(SipTarget target, const ResolverOptions& options,
                         DnsChannel& channel, Done done)
    : target_(std::move(target)),
      options_(options),
      channel_(channel),
      done_(std::move(done)),
      fallback_transport_(DefaultTransport(target_)) {
  route_.ttl = options_.max_ttl;
}

void RouteLookup::Start() {
  const bool use_srv = options_.use_srv && !IsLocalhost(target_.host);
  if (use_srv && options_.use_naptr && WantsNaptr(target_)) {
    channel_.AskNaptr(target_.host,
                      [self = shared_from_this()](const auto& answer) {
                        self->OnNaptr(answer);
                      });
    return;
  }
  if (use_srv) srv_questions_ = SrvQuestions(target_, options_.transports);
  AskNextSrv();
}

void RouteLookup::OnNaptr(const DnsAnswer<NaptrRecord>& answer) {
  if (!done_) return;
  srv_questions_ = SelectNaptr(answer.records, target_, options_.transports);
  if (srv_questions_.empty()) {
    srv_questions_ = SrvQuestions(target_, options_.transports);
  } else {
    fallback_transport_ = srv_questions_.front().transport;
    route_.ttl = std::min(route_.ttl, answer.ttl);
  }
  AskNextSrv();
}

void RouteLookup::AskNextSrv() {
  if (next_srv_question_ < srv_questions_.size()) {
    const SrvQuestion& question = srv_questions_[next_srv_question_++];
    // The prefix may have made a long name too long.
    if (!IsDnsName(question.name)) return AskNextSrv();
    channel_.AskSrv(
        question.name,
        [self = shared_from_this(), transport = question.transport](
            auto answer) { self->OnSrv(transport, std::move(answer)); });
    return;
  }
  if (service_denied_) return Fail(DnsStatus::kNotFound);
  const std::uint16_t port =
      ExplicitPort(target_).value_or(DefaultPort(fallback_transport_));
  AskAddresses({{.port = port, .host = target_.host}}, fallback_transport_);
}

void RouteLookup::OnSrv(SipTransport transport, DnsAnswer<SrvRecord> answer) {
  if (!done_) return;
  if (answer.status == DnsStatus::kNotFound) return AskNextSrv();
  if (answer.status != DnsStatus::kFound) return Fail(answer.status);
  std::erase_if(answer.records,
                [](const SrvRecord& record) { return !IsUsable(record); });
  if (answer.records.empty()) {
    service_denied_ = true;
    return AskNextSrv();
  }
  route_.ttl = std::min(route_.ttl, answer.ttl);
  AskAddresses(std::move(answer.records), transport);
}

void RouteLookup::AskAddresses(std::vector<SrvRecord> hosts,
                               SipTransport transport) {
  std::ranges::stable_sort(hosts, {}, &SrvRecord::priority);
  hosts.resize(std::min(hosts.size(), kMaxHosts));
  route_.transport = transport;
  for (SrvRecord& host : hosts) route_.hosts.push_back({std::move(host), {}});
  // All counted before the first is asked: an answer may come at once.
  open_hosts_ = route_.hosts.size();
  const auto self = shared_from_this();
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    channel_.AskAddresses(route_.hosts[i].srv.host, [self, i](auto answer) {
      self->OnAddresses(i, std::move(answer));
    });
  }
}

void RouteLookup::OnAddresses(std::size_t host, DnsAnswer<std::string> answer) {
  if (!done_) return;
  if (answer.status == DnsStatus::kFound) {
    route_.hosts[host].ips = std::move(answer.records);
    route_.ttl = std::min(route_.ttl, answer.ttl);
  } else if (answer.status != DnsStatus::kNotFound) {
    worst_ = answer.status;
    route_.ttl = std::chrono::seconds(0);
  }
  if (--open_hosts_ > 0) return;
  const bool found = std::ranges::any_of(
      route_.hosts, [](const Route::Host& h) { return !h.ips.empty(); });
  if (!found) return Fail(worst_);
  Finish(std::move(route_));
}

void RouteLookup::Expire() {
  route_.ttl = std::chrono::seconds(0);
  const bool found = std::ranges::any_of(
      route_.hosts, [](const Route::Host& h) { return !h.ips.empty(); });
  if (!found) return Fail(DnsStatus::kTimeout);
  Finish(std::move(route_));
}

void RouteLookup::Fail(DnsStatus status) {
  Finish(ErrorOf(status, target_.host));
}

void RouteLookup::Finish(absl::StatusOr<Route> result) {
  if (!done_) return;
  Done done = std::move(done_);
  done_ = nullptr;
  std::move(done)(std::move(result));
}

}  // namespace callcontrol::sip
