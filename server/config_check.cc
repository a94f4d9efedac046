// SPDX-License-Identifier: Apache-2.0
#include "server/config_check.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/ip_network.h"
#include "server/config.h"
#include "server/engine_settings.h"
#include "server/hooks/hook_queue.h"
#include "server/hooks/hook_settings.h"
#include "sip/tls/tls_files.h"
#include "sip/transfer/display_text.h"
#include "sip/transfer/header_guard.h"
#include "sip/transfer/refer_to.h"
#include "sip/transfer/sip_uri.h"

namespace callcontrol::server {
namespace {

namespace pb = google::protobuf;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// Collects the first problem of a configuration.
//
// Ownership: a value. Threads: thread-compatible.
class Checker {
 public:
  void Duration(bool set, const pb::Duration& value, const char* path,
                milliseconds least, milliseconds most) {
    if (!set) return;
    const milliseconds given = MillisecondsOr(true, value, milliseconds(0));
    const bool sane = value.seconds() >= 0 && value.nanos() >= 0 &&
                      value.seconds() < 1'000'000'000;
    if (!sane || given < least || given > most) {
      Fail(path, absl::StrCat("must be from ", least.count(), " ms to ",
                              most.count(), " ms"));
    }
  }

  // 0 means that it is not set.
  void Number(std::int64_t value, const char* path, std::int64_t least,
              std::int64_t most) {
    if (value != 0 && (value < least || value > most)) {
      Fail(path, absl::StrCat("must be from ", least, " to ", most));
    }
  }

  void That(bool good, const char* path, const std::string& text) {
    if (!good) Fail(path, text);
  }

  const std::optional<ConfigProblem>& problem() const { return problem_; }

 private:
  void Fail(const char* path, std::string text) {
    if (!problem_) problem_ = ConfigProblem{path, std::move(text)};
  }

  std::optional<ConfigProblem> problem_;
};

void CheckListeners(const config::v1::Config& config, Checker& check) {
  const std::string grpc = GrpcListen(config);
  const std::string sip = SipListen(config);
  const auto sip_address = ReadHostPort(sip);
  check.That(absl::StartsWith(grpc, "unix:") || ReadHostPort(grpc).ok(),
             "grpc.listen", "must be HOST:PORT, [V6]:PORT or unix:PATH");
  check.That(sip_address.ok() && ReadIpAddress(sip_address->host).has_value(),
             "sip.listen", "must be ADDRESS:PORT with a numeric address");
  check.That(config.insecure() || IsLocalOnly(grpc), "grpc.listen",
             absl::StrCat(grpc,
                          " can be reached from beyond this machine without "
                          "TLS or a token; listen on loopback or a unix "
                          "socket, or set insecure: true"));
  check.That(config.insecure() || IsLocalOnly(sip), "sip.listen",
             absl::StrCat(sip,
                          " can be reached from beyond this machine; listen "
                          "on loopback, or set insecure: true"));
}

void CheckTls(const config::v1::Config& config, Checker& check) {
  if (!config.sip().has_tls()) return;
  const config::v1::SipTls& tls = config.sip().tls();
  const auto address = ReadHostPort(SipTlsListen(config));
  check.That(address.ok() && ReadIpAddress(address->host).has_value(),
             "sip.tls.listen", "must be ADDRESS:PORT with a numeric address");
  check.That(!tls.certificate().empty(), "sip.tls.certificate",
             "must be the path of a PEM file");
  check.That(!tls.private_key().empty(), "sip.tls.private_key",
             "must be the path of a PEM file");
  if (check.problem()) return;
  if (const auto problem = sip::CheckTlsFiles(*TlsOptionsOf(config))) {
    check.That(false, absl::StrCat("sip.tls.", problem->field).c_str(),
               problem->text);
  }
}

bool IsDigits(const std::string& text, std::size_t longest) {
  return std::ranges::all_of(text, absl::ascii_isdigit) &&
         text.size() <= longest;
}

// HOST or HOST:PORT, whatever HOST is.
bool IsDomain(const std::string& text) {
  return text.size() <= 253 &&
         text.find_first_of(" <>@;,?\"") == std::string::npos;
}

bool IsHostOrHostPort(const std::string& text) {
  return ReadHostPort(text).ok() || ReadHostPort(text + ":0").ok();
}

bool IsName(const std::string& text) {
  return text.size() <= 32 && std::ranges::all_of(text, [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_';
         });
}

void CheckTransfers(const config::v1::Transfers& transfers,
                    milliseconds timer_j, Checker& check) {
  const auto& t = transfers;
  check.That(IsDigits(t.international_prefix(), 8),
             "transfers.international_prefix", "must be at most 8 digits");
  check.That(IsDigits(t.default_country_code(), 3),
             "transfers.default_country_code", "must be at most 3 digits");
  check.That(IsDomain(t.refer_domain()), "transfers.refer_domain",
             "must be HOST or HOST:PORT");
  check.Duration(t.has_hold_limit(), t.hold_limit(), "transfers.hold_limit",
                 seconds(1), seconds(32));
  check.Duration(t.has_ready_limit(), t.ready_limit(), "transfers.ready_limit",
                 milliseconds(0), seconds(32));
  check.Duration(t.has_refer_response_limit(), t.refer_response_limit(),
                 "transfers.refer_response_limit", milliseconds(10),
                 seconds(32));
  check.Duration(t.has_first_notify_limit(), t.first_notify_limit(),
                 "transfers.first_notify_limit", milliseconds(10), seconds(64));
  check.Duration(t.has_final_status_limit(), t.final_status_limit(),
                 "transfers.final_status_limit", milliseconds(10), hours(1));
  check.Duration(t.has_subscription_grace(), t.subscription_grace(),
                 "transfers.subscription_grace", milliseconds(0), seconds(10));
  check.Duration(t.has_unconfirmed_wait(), t.unconfirmed_wait(),
                 "transfers.unconfirmed_wait", milliseconds(0), minutes(10));
  check.Duration(t.has_bye_grace(), t.bye_grace(), "transfers.bye_grace",
                 milliseconds(0), seconds(5));
  check.Duration(t.has_lost_grace(), t.lost_grace(), "transfers.lost_grace",
                 milliseconds(0), seconds(10));
  check.Duration(t.has_bye_answer_wait(), t.bye_answer_wait(),
                 "transfers.bye_answer_wait", milliseconds(0), seconds(32));
  check.Duration(t.has_retry_after_limit(), t.retry_after_limit(),
                 "transfers.retry_after_limit", milliseconds(0), seconds(60));
  check.Duration(t.has_tail(), t.tail(), "transfers.tail", timer_j, hours(1));
  check.Duration(t.has_retention(), t.retention(), "transfers.retention",
                 milliseconds(0), hours(24));
  check.Number(t.max_kept(), "transfers.max_kept", 1, 1'000'000);
  check.Number(t.max_open(), "transfers.max_open", 1, 1'000'000);
}

bool IsPattern(const std::string& text) {
  return !text.empty() && text.size() <= 256 && sip::IsSafeText(text) &&
         text.find(' ') == std::string::npos;
}

bool IsSmallText(const std::string& text) {
  return text.size() <= 256 && sip::IsSafeText(text);
}

void CheckNetworks(const pb::RepeatedPtrField<std::string>& networks,
                   const char* path, Checker& check) {
  for (const std::string& network : networks) {
    check.That(ReadIpNetwork(network).has_value(), path,
               "must be a network such as 192.0.2.0/24, or an address");
  }
}

// 0, or no shorter than what this side takes from others.
void CheckSessionInterval(const config::v1::Config& config, bool set,
                          const pb::Duration& interval, const char* path,
                          Checker& check) {
  const config::v1::Calls& calls = config.calls();
  const milliseconds least =
      MillisecondsOr(calls.has_least_session_interval(),
                     calls.least_session_interval(), seconds(90));
  const bool none = interval.seconds() == 0 && interval.nanos() == 0;
  if (!none) check.Duration(set, interval, path, least, hours(24));
}

// `field`: where it stands. `reachable`: the trunks that calls can go by.
void CheckInboundRefer(const config::v1::InboundRefer& refer,
                       const std::string& field,
                       const std::set<std::string>& reachable, Checker& check) {
  const auto path = [&field](const char* member) {
    return absl::StrCat(field, ".", member);
  };
  check.That(std::ranges::all_of(refer.targets(), IsPattern),
             path("targets").c_str(), "must be patterns such as sales@*");
  check.That(refer.mode() != config::v1::INBOUND_REFER_MODE_EXECUTE ||
                 refer.targets_size() > 0,
             path("targets").c_str(),
             "must say whom far ends may have called; \"*\" is anybody");
  check.That(refer.trunk().empty() || reachable.contains(refer.trunk()),
             path("trunk").c_str(),
             absl::StrCat("must be the name of a trunk with an address; there "
                          "is no such \"",
                          refer.trunk(), "\""));
  check.Duration(refer.has_decision_limit(), refer.decision_limit(),
                 path("decision_limit").c_str(), milliseconds(100),
                 seconds(30));
  check.Duration(refer.has_ring_limit(), refer.ring_limit(),
                 path("ring_limit").c_str(), seconds(1), minutes(10));
  check.Duration(refer.has_bye_wait(), refer.bye_wait(),
                 path("bye_wait").c_str(), milliseconds(100), minutes(10));
  check.That(refer.accept_status() == 0 || refer.accept_status() == 200 ||
                 refer.accept_status() == 202,
             path("accept_status").c_str(), "must be 200 or 202");
}

// Whether it may stand before the "@" of a URI, and holds no password.
bool IsUriUser(const std::string& user) {
  const auto uri = sip::ParseSipUri(absl::StrCat("sip:", user, "@host"));
  return user.size() <= 256 && uri.ok() && uri->user == user &&
         user.find(':') == std::string::npos;
}

void CheckRegistration(const config::v1::Trunk& trunk,
                       const config::v1::Config& config, Checker& check) {
  if (!trunk.has_registration()) return;
  const config::v1::Registration& r = trunk.registration();
  const auto aor = AorOf(r);
  check.That(aor.ok() && aor->scheme != "tel" && IsUriUser(aor->user),
             "trunks.registration.aor", "must be sip:USER@DOMAIN");
  check.That(!aor.ok() || aor->scheme != "sips" || config.sip().has_tls(),
             "trunks.registration.aor", "sips: needs sip.tls");
  check.That(r.contact_user().empty() || IsUriUser(r.contact_user()),
             "trunks.registration.contact_user",
             "must be what may stand before the @ of a SIP URI");
  check.That(!r.registrar().empty() || !trunk.address().empty(),
             "trunks.registration.registrar",
             "is required where the trunk has no address");
  check.That(r.registrar().empty() || IsHostOrHostPort(r.registrar()),
             "trunks.registration.registrar", "must be HOST or HOST:PORT");
  check.Duration(r.has_expires(), r.expires(), "trunks.registration.expires",
                 seconds(1), hours(24));
  check.Duration(r.has_first_retry(), r.first_retry(),
                 "trunks.registration.first_retry", milliseconds(10), hours(1));
  check.Duration(r.has_longest_retry(), r.longest_retry(),
                 "trunks.registration.longest_retry",
                 MillisecondsOr(r.has_first_retry(), r.first_retry(),
                                sip::RegistrationTerms().first_retry),
                 hours(24));
}

void CheckTrunk(const config::v1::Trunk& trunk,
                const config::v1::Config& config, Checker& check) {
  check.That(!trunk.name().empty() && IsName(trunk.name()), "trunks.name",
             "must be 1 to 32 letters, digits, - and _");
  check.That(trunk.address().empty() || IsHostOrHostPort(trunk.address()),
             "trunks.address", "must be HOST or HOST:PORT");
  check.That(trunk.transport() != config::v1::SIP_TRANSPORT_TLS ||
                 config.sip().has_tls(),
             "trunks.transport", "TLS needs sip.tls");
  check.That(IsDomain(trunk.tls_name()) &&
                 trunk.tls_name().find(':') == std::string::npos,
             "trunks.tls_name", "must be a domain, without a port");
  CheckNetworks(trunk.source_networks(), "trunks.source_networks", check);
  check.That(IsSmallText(trunk.username()), "trunks.username",
             "must be one line of at most 256 bytes");
  check.That(IsSmallText(trunk.realm()), "trunks.realm",
             "must be one line of at most 256 bytes");
  check.That(trunk.username().empty() != trunk.has_password(),
             "trunks.password", "goes with username, and username with it");
  check.That(IsDomain(trunk.refer_domain()), "trunks.refer_domain",
             "must be HOST or HOST:PORT");
  check.That(IsDigits(trunk.default_country_code(), 3),
             "trunks.default_country_code", "must be at most 3 digits");
  check.That(IsDigits(trunk.international_prefix(), 8),
             "trunks.international_prefix", "must be at most 8 digits");
  CheckSessionInterval(config, trunk.has_session_interval(),
                       trunk.session_interval(), "trunks.session_interval",
                       check);
  CheckRegistration(trunk, config, check);
}

void CheckBridge(const config::v1::BridgeRoute& bridge,
                 const std::set<std::string>& reachable, Checker& check) {
  check.That(!bridge.trunk().empty() || !bridge.to().empty(),
             "routes.bridge.trunk", "is required unless to says where it goes");
  check.That(bridge.trunk().empty() || reachable.contains(bridge.trunk()),
             "routes.bridge.trunk",
             absl::StrCat("must be the name of a trunk with an address; there "
                          "is no such \"",
                          bridge.trunk(), "\""));
  if (!bridge.to().empty()) {
    // Any host does: the trunk's is added to what has none.
    const absl::StatusOr<std::string> to = sip::BuildUri(
        "to", bridge.to(), {.host = bridge.trunk().empty() ? "" : "host"});
    check.That(to.ok(), "routes.bridge.to",
               absl::StrCat("must be a URI, a number or a user: ",
                            to.status().message()));
  }
  check.Duration(bridge.has_ring_limit(), bridge.ring_limit(),
                 "routes.bridge.ring_limit", seconds(1), minutes(10));
  check.That(bridge.pass_headers_size() <= 32, "routes.bridge.pass_headers",
             "must be at most 32");
  for (const std::string& name : bridge.pass_headers()) {
    absl::string_view plain = name;
    absl::ConsumeSuffix(&plain, "*");
    const absl::Status status = sip::CheckReferHeaders(
        {{.name = std::string(plain), .value = "value"}});
    check.That(status.ok(), "routes.bridge.pass_headers",
               absl::StrCat("must be names of headers that the server does not "
                            "write itself; \"",
                            name, "\" is none"));
  }
}

void CheckTrunks(const config::v1::Config& config, Checker& check) {
  std::set<std::string> names;
  std::set<std::string> reachable;
  std::set<std::string> bindings;
  for (const config::v1::Trunk& trunk : config.trunks()) {
    CheckTrunk(trunk, config, check);
    check.That(
        names.insert(trunk.name()).second, "trunks.name",
        absl::StrCat("must be unique; there are two \"", trunk.name(), "\""));
    if (!trunk.address().empty()) reachable.insert(trunk.name());
    if (trunk.has_registration()) {
      const config::v1::Registration& r = trunk.registration();
      const std::string aor = AorOf(r).value_or(sip::SipUri()).text;
      check.That(
          bindings.insert(absl::StrCat(aor, " ", ContactUserOf(r))).second,
          "trunks.registration",
          "must differ in aor or contact_user from every other one");
    }
  }
  for (const config::v1::Trunk& trunk : config.trunks()) {
    CheckInboundRefer(trunk.inbound_refer(), "trunks.inbound_refer", reachable,
                      check);
  }
  CheckInboundRefer(config.calls().inbound_refer(), "calls.inbound_refer",
                    reachable, check);
  for (const config::v1::Route& route : config.routes()) {
    for (const std::string& name : route.trunks()) {
      check.That(
          names.contains(name), "routes.trunks",
          absl::StrCat("must be names of trunks; there is no \"", name, "\""));
    }
    if (route.has_bridge()) CheckBridge(route.bridge(), reachable, check);
  }
}

void CheckRoute(const config::v1::Route& route, Checker& check) {
  check.That(IsName(route.name()), "routes.name",
             "must be at most 32 letters, digits, - and _");
  CheckNetworks(route.source_networks(), "routes.source_networks", check);
  check.That(std::ranges::all_of(route.request_uri(), IsPattern),
             "routes.request_uri", "must be a pattern such as sales@*");
  check.That(std::ranges::all_of(route.to(), IsPattern), "routes.to",
             "must be a pattern such as sales@*");
  check.That(route.tags_size() <= 16, "routes.tags", "must be at most 16");
  for (const config::v1::Tag& tag : route.tags()) {
    check.That(!tag.name().empty() && IsSmallText(tag.name()) &&
                   IsSmallText(tag.value()),
               "routes.tags", "must be one line of at most 256 bytes each");
  }
  check.That(route.treatment_case() != config::v1::Route::TREATMENT_NOT_SET,
             "routes", "must say answer {}, app {}, bridge {} or reject {}");
  check.Duration(route.answer().has_answer_after(),
                 route.answer().answer_after(), "routes.answer.answer_after",
                 milliseconds(0), minutes(3));
  check.Duration(route.app().has_limit(), route.app().limit(),
                 "routes.app.limit", milliseconds(100), minutes(3));
  check.Number(route.app().unanswered_status(), "routes.app.unanswered_status",
               300, 699);
  check.Number(route.reject().status(), "routes.reject.status", 300, 699);
  check.That(IsSmallText(route.reject().reason()), "routes.reject.reason",
             "must be one line of at most 256 bytes");
}

void CheckHooks(const config::v1::Hooks& hooks, Checker& check) {
  const auto& h = hooks;
  const auto guard = HookGuardOf(h);
  if (!guard.ok()) {
    const std::pair<std::string, std::string> problem =
        absl::StrSplit(guard.status().message(), absl::MaxSplits(": ", 1));
    check.That(false, problem.first.c_str(), problem.second);
  }
  check.That(h.signing_keys_size() <= 2, "hooks.signing_keys",
             "must be at most two");
  check.That(!h.has_bearer_token() || !h.base_url().empty() ||
                 h.bearer_hosts_size() > 0,
             "hooks.bearer_token",
             "needs base_url or bearer_hosts, which say who gets it");
  check.Duration(h.has_connect_limit(), h.connect_limit(),
                 "hooks.connect_limit", milliseconds(10), minutes(1));
  check.Duration(h.has_attempt_limit(), h.attempt_limit(),
                 "hooks.attempt_limit", milliseconds(10), minutes(5));
  check.Duration(h.has_action_wait(), h.action_wait(), "hooks.action_wait",
                 milliseconds(0), hours(1));
  check.Number(h.max_attempts(), "hooks.max_attempts", 1, 100);
  check.Duration(h.has_max_age(), h.max_age(), "hooks.max_age", seconds(1),
                 hours(7 * 24));
  check.Duration(h.has_first_retry(), h.first_retry(), "hooks.first_retry",
                 milliseconds(10), hours(1));
  check.Duration(h.has_longest_retry(), h.longest_retry(),
                 "hooks.longest_retry",
                 MillisecondsOr(h.has_first_retry(), h.first_retry(),
                                HookLimits().first_retry),
                 hours(24));
  check.Number(h.max_pending(), "hooks.max_pending", 1, 1'000'000);
  check.Number(h.max_bytes(), "hooks.max_bytes", 65'536, std::int64_t{4} << 30);
  check.Number(h.max_dead_letters(), "hooks.max_dead_letters", 1, 1'000'000);
  check.Number(h.max_per_host(), "hooks.max_per_host", 1, 1'000);
  check.Number(h.max_at_once(), "hooks.max_at_once", 1, 1'000);
  check.Duration(h.has_drain_limit(), h.drain_limit(), "hooks.drain_limit",
                 milliseconds(0), minutes(5));
}

}  // namespace

std::optional<ConfigProblem> FindConfigProblem(
    const config::v1::Config& config) {
  Checker check;
  check.That(config.node().size() <= 16 &&
                 std::ranges::all_of(config.node(), absl::ascii_isalnum),
             "node", "must be at most 16 letters and digits");
  check.Duration(config.has_drain_limit(), config.drain_limit(), "drain_limit",
                 milliseconds(0), minutes(10));
  CheckListeners(config, check);
  CheckTls(config, check);
  check.Number(config.grpc().watch_queue(), "grpc.watch_queue", 16, 100'000);
  const config::v1::Sip& sip = config.sip();
  check.Duration(sip.has_t1(), sip.t1(), "sip.t1", milliseconds(10),
                 seconds(10));
  check.Duration(sip.has_t2(), sip.t2(), "sip.t2", T1(config), minutes(1));
  check.Number(sip.udp_mtu(), "sip.udp_mtu", 512, 65'535);
  check.That(
      sip::IsSafeText(sip.user_agent()) && sip.user_agent().size() <= 256,
      "sip.user_agent", "must be one line of at most 256 bytes");
  check.That(
      sip.public_address().empty() || IsHostOrHostPort(sip.public_address()),
      "sip.public_address", "must be HOST or HOST:PORT");
  check.Number(config.calls().max_calls(), "calls.max_calls", 1, 1'000'000);
  check.Duration(config.calls().has_answer_after(),
                 config.calls().answer_after(), "calls.answer_after",
                 milliseconds(0), minutes(3));
  check.Duration(config.calls().has_overload_after(),
                 config.calls().overload_after(), "calls.overload_after",
                 milliseconds(0), seconds(10));
  const std::chrono::milliseconds overload_after =
      MillisecondsOr(config.calls().has_overload_after(),
                     config.calls().overload_after(), milliseconds(0));
  check.That(
      overload_after == milliseconds(0) || overload_after >= milliseconds(20),
      "calls.overload_after", "must be 0 s or at least 20 ms");
  check.Duration(config.calls().has_retention(), config.calls().retention(),
                 "calls.retention", milliseconds(0), hours(1));
  check.Duration(config.calls().has_least_session_interval(),
                 config.calls().least_session_interval(),
                 "calls.least_session_interval", seconds(1), hours(1));
  CheckSessionInterval(config, config.calls().has_session_interval(),
                       config.calls().session_interval(),
                       "calls.session_interval", check);
  CheckTransfers(config.transfers(), 64 * T1(config), check);
  check.Duration(config.dns().has_limit(), config.dns().limit(), "dns.limit",
                 milliseconds(100), seconds(30));
  for (const std::string& server : config.dns().nameservers()) {
    const auto address = ReadHostPort(server);
    check.That(address.ok() && ReadIpAddress(address->host).has_value(),
               "dns.nameservers", "must be ADDRESS:PORT");
  }
  CheckHooks(config.hooks(), check);
  for (const config::v1::Route& route : config.routes()) {
    CheckRoute(route, check);
  }
  CheckTrunks(config, check);
  const std::string& level = config.log().level();
  check.That(level.empty() || level == "debug" || level == "info" ||
                 level == "warn" || level == "error",
             "log.level", "must be debug, info, warn or error");
  const std::string& format = config.log().format();
  check.That(format.empty() || format == "text" || format == "json",
             "log.format", "must be text or json");
  return check.problem();
}

}  // namespace callcontrol::server
