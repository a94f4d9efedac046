// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/header_guard.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "base/error.h"
#include "sip/transfer/display_text.h"
#include "sip/transfer/subscription_state.h"

namespace callcontrol::sip {
namespace {

// Compact forms stand behind the name they mean.
constexpr std::string_view kForbidden[] = {
    // The message itself and its way (RFC 3261).
    "Via", "v", "From", "f", "To", "t", "Call-ID", "i", "CSeq", "Contact", "m",
    "Max-Forwards", "Route", "Record-Route", "Path", "Service-Route",
    "Content-Length", "l", "Content-Type", "c", "Content-Encoding", "e",
    "Timestamp", "Date", "User-Agent", "Server",
    // The transfer.
    "Refer-To", "r", "Referred-By", "b", "Refer-Sub", "Refer-Events-At",
    "Target-Dialog", "Replaces", "Join",
    // Subscriptions (RFC 6665).
    "Event", "o", "Allow-Events", "u", "Subscription-State", "Expires",
    "Min-Expires",
    // Extensions and capabilities. Accept is a prefix, below; "a" is
    // Accept-Contact.
    "Require", "Proxy-Require", "Supported", "k", "Unsupported", "Allow", "a",
    "Session-Expires", "x", "Min-SE", "RSeq", "RAck",
    // Credentials and identity. "n" is Identity-Info.
    "Authorization", "Proxy-Authorization", "WWW-Authenticate",
    "Proxy-Authenticate", "Authentication-Info", "P-Asserted-Identity",
    "P-Preferred-Identity", "Privacy", "Identity", "y", "Identity-Info", "n",
    // RFC 3515, table 1, with Min-Expires above; "s" is Subject.
    "Alert-Info", "Call-Info", "In-Reply-To", "Priority", "Reply-To", "Subject",
    "s"};

constexpr std::string_view kForbiddenPrefixes[] = {"Accept", "Security-"};

// More than any real Replaces has, and fewer than ReadParameters() reads.
constexpr int kMaxReplacesParameters = 16;

// Whether `value`, unescaped, follows RFC 3891, section 6.1.
bool IsReplaces(std::string_view value) {
  // A callid may hold what looks like an open quote, but no ';'.
  const std::size_t end = value.find(';');
  if (end == std::string_view::npos ||
      !IsCallId(TrimBlanks(value.substr(0, end))))
    return false;
  if (std::count(value.begin(), value.end(), ';') > kMaxReplacesParameters) {
    return false;
  }
  int to_tags = 0;
  int from_tags = 0;
  for (const HeaderParameter& parameter : ReadParameters(value.substr(end))) {
    const bool to = EqualsIgnoreCase(parameter.name, "to-tag");
    const bool from = EqualsIgnoreCase(parameter.name, "from-tag");
    to_tags += to ? 1 : 0;
    from_tags += from ? 1 : 0;
    if (!IsToken(parameter.name)) return false;
    if ((to || from) && !IsToken(parameter.value)) return false;
    if (EqualsIgnoreCase(parameter.name, "early-only") &&
        !parameter.value.empty()) {
      return false;
    }
  }
  return to_tags == 1 && from_tags == 1;
}

absl::Status CheckName(std::string_view field, std::string_view name) {
  if (!IsToken(name)) {
    return InvalidField(field, "BAD_NAME",
                        "A header name has only letters, digits and "
                        "-.!%*_+`'~ in it.");
  }
  if (name.size() > kMaxHeaderName) {
    return InvalidField(field, "TOO_LONG",
                        "A header name has at most 64 bytes.");
  }
  if (IsForbiddenReferHeader(name)) {
    return InvalidField(field, "FORBIDDEN_HEADER",
                        "This header belongs to the server or may not be in "
                        "a REFER.");
  }
  return absl::OkStatus();
}

absl::Status CheckValue(std::string_view field, std::string_view value) {
  if (value.size() > kMaxHeaderValue) {
    return InvalidField(field, "TOO_LONG",
                        "A header value has at most 1024 bytes.");
  }
  if (!IsSafeText(value)) {
    return InvalidField(field, "BAD_CHAR",
                        "A header value is UTF-8 without control characters.");
  }
  return absl::OkStatus();
}

}  // namespace

bool IsForbiddenReferHeader(std::string_view name) {
  return std::any_of(std::begin(kForbidden), std::end(kForbidden),
                     [name](std::string_view forbidden) {
                       return EqualsIgnoreCase(name, forbidden);
                     }) ||
         std::any_of(
             std::begin(kForbiddenPrefixes), std::end(kForbiddenPrefixes),
             [name](std::string_view prefix) {
               return EqualsIgnoreCase(name.substr(0, prefix.size()), prefix);
             });
}

absl::Status CheckReferHeaders(const std::vector<SipHeader>& headers) {
  if (headers.size() > kMaxReferHeaders) {
    return InvalidField("headers", "TOO_MANY_HEADERS",
                        "A REFER takes at most 32 headers.");
  }
  std::size_t total = 0;
  for (const SipHeader& header : headers) {
    const std::string field =
        "headers[\"" + CleanText(header.name, kMaxHeaderName) + "\"]";
    absl::Status checked = CheckName(field, header.name);
    if (checked.ok()) checked = CheckValue(field, header.value);
    if (!checked.ok()) return checked;
    total += header.name.size() + header.value.size() + 4;
  }
  if (total > kMaxHeadersTotal) {
    return InvalidField("headers", "TOO_LONG",
                        "All headers together have at most 8192 bytes.");
  }
  return absl::OkStatus();
}

bool IsCallId(std::string_view text) {
  constexpr std::string_view kWordExtra = "()<>:\\\"/[]?{}";
  const auto is_word = [&](std::string_view word) {
    return !word.empty() && std::all_of(word.begin(), word.end(), [&](char c) {
      return IsToken({&c, 1}) || kWordExtra.find(c) != std::string_view::npos;
    });
  };
  const std::size_t at = text.find('@');
  return is_word(text.substr(0, at)) &&
         (at == std::string_view::npos || is_word(text.substr(at + 1)));
}

absl::Status CheckTargetHeader(std::string_view field, std::string_view name,
                               std::string_view value) {
  if (!IsSafeText(name) || !IsSafeText(value)) {
    return InvalidField(field, "BAD_CHAR",
                        "It must be UTF-8 without control characters.");
  }
  if (EqualsIgnoreCase(name, "Replaces")) {
    if (IsReplaces(value)) return absl::OkStatus();
    return InvalidField(field, "BAD_URI",
                        "Replaces has a Call-ID, one to-tag and one from-tag.");
  }
  const bool allowed = (EqualsIgnoreCase(name, "Require") &&
                        EqualsIgnoreCase(TrimBlanks(value), "replaces")) ||
                       EqualsIgnoreCase(name, "User-to-User") ||
                       EqualsIgnoreCase(name, "Subject") ||
                       (IsToken(name) && name.size() > 2 &&
                        EqualsIgnoreCase(name.substr(0, 2), "X-"));
  if (allowed) return absl::OkStatus();
  return InvalidField(field, "FORBIDDEN_URI_HEADER",
                      "Only Replaces, Require: replaces, User-to-User, Subject "
                      "and X-* may go to the target.");
}

}  // namespace callcontrol::sip
