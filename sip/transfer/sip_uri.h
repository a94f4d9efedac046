// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TRANSFER_SIP_URI_H_
#define CALLCONTROL_SIP_TRANSFER_SIP_URI_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace callcontrol::sip {

// The longest URI that ParseSipUri() reads, in bytes.
inline constexpr std::size_t kMaxUriLength = 2048;

// A sip:, sips: or tel: URI and where its parts are. Nothing in it is ever
// normalised: some trunks compare the bytes that come back to them.
struct SipUri {
  // The URI as it was given.
  std::string text;
  // "sip", "sips" or "tel".
  std::string scheme;
  // The raw userinfo, with a password where there is one, or a tel: URI's
  // number. Empty where there is no "@".
  std::string user;
  // With [] around an IPv6 address. Empty for tel:.
  std::string host;
  // 1 to 65535, or empty.
  std::string port;
  // Raw, each with its leading ';'.
  std::string parameters;
  // Raw, what stands after '?'.
  std::string headers;

  bool operator==(const SipUri&) const = default;
};

// Parses a URI by the letter of RFC 3261, section 25.1, or of RFC 3966, section
// 3 (where a local number needs a phone-context), but for a bare '?' in the
// user part: it must be escaped, because not all parsers agree on what it
// means. Errors are INVALID_ARGUMENT with no field, for only the caller knows
// it, and reason
//   BAD_URI   not such a URI;
//   SCHEME    a URI of another scheme;
//   TOO_LONG  more than kMaxUriLength.
absl::StatusOr<SipUri> ParseSipUri(std::string_view text);

// The very bytes that were parsed.
inline const std::string& ToString(const SipUri& uri) { return uri.text; }

// `value` as an hvalue of a URI (RFC 3261, section 25.1). Escapes '%' as well,
// so what is escaped already is escaped twice.
std::string EscapeUriHeaderValue(std::string_view value);

// `user` as the user part of a sip: URI; escapes '%' and '?' as well.
std::string EscapeUser(std::string_view user);

// `text` with each %HH turned into its byte. A '%' without two hex digits
// stays.
std::string UnescapeUri(std::string_view text);

// The value of a URI's first parameter of this name (in any case): empty where
// it has no '=', nullopt where there is none. `parameters`: "a;b=c", without
// the first ';'. A view into it.
std::optional<std::string_view> FindUriParameter(std::string_view parameters,
                                                 std::string_view name);

// Whether `text` is an IPv4 address in dotted decimal.
bool IsIpv4Address(std::string_view text);

// Whether `text` is an IPv6 address, without brackets and zone.
bool IsIpv6Address(std::string_view text);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TRANSFER_SIP_URI_H_
