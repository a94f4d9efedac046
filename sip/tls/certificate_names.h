// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TLS_CERTIFICATE_NAMES_H_
#define CALLCONTROL_SIP_TLS_CERTIFICATE_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

// Whom a certificate speaks for (RFC 5922, 7). Pure.
namespace callcontrol::sip {

// The names in a certificate, as they stand there.
struct CertificateNames {
  // Of its subjectAltName, whether or not any of the lists has one.
  bool has_alternative_names = false;
  std::vector<std::string> uris{};
  std::vector<std::string> dns_names{};
  // Numeric, IPv6 without brackets, as inet_ntop() writes them.
  std::vector<std::string> ip_addresses{};
  // The last common name of the subject.
  std::string common_name{};
};

// The SIP domains that it speaks for (RFC 5922, 7.1): the hosts of its sip:
// URIs without a user; where there are none, its DNS names; where it has no
// subjectAltName at all, its common name.
std::vector<std::string> SipDomains(const CertificateNames& names);

// Whether it speaks for `host`, the host of the URI that led to its owner:
// letter by letter but for case, so that "*" stands for nothing (RFC
// 5922, 7.2). A numeric host, IPv6 in brackets, also matches an iPAddress, of
// which RFC 5922 says nothing: a Contact is often numeric.
bool SpeaksFor(const CertificateNames& names, std::string_view host);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TLS_CERTIFICATE_NAMES_H_
