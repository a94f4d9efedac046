// SPDX-License-Identifier: Apache-2.0
#include "sip/tls/certificate_names.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace callcontrol::sip {
namespace {

// The host of a sip: URI that names a domain; nullopt for any other URI.
std::optional<std::string> DomainOfUri(const std::string& uri) {
  constexpr std::size_t kScheme = 4;
  if (!absl::StartsWithIgnoreCase(uri, "sip:") ||
      uri.find('@') != std::string::npos) {
    return std::nullopt;
  }
  const std::string rest = uri.substr(kScheme);
  // Between the brackets of an IPv6 address ":" begins no port.
  const std::size_t bracket = rest.starts_with('[') ? rest.find(']') : 0;
  if (bracket == std::string::npos) return std::nullopt;
  return rest.substr(0, rest.find_first_of(":;?", bracket));
}

bool IsSameName(std::string left, std::string right) {
  // A dot at the end makes no other name.
  for (std::string* name : {&left, &right}) {
    if (name->ends_with('.')) name->pop_back();
  }
  return !left.empty() &&
         absl::AsciiStrToLower(left) == absl::AsciiStrToLower(right);
}

}  // namespace

std::vector<std::string> SipDomains(const CertificateNames& names) {
  std::vector<std::string> domains;
  for (const std::string& uri : names.uris) {
    if (auto domain = DomainOfUri(uri)) domains.push_back(*std::move(domain));
  }
  if (!domains.empty()) return domains;
  if (names.has_alternative_names) return names.dns_names;
  if (!names.common_name.empty()) domains.push_back(names.common_name);
  return domains;
}

bool SpeaksFor(const CertificateNames& names, std::string_view host) {
  const std::string wanted(host);
  if (std::ranges::any_of(SipDomains(names), [&](const std::string& domain) {
        return IsSameName(domain, wanted);
      })) {
    return true;
  }
  std::string address = wanted;
  if (address.starts_with('[') && address.ends_with(']')) {
    address = address.substr(1, address.size() - 2);
  }
  return std::ranges::count(names.ip_addresses,
                            absl::AsciiStrToLower(address)) > 0;
}

}  // namespace callcontrol::sip
