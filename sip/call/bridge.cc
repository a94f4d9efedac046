// SPDX-License-Identifier: Apache-2.0
#include "sip/call/bridge.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace callcontrol::sip {
namespace {

SipStatus OwnFailure(int code, std::string_view phrase,
                     const SipStatus& refusal) {
  return {code, absl::StrCat(absl::string_view(phrase.data(), phrase.size()),
                             " (the other side said ", refusal.code, ")")};
}

}  // namespace

bool PassesHeader(std::string_view name,
                  const std::vector<std::string>& pass_headers) {
  const absl::string_view given(name.data(), name.size());
  return std::ranges::any_of(pass_headers, [given](absl::string_view passes) {
    if (absl::ConsumeSuffix(&passes, "*")) {
      return absl::StartsWithIgnoreCase(given, passes);
    }
    return absl::EqualsIgnoreCase(given, passes);
  });
}

SipStatus RelayedRefusal(const SipStatus& refusal) {
  switch (refusal.code) {
    case 401:
    case 407:
      return OwnFailure(403, "Forbidden", refusal);
    case 420:
    case 421:
    case 422:
    case 481:
    case 494:
    case 503:
      return OwnFailure(500, "Server Internal Error", refusal);
    default:
      return refusal;
  }
}

SipStatus RelayedDialogRefusal(const SipStatus& refusal) {
  if (refusal.code == 408 || (refusal.code >= 300 && refusal.code < 400)) {
    return OwnFailure(500, "Server Internal Error", refusal);
  }
  return RelayedRefusal(refusal);
}

}  // namespace callcontrol::sip
