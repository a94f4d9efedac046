// SPDX-License-Identifier: Apache-2.0
#include "server/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cstdio>
#include <memory>

namespace callcontrol::server {
namespace {

constexpr std::size_t kQueuedLines = 8192;

LogFormat the_format = LogFormat::kText;
std::shared_ptr<spdlog::async_logger>& TheLogger() {
  static std::shared_ptr<spdlog::async_logger> logger;
  return logger;
}

spdlog::level::level_enum ToSpdlog(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return spdlog::level::debug;
    case Severity::kInfo:
      return spdlog::level::info;
    case Severity::kWarning:
      return spdlog::level::warn;
    case Severity::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// `text` as the inside of a JSON string; bytes above 0x7F are UTF-8 already.
std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      std::array<char, 8> hex{};
      std::snprintf(hex.data(), hex.size(), "\\u%04x",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += hex.data();
    } else {
      out.push_back(c);
    }
  }
  return out;
}

bool NeedsQuotes(std::string_view value) {
  if (value.empty()) return true;
  for (const char c : value) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' ||
        c == '\\' || c == 0x7F) {
      return true;
    }
  }
  return false;
}

}  // namespace

void InitLog(LogFormat format, Severity least) {
  the_format = format;
  spdlog::init_thread_pool(kQueuedLines, 1);
  auto logger = std::make_shared<spdlog::async_logger>(
      "callcontrold", std::make_shared<spdlog::sinks::stderr_sink_mt>(),
      spdlog::thread_pool(), spdlog::async_overflow_policy::overrun_oldest);
  logger->set_level(ToSpdlog(least));
  logger->flush_on(spdlog::level::info);
  logger->set_pattern(
      format == LogFormat::kText
          ? "%Y-%m-%dT%H:%M:%S.%e%z %l %v"
          : R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})");
  TheLogger() = std::move(logger);
}

void StopLog() {
  TheLogger().reset();
  // Joins the library's thread, which writes what is queued first.
  spdlog::shutdown();
}

void Log(Severity severity, std::string_view event, const LogFields& fields) {
  const std::shared_ptr<spdlog::async_logger>& logger = TheLogger();
  if (logger == nullptr || !logger->should_log(ToSpdlog(severity))) return;
  const std::string line = the_format == LogFormat::kText
                               ? TextLine(event, fields)
                               : JsonMembers(event, fields);
  logger->log(ToSpdlog(severity), spdlog::string_view_t(line));
}

std::string TextLine(std::string_view event, const LogFields& fields) {
  std::string line(event);
  for (const auto& [key, value] : fields) {
    line.append(" ").append(key).append("=");
    if (NeedsQuotes(value)) {
      line.append("\"").append(Escaped(value)).append("\"");
    } else {
      line.append(value);
    }
  }
  return line;
}

std::string JsonMembers(std::string_view event, const LogFields& fields) {
  std::string line = "\"event\":\"" + Escaped(event) + "\"";
  for (const auto& [key, value] : fields) {
    line.append(",\"").append(key).append("\":\"");
    line.append(Escaped(value)).append("\"");
  }
  return line;
}

}  // namespace callcontrol::server
