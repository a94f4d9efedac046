// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/ip_network.h"
#include "server/config_check.h"

namespace callcontrol::server {
namespace {

namespace pb = google::protobuf;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMaxConfig = 1'048'576;

bool IsDigits(const std::string& text) {
  return std::ranges::all_of(text, absl::ascii_isdigit);
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

absl::Status Bad(const std::string& file, int line,
                 const ConfigProblem& problem) {
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
    if (const auto problem = FindConfigProblem(config))
      return Bad(file, 0, *problem);
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
  if (const auto problem = FindConfigProblem(config)) {
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
  const auto problem = FindConfigProblem(config);
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

absl::StatusOr<std::string> ReadSecret(const config::v1::Secret& secret) {
  constexpr std::size_t kMaxSecretFile = 4096;
  if (secret.source_case() != config::v1::Secret::kFile) return secret.text();
  std::ifstream file(secret.file(), std::ios::binary);
  std::string text(kMaxSecretFile + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.empty() || text.size() > kMaxSecretFile) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot read ", secret.file(), ", or it is empty or above 4 KiB"));
  }
  return std::string(absl::StripTrailingAsciiWhitespace(text));
}

bool IsLocalOnly(std::string_view listen) {
  const std::string text(listen);
  if (absl::StartsWith(text, "unix:")) return true;
  const auto address = ReadHostPort(listen);
  return address.ok() &&
         ((absl::StartsWith(address->host, "127.") &&
           ReadIpAddress(address->host)) ||
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

std::string SipTlsListen(const config::v1::Config& config) {
  if (!config.sip().tls().listen().empty()) return config.sip().tls().listen();
  const auto plain = ReadHostPort(SipListen(config));
  return plain.ok() ? absl::StrCat(plain->host, ":5061") : "";
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
