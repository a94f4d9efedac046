// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/header_guard.h"

#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

std::string ReasonOf(const std::vector<SipHeader>& headers) {
  return DetailOf(CheckReferHeaders(headers)).reason;
}

std::string NameOf(const ::testing::TestParamInfo<std::string_view>& info) {
  std::string name;
  for (const char c : info.param) {
    if (c != '-') name += c;
  }
  return name;
}

class ForbiddenHeaderTest : public ::testing::TestWithParam<std::string_view> {
};

TEST_P(ForbiddenHeaderTest, IsRefusedInAnyCase) {
  std::string mixed(GetParam());
  for (std::size_t i = 0; i < mixed.size(); i += 2) {
    const auto byte = static_cast<unsigned char>(mixed[i]);
    mixed[i] = static_cast<char>(std::islower(byte) ? std::toupper(byte)
                                                    : std::tolower(byte));
  }
  for (const std::string& name : {std::string(GetParam()), mixed}) {
    EXPECT_TRUE(IsForbiddenReferHeader(name)) << name;
    const absl::Status status = CheckReferHeaders({{name, "v"}});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(DetailOf(status), (ErrorDetail{"FORBIDDEN_HEADER",
                                             "headers[\"" + name + "\"]", ""}));
  }
}

TEST_P(ForbiddenHeaderTest, IsNoNameWithATrailingSpace) {
  EXPECT_EQ(ReasonOf({{std::string(GetParam()) + " ", "v"}}), "BAD_NAME");
}

INSTANTIATE_TEST_SUITE_P(
    Full, ForbiddenHeaderTest,
    ::testing::Values(
        "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards",
        "Route", "Record-Route", "Path", "Service-Route", "Content-Length",
        "Content-Type", "Content-Encoding", "Refer-To", "Referred-By",
        "Refer-Sub", "Refer-Events-At", "Target-Dialog", "Replaces", "Join",
        "Event", "Allow-Events", "Subscription-State", "Expires", "Min-Expires",
        "Require", "Proxy-Require", "Supported", "Unsupported", "Allow",
        "Authorization", "Proxy-Authorization", "WWW-Authenticate",
        "Proxy-Authenticate", "Authentication-Info", "Session-Expires",
        "Min-SE", "RSeq", "RAck", "Timestamp", "Date"),
    NameOf);
INSTANTIATE_TEST_SUITE_P(
    MoreFull, ForbiddenHeaderTest,
    ::testing::Values("Accept", "Accept-Contact", "Accept-Encoding",
                      "Accept-Language", "Accept-Resource-Priority",
                      "User-Agent", "Server", "P-Asserted-Identity",
                      "P-Preferred-Identity", "Privacy", "Identity",
                      "Identity-Info", "Security-Client", "Security-Server",
                      "Security-Verify"),
    NameOf);
INSTANTIATE_TEST_SUITE_P(Rfc3515Table1, ForbiddenHeaderTest,
                         ::testing::Values("Alert-Info", "Call-Info",
                                           "In-Reply-To", "Priority",
                                           "Reply-To", "Subject"),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Compact, ForbiddenHeaderTest,
                         ::testing::Values("v", "f", "t", "i", "m", "l", "c",
                                           "e", "r", "b", "o", "u", "k", "x",
                                           "y", "n", "s", "a"),
                         NameOf);

TEST(HeaderGuardTest, N33AnOrdinaryHeaderPasses) {
  EXPECT_TRUE(CheckReferHeaders({{"X-A", "v"}}).ok());
  EXPECT_TRUE(CheckReferHeaders({}).ok());
}

TEST(HeaderGuardTest, OtherHeadersPass) {
  for (const std::string name :
       {"User-to-User", "X-Via", "Diversion", "P-Charging-Vector", "j", "d",
        "Securit", "Acc"}) {
    EXPECT_TRUE(CheckReferHeaders({{name, "v"}}).ok()) << name;
  }
}

TEST(HeaderGuardTest, N35ForbiddenNames) {
  EXPECT_EQ(ReasonOf({{"cseq", "1"}}), "FORBIDDEN_HEADER");
  EXPECT_EQ(ReasonOf({{"V", "1"}}), "FORBIDDEN_HEADER");
  EXPECT_EQ(ReasonOf({{"r", "1"}}), "FORBIDDEN_HEADER");
  EXPECT_EQ(ReasonOf({{"Contact ", "1"}}), "BAD_NAME");
}

TEST(HeaderGuardTest, N36NamesThatAreNoTokens) {
  for (const std::string name :
       {"X A", "", "X-Ä", " X", "X:", "X\r\nVia", "X\t", "\"X\""}) {
    EXPECT_EQ(ReasonOf({{name, "v"}}), "BAD_NAME") << name;
  }
}

TEST(HeaderGuardTest, TheFieldIsFitForDisplay) {
  const absl::Status status = CheckReferHeaders({{"X\r\n\xfc", "v"}});
  EXPECT_EQ(DetailOf(status).field, "headers[\"X  \uFFFD\"]");
}

TEST(HeaderGuardTest, ValuesHaveNoControlsAndAreUtf8) {
  for (const std::string& value :
       {std::string("a\r\nX-Evil: 1"), std::string("a\nb"), std::string("a\rb"),
        std::string("a\tb"), std::string("a\0b", 3), std::string("\x1f"),
        std::string("\x7f"), std::string("\xfc"), std::string("\xC0\xAF")}) {
    EXPECT_EQ(ReasonOf({{"X-A", value}}), "BAD_CHAR");
  }
  for (const std::string value : {"", " ", "Grüße, \"quoted\" <x>;y=z%00"}) {
    EXPECT_TRUE(CheckReferHeaders({{"X-A", value}}).ok()) << value;
  }
}

TEST(HeaderGuardTest, LimitsOfOneHeader) {
  EXPECT_TRUE(CheckReferHeaders({{std::string(64, 'X'), "v"}}).ok());
  EXPECT_EQ(ReasonOf({{std::string(65, 'X'), "v"}}), "TOO_LONG");
  EXPECT_TRUE(CheckReferHeaders({{"X-A", std::string(1024, 'v')}}).ok());
  EXPECT_EQ(ReasonOf({{"X-A", std::string(1025, 'v')}}), "TOO_LONG");
}

TEST(HeaderGuardTest, LimitsOfAllHeaders) {
  EXPECT_TRUE(CheckReferHeaders(std::vector<SipHeader>(32, {"X-A", "v"})).ok());
  EXPECT_EQ(ReasonOf(std::vector<SipHeader>(33, {"X-A", "v"})),
            "TOO_MANY_HEADERS");
  // "XXXX: " and CRLF around 1016 bytes make 1024.
  std::vector<SipHeader> full(8, {"XXXX", std::string(1016, 'v')});
  EXPECT_TRUE(CheckReferHeaders(full).ok());
  full.back().value += 'v';
  EXPECT_EQ(DetailOf(CheckReferHeaders(full)),
            (ErrorDetail{"TOO_LONG", "headers", ""}));
}

TEST(TargetHeaderTest, TheAllowListIgnoresCase) {
  for (const std::string_view name :
       {"X-A", "x-a", "subject", "USER-TO-USER"}) {
    EXPECT_TRUE(CheckTargetHeader("f", name, "v").ok()) << name;
  }
  EXPECT_TRUE(CheckTargetHeader("f", "require", " Replaces").ok());
}

TEST(TargetHeaderTest, AllElseIsRefused) {
  for (const std::string_view name : {"From",
                                      "Call-ID",
                                      "CSeq",
                                      "Via",
                                      "Record-Route",
                                      "Route",
                                      "Accept",
                                      "Accept-Language",
                                      "Allow",
                                      "Contact",
                                      "Organization",
                                      "Supported",
                                      "User-Agent",
                                      "body",
                                      "P-Asserted-Identity",
                                      "X-",
                                      "X",
                                      "X-A B",
                                      "",
                                      "Replaces ",
                                      "s",
                                      "Require"}) {
    EXPECT_EQ(DetailOf(CheckTargetHeader("f", name, "100rel")),
              (ErrorDetail{"FORBIDDEN_URI_HEADER", "f", ""}))
        << name;
  }
}

TEST(TargetHeaderTest, WellFormedReplaces) {
  for (const std::string_view value :
       {"a@b;to-tag=1;from-tag=2", "a;from-tag=2;to-tag=0;early-only",
        "a@[::1] ; To-Tag = 1 ; From-Tag = 2",
        "a\"<b;to-tag=1;from-tag=2;x=y"}) {
    EXPECT_TRUE(CheckTargetHeader("f", "Replaces", value).ok()) << value;
  }
}

TEST(TargetHeaderTest, MalformedReplaces) {
  const std::string many(100, ';');
  for (const std::string& value :
       {std::string(), std::string("a@b"), std::string("a@b;to-tag=1"),
        std::string("a@b;from-tag=1"), std::string(";to-tag=1;from-tag=2"),
        std::string("a@;to-tag=1;from-tag=2"),
        std::string("a@b@c;to-tag=1;from-tag=2"),
        std::string("a b;to-tag=1;from-tag=2"),
        std::string("a,b;to-tag=1;from-tag=2"),
        std::string("a;to-tag=;from-tag=2"),
        std::string("a;to-tag=1;to-tag=1;from-tag=2"),
        std::string("a;to-tag=1;from-tag=2;from-tag=3"),
        std::string("a;to-tag=1;from-tag=2,b;to-tag=3;from-tag=4"),
        std::string("a;to-tag=1;from-tag=2;early-only=x"),
        "a;to-tag=1;from-tag=2" + many + "to-tag=3"}) {
    EXPECT_EQ(DetailOf(CheckTargetHeader("f", "replaces", value)).reason,
              "BAD_URI")
        << value;
  }
}

}  // namespace
}  // namespace callcontrol::sip
