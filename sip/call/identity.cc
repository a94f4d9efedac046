// SPDX-License-Identifier: Apache-2.0
#include "sip/call/identity.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/error.h"
#include "sip/transfer/display_text.h"

namespace callcontrol::sip {
namespace {

struct PrivacyName {
  std::string_view name;
  bool Privacy::*value;
};

// In the order in which they are written: "critical" comes last (RFC
// 3323, 4.2).
constexpr PrivacyName kPrivacyNames[] = {
    {"header", &Privacy::header}, {"session", &Privacy::session},
    {"user", &Privacy::user},     {"id", &Privacy::id},
    {"none", &Privacy::none},     {"critical", &Privacy::critical},
};

// More than any header that is meant well holds.
constexpr std::size_t kMostIdentities = 8;

bool IsTel(std::string_view uri) {
  return EqualsIgnoreCase(uri.substr(0, 4), "tel:");
}

// `list` at its commas outside of quotes and brackets.
std::vector<std::string_view> SplitList(std::string_view list) {
  std::vector<std::string_view> items;
  bool quoted = false;
  bool bracketed = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < list.size() && items.size() < kMostIdentities;
       ++i) {
    const char c = list[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = !bracketed;
    } else if (c == '<' || c == '>') {
      bracketed = c == '<';
    } else if (c == ',' && !bracketed) {
      items.push_back(list.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  items.push_back(list.substr(begin));
  return items;
}

absl::Status CheckPrivacy(const Privacy& privacy) {
  const auto wanted = std::ranges::count_if(
      kPrivacyNames,
      [&](const PrivacyName& each) { return privacy.*each.value; });
  if (privacy.none && wanted > 1) {
    return InvalidField("privacy", "BAD_PRIVACY",
                        "none stands alone (RFC 3323, 4.2)");
  }
  if (privacy.critical && wanted == 1) {
    return InvalidField("privacy", "BAD_PRIVACY",
                        "critical says how much the other values matter, and "
                        "there are none (RFC 3323, 4.2)");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> BuildAsserted(
    const std::vector<std::string>& asserted, TargetPolicy targets) {
  // An identity is no target: its scheme says nothing about the way.
  targets.tel_to_sip = false;
  targets.leg_is_secure = true;
  std::vector<std::string> uris;
  for (const std::string& given : asserted) {
    absl::StatusOr<std::string> uri =
        BuildUri("asserted_identity", given, targets);
    if (!uri.ok()) return uri.status();
    const bool same_kind = std::ranges::any_of(
        uris, [&](const auto& other) { return IsTel(other) == IsTel(*uri); });
    if (same_kind) {
      return InvalidField("asserted_identity", "MULTIPLE",
                          "there may be one SIP or SIPS URI and one TEL URI "
                          "(RFC 3325, 9.1)");
    }
    uris.push_back(*std::move(uri));
  }
  return uris;
}

}  // namespace

absl::StatusOr<IdentityPlan> PlanIdentity(const IdentityRequest& request,
                                          TargetPolicy targets, bool trusted) {
  if (absl::Status status = CheckPrivacy(request.privacy); !status.ok()) {
    return status;
  }
  if (!request.asserted.empty() && !trusted) {
    return InvalidField("asserted_identity", "UNTRUSTED_TRUNK",
                        "an asserted identity is told to trunks with trusted: "
                        "true only (RFC 3325, 5)");
  }
  const absl::StatusOr<std::vector<std::string>> asserted =
      BuildAsserted(request.asserted, std::move(targets));
  if (!asserted.ok()) return asserted.status();
  IdentityPlan plan{.anonymous = WithholdsUser(request.privacy, trusted)};
  for (const std::string& uri : *asserted) {
    plan.headers.push_back({"P-Asserted-Identity", "<" + uri + ">"});
  }
  if (std::string privacy = PrivacyHeader(request.privacy); !privacy.empty()) {
    plan.headers.push_back({"Privacy", std::move(privacy)});
  }
  return plan;
}

bool WithholdsUser(const Privacy& privacy, bool trusted) {
  return privacy.user || (privacy.id && !trusted);
}

std::string PrivacyHeader(const Privacy& privacy) {
  std::string value;
  for (const PrivacyName& each : kPrivacyNames) {
    if (!(privacy.*each.value)) continue;
    if (!value.empty()) value += ';';
    value += each.name;
  }
  return value;
}

Privacy ReadPrivacy(const std::vector<std::string>& values) {
  Privacy privacy;
  for (const std::string& value : values) {
    for (const PrivacyName& each : kPrivacyNames) {
      if (EqualsIgnoreCase(value, each.name)) privacy.*each.value = true;
    }
  }
  const bool wants =
      privacy.header || privacy.session || privacy.user || privacy.id;
  (wants ? privacy.none : privacy.critical) = false;
  return privacy;
}

bool NamesUser(std::string_view header) {
  return EqualsIgnoreCase(header, "Remote-Party-ID") ||
         EqualsIgnoreCase(header, "Organization");
}

std::vector<std::string> ReadAssertedIdentity(
    const std::vector<std::string>& values) {
  std::vector<std::string> uris;
  for (const std::string& value : values) {
    for (const std::string_view item : SplitList(value)) {
      const absl::StatusOr<std::string> uri =
          BuildUri("P-Asserted-Identity", item, {.leg_is_secure = true});
      const bool known =
          uri.ok() && std::ranges::any_of(uris, [&](const auto& other) {
            return IsTel(other) == IsTel(*uri);
          });
      if (uri.ok() && !known) uris.push_back(*uri);
    }
  }
  return uris;
}

}  // namespace callcontrol::sip
