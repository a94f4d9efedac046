// SPDX-License-Identifier: Apache-2.0
#include "sip/call/referral.h"

#include <algorithm>
#include <cstddef>
#include <utility>

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

// The parameters without "method"; nullopt where that is no INVITE.
std::optional<std::string> WithoutMethod(std::string_view parameters) {
  std::string kept;
  while (!parameters.empty()) {
    const std::size_t end =
        std::min(parameters.find(';', 1), parameters.size());
    const std::string_view parameter = parameters.substr(0, end);
    parameters.remove_prefix(end);
    const std::string plain = UnescapeUri(parameter.substr(1));
    const std::size_t equals = plain.find('=');
    if (!EqualsIgnoreCase(plain.substr(0, equals), "method")) {
      kept += parameter;
    } else if (equals == std::string::npos ||
               plain.substr(equals + 1) != "INVITE") {
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

std::string AddressOf(const SipUri& uri) {
  // A password says nothing of whom it leads to.
  const std::string user =
      UnescapeUri(std::string_view(uri.user).substr(0, uri.user.find(':')));
  const bool at = !user.empty() && !uri.host.empty();
  return absl::StrCat(user, at ? "@" : "", uri.host);
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
  const bool any =
      policy.mode == ReferralMode::kDelegate && policy.targets.empty();
  if (!any && !FitsAny(policy.targets, AddressOf(request.target->uri))) {
    return SipStatus{403, "Refer-To Is Not Allowed"};
  }
  return std::nullopt;
}

}  // namespace callcontrol::sip
