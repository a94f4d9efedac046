// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/sip_uri.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "base/error.h"
#include "sip/transfer/display_text.h"
#include "sip/transfer/subscription_state.h"

namespace callcontrol::sip {
namespace {

constexpr std::size_t kNone = std::string_view::npos;
constexpr std::string_view kMark = "-_.!~*'()";
// What RFC 3261, section 25.1, allows in each place beside unreserved.
// The user part has '?' as well, which is left out on purpose: parsers that
// look for headers first would find some that were never checked.
constexpr std::string_view kUserExtra = "&=+$,;/";
constexpr std::string_view kPasswordExtra = "&=+$,";
constexpr std::string_view kParameterExtra = "[]/:&+$";
constexpr std::string_view kHeaderExtra = "[]/?:+$";
constexpr std::string_view kVisualSeparators = "-.()";

bool IsAlpha(char c) {
  return absl::ascii_isalpha(static_cast<unsigned char>(c));
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlnum(char c) { return IsAlpha(c) || IsDigit(c); }
bool IsHex(char c) {
  return absl::ascii_isxdigit(static_cast<unsigned char>(c));
}
bool IsOneOf(char c, std::string_view set) { return set.find(c) != kNone; }
bool IsUnreserved(char c) { return IsAlnum(c) || IsOneOf(c, kMark); }

// Whether a complete %HH begins at `at`.
bool IsEscape(std::string_view text, std::size_t at) {
  return text[at] == '%' && at + 2 < text.size() && IsHex(text[at + 1]) &&
         IsHex(text[at + 2]);
}

// Whether `text` has only unreserved characters, escapes and those of `extra`.
bool HasOnly(std::string_view text, std::string_view extra) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (IsEscape(text, i)) {
      i += 2;
    } else if (!IsUnreserved(text[i]) && !IsOneOf(text[i], extra)) {
      return false;
    }
  }
  return true;
}

std::string Escape(std::string_view text, std::string_view extra) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    if (IsUnreserved(c) || IsOneOf(c, extra)) {
      escaped += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    escaped += '%';
    escaped += kHex[byte >> 4];
    escaped += kHex[byte & 0x0F];
  }
  return escaped;
}

// Removes and returns what stands before the first of `ends` in `rest`; the
// character found stays.
std::string_view TakeUntil(std::string_view& rest, std::string_view ends) {
  const std::string_view taken = rest.substr(0, rest.find_first_of(ends));
  rest.remove_prefix(taken.size());
  return taken;
}

bool IsUserinfo(std::string_view text) {
  const std::string_view user = TakeUntil(text, ":");
  if (user.empty() || !HasOnly(user, kUserExtra)) return false;
  return text.empty() || HasOnly(text.substr(1), kPasswordExtra);
}

bool IsLabel(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' &&
         label.back() != '-' &&
         std::all_of(label.begin(), label.end(),
                     [](char c) { return IsAlnum(c) || c == '-'; });
}

bool IsHostname(std::string_view name) {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  if (name.size() > 253) return false;
  while (true) {
    const std::string_view label = TakeUntil(name, ".");
    if (!IsLabel(label)) return false;
    // The last label begins with a letter, which tells a name from an address.
    if (name.empty()) return IsAlpha(label.front());
    name.remove_prefix(1);
  }
}

bool IsHost(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    return IsIpv6Address(host.substr(1, host.size() - 2));
  }
  return IsIpv4Address(host) || IsHostname(host);
}

bool IsPort(std::string_view port) {
  if (port.empty() || port.size() > 5) return false;
  int number = 0;
  for (const char c : port) {
    if (!IsDigit(c)) return false;
    number = number * 10 + (c - '0');
  }
  return number >= 1 && number <= 65535;
}

// `text` is empty or a list of ";name" and ";name=value".
bool AreParameters(std::string_view text) {
  while (!text.empty()) {
    text.remove_prefix(1);
    std::string_view value = TakeUntil(text, ";");
    const std::string_view name = TakeUntil(value, "=");
    if (name.empty() || !HasOnly(name, kParameterExtra)) return false;
    if (value.empty()) continue;
    value.remove_prefix(1);
    if (value.empty() || !HasOnly(value, kParameterExtra)) return false;
  }
  return true;
}

// `text` is a list of "name=value" with '&' between them, at least one.
bool AreHeaders(std::string_view text) {
  while (true) {
    std::string_view value = TakeUntil(text, "&");
    const std::string_view name = TakeUntil(value, "=");
    if (name.empty() || value.empty() || !HasOnly(name, kHeaderExtra) ||
        !HasOnly(value.substr(1), kHeaderExtra)) {
      return false;
    }
    if (text.empty()) return true;
    text.remove_prefix(1);
  }
}

// Fills `uri` from what follows "sip:" and returns what is wrong with it, or
// an empty view.
std::string_view FillSip(std::string_view rest, SipUri& uri) {
  // '@' may stand nowhere else unescaped, so the first one ends the userinfo.
  if (const std::size_t at = rest.find('@'); at != kNone) {
    uri.user = rest.substr(0, at);
    if (!IsUserinfo(uri.user)) return "The user part of the URI is malformed.";
    rest.remove_prefix(at + 1);
  }
  const std::size_t bracket = rest.substr(0, 1) == "[" ? rest.find(']') : kNone;
  std::string_view host =
      bracket != kNone ? rest.substr(0, bracket + 1) : std::string_view();
  rest.remove_prefix(host.size());
  if (bracket == kNone) host = TakeUntil(rest, ":;?");
  uri.host = host;
  if (!IsHost(host)) return "The host of the URI is malformed.";
  if (rest.substr(0, 1) == ":") {
    rest.remove_prefix(1);
    uri.port = TakeUntil(rest, ";?");
    if (!IsPort(uri.port)) return "The port of the URI is not 1 to 65535.";
  }
  uri.parameters = TakeUntil(rest, "?");
  if (!uri.parameters.empty() && uri.parameters.front() != ';') {
    return "The host of the URI is malformed.";
  }
  if (!AreParameters(uri.parameters)) {
    return "The parameters of the URI are malformed.";
  }
  if (!rest.empty()) {
    uri.headers = rest.substr(1);
    if (!AreHeaders(uri.headers)) return "The URI's headers are malformed.";
  }
  return {};
}

// The same for what follows "tel:".
std::string_view FillTel(std::string_view rest, SipUri& uri) {
  uri.user = TakeUntil(rest, ";");
  uri.parameters = rest;
  const bool global = !uri.user.empty() && uri.user.front() == '+';
  bool has_digit = false;
  for (const char c : std::string_view(uri.user).substr(global ? 1 : 0)) {
    if (IsOneOf(c, kVisualSeparators)) continue;
    const bool digit = global ? IsDigit(c) : (IsHex(c) || c == '*' || c == '#');
    if (!digit) return "The number of the tel: URI is malformed.";
    has_digit = true;
  }
  if (!has_digit) return "The tel: URI has no number.";
  if (!AreParameters(uri.parameters)) {
    return "The parameters of the tel: URI are malformed.";
  }
  if (!global && !FindParameter(uri.parameters, "phone-context")) {
    return "A tel: URI has a number that begins with + or a phone-context.";
  }
  return {};
}

absl::Status Refuse(std::string_view reason, std::string_view message) {
  return InvalidField("", reason, message);
}

}  // namespace

absl::StatusOr<SipUri> ParseSipUri(std::string_view text) {
  if (text.size() > kMaxUriLength) {
    return Refuse("TOO_LONG", "A URI has at most 2048 bytes.");
  }
  const std::size_t colon = text.find(':');
  const std::string_view scheme =
      colon == kNone ? std::string_view() : text.substr(0, colon);
  const bool named = !scheme.empty() && IsAlpha(scheme.front()) &&
                     std::all_of(scheme.begin(), scheme.end(), [](char c) {
                       return IsAlnum(c) || IsOneOf(c, "+-.");
                     });
  if (!named) return Refuse("BAD_URI", "A URI begins with sip:, sips: or tel:");
  SipUri uri;
  uri.text = text;
  uri.scheme = scheme;
  absl::AsciiStrToLower(&uri.scheme);
  std::string_view fault;
  if (uri.scheme == "tel") {
    fault = FillTel(text.substr(colon + 1), uri);
  } else if (uri.scheme == "sip" || uri.scheme == "sips") {
    fault = FillSip(text.substr(colon + 1), uri);
  } else {
    return Refuse("SCHEME", "Only sip:, sips: and tel: URIs are allowed.");
  }
  if (!fault.empty()) return Refuse("BAD_URI", fault);
  return uri;
}

std::string EscapeUriHeaderValue(std::string_view value) {
  return Escape(value, kHeaderExtra);
}

std::string EscapeUser(std::string_view user) {
  return Escape(user, kUserExtra);
}

std::string UnescapeUri(std::string_view text) {
  const auto nibble = [](char c) {
    return IsDigit(c) ? c - '0'
                      : (static_cast<unsigned char>(c) | 0x20) - 'a' + 10;
  };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (IsEscape(text, i)) {
      plain +=
          static_cast<char>(nibble(text[i + 1]) * 16 + nibble(text[i + 2]));
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

std::optional<std::string_view> FindUriParameter(std::string_view parameters,
                                                 std::string_view name) {
  while (!parameters.empty()) {
    std::string_view parameter = TakeUntil(parameters, ";");
    if (!parameters.empty()) parameters.remove_prefix(1);
    if (!EqualsIgnoreCase(parameter.substr(0, name.size()), name)) continue;
    parameter.remove_prefix(name.size());
    if (parameter.empty()) return parameter;
    if (parameter.front() == '=') return parameter.substr(1);
  }
  return std::nullopt;
}

bool IsIpv4Address(std::string_view text) {
  for (int octet = 0; octet < 4; ++octet) {
    const std::string_view digits = TakeUntil(text, ".");
    if (digits.empty() || digits.size() > 3) return false;
    int number = 0;
    for (const char c : digits) {
      if (!IsDigit(c)) return false;
      number = number * 10 + (c - '0');
    }
    if (number > 255 || text.empty() != (octet == 3)) return false;
    if (!text.empty()) text.remove_prefix(1);
  }
  return true;
}

bool IsIpv6Address(std::string_view text) {
  int groups = 0;
  bool gap = text.substr(0, 2) == "::";
  if (gap) text.remove_prefix(2);
  if (text.empty()) return gap;
  while (groups < 8) {
    const std::string_view group = TakeUntil(text, ":");
    if (text.empty() && IsIpv4Address(group)) {
      groups += 2;
      break;
    }
    if (group.empty() || group.size() > 4 ||
        !std::all_of(group.begin(), group.end(), IsHex)) {
      return false;
    }
    ++groups;
    if (text.empty()) break;
    text.remove_prefix(1);
    if (text.empty()) return false;
    if (text.front() != ':') continue;
    if (gap) return false;
    gap = true;
    text.remove_prefix(1);
    if (text.empty()) break;
  }
  return text.empty() && (gap ? groups < 8 : groups == 8);
}

}  // namespace callcontrol::sip
