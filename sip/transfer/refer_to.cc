// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/refer_to.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "base/error.h"
#include "sip/transfer/display_text.h"
#include "sip/transfer/header_guard.h"
#include "sip/transfer/sip_uri.h"

namespace callcontrol::sip {
namespace {

constexpr std::size_t kNone = std::string_view::npos;
constexpr std::size_t kMaxE164Digits = 15;
// Shorter digit strings are extensions, never national numbers.
constexpr std::size_t kMinNationalDigits = 7;
constexpr std::size_t kMaxDialogId = 256;  // Bytes; real ones have 64 at most.

bool IsDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == kNone;
}

// Checks what every form has in common and drops the spaces around it.
absl::StatusOr<std::string_view> Trimmed(std::string_view field,
                                         std::string_view text) {
  if (text.size() > kMaxUriLength) {
    return InvalidField(field, "TOO_LONG", "At most 2048 bytes are allowed.");
  }
  if (!IsSafeText(text)) {
    return InvalidField(field, "BAD_CHAR",
                        "It must be UTF-8 without control characters.");
  }
  text = TrimBlanks(text);
  if (text.empty()) {
    return InvalidField(field, "EMPTY", "A number, a user or a URI is needed.");
  }
  return text;
}

absl::Status BadUri(std::string_view field, std::string_view message) {
  return InvalidField(field, "BAD_URI", message);
}

absl::Status Multiple(std::string_view field) {
  return InvalidField(
      field, "MULTIPLE",
      "There must be one URI; one with a comma in it needs <>.");
}

// The URI between the brackets of a name-addr (RFC 3261, section 25.1).
absl::StatusOr<std::string_view> UriOfNameAddr(std::string_view field,
                                               std::string_view text) {
  std::size_t open = 0;
  if (text.front() == '"') {
    std::size_t end = 1;
    while (end < text.size() && text[end] != '"') {
      end += text[end] == '\\' ? 2 : 1;
    }
    if (end >= text.size()) return BadUri(field, "The display name is open.");
    open = end + 1;
  }
  const std::size_t name_begin = open;
  open = text.find('<', open);
  const std::string_view name = text.substr(name_begin, open - name_begin);
  if (name.find(',') != kNone) return Multiple(field);
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return c == ' ' || IsToken({&c, 1});
  });
  if (!plain || open == kNone ||
      (name_begin != 0 && !TrimBlanks(name).empty())) {
    return BadUri(field, "What stands before < is no display name.");
  }
  const std::size_t close = text.find('>', open);
  if (close == kNone) return BadUri(field, "The closing > is missing.");
  const std::string_view tail = TrimBlanks(text.substr(close + 1));
  if (!tail.empty()) {
    return tail.front() == ',' ? Multiple(field)
                               : BadUri(field, "Nothing may follow the >.");
  }
  return text.substr(open + 1, close - open - 1);
}

// `user` must be escaped already. Checks the policy's host with the rest: it
// may be the peer's word.
absl::StatusOr<std::string> AtHost(std::string_view field,
                                   const std::string& user,
                                   std::string_view parameters,
                                   const TargetPolicy& policy) {
  std::string text = "sip:" + user + "@" + policy.host;
  text += parameters;
  const absl::StatusOr<SipUri> uri = ParseSipUri(text);
  if (!uri.ok() || uri->parameters != parameters || !uri->headers.empty()) {
    return BadUri(field, "No domain is known for this; a full URI would do.");
  }
  return text;
}

// `digits` as an E.164 number with "+", where the policy can tell, or nullopt.
std::optional<std::string> ToE164(std::string_view digits,
                                  const TargetPolicy& policy) {
  const std::string_view prefix = policy.international_prefix;
  std::string number;
  if (!prefix.empty() && digits.substr(0, prefix.size()) == prefix) {
    number = digits.substr(prefix.size());
  } else if (!policy.default_country_code.empty() &&
             digits.size() >= kMinNationalDigits) {
    const char trunk = policy.default_country_code == "1" ? '1' : '0';
    if (digits.front() == trunk) digits.remove_prefix(1);
    number = policy.default_country_code;
    number += digits;
  }
  if (!IsDigits(number) || number.size() > kMaxE164Digits) return std::nullopt;
  return "+" + number;
}

// A number, a dial string or a user, without a domain.
absl::StatusOr<std::string> UriOfUser(std::string_view field,
                                      std::string_view user,
                                      const TargetPolicy& policy) {
  std::string digits(user);
  digits.erase(
      std::remove_if(
          digits.begin(), digits.end(),
          [](char c) { return std::string_view("-.() ").find(c) != kNone; }),
      digits.end());
  if (user.front() == '+') {
    const std::string_view number = std::string_view(digits).substr(1);
    if (!IsDigits(number) || number.size() > kMaxE164Digits) {
      return BadUri(field, "A number has + and 1 to 15 digits.");
    }
    return AtHost(field, digits, ";user=phone", policy);
  }
  if (IsDigits(digits) && !IsIpv4Address(user)) {
    const std::optional<std::string> number = ToE164(digits, policy);
    return number ? AtHost(field, *number, ";user=phone", policy)
                  : AtHost(field, digits, "", policy);
  }
  // These mean a URI or an address that went wrong; escaping them would call
  // somebody of that name.
  if (IsIpv4Address(user) || user.find_first_of(" \"<>[]:;?\\") != kNone) {
    return BadUri(field, "This is neither a number nor a user nor a URI.");
  }
  return AtHost(field, EscapeUser(user), "", policy);
}

bool HasScheme(std::string_view text) {
  const std::size_t end = text.find_first_not_of(
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
  return end != kNone && end > 0 && text[end] == ':' &&
         absl::ascii_isalpha(static_cast<unsigned char>(text.front()));
}

// The whole telephone-subscriber as userinfo. Lower case and this order let
// peers find equal URIs equal (RFC 3261, section 19.1.6).
std::string SubscriberToUser(const SipUri& tel) {
  std::vector<std::string> parameters;
  std::string_view rest = tel.parameters;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(';', 1), rest.size());
    parameters.emplace_back(rest.substr(0, end));
    absl::AsciiStrToLower(&parameters.back());
    rest.remove_prefix(end);
  }
  const auto key = [](const std::string& parameter) {
    const std::string name = parameter.substr(0, parameter.find('='));
    return (name == ";isub" ? "0" : (name == ";postd" ? "1" : "2")) + name;
  };
  std::stable_sort(parameters.begin(), parameters.end(),
                   [&key](const std::string& a, const std::string& b) {
                     return key(a) < key(b);
                   });
  std::string subscriber = tel.user;
  absl::AsciiStrToLower(&subscriber);
  for (const std::string& parameter : parameters) subscriber += parameter;
  // Escapes are kept, all else that a user part does not allow is escaped.
  std::string user;
  for (const char c : subscriber) {
    user += c == '%' ? std::string(1, c) : EscapeUser({&c, 1});
  }
  return user;
}

// The text of the URI that `text`, trimmed and not empty, stands for.
absl::StatusOr<std::string> UriText(std::string_view field,
                                    std::string_view text,
                                    const TargetPolicy& policy) {
  if (text.front() == '"' || text.find('<') != kNone) {
    const absl::StatusOr<std::string_view> inner = UriOfNameAddr(field, text);
    if (!inner.ok()) return inner.status();
    return std::string(*inner);
  }
  if (text.find(',') != kNone) return Multiple(field);
  if (HasScheme(text)) return std::string(text);
  const std::size_t at = text.find('@');
  if (at == kNone) return UriOfUser(field, text, policy);
  // This is a URI but for its scheme, so its escapes stand; only '#' is known
  // from telephone keypads.
  std::string uri = "sip:";
  for (const char c : text.substr(0, at))
    uri += c == '#' ? "%23" : std::string(1, c);
  uri += text.substr(at);
  return uri;
}

// Method parameters would have the transferee send something else than an
// INVITE. Their names may be escaped.
bool HasForeignMethod(const SipUri& uri) {
  std::string_view rest = uri.parameters;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view parameter = rest.substr(0, rest.find(';'));
    rest.remove_prefix(parameter.size());
    const std::string plain = UnescapeUri(parameter);
    if (EqualsIgnoreCase(plain.substr(0, plain.find('=')), "method") &&
        plain.substr(std::min(plain.find('='), plain.size())) != "=INVITE") {
      return true;
    }
  }
  return false;
}

absl::StatusOr<SipUri> ReadTarget(std::string_view field,
                                  std::string_view input,
                                  const TargetPolicy& policy) {
  const absl::StatusOr<std::string_view> trimmed = Trimmed(field, input);
  if (!trimmed.ok()) return trimmed.status();
  const absl::StatusOr<std::string> text = UriText(field, *trimmed, policy);
  if (!text.ok()) return text.status();
  absl::StatusOr<SipUri> uri = ParseSipUri(*text);
  if (uri.ok() && uri->scheme == "tel" && policy.tel_to_sip) {
    const absl::StatusOr<std::string> sip =
        AtHost(field, SubscriberToUser(*uri), ";user=phone", policy);
    if (!sip.ok()) return sip.status();
    uri = ParseSipUri(*sip);
  }
  if (!uri.ok()) {
    return InvalidField(field, DetailOf(uri.status()).reason,
                        std::string(uri.status().message()));
  }
  if (uri->scheme == "sips" && !policy.leg_is_secure) {
    return InvalidField(field, "SIPS_ON_INSECURE_LEG",
                        "A sips: URI needs a leg over TLS.");
  }
  if (HasForeignMethod(*uri)) {
    return BadUri(field, "Only method=INVITE is allowed in the URI.");
  }
  return uri;
}

// The headers of the INVITE that is to be triggered, as they pile up.
class UriHeaders {
 public:
  // Checks a header and counts it; name and value are plain, not escaped. Adds
  // nothing.
  absl::Status Check(std::string_view field, std::string_view name,
                     std::string_view value) {
    absl::Status checked = CheckTargetHeader(field, name, value);
    if (!checked.ok()) return checked;
    const bool replaces = EqualsIgnoreCase(name, "Replaces");
    if (replaces && has_replaces_) {
      return BadUri(field, "There may be one Replaces only.");
    }
    has_replaces_ = has_replaces_ || replaces;
    return absl::OkStatus();
  }

  // Checks all headers that a URI brings.
  absl::Status CheckRaw(std::string_view field, std::string_view raw) {
    while (!raw.empty()) {
      const std::string_view header = raw.substr(0, raw.find('&'));
      raw.remove_prefix(std::min(header.size() + 1, raw.size()));
      const std::size_t equals = header.find('=');
      absl::Status checked = Check(field, UnescapeUri(header.substr(0, equals)),
                                   UnescapeUri(header.substr(equals + 1)));
      if (!checked.ok()) return checked;
    }
    return absl::OkStatus();
  }

  // Appends one to `text`, escaped.
  void Append(std::string_view name, std::string_view value) {
    if (!text_.empty()) text_ += '&';
    text_ += EscapeUriHeaderValue(name) + "=" + EscapeUriHeaderValue(value);
  }

  const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool has_replaces_ = false;
};

absl::Status AddReplaces(const ReplacedDialog& dialog, UriHeaders& headers) {
  if (dialog.call_id.empty()) {
    return InvalidField("replaces.call_id", "EMPTY", "A Call-ID is needed.");
  }
  if (dialog.call_id.size() > kMaxDialogId ||
      dialog.to_tag.size() > kMaxDialogId ||
      dialog.from_tag.size() > kMaxDialogId) {
    return InvalidField("replaces", "TOO_LONG",
                        "Call-ID and tags have at most 256 bytes.");
  }
  if (!IsCallId(dialog.call_id)) {
    return InvalidField("replaces.call_id", "BAD_CHAR", "This is no Call-ID.");
  }
  const std::string to = dialog.to_tag.empty() ? "0" : dialog.to_tag;
  const std::string from = dialog.from_tag.empty() ? "0" : dialog.from_tag;
  if (!IsToken(to)) {
    return InvalidField("replaces.to_tag", "BAD_CHAR", "This is no tag.");
  }
  if (!IsToken(from)) {
    return InvalidField("replaces.from_tag", "BAD_CHAR", "This is no tag.");
  }
  const std::string value = dialog.call_id + ";to-tag=" + to +
                            ";from-tag=" + from +
                            (dialog.early_only ? ";early-only" : "");
  absl::Status checked = headers.Check("replaces", "Replaces", value);
  if (checked.ok()) headers.Append("Replaces", value);
  return checked;
}

absl::Status AddTargetHeaders(const std::vector<SipHeader>& target_headers,
                              UriHeaders& headers) {
  std::size_t total = 0;
  for (const SipHeader& header : target_headers) {
    total += header.name.size() + header.value.size();
    const std::string field =
        "target_headers[\"" + CleanText(header.name, kMaxHeaderName) + "\"]";
    if (header.name.size() > kMaxHeaderName ||
        header.value.size() > kMaxHeaderValue) {
      return InvalidField(field, "TOO_LONG",
                          "A name has at most 64 bytes, a value 1024.");
    }
    absl::Status checked = headers.Check(field, header.name, header.value);
    if (!checked.ok()) return checked;
    headers.Append(header.name, header.value);
  }
  if (target_headers.size() > kMaxReferHeaders || total > kMaxHeadersTotal) {
    return InvalidField("target_headers", "TOO_LONG",
                        "At most 32 headers of 8192 bytes in all are allowed.");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> BuildReferTo(
    std::string_view refer_to, const std::vector<SipHeader>& target_headers,
    const std::optional<ReplacedDialog>& replaces, const TargetPolicy& policy) {
  const absl::StatusOr<SipUri> uri = ReadTarget("refer_to", refer_to, policy);
  if (!uri.ok()) return uri.status();
  UriHeaders headers;
  absl::Status checked = headers.CheckRaw("refer_to", uri->headers);
  if (checked.ok() && replaces) checked = AddReplaces(*replaces, headers);
  if (checked.ok()) checked = AddTargetHeaders(target_headers, headers);
  if (!checked.ok()) return checked;
  std::string value = "<" + ToString(*uri);
  if (!headers.text().empty()) {
    if (uri->scheme == "tel") {
      return BadUri(replaces ? "replaces" : "target_headers",
                    "A tel: URI can carry no headers; a sip: URI can.");
    }
    value += (uri->headers.empty() ? "?" : "&") + headers.text();
  }
  return value + ">";
}

absl::StatusOr<std::string> BuildUri(std::string_view field,
                                     std::string_view text,
                                     const TargetPolicy& policy) {
  const absl::StatusOr<SipUri> uri = ReadTarget(field, text, policy);
  if (!uri.ok()) return uri.status();
  if (!uri->headers.empty()) {
    return InvalidField(field, "FORBIDDEN_URI_HEADER",
                        "No headers are allowed in this URI.");
  }
  return ToString(*uri);
}

absl::StatusOr<std::string> BuildReferredBy(std::string_view referred_by,
                                            const TargetPolicy& policy) {
  const absl::StatusOr<std::string> uri =
      BuildUri("referred_by", referred_by, policy);
  if (!uri.ok()) return uri.status();
  return "<" + *uri + ">";
}

}  // namespace callcontrol::sip
