// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <arpa/inet.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sip/transfer/display_text.h"

namespace callcontrol::server {
namespace {

namespace pb = google::protobuf;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t kMaxConfig = 1'048'576;

// What is wrong with a field: its path, "sip.t1", and the rest of the sentence.
struct Problem {
  std::string path;
  std::string text;
};

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

  const std::optional<Problem>& problem() const { return problem_; }

 private:
  void Fail(const char* path, std::string text) {
    if (!problem_) problem_ = Problem{path, std::move(text)};
  }

  std::optional<Problem> problem_;
};

bool IsDigits(const std::string& text) {
  return std::ranges::all_of(text, absl::ascii_isdigit);
}

bool IsNumericHost(std::string host) {
  in6_addr address{};
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    return inet_pton(AF_INET6, host.c_str(), &address) == 1;
  }
  return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

void CheckListeners(const config::v1::Config& config, Checker& check) {
  const std::string grpc = GrpcListen(config);
  const std::string sip = SipListen(config);
  const auto sip_address = ReadHostPort(sip);
  check.That(absl::StartsWith(grpc, "unix:") || ReadHostPort(grpc).ok(),
             "grpc.listen", "must be HOST:PORT, [V6]:PORT or unix:PATH");
  check.That(sip_address.ok() && IsNumericHost(sip_address->host), "sip.listen",
             "must be ADDRESS:PORT with a numeric address");
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

void CheckTransfers(const config::v1::Transfers& transfers,
                    milliseconds timer_j, Checker& check) {
  const auto& t = transfers;
  check.That(IsDigits(t.international_prefix()) &&
                 t.international_prefix().size() <= 8,
             "transfers.international_prefix", "must be at most 8 digits");
  check.That(IsDigits(t.default_country_code()) &&
                 t.default_country_code().size() <= 3,
             "transfers.default_country_code", "must be at most 3 digits");
  check.That(
      t.refer_domain().size() <= 253 &&
          t.refer_domain().find_first_of(" <>@;,?\"") == std::string::npos,
      "transfers.refer_domain", "must be HOST or HOST:PORT");
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
  check.Duration(t.has_tail(), t.tail(), "transfers.tail", timer_j, hours(1));
  check.Duration(t.has_retention(), t.retention(), "transfers.retention",
                 milliseconds(0), hours(24));
  check.Number(t.max_kept(), "transfers.max_kept", 1, 1'000'000);
  check.Number(t.max_open(), "transfers.max_open", 1, 1'000'000);
}

std::optional<Problem> FindProblem(const config::v1::Config& config) {
  Checker check;
  check.That(config.node().size() <= 16 &&
                 std::ranges::all_of(config.node(), absl::ascii_isalnum),
             "node", "must be at most 16 letters and digits");
  check.Duration(config.has_drain_limit(), config.drain_limit(), "drain_limit",
                 milliseconds(0), minutes(10));
  CheckListeners(config, check);
  check.Number(config.grpc().watch_queue(), "grpc.watch_queue", 16, 100'000);
  const config::v1::Sip& sip = config.sip();
  check.Duration(sip.has_t1(), sip.t1(), "sip.t1", milliseconds(10),
                 seconds(10));
  check.Duration(sip.has_t2(), sip.t2(), "sip.t2", T1(config), minutes(1));
  check.Number(sip.udp_mtu(), "sip.udp_mtu", 512, 65'535);
  check.That(
      sip::IsSafeText(sip.user_agent()) && sip.user_agent().size() <= 256,
      "sip.user_agent", "must be one line of at most 256 bytes");
  check.That(sip.public_address().empty() ||
                 ReadHostPort(sip.public_address()).ok() ||
                 ReadHostPort(sip.public_address() + ":0").ok(),
             "sip.public_address", "must be HOST or HOST:PORT");
  check.Number(config.calls().max_calls(), "calls.max_calls", 1, 1'000'000);
  check.Duration(config.calls().has_answer_after(),
                 config.calls().answer_after(), "calls.answer_after",
                 milliseconds(0), minutes(3));
  check.Duration(config.calls().has_retention(), config.calls().retention(),
                 "calls.retention", milliseconds(0), hours(1));
  CheckTransfers(config.transfers(), 64 * T1(config), check);
  check.Duration(config.dns().has_limit(), config.dns().limit(), "dns.limit",
                 milliseconds(100), seconds(30));
  for (const std::string& server : config.dns().nameservers()) {
    const auto address = ReadHostPort(server);
    check.That(address.ok() && IsNumericHost(address->host), "dns.nameservers",
               "must be ADDRESS:PORT");
  }
  const std::string& level = config.log().level();
  check.That(level.empty() || level == "debug" || level == "info" ||
                 level == "warn" || level == "error",
             "log.level", "must be debug, info, warn or error");
  const std::string& format = config.log().format();
  check.That(format.empty() || format == "text" || format == "json",
             "log.format", "must be text or json");
  return check.problem();
}

// Remembers the first complaint of the text format parser.
class FirstError final : public pb::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) {
      text_ = absl::StrCat(line + 1, ":", column + 1, ": ", message);
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// The line of the field at `path`, or of the nearest message around it; 0 where
// the file does not have it.
int LineOf(const pb::TextFormat::ParseInfoTree& root, const std::string& path) {
  const pb::TextFormat::ParseInfoTree* tree = &root;
  const pb::Descriptor* message = config::v1::Config::descriptor();
  int line = 0;
  for (const std::string& name :
       std::vector<std::string>(absl::StrSplit(path, '.'))) {
    const pb::FieldDescriptor* field =
        message == nullptr ? nullptr : message->FindFieldByName(name);
    if (field == nullptr || tree == nullptr) break;
    const int index = field->is_repeated() ? 0 : -1;
    const int found = tree->GetLocation(field, index).line;
    if (found < 0) break;
    line = found + 1;
    tree = tree->GetTreeForNested(field, index);
    message = field->message_type();
  }
  return line;
}

absl::Status CannotRead(const std::string& path, int error) {
  const bool denied = error == EACCES || error == EPERM;
  return absl::Status(denied ? absl::StatusCode::kPermissionDenied
                             : absl::StatusCode::kNotFound,
                      absl::StrCat("cannot read ", path, ": ",
                                   std::generic_category().message(error)));
}

absl::Status Bad(const std::string& file, int line, const Problem& problem) {
  return absl::InvalidArgumentError(
      absl::StrCat(file, line > 0 ? absl::StrCat(":", line) : "", ": ",
                   problem.path, ": ", problem.text));
}

}  // namespace

absl::StatusOr<config::v1::Config> ReadConfig(std::string_view text,
                                              const std::string& file) {
  config::v1::Config config;
  const std::string content(text);
  if (absl::StartsWith(absl::StripLeadingAsciiWhitespace(content), "{")) {
    const auto status = pb::util::JsonStringToMessage(content, &config);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          file, ": ",
          std::string(status.message().data(), status.message().size())));
    }
    if (const auto problem = FindProblem(config)) return Bad(file, 0, *problem);
    return config;
  }
  pb::TextFormat::Parser parser;
  FirstError error;
  pb::TextFormat::ParseInfoTree lines;
  parser.RecordErrorsTo(&error);
  parser.WriteLocationsTo(&lines);
  if (!parser.ParseFromString(content, &config)) {
    return absl::InvalidArgumentError(absl::StrCat(file, ":", error.text()));
  }
  if (const auto problem = FindProblem(config)) {
    return Bad(file, LineOf(lines, problem->path), *problem);
  }
  return config;
}

absl::StatusOr<config::v1::Config> ReadConfigFile(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return CannotRead(path, errno);
  std::string text(kMaxConfig + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  const bool failed = std::ferror(file) != 0;
  const int error = errno;
  std::fclose(file);
  if (failed) return CannotRead(path, error);
  if (text.size() > kMaxConfig) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": larger than 1 MiB; is it a configuration?"));
  }
  return ReadConfig(text, path);
}

absl::Status CheckConfig(const config::v1::Config& config) {
  const auto problem = FindProblem(config);
  if (!problem) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(problem->path, ": ", problem->text));
}

absl::StatusOr<HostPort> ReadHostPort(std::string_view text) {
  const std::string whole(text);
  const std::size_t colon = whole.rfind(':');
  HostPort result;
  const bool split = colon != std::string::npos && colon > 0;
  if (split) result.host = whole.substr(0, colon);
  const bool v6 = split && result.host.find(':') != std::string::npos;
  const bool brackets =
      split && result.host.front() == '[' && result.host.back() == ']';
  // No blanks and nothing that means more in a URI or a header.
  const bool odd =
      result.host.find_first_of(" \t\r\n<>@;,?/\"\\") != std::string::npos;
  if (!split || v6 != brackets || odd || !IsDigits(whole.substr(colon + 1)) ||
      !absl::SimpleAtoi(whole.substr(colon + 1), &result.port) ||
      result.port > 65'535) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", whole, "\" is not HOST:PORT"));
  }
  return result;
}

bool IsLocalOnly(std::string_view listen) {
  const std::string text(listen);
  if (absl::StartsWith(text, "unix:")) return true;
  const auto address = ReadHostPort(listen);
  return address.ok() &&
         ((absl::StartsWith(address->host, "127.") &&
           IsNumericHost(address->host)) ||
          address->host == "[::1]" || address->host == "localhost");
}

std::chrono::milliseconds MillisecondsOr(bool set, const pb::Duration& duration,
                                         std::chrono::milliseconds fallback) {
  if (!set) return fallback;
  // Cut where milliseconds, or 64 times as many, would no longer fit.
  constexpr std::int64_t kMost = 1'000'000'000;
  return seconds(std::clamp(duration.seconds(), -kMost, kMost)) +
         milliseconds(duration.nanos() / 1'000'000);
}

std::string GrpcListen(const config::v1::Config& config) {
  return config.grpc().listen().empty() ? "127.0.0.1:50051"
                                        : config.grpc().listen();
}

std::string SipListen(const config::v1::Config& config) {
  return config.sip().listen().empty() ? "127.0.0.1:5060"
                                       : config.sip().listen();
}

milliseconds T1(const config::v1::Config& config) {
  return MillisecondsOr(config.sip().has_t1(), config.sip().t1(),
                        milliseconds(500));
}

milliseconds T2(const config::v1::Config& config) {
  return MillisecondsOr(config.sip().has_t2(), config.sip().t2(),
                        std::min<milliseconds>(seconds(4), 8 * T1(config)));
}

}  // namespace callcontrol::server
