// SPDX-License-Identifier: Apache-2.0
#include "sip/call/identity.h"

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::IsEmpty;

const TargetPolicy& Targets() {
  static const auto* const targets =
      new TargetPolicy{.host = "carrier.example", .tel_to_sip = true};
  return *targets;
}

std::string ReasonOf(const IdentityRequest& request, bool trusted = true) {
  const auto plan = PlanIdentity(request, Targets(), trusted);
  return plan.ok() ? "" : DetailOf(plan.status()).reason;
}

TEST(IdentityTest, NothingIsSaidWhereNothingIsWanted) {
  EXPECT_EQ(*PlanIdentity({}, Targets(), true), IdentityPlan());
  EXPECT_EQ(*PlanIdentity({}, Targets(), false), IdentityPlan());
}

TEST(IdentityTest, ATrustedNeighbourIsToldWhoItIs) {
  const auto plan = PlanIdentity({.asserted = {"+15551234", "tel:+15551234"}},
                                 Targets(), true);
  EXPECT_THAT(
      plan->headers,
      ElementsAre(FieldsAre("P-Asserted-Identity",
                            "<sip:+15551234@carrier.example;user=phone>"),
                  FieldsAre("P-Asserted-Identity", "<tel:+15551234>")));
  EXPECT_FALSE(plan->anonymous);
}

TEST(IdentityTest, AnotherOneIsNot) {
  EXPECT_EQ(ReasonOf({.asserted = {"sip:a@b"}}, false), "UNTRUSTED_TRUNK");
}

TEST(IdentityTest, ThereAreTwoKindsOfIdentityAndOneOfEach) {
  EXPECT_EQ(ReasonOf({.asserted = {"sip:a@b", "sips:c@d"}}), "MULTIPLE");
  EXPECT_EQ(ReasonOf({.asserted = {"tel:+1", "tel:+2"}}), "MULTIPLE");
  EXPECT_EQ(ReasonOf({.asserted = {"sips:a@b", "tel:+2"}}), "");
}

TEST(IdentityTest, AnIdentityIsCheckedLikeAnyUri) {
  EXPECT_EQ(ReasonOf({.asserted = {"sip:a@b\r\nX-Evil: 1"}}), "BAD_CHAR");
  EXPECT_EQ(ReasonOf({.asserted = {"<sip:a@b>, <sip:c@d>"}}), "MULTIPLE");
  EXPECT_EQ(ReasonOf({.asserted = {"http://a.example"}}), "SCHEME");
  EXPECT_EQ(ReasonOf({.asserted = {""}}), "EMPTY");
}

TEST(IdentityTest, NoneStandsAloneAndCriticalDoesNot) {
  EXPECT_EQ(ReasonOf({.privacy = {.none = true}}), "");
  EXPECT_EQ(ReasonOf({.privacy = {.id = true, .none = true}}), "BAD_PRIVACY");
  EXPECT_EQ(ReasonOf({.privacy = {.critical = true}}), "BAD_PRIVACY");
  EXPECT_EQ(ReasonOf({.privacy = {.id = true, .critical = true}}), "");
}

TEST(IdentityTest, PrivacyIsWrittenInItsOrder) {
  EXPECT_EQ(PrivacyHeader({}), "");
  EXPECT_EQ(PrivacyHeader({.none = true}), "none");
  EXPECT_EQ(PrivacyHeader({.header = true,
                           .session = true,
                           .user = true,
                           .id = true,
                           .critical = true}),
            "header;session;user;id;critical");
}

TEST(IdentityTest, TheUserIsWithheldByWhoeverMustDoIt) {
  const auto anonymous = [](const Privacy& privacy, bool trusted) {
    return PlanIdentity({.privacy = privacy}, Targets(), trusted)->anonymous;
  };
  EXPECT_TRUE(anonymous({.user = true}, true));
  EXPECT_TRUE(anonymous({.user = true}, false));
  EXPECT_TRUE(anonymous({.id = true}, false));
  // Its edge takes the identity out (RFC 3325, 7).
  EXPECT_FALSE(anonymous({.id = true}, true));
  EXPECT_FALSE(anonymous({.header = true, .session = true}, false));
  EXPECT_FALSE(anonymous({.none = true}, false));
}

TEST(IdentityTest, ThePrivacyOfAPeerIsRead) {
  EXPECT_EQ(ReadPrivacy({"ID", "Critical", "history", ""}),
            (Privacy{.id = true, .critical = true}));
  EXPECT_EQ(ReadPrivacy({"none", "user"}), (Privacy{.user = true}));
  EXPECT_EQ(ReadPrivacy({"none", "critical"}), (Privacy{.none = true}));
  EXPECT_EQ(ReadPrivacy({"critical"}), Privacy());
}

TEST(IdentityTest, SomeHeadersNameTheUser) {
  EXPECT_TRUE(NamesUser("remote-party-id"));
  EXPECT_FALSE(NamesUser("X-Tenant"));
}

TEST(IdentityTest, TheIdentityOfAPeerIsRead) {
  EXPECT_THAT(
      ReadAssertedIdentity(
          {R"("Cullen, J. <\"x>" <sip:fluffy@cisco.com>)", "tel:+14085264000"}),
      ElementsAre("sip:fluffy@cisco.com", "tel:+14085264000"));
  EXPECT_THAT(ReadAssertedIdentity({"<tel:+1>, <sips:a@b;user=phone>"}),
              ElementsAre("tel:+1", "sips:a@b;user=phone"));
}

TEST(IdentityTest, WhatIsNoneIsLeftOut) {
  EXPECT_THAT(ReadAssertedIdentity({}), IsEmpty());
  EXPECT_THAT(ReadAssertedIdentity({"", "<http://a>", "<sip:a@b", "+1555",
                                    "<sip:a@b?Replaces=c>", "\"open"}),
              IsEmpty());
  EXPECT_THAT(ReadAssertedIdentity({"<sip:a@b>,<sip:c@d>", "<sip:e@f>"}),
              ElementsAre("sip:a@b"));
}

}  // namespace
}  // namespace callcontrol::sip
