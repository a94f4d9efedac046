// SPDX-License-Identifier: Apache-2.0
#include "sip/call/referral.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "sip/call/call_routes.h"
#include "sip/transfer/display_text.h"
#include "sip/transfer/header_guard.h"

namespace callcontrol::sip {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

// A call that this many REFERs led to is a loop, or somebody's game.
constexpr int kMostReferrals = 8;

constexpr char kField[] = "refer_to";

// What stands between the brackets, or all of it where there are none.
absl::StatusOr<std::string_view> UriIn(std::string_view value) {
  std::size_t begin = 0;
  if (value.front() == '"') {
    begin = 1;
    while (begin < value.size() && value[begin] != '"') {
      begin += value[begin] == '\\' ? 2 : 1;
    }
  }
  const std::size_t open = value.find('<', std::min(begin, value.size()));
  if (open == kNone) return value;
  const std::size_t close = value.find('>', open);
  if (close == kNone) {
    return InvalidField(kField, "BAD_URI", "The closing > is missing.");
  }
  return value.substr(open + 1, close - open - 1);
}

// One ";name=value" of a URI, its escapes undone.
struct UriParameter {
  std::string_view raw;
  std::string name{};
  std::optional<std::string> value{};
};

std::vector<UriParameter> ParametersOf(std::string_view parameters) {
  std::vector<UriParameter> read;
  while (!parameters.empty()) {
    const std::size_t end =
        std::min(parameters.find(';', 1), parameters.size());
    UriParameter parameter{.raw = parameters.substr(0, end)};
    parameters.remove_prefix(end);
    const std::string plain = UnescapeUri(parameter.raw.substr(1));
    const std::size_t equals = plain.find('=');
    parameter.name = plain.substr(0, equals);
    if (equals != kNone) parameter.value = plain.substr(equals + 1);
    read.push_back(std::move(parameter));
  }
  return read;
}

bool HasParameter(const SipUri& uri, std::string_view name) {
  const std::vector<UriParameter> all = ParametersOf(uri.parameters);
  return std::ranges::any_of(all, [name](const UriParameter& parameter) {
    return EqualsIgnoreCase(parameter.name, name);
  });
}

// The parameters without "method"; nullopt where that is no INVITE.
std::optional<std::string> WithoutMethod(std::string_view parameters) {
  std::string kept;
  for (const UriParameter& parameter : ParametersOf(parameters)) {
    if (!EqualsIgnoreCase(parameter.name, "method")) {
      kept += parameter.raw;
    } else if (parameter.value != "INVITE") {
      return std::nullopt;
    }
  }
  return kept;
}

// The same URI with these parameters and without headers.
SipUri Rebuilt(const SipUri& uri, std::string parameters) {
  SipUri rebuilt = uri;
  rebuilt.parameters = std::move(parameters);
  rebuilt.headers.clear();
  const bool at = !uri.user.empty() && !uri.host.empty();
  rebuilt.text = absl::StrCat(
      uri.text.substr(0, uri.scheme.size()), ":", uri.user, at ? "@" : "",
      uri.host, uri.port.empty() ? "" : ":", uri.port, rebuilt.parameters);
  return rebuilt;
}

absl::Status TakeHeaders(std::string_view raw, ReferTarget& target) {
  while (!raw.empty()) {
    const std::string_view header = raw.substr(0, raw.find('&'));
    raw.remove_prefix(std::min(header.size() + 1, raw.size()));
    const std::size_t equals = std::min(header.find('='), header.size());
    const std::string name = UnescapeUri(header.substr(0, equals));
    const std::string value =
        UnescapeUri(header.substr(std::min(equals + 1, header.size())));
    const bool replaces = EqualsIgnoreCase(name, "Replaces");
    absl::Status good = CheckTargetHeader(kField, name, value);
    if (replaces && (!good.ok() || !target.replaces.empty())) {
      return InvalidField(kField, "BAD_URI", "Its Replaces cannot be read.");
    }
    if (!good.ok() || value.size() > kMaxHeaderValue) continue;
    if (replaces) target.replaces = value;
    target.headers.push_back({name, value});
    if (target.headers.size() > kMaxReferHeaders) {
      return InvalidField(kField, "TOO_LONG", "Its URI has too many headers.");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ReferTarget> ReadReferTarget(std::string_view refer_to) {
  if (!IsSafeText(refer_to)) {
    return InvalidField(kField, "BAD_CHAR",
                        "It must be UTF-8 without control characters.");
  }
  refer_to = TrimBlanks(refer_to);
  if (refer_to.empty()) return InvalidField(kField, "BAD_URI", "It is empty.");
  const absl::StatusOr<std::string_view> text = UriIn(refer_to);
  if (!text.ok()) return text.status();
  absl::StatusOr<SipUri> uri = ParseSipUri(TrimBlanks(*text));
  if (!uri.ok()) {
    return InvalidField(kField, DetailOf(uri.status()).reason,
                        std::string(uri.status().message()));
  }
  std::optional<std::string> parameters = WithoutMethod(uri->parameters);
  if (!parameters) {
    return InvalidField(kField, "SCHEME",
                        "Only calls are placed, nothing else is sent.");
  }
  ReferTarget target{.uri = Rebuilt(*uri, *std::move(parameters))};
  absl::Status taken = TakeHeaders(uri->headers, target);
  if (!taken.ok()) return taken;
  return target;
}

bool FitsTarget(std::string_view pattern, const SipUri& uri) {
  if (pattern == "*") return true;
  const bool number = uri.scheme == "tel";
  // A password says nothing of whom it leads to.
  const std::string user =
      UnescapeUri(std::string_view(uri.user).substr(0, uri.user.find(':'))) +
      (number ? uri.parameters : std::string());
  const auto fits_user = [&user](std::string_view wanted) {
    const bool blind =
        user.find(';') != kNone && wanted != "*" && wanted.find(';') == kNone;
    return !blind && FitsPattern(wanted, user);
  };
  const auto fits_host = [&uri](std::string_view wanted) {
    const std::string host =
        uri.port.empty() ? uri.host : absl::StrCat(uri.host, ":", uri.port);
    return FitsPattern(absl::AsciiStrToLower({wanted.data(), wanted.size()}),
                       absl::AsciiStrToLower(host));
  };
  const std::size_t at = pattern.rfind('@');
  if (number) return at == kNone && fits_user(pattern);
  if (at == kNone) return user.empty() && fits_host(pattern);
  return fits_user(pattern.substr(0, at)) && fits_host(pattern.substr(at + 1));
}

std::optional<SipStatus> RefuseReferral(const ReferralPolicy& policy,
                                        const ReferralRequest& request) {
  if (policy.mode == ReferralMode::kOff ||
      policy.mode == ReferralMode::kDecline) {
    return SipStatus{603, "Decline"};
  }
  if (!request.target.ok()) {
    // 416 would end the dialog (RFC 5057, 5.1).
    if (DetailOf(request.target.status()).reason == "SCHEME") {
      return SipStatus{603, "No Calls To Such A URI"};
    }
    return SipStatus{400, "Bad Refer-To"};
  }
  if (request.depth >= kMostReferrals) {
    return SipStatus{403, "Referred Too Often"};
  }
  // Who is joined is in a call of this server's already.
  if (request.replaces_own) return std::nullopt;
  if (request.leads_here && policy.trunk.empty()) {
    return SipStatus{403, "Refer-To Leads Back Here"};
  }
  const SipUri& uri = request.target->uri;
  const bool any =
      policy.mode == ReferralMode::kDelegate && policy.targets.empty();
  const bool fits = std::ranges::any_of(
      policy.targets,
      [&uri](const std::string& pattern) { return FitsTarget(pattern, uri); });
  // Whatever the host is, the request would go there (RFC 3261, 19.1.1).
  if (HasParameter(uri, "maddr") || (!any && !fits)) {
    return SipStatus{403, "Refer-To Is Not Allowed"};
  }
  return std::nullopt;
}

}  // namespace callcontrol::sip
