// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/sip_uri.h"

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

struct Row {
  std::string_view name;
  // The text is filled in from `text`.
  std::string_view text;
  SipUri parts;
};

void PrintTo(const Row& row, std::ostream* os) { *os << row.name; }

SipUri Parts(std::string scheme, std::string user, std::string host,
             std::string port = "", std::string parameters = "",
             std::string headers = "") {
  return {"",
          std::move(scheme),
          std::move(user),
          std::move(host),
          std::move(port),
          std::move(parameters),
          std::move(headers)};
}

class SipUriTest : public ::testing::TestWithParam<Row> {};

TEST_P(SipUriTest, ParsesAndKeepsTheBytes) {
  const absl::StatusOr<SipUri> uri = ParseSipUri(GetParam().text);
  ASSERT_TRUE(uri.ok()) << uri.status();
  SipUri expected = GetParam().parts;
  expected.text = GetParam().text;
  EXPECT_EQ(*uri, expected);
  EXPECT_EQ(ToString(*uri), GetParam().text);
}

const Row kRows[] = {
    {"Plain", "sip:alice@b.example", Parts("sip", "alice", "b.example")},
    {"NoUser", "sip:b.example", Parts("sip", "", "b.example")},
    {"Sips", "sips:a@b", Parts("sips", "a", "b")},
    {"UpperCaseScheme", "SIP:Alice@B", Parts("sip", "Alice", "B")},
    {"Everything", "sip:a:pw@b:5060;lr;x=y?X-A=1&Subject=",
     Parts("sip", "a:pw", "b", "5060", ";lr;x=y", "X-A=1&Subject=")},
    {"UserMarks", "sip:-_.!~*'()&=+$,;/@b",
     Parts("sip", "-_.!~*'()&=+$,;/", "b")},
    {"EscapedUser", "sip:%40%c3%BC@b", Parts("sip", "%40%c3%BC", "b")},
    {"Number", "sip:+358-555-1234567;postd=pp22@h;user=phone",
     Parts("sip", "+358-555-1234567;postd=pp22", "h", "", ";user=phone")},
    {"Ipv4", "sip:a@192.0.2.1:1", Parts("sip", "a", "192.0.2.1", "1")},
    {"Ipv6", "sip:[2001:db8::1]:5070",
     Parts("sip", "", "[2001:db8::1]", "5070")},
    {"HighestPort", "sip:b:65535", Parts("sip", "", "b", "65535")},
    {"TrailingDot", "sip:b.example.;lr",
     Parts("sip", "", "b.example.", "", ";lr")},
    {"Hyphens", "sip:a--b.3x.c-9", Parts("sip", "", "a--b.3x.c-9")},
    {"Teams", "sip:sip.pstnhub.microsoft.com:5061;transport=tls;x-m=8:orgid:f",
     Parts("sip", "", "sip.pstnhub.microsoft.com", "5061",
           ";transport=tls;x-m=8:orgid:f")},
    {"ParameterMarks", "sip:b;[]/:&+$=%3b[]/:&+$",
     Parts("sip", "", "b", "", ";[]/:&+$=%3b[]/:&+$")},
    {"HeadersOnly", "sip:b?Replaces=a%40b%3Bto-tag%3D1",
     Parts("sip", "", "b", "", "", "Replaces=a%40b%3Bto-tag%3D1")},
    {"Tel", "tel:+1-(508).308", Parts("tel", "+1-(508).308", "")},
    {"TelParameters", "TEL:+15;isub=1;ext=2",
     Parts("tel", "+15", "", "", ";isub=1;ext=2")},
    {"LocalTel", "tel:*72#;phone-context=+1",
     Parts("tel", "*72#", "", "", ";phone-context=+1")},
};

INSTANTIATE_TEST_SUITE_P(Rows, SipUriTest, ::testing::ValuesIn(kRows),
                         [](const auto& row) {
                           return std::string(row.param.name);
                         });

class BadSipUriTest : public ::testing::TestWithParam<std::string_view> {};

TEST_P(BadSipUriTest, IsRefused) {
  const absl::StatusOr<SipUri> uri = ParseSipUri(GetParam());
  ASSERT_FALSE(uri.ok());
  EXPECT_EQ(uri.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DetailOf(uri.status()), (ErrorDetail{"BAD_URI", "", ""}));
}

INSTANTIATE_TEST_SUITE_P(Start, BadSipUriTest,
                         ::testing::Values("", "sip", ":a@b", "1sip:a",
                                           " sip:a@b", "<<", "sip:", "alice",
                                           "s ip:a"));
INSTANTIATE_TEST_SUITE_P(User, BadSipUriTest,
                         ::testing::Values("sip:@b", "sip::pw@b", "sip:a@",
                                           "sip:a@b@c", "sip:a b@c", "sip:a#@b",
                                           "sip:%4@b", "sip:%zz@b", "sip:%@b",
                                           "sip:\xc3\xbc@b", "sip:a\"@b",
                                           "sip:a:b:c@d", "sip:b?X=a@c"));
INSTANTIATE_TEST_SUITE_P(
    Host, BadSipUriTest,
    ::testing::Values("sip:a@b c", "sip:a@b_c", "sip:a@-b", "sip:a@b-",
                      "sip:a@b..c", "sip:a@.", "sip:a@256.1.1.1", "sip:a@1.2.3",
                      "sip:a@1.2.3.4.5", "sip:a@1", "sip:a@[::1", "sip:a@[]",
                      "sip:a@[::1]x", "sip:a@[fe80::1%25eth0]", "sip:a@::1",
                      "sip:a@b,c", "sip:a@b>"));
INSTANTIATE_TEST_SUITE_P(Port, BadSipUriTest,
                         ::testing::Values("sip:b:", "sip:b:0", "sip:b:65536",
                                           "sip:b:99999999999999999999",
                                           "sip:b:+1", "sip:b:5060x",
                                           "sip:b:1:2"));
INSTANTIATE_TEST_SUITE_P(Rest, BadSipUriTest,
                         ::testing::Values("sip:b;", "sip:b;;lr", "sip:b;=x",
                                           "sip:b;x=", "sip:b;x=a=b",
                                           "sip:b;x=<", "sip:b;x=a,b", "sip:b?",
                                           "sip:b?X", "sip:b?=v", "sip:b?X=1&",
                                           "sip:b?X=a@b", "sip:b?X=a;b",
                                           "sip:b?X=%0", "sip:b?X=a=b"));
INSTANTIATE_TEST_SUITE_P(Tel, BadSipUriTest,
                         ::testing::Values("tel:", "tel:+", "tel:+-",
                                           "tel:1000", "tel:+1a", "tel:++1",
                                           "tel:+1;", "tel:+1;x=", "tel:+1@h",
                                           "tel:+1?X=1", "tel:+1#",
                                           "tel:*;phone-contex=1"));

TEST(SipUriSchemeTest, OthersAreRefused) {
  for (const std::string_view text :
       {"http://example.com", "mailto:a@b", "x:", "im:a@b", "sipx:a@b"}) {
    EXPECT_EQ(DetailOf(ParseSipUri(text).status()).reason, "SCHEME") << text;
  }
}

TEST(SipUriLimitTest, HasALimit) {
  const std::string full = "sip:" + std::string(2042, 'a') + "@b";
  EXPECT_TRUE(ParseSipUri(full).ok());
  EXPECT_EQ(DetailOf(ParseSipUri(full + "b").status()).reason, "TOO_LONG");
  EXPECT_FALSE(ParseSipUri("sip:" + std::string(64, 'a')).ok());
}

TEST(EscapeTest, HeaderValues) {
  EXPECT_EQ(EscapeUriHeaderValue("aZ9-_.!~*'()[]/?:+$"), "aZ9-_.!~*'()[]/?:+$");
  EXPECT_EQ(EscapeUriHeaderValue("@;=,&%\" <>#"),
            "%40%3B%3D%2C%26%25%22%20%3C%3E%23");
  EXPECT_EQ(EscapeUriHeaderValue("\xc3\xbc"), "%C3%BC");
  EXPECT_EQ(EscapeUriHeaderValue("%40"), "%2540");
}

TEST(EscapeTest, Users) {
  EXPECT_EQ(EscapeUser("*72#"), "*72%23");
  EXPECT_EQ(EscapeUser("a@b:c%"), "a%40b%3Ac%25");
  EXPECT_EQ(EscapeUser("&=+$,;?/"), "&=+$,;%3F/");
}

TEST(EscapeTest, UnescapingUndoesIt) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(UnescapeUri(EscapeUriHeaderValue(all)), all);
  EXPECT_EQ(UnescapeUri("%c3%BC%4%%zz%2540"), "\xc3\xbc%4%%zz%40");
}

TEST(AddressTest, Ipv6) {
  for (const std::string_view text : {"::", "::1", "1::", "1:2:3:4:5:6:7:8",
                                      "1:2:3:4:5:6:7::", "::ffff:192.0.2.1",
                                      "1:2:3:4:5:6:1.2.3.4", "fe80::a:B"}) {
    EXPECT_TRUE(IsIpv6Address(text)) << text;
  }
  for (const std::string_view text :
       {"", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8:", "1::2::3",
        "12345::", "g::", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4", "::1.2.3",
        "1.2.3.4::", ":1::", "1:2:3:4:5:6:7::8"}) {
    EXPECT_FALSE(IsIpv6Address(text)) << text;
  }
}

TEST(AddressTest, Ipv4) {
  EXPECT_TRUE(IsIpv4Address("0.0.0.0"));
  EXPECT_TRUE(IsIpv4Address("255.255.255.255"));
  for (const std::string_view text :
       {"", "1.2.3", "1.2.3.", "1.2.3.4.", "1.2.3.256", "1.2.3.0004", "a.b.c.d",
        "1..2.3"}) {
    EXPECT_FALSE(IsIpv4Address(text)) << text;
  }
}

// ---- Parameters ----------------------------------------------------------

TEST(FindUriParameterTest, FindsTheFirstOfTheName) {
  EXPECT_EQ(FindUriParameter("transport=tcp;lr;LR=x", "lr"), "");
  EXPECT_EQ(FindUriParameter("Transport=tcp;transport=udp", "transport"),
            "tcp");
  EXPECT_EQ(FindUriParameter("user=phone", "user=phone"), "");
  EXPECT_EQ(FindUriParameter("a=", "a"), "");
  EXPECT_EQ(FindUriParameter(";;a=b=c;", "a"), "b=c");
}

TEST(FindUriParameterTest, ANameThatBeginsLikeItIsAnotherOne) {
  EXPECT_EQ(FindUriParameter("lrx", "lr"), std::nullopt);
  EXPECT_EQ(FindUriParameter("lrx;lr=on", "lr"), "on");
  EXPECT_EQ(FindUriParameter("l", "lr"), std::nullopt);
  EXPECT_EQ(FindUriParameter("", "lr"), std::nullopt);
}

}  // namespace
}  // namespace callcontrol::sip
