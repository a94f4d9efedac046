// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/sofia_log.h"

#include <array>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sip/sofia/sofia.h"

namespace callcontrol::sip {
namespace {

constexpr int kLinesPerSecond = 100;

// Sofia's logger is a global of the process, so this is too. SIP thread only.
struct Sink {
  std::function<void(LogLevel, std::string_view)> log;
  std::string line;
  std::chrono::steady_clock::time_point second;
  int lines = 0;
  int dropped = 0;
};

Sink& TheSink() {
  static Sink sink;
  return sink;
}

void Emit(Sink& sink) {
  const auto now = std::chrono::steady_clock::now();
  if (now - sink.second >= std::chrono::seconds(1)) {
    if (sink.dropped > 0) {
      sink.log(LogLevel::kWarning,
               absl::StrCat("sofia: ", sink.dropped, " more lines left out"));
    }
    sink.second = now;
    sink.lines = 0;
    sink.dropped = 0;
  }
  if (++sink.lines <= kLinesPerSecond) {
    sink.log(LogLevel::kWarning, absl::StrCat("sofia: ", sink.line));
  } else {
    ++sink.dropped;
  }
  sink.line.clear();
}

// Sofia hands out pieces of lines.
void Write(void*, const char* format, va_list arguments) {
  Sink& sink = TheSink();
  std::array<char, 512> piece{};
  std::vsnprintf(piece.data(), piece.size(), format, arguments);
  for (const char* c = piece.data(); *c != '\0'; ++c) {
    if (*c == '\n') {
      Emit(sink);
    } else if (sink.line.size() < 1024) {
      sink.line.push_back(*c);
    }
  }
}

}  // namespace

void RedirectSofiaLog(std::function<void(LogLevel, std::string_view)> log) {
  if (!log) return;
  TheSink().log = std::move(log);
  su_log_redirect(nullptr, Write, nullptr);
  su_log_set_level(nullptr, 0);
}

}  // namespace callcontrol::sip
