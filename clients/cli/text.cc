// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_format.h"

namespace callcontrol::cli {
namespace {

// One decoded character. `length` is 0 where the bytes are not UTF-8.
struct Rune {
  std::uint32_t code = 0;
  std::size_t length = 0;
};

Rune Decode(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  std::uint32_t code = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3F);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < kLeast[length] || code > 0x10FFFF || surrogate) return {};
  return {code, length};
}

bool Between(std::uint32_t code, std::uint32_t first, std::uint32_t last) {
  return code >= first && code <= last;
}

bool IsControl(std::uint32_t code) {
  return code < 0x20 || Between(code, 0x7F, 0x9F);
}

// Line breaks, marks and embeddings that change how the text around them is
// shown (Unicode's Bidi_Control, and invisible characters).
bool Reorders(std::uint32_t code) {
  return Between(code, 0x200B, 0x200F) || Between(code, 0x2028, 0x202E) ||
         Between(code, 0x2060, 0x2069) || code == 0x061C || code == 0xFEFF ||
         Between(code, 0xE0000, 0xE007F);
}

int Columns(std::uint32_t code) {
  if (Between(code, 0x0300, 0x036F) || Between(code, 0xFE00, 0xFE0F)) return 0;
  const bool wide =
      Between(code, 0x1100, 0x115F) || Between(code, 0x2E80, 0xA4CF) ||
      Between(code, 0xAC00, 0xD7A3) || Between(code, 0xF900, 0xFAFF) ||
      Between(code, 0xFE30, 0xFE6F) || Between(code, 0xFF00, 0xFF60) ||
      Between(code, 0x1F300, 0x1FAFF) || Between(code, 0x20000, 0x3FFFD);
  return wide ? 2 : 1;
}

// The longest beginning of `text` that fits into `width` columns.
std::string_view Beginning(std::string_view text, int width) {
  std::size_t end = 0;
  while (end < text.size()) {
    const Rune rune = Decode(text.substr(end));
    width -= rune.length == 0 ? 1 : Columns(rune.code);
    if (width < 0) break;
    end += std::max<std::size_t>(rune.length, 1);
  }
  return text.substr(0, end);
}

}  // namespace

std::string Printable(std::string_view untrusted) {
  std::string result;
  while (!untrusted.empty()) {
    const Rune rune = Decode(untrusted);
    const std::size_t length = std::max<std::size_t>(rune.length, 1);
    const auto first = static_cast<unsigned char>(untrusted[0]);
    if (rune.length == 0 || rune.code < 0x20 || rune.code == 0x7F) {
      if (first == '\n' || first == '\r' || first == '\t') {
        result += first == '\n' ? "\\n" : first == '\r' ? "\\r" : "\\t";
      } else {
        absl::StrAppendFormat(&result, "\\x%02x", first);
      }
    } else if (IsControl(rune.code) || Reorders(rune.code)) {
      absl::StrAppendFormat(&result, "\\u{%x}", rune.code);
    } else {
      result += untrusted.substr(0, length);
    }
    untrusted.remove_prefix(length);
  }
  return result;
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Rune rune = Decode(text);
    width += rune.length == 0 ? 1 : Columns(rune.code);
    text.remove_prefix(std::max<std::size_t>(rune.length, 1));
  }
  return width;
}

std::string PadRight(std::string_view text, int width) {
  std::string result(text);
  const int missing = width - DisplayWidth(text);
  if (missing > 0) result.append(static_cast<std::size_t>(missing), ' ');
  return result;
}

std::string Clip(std::string_view text, int width, std::string_view mark) {
  if (width <= 0 || DisplayWidth(text) <= width) return std::string(text);
  const int room = std::max(width - DisplayWidth(mark), 0);
  std::string result(Beginning(text, room));
  result += mark;
  return result;
}

std::vector<std::string> Wrap(std::string_view text, int width) {
  std::vector<std::string> lines;
  while (DisplayWidth(text) > width) {
    std::string_view line = Beginning(text, width);
    if (line.empty()) line = text.substr(0, 1);
    const bool at_blank = line.size() < text.size() && text[line.size()] == ' ';
    const std::size_t blank = at_blank ? line.size() : line.rfind(' ');
    if (blank != std::string_view::npos && blank > 0) {
      line = line.substr(0, blank);
    }
    lines.emplace_back(line);
    text.remove_prefix(line.size());
    while (!text.empty() && text[0] == ' ') text.remove_prefix(1);
  }
  if (!text.empty() || lines.empty()) lines.emplace_back(text);
  return lines;
}

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

std::string DateAndTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%E3S", time, absl::UTCTimeZone());
}

std::string TimeOfDay(absl::Time time) {
  return absl::FormatTime("%H:%M:%E3S", time, absl::UTCTimeZone());
}

std::string Seconds(absl::Duration duration) {
  return absl::StrFormat("%.3f", absl::ToDoubleSeconds(duration));
}

std::string Roughly(absl::Duration duration) {
  duration = std::max(duration, absl::ZeroDuration());
  if (duration < absl::Milliseconds(59950)) {
    return absl::StrFormat("%.1fs", absl::ToDoubleSeconds(duration));
  }
  const std::int64_t seconds =
      absl::ToInt64Seconds(duration + absl::Milliseconds(500));
  if (seconds < 3600) {
    return absl::StrFormat("%dm%02ds", seconds / 60, seconds % 60);
  }
  return absl::StrFormat("%dh%02dm", seconds / 3600, seconds / 60 % 60);
}

std::string Token(std::string_view name, std::string_view prefix, int number) {
  if (name.empty()) return std::to_string(number);
  if (name.substr(0, prefix.size()) == prefix)
    name.remove_prefix(prefix.size());
  return std::string(name);
}

}  // namespace callcontrol::cli
