// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/refer_to.h"

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

TargetPolicy Policy() {
  TargetPolicy policy;
  policy.host = "pbx.example";
  return policy;
}

TargetPolicy SecurePolicy() {
  TargetPolicy policy = Policy();
  policy.leg_is_secure = true;
  return policy;
}

TargetPolicy TelToSip() {
  TargetPolicy policy = Policy();
  policy.tel_to_sip = true;
  return policy;
}

TargetPolicy WithPrefix(std::string prefix) {
  TargetPolicy policy = Policy();
  policy.international_prefix = std::move(prefix);
  return policy;
}

TargetPolicy WithCountry(std::string code) {
  TargetPolicy policy = WithPrefix("00");
  policy.default_country_code = std::move(code);
  return policy;
}

// The header value, or "REASON in field".
std::string Outcome(const absl::StatusOr<std::string>& built) {
  if (built.ok()) return *built;
  EXPECT_EQ(built.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(built.status().message().empty());
  const ErrorDetail detail = DetailOf(built.status());
  return detail.reason + " in " + detail.field;
}

std::string ReferTo(std::string_view input,
                    const std::vector<SipHeader>& headers = {},
                    const std::optional<ReplacedDialog>& replaces = {},
                    const TargetPolicy& policy = Policy()) {
  return Outcome(BuildReferTo(input, headers, replaces, policy));
}

struct Row {
  std::string id;
  std::string input;
  std::string outcome;
  TargetPolicy policy = Policy();
};

void PrintTo(const Row& row, std::ostream* os) { *os << row.id; }

class ReferToTest : public ::testing::TestWithParam<Row> {};

TEST_P(ReferToTest, Builds) {
  const Row& row = GetParam();
  EXPECT_EQ(ReferTo(row.input, {}, {}, row.policy), row.outcome);
}

std::string IdOf(const ::testing::TestParamInfo<Row>& info) {
  return info.param.id;
}

std::vector<Row> Vectors() {
  return {
      {"N1", "+15083084809", "<sip:+15083084809@pbx.example;user=phone>"},
      {"N4", "15083084809", "<sip:15083084809@pbx.example>"},
      {"N5", "0015083084809", "<sip:0015083084809@pbx.example>"},
      {"N5Prefix", "0015083084809", "<sip:+15083084809@pbx.example;user=phone>",
       WithPrefix("00")},
      {"N6", "1000", "<sip:1000@pbx.example>"},
      {"N8", "alice", "<sip:alice@pbx.example>"},
      {"N10", "sip:alice@b.example", "<sip:alice@b.example>"},
      {"N11", "<sip:alice@b.example;transport=tcp>",
       "<sip:alice@b.example;transport=tcp>"},
      {"N12", "sip:alice@b.example;transport=tcp",
       "<sip:alice@b.example;transport=tcp>"},
      {"N14", "sips:alice@b.example", "SIPS_ON_INSECURE_LEG in refer_to"},
      {"N14Secure", "sips:alice@b.example", "<sips:alice@b.example>",
       SecurePolicy()},
      {"N15", "tel:+15083084809", "<tel:+15083084809>"},
      {"N15ToSip", "tel:+15083084809",
       "<sip:+15083084809@pbx.example;user=phone>", TelToSip()},
      {"N18", "sip:[2001:db8::1]:5070", "<sip:[2001:db8::1]:5070>"},
      {"N20", "sip:sip.pstnhub.microsoft.com:5061;transport=tls;x-m=8:orgid:f",
       "<sip:sip.pstnhub.microsoft.com:5061;transport=tls;x-m=8:orgid:f>"},
      {"N24", "sip:a@b?Route=%3Csip:evil%3E",
       "FORBIDDEN_URI_HEADER in refer_to"},
      {"N26", "http://example.com", "SCHEME in refer_to"},
      {"N27", "<sip:a@b>, <sip:c@d>", "MULTIPLE in refer_to"},
      {"N28", "sip:a@b\r\nX-Evil: 1", "BAD_CHAR in refer_to"},
      {"N29Empty", "", "EMPTY in refer_to"},
      {"N29Spaces", "   ", "EMPTY in refer_to"},
      {"N32NoUser", "sip:@b", "BAD_URI in refer_to"},
      {"N32NoHost", "sip:a@", "BAD_URI in refer_to"},
      {"N32Brackets", "<<<>", "BAD_URI in refer_to"},
  };
}

std::vector<Row> Numbers() {
  const std::string e164 = "<sip:+15083084809@pbx.example;user=phone>";
  TargetPolicy ipv6 = Policy();
  ipv6.host = "[2001:db8::1]:5070";
  return {
      {"Separators", "+1 (508) 308-48.09", e164},
      {"SpacesAround", "  +15083084809  ", e164},
      {"Ipv6Host", "+1", "<sip:+1@[2001:db8::1]:5070;user=phone>", ipv6},
      {"FifteenDigits", "+123456789012345",
       "<sip:+123456789012345@pbx.example;user=phone>"},
      {"SixteenDigits", "+1234567890123456", "BAD_URI in refer_to"},
      {"PlusAlone", "+", "BAD_URI in refer_to"},
      {"PlusLetters", "+1555CALLNOW", "BAD_URI in refer_to"},
      {"SecondPlus", "+1+5", "BAD_URI in refer_to"},
      {"LocalSeparators", "(508) 308-4809", "<sip:5083084809@pbx.example>"},
      {"StarCode", "*72#", "<sip:*72%23@pbx.example>"},
      {"PrefixAlone", "00", "<sip:00@pbx.example>", WithPrefix("00")},
      {"PrefixAndTooMany", "001234567890123456",
       "<sip:001234567890123456@pbx.example>", WithPrefix("00")},
      {"National", "03012345678", "<sip:+493012345678@pbx.example;user=phone>",
       WithCountry("49")},
      {"NationalWithoutTrunk", "3012345678",
       "<sip:+493012345678@pbx.example;user=phone>", WithCountry("49")},
      {"NorthAmerican", "5083084809", e164, WithCountry("1")},
      {"NorthAmericanTrunk", "15083084809", e164, WithCountry("1")},
      {"PrefixBeforeCountry", "0015083084809", e164, WithCountry("49")},
      {"ExtensionStays", "123456", "<sip:123456@pbx.example>",
       WithCountry("49")},
      {"UserStays", "alice", "<sip:alice@pbx.example>", WithCountry("49")},
      {"PlusKnowsNoCountry", "+15083084809", e164, WithCountry("49")},
  };
}

std::vector<Row> Users() {
  TargetPolicy no_host = Policy();
  no_host.host = "";
  TargetPolicy bad_host = Policy();
  bad_host.host = "h>\r\nX-Evil: 1";
  TargetPolicy more_host = Policy();
  more_host.host = "h;lr?X-A=1";
  return {
      {"UserAtHost", "alice@b.example", "<sip:alice@b.example>"},
      {"UserAtIpv6", "alice@[2001:db8::1]:5070",
       "<sip:alice@[2001:db8::1]:5070>"},
      {"UserAtHostWithParameters", "alice@b;transport=tcp",
       "<sip:alice@b;transport=tcp>"},
      {"NumberAtHost", "+1508@b", "<sip:+1508@b>"},
      {"StarCodeAtHost", "*72#@b", "<sip:*72%23@b>"},
      {"EscapesAtHostStay", "a%40c@b", "<sip:a%40c@b>"},
      {"HeadersAtHostAreChecked", "a@b?Via=x",
       "FORBIDDEN_URI_HEADER in refer_to"},
      {"TwoAts", "a@b@c", "BAD_URI in refer_to"},
      {"AtAlone", "@", "BAD_URI in refer_to"},
      {"PercentIsEscaped", "100%", "<sip:100%25@pbx.example>"},
      {"Utf8User", "zoë", "<sip:zo%C3%AB@pbx.example>"},
      {"MarksStay", "a.b-c_d", "<sip:a.b-c_d@pbx.example>"},
      {"InnerSpace", "Alice Smith", "BAD_URI in refer_to"},
      {"Parameters", "alice;transport=tcp", "BAD_URI in refer_to"},
      {"Headers", "alice?Replaces=x", "BAD_URI in refer_to"},
      {"Ipv4Alone", "192.0.2.1", "BAD_URI in refer_to"},
      {"Ipv6Alone", "[2001:db8::1]", "BAD_URI in refer_to"},
      {"HostAndPort", "b.example:5060", "SCHEME in refer_to"},
      {"TwoUsers", "1000,1001", "MULTIPLE in refer_to"},
      {"NoHost", "1000", "BAD_URI in refer_to", no_host},
      {"NoHostNeeded", "sip:a@b", "<sip:a@b>", no_host},
      {"InjectedHost", "1000", "BAD_URI in refer_to", bad_host},
      {"MoreThanAHost", "1000", "BAD_URI in refer_to", more_host},
  };
}

std::vector<Row> Uris() {
  return {
      {"BytesKept", "SIP:Alice%5f@B.Example:05060;LR;tRansport=UDP",
       "<SIP:Alice%5f@B.Example:05060;LR;tRansport=UDP>"},
      {"CommaInBrackets", "<sip:a,b@h>", "<sip:a,b@h>"},
      {"CommaWithoutBrackets", "sip:a,b@h", "MULTIPLE in refer_to"},
      {"TwoWithoutBrackets", "sip:a@b,sip:c@d", "MULTIPLE in refer_to"},
      {"SecondWithBrackets", "sip:a@b, <sip:c@d>", "MULTIPLE in refer_to"},
      {"SpacesAround", " <sip:a@b> ", "<sip:a@b>"},
      {"DisplayName", "Alice Smith <sip:a@b>", "<sip:a@b>"},
      {"QuotedDisplayName", "\"A, \\\" <x>\"<sip:a@b>", "<sip:a@b>"},
      {"OpenQuote", "\"Alice <sip:a@b>", "BAD_URI in refer_to"},
      {"QuoteAlone", "\"", "BAD_URI in refer_to"},
      {"QuoteWithoutUri", "\"Alice\"", "BAD_URI in refer_to"},
      {"BackslashLast", "\"a\\", "BAD_URI in refer_to"},
      {"QuoteAndWord", "\"A\" b <sip:a@b>", "BAD_URI in refer_to"},
      {"NameIsNoToken", "sip:x <sip:a@b>", "BAD_URI in refer_to"},
      {"HeaderParameter", "<sip:a@b>;tag=1", "BAD_URI in refer_to"},
      {"NotClosed", "<sip:a@b", "BAD_URI in refer_to"},
      {"NoSchemeInBrackets", "<alice@b>", "BAD_URI in refer_to"},
      {"SchemeInBrackets", "<mailto:a@b>", "SCHEME in refer_to"},
      {"SpaceInBrackets", "< sip:a@b>", "BAD_URI in refer_to"},
      {"MethodInvite", "sip:a@b;method=INVITE", "<sip:a@b;method=INVITE>"},
      {"MethodBye", "sip:a@b;method=BYE", "BAD_URI in refer_to"},
      {"MethodEscaped", "sip:a@b;m%65thod=B%59E", "BAD_URI in refer_to"},
      {"MethodSecond", "sip:a@b;method=INVITE;METHOD=BYE",
       "BAD_URI in refer_to"},
      {"Tab", "sip:a@b\t", "BAD_CHAR in refer_to"},
      {"Nul", std::string("sip:a@b\0", 8), "BAD_CHAR in refer_to"},
      {"Latin1", "zo\xeb", "BAD_CHAR in refer_to"},
      {"TooLong", std::string(2049, '1'), "TOO_LONG in refer_to"},
      {"TelKept", "tel:+358-555-1234567;postd=pp22",
       "<tel:+358-555-1234567;postd=pp22>"},
      {"TelToSipParameters", "tel:+358-555-1234567;postd=pp22",
       "<sip:+358-555-1234567;postd=pp22@pbx.example;user=phone>", TelToSip()},
      {"TelToSipSorts", "tel:+1;Ext=A;postd=2;b=1;isub=3",
       "<sip:+1;isub=3;postd=2;b=1;ext=a@pbx.example;user=phone>", TelToSip()},
      {"TelToSipEscapes", "tel:*72#;phone-context=+1;x=%3a:",
       "<sip:*72%23;phone-context=+1;x=%3a%3A@pbx.example;user=phone>",
       TelToSip()},
      {"LocalTel", "tel:1000", "BAD_URI in refer_to"},
  };
}

std::vector<Row> RawHeaders() {
  return {
      {"NotEscapedAgain", "sip:a@b?X-Ctx=%2540&subject=a%20b",
       "<sip:a@b?X-Ctx=%2540&subject=a%20b>"},
      {"Replaces", "sip:a@b?Replaces=c%40d%3Bto-tag%3D1%3Bfrom-tag%3D2",
       "<sip:a@b?Replaces=c%40d%3Bto-tag%3D1%3Bfrom-tag%3D2>"},
      {"RequireReplaces",
       "sip:a@b?Require=replaces&Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2",
       "<sip:a@b?Require=replaces&Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2>"},
      {"ReplacesWithoutTag", "sip:a@b?Replaces=c%40d%3Bto-tag%3D1",
       "BAD_URI in refer_to"},
      {"ReplacesTwice",
       "sip:a@b?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2"
       "&Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2",
       "BAD_URI in refer_to"},
      {"RequireOther", "sip:a@b?Require=100rel",
       "FORBIDDEN_URI_HEADER in refer_to"},
      {"EscapedName", "sip:a@b?%52oute=x", "FORBIDDEN_URI_HEADER in refer_to"},
      {"Body", "sip:a@b?body=x", "FORBIDDEN_URI_HEADER in refer_to"},
      {"LaterOne", "sip:a@b?X-A=1&Via=x", "FORBIDDEN_URI_HEADER in refer_to"},
      {"EscapedLineEnd", "sip:a@b?X-A=1%0d%0aVia:%20x", "BAD_CHAR in refer_to"},
      {"EscapedNul", "sip:a@b?X-A=%00", "BAD_CHAR in refer_to"},
      {"EscapedLatin1", "sip:a@b?X-A=%FC", "BAD_CHAR in refer_to"},
      {"HeadersBeforeAt", "sip:b?Route=x@c", "BAD_URI in refer_to"},
      {"NoValue", "sip:a@b?X-A", "BAD_URI in refer_to"},
  };
}

INSTANTIATE_TEST_SUITE_P(AppendixB, ReferToTest, ::testing::ValuesIn(Vectors()),
                         IdOf);
INSTANTIATE_TEST_SUITE_P(Numbers, ReferToTest, ::testing::ValuesIn(Numbers()),
                         IdOf);
INSTANTIATE_TEST_SUITE_P(Users, ReferToTest, ::testing::ValuesIn(Users()),
                         IdOf);
INSTANTIATE_TEST_SUITE_P(Uris, ReferToTest, ::testing::ValuesIn(Uris()), IdOf);
INSTANTIATE_TEST_SUITE_P(RawHeaders, ReferToTest,
                         ::testing::ValuesIn(RawHeaders()), IdOf);

TEST(ReplacesTest, N21GoesIntoTheUri) {
  EXPECT_EQ(ReferTo("sip:t@h", {}, ReplacedDialog{"a@b", "1", "2", false}),
            "<sip:t@h?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>");
}

TEST(ReplacesTest, EarlyOnly) {
  EXPECT_EQ(ReferTo("t@h", {}, ReplacedDialog{"a", "1", "2", true}),
            "<sip:t@h?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2%3Bearly-only>");
}

TEST(ReplacesTest, AMissingTagIsZero) {
  EXPECT_EQ(ReferTo("t@h", {}, ReplacedDialog{"a", "", "2", false}),
            "<sip:t@h?Replaces=a%3Bto-tag%3D0%3Bfrom-tag%3D2>");
}

TEST(ReplacesTest, ComesBehindTheUrisOwnHeadersAndBeforeTheTargets) {
  EXPECT_EQ(ReferTo("sip:t@h?X-A=1", {{"X-B", "2"}},
                    ReplacedDialog{"a", "1", "2", false}),
            "<sip:t@h?X-A=1&Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2&X-B=2>");
}

TEST(ReplacesTest, BadDialogs) {
  const std::string long_id(257, 'a');
  EXPECT_EQ(ReferTo("t@h", {}, ReplacedDialog{"", "1", "2", false}),
            "EMPTY in replaces.call_id");
  EXPECT_EQ(ReferTo("t@h", {}, ReplacedDialog{"a;b", "1", "2", false}),
            "BAD_CHAR in replaces.call_id");
  EXPECT_EQ(ReferTo("t@h", {}, ReplacedDialog{"a", "1;x", "2", false}),
            "BAD_CHAR in replaces.to_tag");
  EXPECT_EQ(ReferTo("t@h", {}, ReplacedDialog{"a", "1", "2\r\n", false}),
            "BAD_CHAR in replaces.from_tag");
  EXPECT_EQ(ReferTo("t@h", {}, ReplacedDialog{long_id, "1", "2", false}),
            "TOO_LONG in replaces");
}

TEST(ReplacesTest, OneOnly) {
  const std::string value = "a;to-tag=1;from-tag=2";
  EXPECT_EQ(ReferTo("t@h", {{"Replaces", value}}),
            "<sip:t@h?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2>");
  EXPECT_EQ(ReferTo("t@h", {{"replaces", value}},
                    ReplacedDialog{"a", "1", "2", false}),
            "BAD_URI in target_headers[\"replaces\"]");
}

TEST(TargetHeadersTest, N22AreEscapedOnce) {
  EXPECT_EQ(ReferTo("sip:t@h", {{"X-Ctx", "a&b=c%"}}),
            "<sip:t@h?X-Ctx=a%26b%3Dc%25>");
  EXPECT_EQ(ReferTo("sip:t@h", {{"X-Ctx", "%40"}}), "<sip:t@h?X-Ctx=%2540>");
}

TEST(TargetHeadersTest, KeepTheirOrder) {
  EXPECT_EQ(ReferTo("1000", {{"User-to-User", "56;encoding=hex"},
                             {"Subject", "Grüße"},
                             {"X-%`", ""}}),
            "<sip:1000@pbx.example?User-to-User=56%3Bencoding%3Dhex&"
            "Subject=Gr%C3%BC%C3%9Fe&X-%25%60=>");
}

TEST(TargetHeadersTest, AreChecked) {
  EXPECT_EQ(ReferTo("1", {{"From", "x"}}),
            "FORBIDDEN_URI_HEADER in target_headers[\"From\"]");
  EXPECT_EQ(ReferTo("1", {{"", "x"}}),
            "FORBIDDEN_URI_HEADER in target_headers[\"\"]");
  EXPECT_EQ(ReferTo("1", {{"X-A", "a\r\nVia: x"}}),
            "BAD_CHAR in target_headers[\"X-A\"]");
  EXPECT_EQ(ReferTo("1", {{"X-A", std::string(1025, 'a')}}),
            "TOO_LONG in target_headers[\"X-A\"]");
  EXPECT_EQ(ReferTo("1", std::vector<SipHeader>(33, {"X-A", "a"})),
            "TOO_LONG in target_headers");
  EXPECT_EQ(
      ReferTo("1", std::vector<SipHeader>(9, {"X-A", std::string(1000, 'a')})),
      "TOO_LONG in target_headers");
}

TEST(TargetHeadersTest, HaveNoPlaceInATelUri) {
  EXPECT_EQ(ReferTo("tel:+1", {{"X-A", "1"}}), "BAD_URI in target_headers");
  EXPECT_EQ(ReferTo("tel:+1", {}, ReplacedDialog{"a", "1", "2", false}),
            "BAD_URI in replaces");
  EXPECT_EQ(ReferTo("tel:+1", {{"X-A", "1"}}, {}, TelToSip()),
            "<sip:+1@pbx.example;user=phone?X-A=1>");
}

class ReferredByTest : public ::testing::TestWithParam<Row> {};

TEST_P(ReferredByTest, Builds) {
  const Row& row = GetParam();
  EXPECT_EQ(Outcome(BuildReferredBy(row.input, row.policy)), row.outcome);
}

std::vector<Row> ReferredBy() {
  return {
      {"N37", "1001", "<sip:1001@pbx.example>"},
      {"Number", "+15083084809", "<sip:+15083084809@pbx.example;user=phone>"},
      {"UserAtHost", "a@b", "<sip:a@b>"},
      {"Uri", "sip:a@b;x=y", "<sip:a@b;x=y>"},
      {"NameAddr", "\"A\" <sip:a@b>", "<sip:a@b>"},
      {"Headers", "sip:a@b?X-A=1", "FORBIDDEN_URI_HEADER in referred_by"},
      {"Empty", "", "EMPTY in referred_by"},
      {"Token", "<sip:a@b>;cid=\"1@x\"", "BAD_URI in referred_by"},
      {"Two", "<sip:a@b>,<sip:c@d>", "MULTIPLE in referred_by"},
      {"Sips", "sips:a@b", "SIPS_ON_INSECURE_LEG in referred_by"},
      {"Injection", "a@b\nX: y", "BAD_CHAR in referred_by"},
  };
}

INSTANTIATE_TEST_SUITE_P(Rows, ReferredByTest,
                         ::testing::ValuesIn(ReferredBy()), IdOf);

}  // namespace
}  // namespace callcontrol::sip
