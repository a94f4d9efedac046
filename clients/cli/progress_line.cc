// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/progress_line.h"

#include <array>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "clients/cli/text.h"
#include "clients/cli/words.h"

namespace callcontrol::cli {
namespace {

constexpr std::array<std::string_view, 10> kDots = {"⠋", "⠙", "⠹", "⠸", "⠼",
                                                    "⠴", "⠦", "⠧", "⠇", "⠏"};
constexpr std::array<std::string_view, 4> kAsciiDots = {"|", "/", "-", "\\"};

std::string_view Spinner(absl::Duration elapsed, bool utf8) {
  const auto frame =
      static_cast<std::size_t>(absl::ToInt64Milliseconds(elapsed) / 100);
  return utf8 ? kDots[frame % kDots.size()]
              : kAsciiDots[frame % kAsciiDots.size()];
}

std::string WordOf(int call_status) {
  switch (call_status) {
    case 100:
      return "trying";
    case 180:
      return "ringing";
    case 181:
      return "forwarded";
    case 182:
      return "queued";
    default:
      break;
  }
  if (call_status < 200) return "in progress";
  return call_status < 300 ? "answered" : "not answered";
}

}  // namespace

Progress ProgressAfter(const Progress& before, const v1::ReferEvent& event) {
  switch (event.event_case()) {
    case v1::ReferEvent::kReferSent:
      return {"REFER sent", Printable(event.refer_sent().refer_to())};
    case v1::ReferEvent::kReferResponse: {
      const v1::ReferResponse& response = event.refer_response();
      const bool ok = response.refer_status() < 300;
      // A NOTIFY may overtake the answer and says more than it.
      if (ok && before.word != "REFER sent") return before;
      return {ok ? "accepted" : "refused",
              StatusText(response.refer_status(), response.reason())};
    }
    case v1::ReferEvent::kTransferStatus:
      return {WordOf(event.transfer_status().call_status()),
              StatusText(event.transfer_status().call_status(),
                         event.transfer_status().reason())};
    default:
      return before;
  }
}

std::string ProgressText(const Progress& progress, absl::Duration elapsed,
                         const TerminalInfo& terminal) {
  std::string text = absl::StrCat(std::string(Spinner(elapsed, terminal.utf8)),
                                  " ", progress.word);
  if (!progress.detail.empty()) absl::StrAppend(&text, "  ", progress.detail);
  const std::string time = absl::StrCat("  ", Roughly(elapsed));
  // One column stays free: a full line would move the cursor to the next.
  const int room = terminal.width - 1 - DisplayWidth(time);
  if (terminal.width > 0 && room > 0) {
    text = Clip(text, room, terminal.utf8 ? "…" : "~");
  }
  return text + time;
}

std::string Rewrite(std::string_view line) {
  return "\r" + std::string(line) + "\x1b[K";
}

std::string Colored(std::string_view text, Color color,
                    const TerminalInfo& terminal) {
  if (!terminal.color || color == Color::kNone) return std::string(text);
  const std::string_view start = color == Color::kGreen ? "\x1b[32m"
                                 : color == Color::kRed ? "\x1b[31m"
                                                        : "\x1b[33m";
  return std::string(start) + std::string(text) + "\x1b[0m";
}

Color ColorOf(v1::TransferVerdict verdict) {
  if (verdict == v1::TRANSFER_VERDICT_SUCCESS) return Color::kGreen;
  return verdict == v1::TRANSFER_VERDICT_FAILURE ? Color::kRed : Color::kYellow;
}

std::string_view MarkOf(v1::TransferVerdict verdict,
                        const TerminalInfo& terminal) {
  if (verdict == v1::TRANSFER_VERDICT_SUCCESS) {
    return terminal.utf8 ? "✔" : "+";
  }
  if (verdict == v1::TRANSFER_VERDICT_FAILURE) {
    return terminal.utf8 ? "✘" : "x";
  }
  return "?";
}

}  // namespace callcontrol::cli
