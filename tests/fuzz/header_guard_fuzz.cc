// SPDX-License-Identifier: Apache-2.0
//
// Input: parts of "Name: value", each a header that a client wants in the REFER
// or in the Refer-To URI.
#include "sip/transfer/header_guard.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sip/transfer/display_text.h"
#include "sip/transfer/sip_uri.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/property.h"

namespace callcontrol::sip {
namespace {

using fuzz::Require;
using fuzz::RequireHelpful;

std::vector<SipHeader> ReadHeaders(fuzz::FuzzInput input) {
  std::vector<SipHeader> headers;
  while (!input.empty()) {
    std::string_view value = input.Part();
    const std::string_view name = fuzz::TakeUntil(value, ':');
    if (value.starts_with(' ')) value.remove_prefix(1);
    headers.push_back({std::string(name), std::string(value)});
  }
  return headers;
}

std::string Upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

// What a reader by RFC 3261 makes of the lines that go on the wire.
std::vector<SipHeader> ReadBack(std::string_view lines) {
  std::vector<SipHeader> headers;
  while (!lines.empty()) {
    std::string_view line = fuzz::TakeUntil(lines, '\r');
    Require(lines.starts_with('\n'), "every CR is one that the server wrote");
    lines.remove_prefix(1);
    const std::string_view name = fuzz::TakeUntil(line, ':');
    headers.push_back({std::string(name), std::string(line.substr(1))});
  }
  return headers;
}

void CheckReferGuard(const std::vector<SipHeader>& headers) {
  const absl::Status status = CheckReferHeaders(headers);
  if (!status.ok()) return RequireHelpful(status);
  std::string lines;
  for (const SipHeader& header : headers) {
    Require(IsToken(header.name), "a name is a token");
    Require(IsSafeText(header.value), "a value is safe");
    Require(!IsForbiddenReferHeader(header.name), "no forbidden name passes");
    Require(!IsForbiddenReferHeader(Upper(header.name)),
            "a name is forbidden in any case");
    lines += header.name + ": " + header.value + "\r\n";
  }
  Require(headers.size() <= kMaxReferHeaders, "the number is limited");
  Require(lines.size() <= kMaxHeadersTotal, "the size is limited");
  Require(ReadBack(lines) == headers, "what was written is what is read");
}

void CheckTargetGuard(const SipHeader& header) {
  const absl::Status status =
      CheckTargetHeader("target_headers", header.name, header.value);
  if (!status.ok()) return RequireHelpful(status);
  Require(fuzz::IsOneLine(header.name) && fuzz::IsOneLine(header.value),
          "an allowed header is one line");
  const std::string escaped = EscapeUriHeaderValue(header.value);
  Require(escaped.find_first_of("&=;,<>\"@ ") == std::string::npos,
          "an escaped value ends nothing");
  Require(UnescapeUri(escaped) == header.value, "escaping loses nothing");
}

}  // namespace
}  // namespace callcontrol::sip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace callcontrol;
  const std::vector<sip::SipHeader> headers =
      sip::ReadHeaders(fuzz::FuzzInput(data, size));
  sip::CheckReferGuard(headers);
  for (const sip::SipHeader& header : headers) sip::CheckTargetGuard(header);
  return 0;
}
