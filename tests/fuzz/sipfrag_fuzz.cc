// SPDX-License-Identifier: Apache-2.0
//
// Input: Content-Type ("-": none); Content-Encoding ("-": none); the body,
// which is also made fit for people as any text of a peer is.
#include "sip/transfer/sipfrag.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sip/transfer/display_text.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/property.h"

namespace callcontrol::sip {
namespace {

using fuzz::Require;

constexpr std::size_t kMaxPhrase = 256;

std::size_t CountCharacters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::optional<std::string_view> Header(std::string_view part) {
  if (part == "-") return std::nullopt;
  return part;
}

// CleanText() without a limit, of ASCII only: a byte at a time.
std::string CleanAscii(std::string_view text) {
  std::string clean(text);
  std::ranges::replace_if(
      clean, [](char c) { return c < ' ' || c == '\x7f'; }, ' ');
  clean.erase(0, clean.find_first_not_of(' '));
  clean.erase(clean.find_last_not_of(' ') + 1);
  return clean;
}

void CheckText(std::string_view text, std::size_t limit) {
  const std::string clean = CleanText(text, limit);
  if (std::ranges::all_of(text, [](char c) { return (c & 0x80) == 0; })) {
    Require(CleanText(text, text.size()) == CleanAscii(text),
            "ASCII loses blanks at its ends and control characters");
  }
  Require(IsSafeText(clean), "clean text is safe in a header");
  Require(CountCharacters(clean) <= limit, "clean text keeps to its limit");
  Require(CleanText(clean, limit) == clean, "clean text stays as it is");
  Require(CleanText(CleanText(text, text.size()), limit) == clean,
          "a limit cuts what is clean");
  Require(!IsSafeText(text) || (IsValidUtf8(text) && fuzz::IsOneLine(text)),
          "safe text is one line of UTF-8");
  Require(!IsToken(text) || clean == text.substr(0, limit), "a token is clean");
}

void CheckStatus(const SipStatus& status) {
  Require(status.code >= 100 && status.code <= 699, "a code is 100 to 699");
  Require(IsSafeText(status.reason), "a phrase is safe UTF-8");
  Require(CountCharacters(status.reason) <= kMaxPhrase, "a phrase is short");
  const std::string line =
      "SIP/2.0 " + std::to_string(status.code) + " " + status.reason;
  if (line.size() > 512) return;  // Of more than 256 bytes in UTF-8.
  const std::string body = line + "\r\n";
  const SipfragReading again = ReadSipfrag(
      {.content_type = "message/sipfrag;version=2.0", .body = body});
  Require(again.status == status && again.warnings.empty(),
          "a status is read the same again");
}

void CheckReading(const SipfragReading& reading) {
  Require(reading.status.has_value() != reading.error.has_value(),
          "there is a status or an error");
  Require(IsSafeText(reading.sip_reason) && IsSafeText(reading.warning_header),
          "what is surfaced is safe UTF-8");
  for (auto at = reading.warnings.begin(); at != reading.warnings.end(); ++at) {
    Require(std::find(at + 1, reading.warnings.end(), *at) ==
                reading.warnings.end(),
            "a warning comes once");
  }
  if (reading.status) return CheckStatus(*reading.status);
  Require(!ToString(*reading.error).empty(), "an error has a token");
  Require(reading.sip_reason.empty() && reading.warning_header.empty(),
          "nothing is surfaced without a status");
}

}  // namespace
}  // namespace callcontrol::sip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace callcontrol;
  fuzz::FuzzInput input(data, size);
  const std::string_view type = input.Part();
  const std::string_view encoding = input.Part();
  sip::CheckReading(sip::ReadSipfrag({.content_type = sip::Header(type),
                                      .content_encoding = sip::Header(encoding),
                                      .body = input.rest()}));
  for (const std::size_t limit : {0, 1, 16, 256}) {
    sip::CheckText(input.rest(), limit);
  }
  return 0;
}
