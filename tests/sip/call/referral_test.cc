// SPDX-License-Identifier: Apache-2.0
#include "sip/call/referral.h"

#include <string>
#include <utility>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

std::string UriOf(std::string_view refer_to) {
  const auto target = ReadReferTarget(refer_to);
  return target.ok() ? target->uri.text : std::string("refused");
}

std::string ReasonOf(std::string_view refer_to) {
  const auto target = ReadReferTarget(refer_to);
  return target.ok() ? "good" : DetailOf(target.status()).reason;
}

TEST(ReferralTest, FormsOfReferTo) {
  for (const char* const refer_to :
       {"<sip:bob@b.example;x=1>", "sip:bob@b.example;x=1",
        "\"Bob <x>\\\" y\" <sip:bob@b.example;x=1>;cid=7",
        "Bob <sip:bob@b.example;x=1>", " < sip:bob@b.example;x=1 > ",
        "<sip:bob@b.example;method=INVITE;x=1?X-A=b>"}) {
    EXPECT_EQ(UriOf(refer_to), "sip:bob@b.example;x=1") << refer_to;
  }
  EXPECT_EQ(UriOf("<sips:b.example:5071>"), "sips:b.example:5071");
  EXPECT_EQ(UriOf("<tel:+15551234;ext=7>"), "tel:+15551234;ext=7");
  EXPECT_EQ(UriOf("<SIP:bob@[::1]>"), "SIP:bob@[::1]");
}

TEST(ReferralTest, WhatCannotBeRead) {
  EXPECT_EQ(ReasonOf(""), "BAD_URI");
  EXPECT_EQ(ReasonOf("<sip:bob@b.example"), "BAD_URI");
  EXPECT_EQ(ReasonOf("\"Bob <sip:bob@b.example>"), "BAD_URI");
  EXPECT_EQ(ReasonOf("<>"), "BAD_URI");
  EXPECT_EQ(ReasonOf("<sip:b\x01@b.example>"), "BAD_CHAR");
  EXPECT_EQ(ReasonOf("<mailto:a@b.example>"), "SCHEME");
  EXPECT_EQ(ReasonOf("<sip:a@b.example;method=BYE>"), "SCHEME");
  EXPECT_EQ(ReasonOf("<sip:a@b.example;%6dethod=BYE>"), "SCHEME");
  EXPECT_EQ(ReasonOf("<sip:a@b.example;method>"), "SCHEME");
  EXPECT_EQ(ReasonOf("<sip:a@b.example?Replaces=x>"), "BAD_URI");
  const std::string replaces = "Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc";
  EXPECT_EQ(ReasonOf("<sip:a@b.example?" + replaces + "&" + replaces + ">"),
            "BAD_URI");
}

TEST(ReferralTest, DangerousHeadersStayBehind) {
  const auto target = ReadReferTarget(
      "<sip:a@b.example?From=x&X-A=1%262&Replaces=a%40h%3Bto-tag%3Db%3B"
      "from-tag%3Dc&Route=%3Csip%3Ax%3E&Require=replaces&Require=100rel&body=v"
      "&Subject=a%0d%0aEvil:%20b>");
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_EQ(target->replaces, "a@h;to-tag=b;from-tag=c");
  EXPECT_THAT(target->headers,
              ElementsAre(SipHeader{"X-A", "1&2"},
                          SipHeader{"Replaces", "a@h;to-tag=b;from-tag=c"},
                          SipHeader{"Require", "replaces"}));
}

TEST(ReferralTest, Patterns) {
  const auto fits = [](std::string_view pattern, std::string_view refer_to) {
    return FitsTarget(pattern, ReadReferTarget(refer_to)->uri);
  };
  EXPECT_TRUE(fits("bob@b.example", "sip:%62ob:secret@B.example;x"));
  EXPECT_TRUE(fits("b*@*.EXAMPLE", "sips:bob@b.example"));
  EXPECT_TRUE(fits("*", "sip:1;rn=2@b.example:25"));
  EXPECT_TRUE(fits("*", "tel:+1555;ext=7"));
  EXPECT_TRUE(fits("+1*", "tel:+1555"));
  EXPECT_TRUE(fits("b.example", "sip:b.example"));
  EXPECT_TRUE(fits("*@b.example:*", "sip:bob@b.example:5070"));
  // A port, another one than was meant.
  EXPECT_FALSE(fits("*@b.example", "sip:bob@b.example:25"));
  EXPECT_FALSE(fits("*@b.example:*", "sip:bob@b.example"));
  // "*" stays on its side.
  EXPECT_FALSE(fits("+1*", "sip:+1555@b.example"));
  EXPECT_FALSE(fits("1*@b.example", "sip:1x@toll.example"));
  EXPECT_FALSE(fits("+1*@b.example", "tel:+1555"));
  EXPECT_FALSE(fits("b.example", "sip:bob@b.example"));
  EXPECT_FALSE(fits("*@b.example", "sip:x%40b.example@toll.example"));
  // Parameters that lead elsewhere.
  EXPECT_FALSE(fits("1*@b.example", "sip:1000;rn=+1900@b.example"));
  EXPECT_TRUE(fits("1*;x=*@b.example", "sip:1000;x=7@b.example"));
  EXPECT_FALSE(fits("12*", "tel:1234;phone-context=+1900"));
}

ReferralRequest Asking(std::string_view refer_to) {
  return {.target = ReadReferTarget(refer_to)};
}

MATCHER_P(IsRefused, code, "is refused") {
  return arg.has_value() && arg->code == code && !arg->reason.empty();
}

TEST(ReferralTest, WhoIsRefused) {
  ReferralPolicy policy{.mode = ReferralMode::kExecute,
                        .targets = {"+1508*@*", "*@PBX.example"}};
  const auto refused = [&](const ReferralRequest& request) {
    return RefuseReferral(policy, request);
  };
  const ReferralRequest good = Asking("<sip:al@pbx.example>");
  EXPECT_EQ(refused(good), std::nullopt);
  EXPECT_EQ(refused(Asking("<sip:+15081234@any.example>")), std::nullopt);
  EXPECT_THAT(refused(Asking("<sip:+19001234@any.example>")), IsRefused(403));
  // A user that looks like a host.
  EXPECT_THAT(refused(Asking("<sip:x%40pbx.example@toll.example>")),
              IsRefused(403));
  EXPECT_THAT(refused(Asking("<sip:a@b.example;method=BYE>")), IsRefused(603));
  EXPECT_THAT(refused(Asking("<>")), IsRefused(400));

  EXPECT_THAT(refused(Asking("<sip:al@pbx.example;maddr=10.0.0.5>")),
              IsRefused(403));
  EXPECT_THAT(refused(Asking("<sip:al@pbx.example;M%61ddr=10.0.0.5>")),
              IsRefused(403));
  ReferralRequest odd = good;
  odd.depth = 8;
  EXPECT_THAT(refused(odd), IsRefused(403));
  odd = good;
  odd.leads_here = true;
  EXPECT_THAT(refused(odd), IsRefused(403));
  policy.trunk = "out";
  EXPECT_EQ(refused(odd), std::nullopt);
  odd = Asking("<sip:x@here.example?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>");
  odd.leads_here = true;
  odd.replaces_own = true;
  EXPECT_EQ(refused(odd), std::nullopt);

  policy = {.mode = ReferralMode::kExecute};
  EXPECT_THAT(refused(good), IsRefused(403));
  policy.mode = ReferralMode::kDelegate;
  EXPECT_EQ(refused(good), std::nullopt);
  policy.targets = {"bob@*"};
  EXPECT_THAT(refused(good), IsRefused(403));
  policy.mode = ReferralMode::kDecline;
  EXPECT_THAT(refused(good), IsRefused(603));
}

}  // namespace
}  // namespace callcontrol::sip
