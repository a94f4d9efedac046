// SPDX-License-Identifier: Apache-2.0
#include "sip/call/call_routes.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace callcontrol::sip {
namespace {

// "user@HOST" with its host in lower case.
std::string Comparable(std::string_view address) {
  const std::size_t at = address.rfind('@');
  const std::size_t host = at == std::string_view::npos ? 0 : at + 1;
  std::string text(address);
  std::transform(text.begin() + static_cast<std::ptrdiff_t>(host), text.end(),
                 text.begin() + static_cast<std::ptrdiff_t>(host),
                 absl::ascii_tolower);
  return text;
}

bool AnyFits(const std::vector<std::string>& patterns,
             std::string_view address) {
  const std::string text = Comparable(address);
  return patterns.empty() ||
         std::ranges::any_of(patterns, [&](const std::string& pattern) {
           return FitsPattern(Comparable(pattern), text);
         });
}

bool Fits(const CallRoute& route, const IncomingCall& call) {
  const bool from_there =
      route.sources.empty() ||
      (call.source &&
       std::ranges::any_of(route.sources, [&](const IpNetwork& network) {
         return network.Contains(*call.source);
       }));
  const bool by_it =
      route.trunks.empty() ||
      std::ranges::find(route.trunks, call.trunk) != route.trunks.end();
  return from_there && by_it && AnyFits(route.request_uris, call.request_uri) &&
         AnyFits(route.tos, call.to);
}

}  // namespace

bool FitsPattern(std::string_view pattern, std::string_view text) {
  // Greedy from left to right: only the last "*" ever has to take more.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_took = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_took = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_took;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

const CallTreatment& TreatmentOf(const IncomingCall& call,
                                 const std::vector<CallRoute>& routes) {
  static const CallTreatment answer{};
  static const CallTreatment nobody{.kind = CallTreatment::Kind::kReject,
                                    .status = 404};
  if (routes.empty()) return answer;
  const auto route = std::ranges::find_if(
      routes,
      [&](const CallRoute& candidate) { return Fits(candidate, call); });
  return route == routes.end() ? nobody : route->treatment;
}

}  // namespace callcontrol::sip
