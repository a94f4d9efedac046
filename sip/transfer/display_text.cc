// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/display_text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace callcontrol::sip {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kTokenMarks = "-.!%*_+`'~";
constexpr std::string_view kBlanks = " \t\r\n";

struct Sequence {
  std::size_t length;
  bool valid;
};

unsigned char ByteAt(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// The first UTF-8 sequence of `text`, which is not empty (Unicode, table 3-7).
// An invalid one has the length of its longest prefix that could have begun a
// valid one, at least 1.
Sequence FirstSequence(std::string_view text) {
  const unsigned char lead = ByteAt(text, 0);
  if (lead < 0x80) return {1, true};
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  const std::size_t length = lead < 0xE0 ? 2 : (lead < 0xF0 ? 3 : 4);
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead == 0xE0) low = 0xA0;   // Below: overlong.
  if (lead == 0xED) high = 0x9F;  // Above: surrogates.
  if (lead == 0xF0) low = 0x90;   // Below: overlong.
  if (lead == 0xF4) high = 0x8F;  // Above: beyond U+10FFFF.
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {i, false};
    const unsigned char byte = ByteAt(text, i);
    if (byte < low || byte > high) return {i, false};
    low = 0x80;
    high = 0xBF;
  }
  return {length, true};
}

// How many bytes from the first on are printable ASCII.
std::size_t PrintableLength(std::string_view text) {
  const auto end = std::find_if(text.begin(), text.end(),
                                [](char c) { return c < 0x20 || c > 0x7E; });
  return static_cast<std::size_t>(end - text.begin());
}

// `character` is one valid UTF-8 sequence.
bool IsControl(std::string_view character) {
  const unsigned char lead = ByteAt(character, 0);
  if (character.size() == 1) return lead < 0x20 || lead == 0x7F;
  return lead == 0xC2 && ByteAt(character, 1) < 0xA0;
}

}  // namespace

std::string CleanText(std::string_view peer_text, std::size_t max_chars) {
  std::string clean;
  std::size_t chars = 0;
  while (!peer_text.empty() && chars < max_chars) {
    // Nearly all text is printable ASCII. Blanks in front are not kept, and
    // not to be looked at again for each of them.
    const std::size_t printable =
        clean.empty() ? 0
                      : PrintableLength(peer_text.substr(0, max_chars - chars));
    if (printable > 0) {
      clean += peer_text.substr(0, printable);
      chars += printable;
      peer_text.remove_prefix(printable);
      continue;
    }
    const Sequence next = FirstSequence(peer_text);
    std::string_view character =
        next.valid ? peer_text.substr(0, next.length) : kReplacement;
    if (IsControl(character)) character = " ";
    peer_text.remove_prefix(next.length);
    if (clean.empty() && character == " ") continue;
    clean += character;
    ++chars;
  }
  clean.erase(clean.find_last_not_of(' ') + 1);
  return clean;
}

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    text.remove_prefix(PrintableLength(text));
    if (text.empty()) break;
    const Sequence next = FirstSequence(text);
    if (!next.valid) return false;
    text.remove_prefix(next.length);
  }
  return true;
}

bool IsSafeText(std::string_view text) {
  const bool has_control = std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
  return !has_control && IsValidUtf8(text);
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           kTokenMarks.find(c) != std::string_view::npos;
  });
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase({a.data(), a.size()}, {b.data(), b.size()});
}

std::string_view TrimBlanks(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace callcontrol::sip
