// SPDX-License-Identifier: Apache-2.0
#include "sip/tls/certificate_names.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

CertificateNames Uris(std::vector<std::string> uris) {
  return {.has_alternative_names = true, .uris = std::move(uris)};
}

TEST(SipDomainsTest, AreTheHostsOfSipUrisWithoutAUser) {
  EXPECT_THAT(SipDomains(Uris({"sip:a.example", "SIP:b.example:5061",
                               "sip:c.example;lr", "sip:d.example?x=y",
                               "sip:[2001:db8::1]:5061", "sips:e.example",
                               "sip:bob@f.example", "http://g.example"})),
              ElementsAre("a.example", "b.example", "c.example", "d.example",
                          "[2001:db8::1]"));
  EXPECT_THAT(SipDomains(Uris({"sip:[2001:db8::1", "sip"})), IsEmpty());
}

TEST(SipDomainsTest, AreDnsNamesOnlyWhereNoSipUriIs) {
  CertificateNames names = Uris({"sip:bob@f.example"});
  names.dns_names = {"a.example", "b.example"};
  names.common_name = "c.example";
  EXPECT_THAT(SipDomains(names), ElementsAre("a.example", "b.example"));
  names.uris = {"sip:d.example"};
  EXPECT_THAT(SipDomains(names), ElementsAre("d.example"));
}

TEST(SipDomainsTest, AreTheCommonNameOnlyWithoutASubjectAltName) {
  CertificateNames names{.common_name = "a.example"};
  EXPECT_THAT(SipDomains(names), ElementsAre("a.example"));
  names.has_alternative_names = true;
  EXPECT_THAT(SipDomains(names), IsEmpty());
  EXPECT_THAT(SipDomains({}), IsEmpty());
}

TEST(SpeaksForTest, ComparesWholeNamesWithoutRegardToCase) {
  const CertificateNames names{.has_alternative_names = true,
                               .dns_names = {"Peer.Example", "*.b.example"}};
  EXPECT_TRUE(SpeaksFor(names, "peer.example"));
  EXPECT_TRUE(SpeaksFor(names, "PEER.EXAMPLE."));
  EXPECT_FALSE(SpeaksFor(names, "a.peer.example"));
  EXPECT_FALSE(SpeaksFor(names, "example"));
  EXPECT_FALSE(SpeaksFor(names, "a.b.example"));
  EXPECT_FALSE(SpeaksFor(names, ""));
  EXPECT_FALSE(SpeaksFor({}, ""));
}

TEST(SpeaksForTest, ANumericHostMayBeAnAddressOfTheCertificate) {
  CertificateNames names = Uris({"sip:a.example"});
  names.ip_addresses = {"192.0.2.1", "2001:db8::1"};
  EXPECT_TRUE(SpeaksFor(names, "192.0.2.1"));
  EXPECT_TRUE(SpeaksFor(names, "[2001:DB8::1]"));
  EXPECT_FALSE(SpeaksFor(names, "192.0.2.2"));
  EXPECT_FALSE(SpeaksFor(names, "[192.0.2.1"));
}

}  // namespace
}  // namespace callcontrol::sip
