// SPDX-License-Identifier: Apache-2.0
//
// Input: a URI, or a part of one.
#include "sip/transfer/sip_uri.h"

#include <arpa/inet.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/property.h"

namespace callcontrol::sip {
namespace {

using fuzz::Require;

// Puts the parts together again.
std::string Assemble(const SipUri& uri) {
  std::string text = uri.scheme + ":" + uri.user;
  if (!uri.user.empty() && uri.scheme != "tel") text += "@";
  text += uri.host;
  if (!uri.port.empty()) text += ":" + uri.port;
  text += uri.parameters;
  if (!uri.headers.empty()) text += "?" + uri.headers;
  return text;
}

void CheckUri(std::string_view text) {
  const absl::StatusOr<SipUri> uri = ParseSipUri(text);
  if (!uri.ok()) return fuzz::RequireHelpful(uri.status());
  Require(fuzz::IsOneLine(text), "a URI is one line");
  Require(ToString(*uri) == text, "a URI keeps its bytes");
  // The scheme is written in any case.
  Require(Assemble(*uri).substr(uri->scheme.size()) ==
              text.substr(uri->scheme.size()),
          "the parts are the whole");
  Require(ParseSipUri(ToString(*uri)) == uri, "a URI is read the same again");
}

void CheckEscapes(std::string_view text) {
  const std::string user = EscapeUser(text);
  const std::string value = EscapeUriHeaderValue(text);
  Require(UnescapeUri(user) == text && UnescapeUri(value) == text,
          "escaping loses nothing");
  if (text.empty() || user.size() + value.size() + 64 > kMaxUriLength) return;
  const absl::StatusOr<SipUri> uri =
      ParseSipUri("sip:" + user + "@h.example?X-A=" + value);
  Require(uri.ok(), "what is escaped can stand in a URI");
  Require(uri->user == user && uri->headers == "X-A=" + value,
          "what is escaped ends nothing");
}

void CheckParameter(std::string_view text) {
  const auto value = FindUriParameter(text, "lr");
  if (value) {
    Require(value->find(';') == value->npos, "a value ends at the next ';'");
    Require(value->data() + value->size() <= text.data() + text.size(),
            "a value is a part of the text");
  }
  Require(FindUriParameter(std::string(text) + ";lr", "lr").has_value(),
          "the last parameter is found");
}

// By the system's own reader, which stops at NUL.
bool IsAddress(int family, const std::string& text) {
  unsigned char address[sizeof(in6_addr)];
  return text.find('\0') == std::string::npos &&
         inet_pton(family, text.c_str(), address) == 1;
}

}  // namespace
}  // namespace callcontrol::sip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace callcontrol;
  const std::string text(fuzz::FuzzInput(data, size).rest());
  sip::CheckUri(text);
  sip::CheckEscapes(text);
  sip::CheckParameter(text);
  // Not the other way round: RFC 3261 allows leading zeros.
  fuzz::Require(sip::IsIpv4Address(text) || !sip::IsAddress(AF_INET, text),
                "IPv4 addresses of inet_pton are addresses");
  fuzz::Require(sip::IsIpv6Address(text) || !sip::IsAddress(AF_INET6, text),
                "IPv6 addresses of inet_pton are addresses");
  return 0;
}
