// SPDX-License-Identifier: Apache-2.0

// callcontrold: options, start, signals, drain, stop.

#include <fcntl.h>
#include <google/protobuf/util/message_differencer.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/call_control_service.h"
#include "server/call_store.h"
#include "server/callback_thread.h"
#include "server/command_line.h"
#include "server/config.h"
#include "server/engine_settings.h"
#include "server/event_recorder.h"
#include "server/grpc_front.h"
#include "server/hooks/hook_dispatcher.h"
#include "server/hooks/hook_settings.h"
#include "server/log.h"
#include "server/transfer_store.h"
#include "sip/sofia/sofia_engine.h"

namespace callcontrol::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Below this a busy server, or anybody with some idle connections, exhausts the
// descriptors.
constexpr rlim_t kLeastDescriptors = 4096;
constexpr seconds kDefaultDrainLimit{30};
constexpr seconds kDefaultHooksDrainLimit{5};
// What the engine gets to stop where nobody can be served.
constexpr seconds kUnservedStopLimit{8};
// The SIP thread turns many times a second; see SipLoop::lag().
constexpr seconds kUnreadyLag{1};
constexpr seconds kDeadLag{10};
constexpr int kSecondsBetweenProbes = 5;
constexpr int kProbesUntilDead = 3;
constexpr milliseconds kProbeLimit{2000};

int Fail(int exit_code, absl::string_view message) {
  std::fprintf(stderr, "callcontrold: %s\n", std::string(message).c_str());
  return exit_code;
}

// ---- From the configuration to options ----------------------------------

std::string NodeName(const config::v1::Config& config) {
  if (!config.node().empty()) return config.node();
  char host[256] = "node";
  gethostname(host, sizeof host - 1);
  std::string name;
  for (const char* c = host; *c != '\0' && *c != '.' && name.size() < 16; ++c) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(*c))) name.push_back(*c);
  }
  return name.empty() ? "node" : name;
}

std::string UserAgent(const config::v1::Config& config) {
  return config.sip().user_agent().empty() ? "callcontrol/" CALLCONTROL_VERSION
                                           : config.sip().user_agent();
}

Severity SeverityOf(sip::LogLevel level) {
  switch (level) {
    case sip::LogLevel::kDebug:
      return Severity::kDebug;
    case sip::LogLevel::kInfo:
      return Severity::kInfo;
    case sip::LogLevel::kWarning:
      return Severity::kWarning;
    case sip::LogLevel::kError:
      break;
  }
  return Severity::kError;
}

sip::EngineOptions EngineOptionsOf(const config::v1::Config& config,
                                   sip::Trunks trunks) {
  sip::EngineOptions options;
  options.trunks = std::move(trunks);
  options.node = NodeName(config);
  const HostPort listen = *ReadHostPort(SipListen(config));
  options.listen_host = listen.host;
  options.listen_port = static_cast<std::uint16_t>(listen.port);
  if (!config.sip().public_address().empty()) {
    const auto address = ReadHostPort(config.sip().public_address());
    options.public_host =
        address.ok() ? address->host : config.sip().public_address();
    options.public_port =
        static_cast<std::uint16_t>(address.ok() ? address->port : 0);
  }
  options.tls = TlsOptionsOf(config);
  if (options.tls) options.dns.transports.push_back(sip::SipTransport::kTls);
  options.t1 = T1(config);
  options.t2 = T2(config);
  options.user_agent = UserAgent(config);
  if (config.sip().udp_mtu() != 0) {
    options.udp_mtu = static_cast<unsigned>(config.sip().udp_mtu());
  }
  if (config.calls().max_calls() != 0) {
    options.max_calls = config.calls().max_calls();
  }
  options.overload_after =
      MillisecondsOr(config.calls().has_overload_after(),
                     config.calls().overload_after(), options.overload_after);
  options.observer_busy = CallbackThreadBusy;
  options.answer_after =
      MillisecondsOr(config.calls().has_answer_after(),
                     config.calls().answer_after(), milliseconds(0));
  options.routes = RoutesOf(config);
  const config::v1::Transfers& transfers = config.transfers();
  options.transfers = TransferPolicyOf(config);
  if (transfers.max_open() != 0)
    options.max_open_transfers = transfers.max_open();
  options.targets = TargetPolicyOf(config);
  options.session_timer = SessionTimerOf(config);
  options.referrals = ReferralPolicyOf(config);
  options.refer_in_dialog_always = config.transfers().in_dialog_refer() ==
                                   config::v1::IN_DIALOG_REFER_ALWAYS;
  options.referred_by_local =
      transfers.referred_by_default() == config::v1::REFERRED_BY_DEFAULT_LOCAL;
  options.dns.nameservers.assign(config.dns().nameservers().begin(),
                                 config.dns().nameservers().end());
  options.dns_limit = MillisecondsOr(config.dns().has_limit(),
                                     config.dns().limit(), seconds(3));
  options.log = [](sip::LogLevel level, std::string_view line) {
    Log(SeverityOf(level), "sip_stack", {{"line", std::string(line)}});
  };
  return options;
}

CallStore::Limits CallLimitsOf(const config::v1::Config& config) {
  CallStore::Limits limits;
  limits.retention = absl::FromChrono(
      MillisecondsOr(config.calls().has_retention(), config.calls().retention(),
                     std::chrono::minutes(1)));
  if (config.grpc().watch_queue() != 0) {
    limits.watch_bound = static_cast<std::size_t>(config.grpc().watch_queue());
  }
  return limits;
}

TransferStore::Limits TransferLimitsOf(const config::v1::Config& config) {
  const config::v1::Transfers& transfers = config.transfers();
  return {.retention = absl::FromChrono(
              MillisecondsOr(transfers.has_retention(), transfers.retention(),
                             std::chrono::minutes(10))),
          .max_kept = transfers.max_kept() == 0
                          ? 10'000
                          : static_cast<std::size_t>(transfers.max_kept())};
}

Severity SeverityOf(const std::string& level) {
  if (level == "debug") return Severity::kDebug;
  if (level == "warn") return Severity::kWarning;
  if (level == "error") return Severity::kError;
  return Severity::kInfo;
}

// ---- The machine below --------------------------------------------------

absl::Status RaiseDescriptorLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= kLeastDescriptors) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("only ", limit.rlim_cur,
                   " file descriptors are allowed and ", kLeastDescriptors,
                   " are needed; raise the limit (ulimit -n, or "
                   "LimitNOFILE= in the systemd unit)"));
}

// Where files are kept: what was configured, else what systemd or the user's
// environment says. Empty: nowhere.
std::string StateDir(const config::v1::Config& config) {
  if (!config.state_dir().empty()) return config.state_dir();
  // NOLINTBEGIN(concurrency-mt-unsafe): before any thread is started.
  if (const char* dirs = std::getenv("STATE_DIRECTORY"); dirs != nullptr) {
    const std::string all(dirs);
    return all.substr(0, all.find(':'));
  }
  if (const char* home = std::getenv("XDG_STATE_HOME"); home != nullptr) {
    return absl::StrCat(home, "/callcontrol");
  }
  const char* home = std::getenv("HOME");
  // NOLINTEND(concurrency-mt-unsafe)
  return home == nullptr ? "" : absl::StrCat(home, "/.local/state/callcontrol");
}

// A path that can never be a directory is a mistake in the configuration. A
// disk that is full or read-only is none: it is told when it is first needed.
absl::Status CheckStateDir(const std::string& dir) {
  std::error_code error;
  for (std::filesystem::path path = dir; !path.empty();
       path = path.parent_path()) {
    if (!std::filesystem::exists(path, error)) {
      if (path == path.root_path()) break;
      continue;
    }
    if (std::filesystem::is_directory(path, error)) break;
    return absl::FailedPreconditionError(
        absl::StrCat("cannot use the state directory ", dir, ": ",
                     path.string(), " is not a directory"));
  }
  return absl::OkStatus();
}

// Whole or not at all: readers wait for the name to appear. `sip_tls` 0: none.
absl::Status WritePorts(const std::string& path, int grpc, int sip,
                        int sip_tls) {
  if (path.empty()) return absl::OkStatus();
  const std::string draft = path + ".new";
  std::FILE* file = std::fopen(draft.c_str(), "we");
  const bool written =
      file != nullptr &&
      std::fprintf(file, "grpc=%d\nsip=%d\n", grpc, sip) > 0 &&
      (sip_tls == 0 || std::fprintf(file, "sip_tls=%d\n", sip_tls) > 0);
  const bool closed = file != nullptr && std::fclose(file) == 0;
  if (written && closed && std::rename(draft.c_str(), path.c_str()) == 0) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("cannot write the ports file ", path, ": ",
                   std::generic_category().message(errno)));
}

sigset_t OurSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  return signals;
}

enum class Asked { kNothing, kReload, kStop };

// What was asked for by a signal within `wait`.
Asked AwaitSignal(milliseconds wait) {
  const sigset_t signals = OurSignals();
  const timespec limit{wait.count() / 1000, (wait.count() % 1000) * 1'000'000};
  const int signal = sigtimedwait(&signals, nullptr, &limit);
  if (signal <= 0) return Asked::kNothing;
  return signal == SIGHUP ? Asked::kReload : Asked::kStop;
}

// ---- The configuration --------------------------------------------------

// The file, with what the flags change, checked.
absl::StatusOr<config::v1::Config> LoadConfig(const CommandLine& line) {
  config::v1::Config config;
  if (!line.config_file.empty()) {
    absl::StatusOr<config::v1::Config> read = ReadConfigFile(line.config_file);
    if (!read.ok()) return read.status();
    config = *std::move(read);
  }
  if (line.grpc_listen) config.mutable_grpc()->set_listen(*line.grpc_listen);
  if (line.sip_listen) config.mutable_sip()->set_listen(*line.sip_listen);
  if (line.state_dir) config.set_state_dir(*line.state_dir);
  if (absl::Status status = CheckConfig(config); !status.ok()) return status;
  return config;
}

// Takes over what may change while calls are up: routes, trunks and what is in
// the files of sip.tls. A file that is bad changes nothing.
void Reload(const CommandLine& line, config::v1::Config& config,
            sip::SofiaEngine& engine) {
  if (line.config_file.empty()) {
    Log(Severity::kWarning, "reload_refused",
        {{"error", "there is no configuration file to read again"}});
    return;
  }
  const absl::StatusOr<config::v1::Config> fresh = LoadConfig(line);
  absl::StatusOr<sip::Trunks> trunks =
      fresh.ok() ? TrunksOf(*fresh) : fresh.status();
  if (!trunks.ok()) {
    Log(Severity::kError, "reload_refused",
        {{"error", std::string(trunks.status().message())},
         {"effect", "the configuration before stays"}});
    return;
  }
  engine.SetRouting(
      RoutesOf(*fresh), *std::move(trunks),
      [routes = fresh->routes_size(), trunks = fresh->trunks_size()] {
        Log(Severity::kInfo, "reloaded",
            {{"routes", absl::StrCat(routes)},
             {"trunks", absl::StrCat(trunks)}});
      });
  engine.ReloadTls([](const absl::Status& status) {
    if (status.ok()) return;
    Log(Severity::kError, "reload_refused",
        {{"error", std::string(status.message())},
         {"effect", "the certificates before stay"}});
  });
  *config.mutable_routes() = fresh->routes();
  *config.mutable_trunks() = fresh->trunks();
  if (!google::protobuf::util::MessageDifferencer::Equals(*fresh, config)) {
    Log(Severity::kWarning, "reload_partial",
        {{"effect",
          "settings other than routes and trunks change with a restart"}});
  }
}

// ---- The life of the daemon ---------------------------------------------

// Serves until a stop is asked for. False where the server is beyond help.
bool Serve(GrpcFront& front, sip::SofiaEngine& engine, const CommandLine& line,
           config::v1::Config& config) {
  bool serving = true;
  int failed_probes = 0;
  Asked asked = Asked::kNothing;
  for (int second = 1; (asked = AwaitSignal(seconds(1))) != Asked::kStop;
       ++second) {
    if (asked == Asked::kReload) Reload(line, config, engine);
    const auto lag = engine.lag();
    if (lag > kDeadLag) {
      Log(Severity::kError, "sip_thread_stuck", {});
      return false;
    }
    if (serving != (lag < kUnreadyLag)) {
      serving = !serving;
      front.SetServing(serving);
      Log(Severity::kWarning, "readiness",
          {{"serving", serving ? "true" : "false"}});
    }
    if (second % kSecondsBetweenProbes != 0) continue;
    failed_probes = front.Probe(kProbeLimit) ? 0 : failed_probes + 1;
    if (failed_probes >= kProbesUntilDead) {
      Log(Severity::kError, "grpc_listener_dead", {});
      return false;
    }
  }
  return true;
}

// Ends what the engine has begun. Whether that was done within `limit`.
bool StopEngine(sip::SofiaEngine& engine, milliseconds limit) {
  const auto stopped = std::make_shared<std::promise<void>>();
  std::future<void> is_stopped = stopped->get_future();
  engine.Stop([stopped] { stopped->set_value(); });
  return is_stopped.wait_for(limit) == std::future_status::ready;
}

void DrainAndStop(GrpcFront& front, sip::SofiaEngine& engine,
                  HookDispatcher& hooks, milliseconds limit,
                  milliseconds hooks_limit) {
  std::promise<void> drained;
  std::future<void> is_drained = drained.get_future();
  engine.Drain([&drained] { drained.set_value(); });
  // After that, so that nobody who was told is still served.
  front.SetServing(false);
  Log(Severity::kInfo, "draining", {{"limit_ms", absl::StrCat(limit.count())}});
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < deadline &&
         is_drained.wait_for(milliseconds(20)) != std::future_status::ready) {
    // Asked again: no more waiting.
    if (AwaitSignal(milliseconds(0)) == Asked::kStop) break;
  }
  std::promise<void> stopped;
  engine.Stop([&stopped] { stopped.set_value(); });
  stopped.get_future().wait();
  // Stop() ended the last transfers, so drained was told, too.
  is_drained.wait();
  hooks.Stop(hooks_limit);
  front.Stop(milliseconds(500));
  Log(Severity::kInfo, "stopped", {});
}

int Run(const CommandLine& line, config::v1::Config config, sip::Trunks trunks,
        HookDispatcher::Options hook_options) {
  if (absl::Status status = RaiseDescriptorLimit(); !status.ok()) {
    return Fail(1, status.message());
  }
  // Every thread inherits the mask, the log's included: only the main one is
  // signalled.
  const sigset_t signals = OurSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  InitLog(config.log().format() == "json" ? LogFormat::kJson : LogFormat::kText,
          SeverityOf(config.log().level()));
  // After everything that logs.
  struct LogEnd {
    ~LogEnd() { StopLog(); }
  } log_end;
  CallStore calls(CallLimitsOf(config));
  TransferStore transfers(TransferLimitsOf(config));
  EventRecorder recorder(calls, transfers);
  HookDispatcher hooks(std::move(hook_options), *HookGuardOf(config.hooks()));
  auto engine = sip::SofiaEngine::Start(
      EngineOptionsOf(config, std::move(trunks)), recorder);
  if (!engine.ok()) return Fail(1, engine.status().message());
  CallControlService service(**engine, calls, transfers, hooks);
  auto front = GrpcFront::Start(GrpcListen(config), service);
  if (!front.ok()) {
    // It may have registered already.
    StopEngine(**engine, kUnservedStopLimit);
    engine->reset();
    return Fail(1, front.status().message());
  }
  (*front)->SetServing(true);
  Log(Severity::kInfo, "serving",
      {{"version", CALLCONTROL_VERSION},
       {"grpc", GrpcListen(config)},
       {"grpc_port", absl::StrCat((*front)->port())},
       {"sip", SipListen(config)},
       {"sip_port", absl::StrCat((*engine)->sip_port())},
       {"sip_tls_port", absl::StrCat((*engine)->sip_tls_port())},
       {"incoming_calls",
        config.routes().empty()
            ? "answered with an inactive session"
            : absl::StrCat("treated by ", config.routes_size(), " routes")},
       {"config", line.config_file.empty() ? "none" : line.config_file}});
  const absl::Status ports =
      WritePorts(line.ports_file, (*front)->port(), (*engine)->sip_port(),
                 (*engine)->sip_tls_port());
  if (!ports.ok()) {
    Log(Severity::kError, "ports_file",
        {{"error", std::string(ports.message())}});
  }
  const bool healthy = ports.ok() && Serve(**front, **engine, line, config);
  // What is stuck cannot be stopped: a supervisor starts it again.
  if (!healthy && (*engine)->lag() > kDeadLag) std::abort();
  const auto limit = [healthy](bool set, const auto& given,
                               milliseconds fallback) {
    return healthy ? MillisecondsOr(set, given, fallback) : milliseconds(0);
  };
  DrainAndStop(
      **front, **engine, hooks,
      limit(config.has_drain_limit(), config.drain_limit(), kDefaultDrainLimit),
      limit(config.hooks().has_drain_limit(), config.hooks().drain_limit(),
            kDefaultHooksDrainLimit));
  engine->reset();
  return healthy ? 0 : 1;
}

int Main(int argc, char* argv[]) {
  const absl::StatusOr<CommandLine> line = ReadCommandLine(argc, argv);
  if (!line.ok()) return Fail(2, line.status().message());
  if (line->help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (line->version) {
    std::puts("callcontrold " CALLCONTROL_VERSION);
    return 0;
  }
  absl::StatusOr<config::v1::Config> config = LoadConfig(*line);
  if (!config.ok()) return Fail(1, config.status().message());
  const std::string state_dir = StateDir(*config);
  if (absl::Status status = CheckStateDir(state_dir); !status.ok()) {
    return Fail(1, status.message());
  }
  absl::StatusOr<HookDispatcher::Options> hook_options =
      HookOptionsOf(config->hooks(), state_dir, UserAgent(*config));
  if (!hook_options.ok()) return Fail(1, hook_options.status().message());
  absl::StatusOr<sip::Trunks> trunks = TrunksOf(*config);
  if (!trunks.ok()) return Fail(1, trunks.status().message());
  if (line->check) {
    std::puts("callcontrold: the configuration is good");
    return 0;
  }
  return Run(*line, *std::move(config), *std::move(trunks),
             *std::move(hook_options));
}

}  // namespace
}  // namespace callcontrol::server

int main(int argc, char* argv[]) {
  return callcontrol::server::Main(argc, argv);
}
