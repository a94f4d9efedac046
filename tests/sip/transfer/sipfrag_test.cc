// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/sipfrag.h"

#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using ::testing::ElementsAreArray;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::TestParamInfo;
using ::testing::TestWithParam;
using ::testing::Values;
using ::testing::ValuesIn;

constexpr std::string_view kSipfrag = "message/sipfrag;version=2.0";

// What a NOTIFY brings and what is to be read from it: a code and a phrase, or
// an error.
struct Vector {
  std::string id;
  std::string body;
  int code = 0;
  std::string phrase;
  std::optional<SipfragError> error;
  std::vector<std::string_view> warnings;
  // Empty stands for a message without Content-Type.
  std::string content_type = std::string(kSipfrag);
};

void PrintTo(const Vector& vector, std::ostream* os) { *os << vector.id; }

Vector Reads(std::string id, std::string body, int code, std::string phrase,
             std::vector<std::string_view> warnings = {},
             std::string content_type = std::string(kSipfrag)) {
  return {std::move(id),          std::move(body), code,
          std::move(phrase),      std::nullopt,    std::move(warnings),
          std::move(content_type)};
}

Vector Fails(std::string id, std::string body, SipfragError error,
             std::vector<std::string_view> warnings = {},
             std::string content_type = std::string(kSipfrag)) {
  return {std::move(id),       std::move(body),        0, "", error,
          std::move(warnings), std::move(content_type)};
}

std::string Bytes(std::string_view text) { return std::string(text); }

SipfragReading Read(std::string_view body, std::string_view type = kSipfrag) {
  SipfragBody fragment;
  fragment.body = body;
  if (!type.empty()) fragment.content_type = type;
  return ReadSipfrag(fragment);
}

class SipfragTest : public TestWithParam<Vector> {};

TEST_P(SipfragTest, Reads) {
  const Vector& vector = GetParam();
  const SipfragReading reading = Read(vector.body, vector.content_type);
  EXPECT_EQ(reading.error, vector.error);
  if (vector.error) {
    EXPECT_EQ(reading.status, std::nullopt);
  } else {
    EXPECT_EQ(reading.status, (SipStatus{vector.code, vector.phrase}));
  }
  EXPECT_THAT(reading.warnings, ElementsAreArray(vector.warnings));
}

std::string IdOf(const TestParamInfo<Vector>& info) { return info.param.id; }

std::vector<Vector> StatusVectors() {
  return {
      Reads("SF01", "SIP/2.0 100 Trying\r\n", 100, "Trying"),
      Reads("SF02", "SIP/2.0 200 OK\r\n", 200, "OK"),
      Reads("SF03", "SIP/2.0 503 Service Unavailable\r\n", 503,
            "Service Unavailable"),
      Reads("SF04", "SIP/2.0 603 Declined\r\n", 603, "Declined"),
      Reads("SF05", "SIP/2.0 180 Ringing\r\n", 180, "Ringing"),
      Reads("SF06", "SIP/2.0 183 Session Progress\r\n", 183,
            "Session Progress"),
      Reads("SF07", "SIP/2.0 182 Queued, position 4\r\n", 182,
            "Queued, position 4"),
      Reads("SF08", "SIP/2.0 199 Early Dialog Terminated\r\n", 199,
            "Early Dialog Terminated"),
      Reads("SF09", "SIP/2.0 202 Accepted\r\n", 202, "Accepted"),
      Reads("SF10",
            "SIP/2.0 302 Moved Temporarily\r\n"
            "Contact: <sip:x@192.0.2.9>\r\n",
            302, "Moved Temporarily"),
      Reads("SF11", "SIP/2.0 486 Busy Here\r\n", 486, "Busy Here"),
      Reads("SF12", "SIP/2.0 487 Request Terminated\r\n", 487,
            "Request Terminated"),
      Reads("SF13", "SIP/2.0 408 Request Timeout\r\n", 408, "Request Timeout"),
      Reads("SF14", "SIP/2.0 429 Provide Referrer Identity\r\n", 429,
            "Provide Referrer Identity"),
      Reads("SF15", "SIP/2.0 607 Unwanted\r\n", 607, "Unwanted"),
      Reads("SF17", "SIP/2.0 499 Vendor Thing\r\n", 499, "Vendor Thing"),
      Reads("SF19", "SIP/2.0 200 \r\n", 200, ""),
      Reads("SF22",
            "SIP/2.0 200 OK\r\nContact: <sip:carol@192.0.2.4>\r\n"
            "Call-ID: 7@x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
            200, "OK"),
      Reads("SF23",
            "SIP/2.0 486 Busy Here\r\n"
            "Reason: Q.850;cause=17;text=\"User busy\"\r\n"
            "Warning: 399 gw \"line busy\"\r\n",
            486, "Busy Here"),
      Reads("SF26", "SIP/2.0 100 Trying\r\nSIP/2.0 200 OK\r\n", 100, "Trying"),
      Reads("SF27", "SIP/2.0 200 OK\r\n", 200, "OK", {}, "message/sipfrag"),
      Reads("SF28", "SIP/2.0 200 OK\r\n", 200, "OK", {},
            "Message/SipFrag; Version=\"2.0\"; charset=UTF-8"),
      Reads("SF29", "SIP/2.0 200 OK", 200, "OK", {"NO_EOL"}),
      Reads("SF32", "SIP/2.0 200", 200, "", {"NO_EOL", "NO_REASON_SP"}),
      Reads("SF33", "SIP/2.0 486\r\n", 486, "", {"NO_REASON_SP"}),
      Reads("SF34", "\r\nSIP/2.0 200 OK\r\n", 200, "OK", {"LEADING_WS"}),
      Reads("SF36", "sip/2.0 200 ok\r\n", 200, "ok", {"VERSION_CASE"}),
      Reads("SF40", "SIP/2.0 480 Nicht verf\xfcgbar\r\n", 480,
            "Nicht verf\uFFFDgbar"),
      Reads("SF43", "SIP/2.0 200 OK\r\n", 200, "OK", {"NO_CONTENT_TYPE"}, ""),
      Reads("SF48", "SIP/2.0 200\r\n OK\r\n", 200, "", {"NO_REASON_SP"}),
  };
}

std::vector<Vector> ErrorVectors() {
  using enum SipfragError;
  return {
      Fails("SF49", "", kNoBody, {}, ""),
      Fails("SF51", "200 OK\r\n", kBadStatusLine),
      Fails("SF52", "404 Not Found\r\n", kBadStatusLine),
      Fails("SF53", "SIP/2.0\r\n", kBadStatusLine),
      Fails("SF55", "SIP/2.0 OK\r\n", kBadStatusLine),
      Fails("SF57", "SIP/2.0 20 OK\r\n", kBadCode),
      Fails("SF58", "SIP/2.0 2000 OK\r\n", kBadCode),
      Fails("SF60", "SIP/2.0 000 Zero\r\n", kBadCode),
      Fails("SF61", "SIP/2.0 700 High\r\n", kBadCode),
      Fails("SF63", "SIP/2.0 -200 OK\r\n", kBadStatusLine),
      Fails("SF66", "SIP/2.0 200OK\r\n", kBadStatusLine),
      Fails("SF67", "SIP/2.0 2 0 0 OK\r\n", kBadCode),
      Fails("SF69", "SIP/1.0 200 OK\r\n", kBadVersion),
      Fails("SF71", "SIP/3.0 200 OK\r\n", kBadVersion),
      Fails("SF73", "HTTP/1.1 200 OK\r\n", kBadStatusLine),
      Fails("SF74", "\"SIP/2.0 200 OK\"\r\n", kBadStatusLine),
      Fails("SF76", "INVITE sip:alice@example.com SIP/2.0\r\n", kRequestLine),
      Fails("SF78",
            "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1@b\r\n",
            kNoStatusLine),
      Fails("SF85", std::string(70000, 'A'), kTooLarge),
      Fails("SF87", "call connected\r\n", kWrongContentType, {"CONTENT_TYPE"},
            "text/plain"),
  };
}

std::vector<Vector> OwnStatusVectors() {
  return {
      Reads("LineFeedAlone", "SIP/2.0 200 OK\n", 200, "OK"),
      Reads("CarriageReturnAlone", "SIP/2.0 200 OK\r", 200, "OK"),
      Reads("LowestCode", "SIP/2.0 100 \r\n", 100, ""),
      Reads("HighestCode", "SIP/2.0 699 Last\r\n", 699, "Last"),
      Reads("ManyBlanks", "SIP/2.0 \t 200 \t OK \t\r\n", 200, "OK"),
      Reads("LeadingBlanks", " \t SIP/2.0 200 OK\r\n", 200, "OK",
            {"LEADING_WS"}),
      Reads("ByteOrderMark", "\xEF\xBB\xBFSIP/2.0 200 OK\r\n", 200, "OK",
            {"LEADING_WS"}),
      Reads("BlankThenByteOrderMarkThenBlank",
            "\r\n\xEF\xBB\xBF\n SIP/2.0 200 OK\r\n", 200, "OK", {"LEADING_WS"}),
      Reads("EveryFlaw", "\nSip/2.0 200", 200, "",
            {"NO_CONTENT_TYPE", "LEADING_WS", "NO_EOL", "VERSION_CASE",
             "NO_REASON_SP"},
            ""),
      Reads("PercentStays", "SIP/2.0 200 O%4B\r\n", 200, "O%4B"),
      Reads("ControlsBecomeSpaces",
            "SIP/2.0 200 a\x01"
            "b\x7f"
            "c\r\n",
            200, "a b c"),
      Reads("PhraseInUtf8", "SIP/2.0 480 Nicht verfügbar\r\n", 480,
            "Nicht verfügbar"),
      Reads("PhraseIsCut", "SIP/2.0 480 " + std::string(300, 'x') + "\r\n", 480,
            std::string(256, 'x')),
      Reads("LongestLine", "SIP/2.0 480 " + std::string(500, ' ') + "\r\n", 480,
            ""),
      Reads("LargestBody", "SIP/2.0 200 OK\r\n" + std::string(65536 - 16, 'A'),
            200, "OK"),
      Reads("NulAfterTheFirstLine", Bytes({"SIP/2.0 200 OK\r\nX: \0\r\n", 22}),
            200, "OK"),
      Reads("MessageSip", "SIP/2.0 200 OK\r\n", 200, "OK", {}, "message/sip"),
      Reads("BlanksInType", "SIP/2.0 200 OK\r\n", 200, "OK", {},
            " message / sipfrag ;version=2.0"),
      Reads("BlankType", "SIP/2.0 200 OK\r\n", 200, "OK", {"NO_CONTENT_TYPE"},
            " "),
      Reads("MislabelledStatus", "SIP/2.0 200 OK\r\n", 200, "OK",
            {"CONTENT_TYPE"}, "text/plain"),
      Reads("MislabelledStatusWithoutLineEnd", "SIP/2.0 200 OK", 200, "OK",
            {"CONTENT_TYPE", "NO_EOL"}, "application/sdp"),
  };
}

std::vector<Vector> OwnErrorVectors() {
  using enum SipfragError;
  return {
      Fails("OnlyBlanks", "\r\n \r\n", kNoBody, {"LEADING_WS"}),
      Fails("OneByteTooLarge", std::string(65537, ' '), kTooLarge),
      Fails("LineTooLong", "SIP/2.0 480 " + std::string(501, 'x') + "\r\n",
            kLineTooLong),
      Fails("NulInPhrase", Bytes({"SIP/2.0 200 O\0K\r\n", 17}), kNulByte),
      Fails("NulFirst", Bytes({"\0SIP/2.0 200 OK\r\n", 17}), kNulByte),
      Fails("SomethingBeforeVersion", "XSIP/2.0 200 OK\r\n", kBadStatusLine),
      Fails("PlusBeforeCode", "SIP/2.0 +200 OK\r\n", kBadStatusLine),
      Fails("NoBlankBeforeCode", "SIP/2.0200 OK\r\n", kBadVersion),
      Fails("BlankInVersion", "SIP/ 2.0 200 OK\r\n", kBadStatusLine),
      Fails("NoMinorVersion", "SIP/2 200 OK\r\n", kBadStatusLine),
      Fails("VersionWithLetters", "SIP/2.0a 200 OK\r\n", kBadStatusLine),
      Fails("PaddedVersion", "SIP/02.0 200 OK\r\n", kBadVersion),
      Fails("VersionAndBlank", "SIP/2.0 \r\n", kBadStatusLine),
      Fails("CodeBelowRange", "SIP/2.0 099 Low\r\n", kBadCode),
      Fails("HugeCode", "SIP/2.0 " + std::string(400, '2') + " OK\r\n",
            kBadCode),
      Fails("ArabicDigits", "SIP/2.0 ٢٠٠ OK\r\n", kBadStatusLine),
      Fails("LowerCaseRequestVersion", "OPTIONS sip:a@b sip/2.0\r\n",
            kRequestLine),
      Fails("HeaderWithBlankBeforeColon", "From : <sip:a@b>\r\n",
            kNoStatusLine),
      Fails("StatusOnTheSecondLine", "junk\r\nSIP/2.0 200 OK\r\n",
            kBadStatusLine),
      Fails("FoldedIntoTwoLines", "SIP/2.0\r\n 200 OK\r\n", kBadStatusLine),
      Fails("MislabelledAndFlawed", "sip/2.0 200 OK\r\n", kWrongContentType,
            {"CONTENT_TYPE"}, "text/plain"),
      Fails("TypeWithoutSlash", "hello\r\n", kWrongContentType,
            {"CONTENT_TYPE"}, "sipfrag"),
  };
}

constexpr char kMixed[] = "Multipart/Mixed; boundary=\"b=1\"";

std::vector<Vector> MultipartVectors() {
  using enum SipfragError;
  const std::string part =
      "--b=1\r\nContent-Type: message/sipfrag\r\n\r\nSIP/2.0 200 OK\r\n";
  return {
      Reads("OnlyPart", part + "--b=1--\r\n", 200, "OK", {}, kMixed),
      Reads("Unclosed", part, 200, "OK", {}, kMixed),
      Reads("PreambleAndOtherPart",
            "SIP/2.0 500 No\r\n--b=1\r\nContent-Type: text/plain\r\n\r\n"
            "SIP/2.0 603 No\r\n" +
                part + "--b=1--\r\n",
            200, "OK", {}, kMixed),
      Reads("FirstOfTwo",
            part + "--b=1\r\nContent-Type: message/sipfrag\r\n\r\n"
                   "SIP/2.0 486 Busy\r\n--b=1--\r\n",
            200, "OK", {}, kMixed),
      Reads("LongerBoundaryIsNoDelimiter",
            "--b=1x\r\nContent-Type: message/sipfrag\r\n\r\n"
            "SIP/2.0 486 Busy\r\n" +
                part,
            200, "OK", {}, kMixed),
      Fails("NoSuchPart", "--b=1\r\n\r\nSIP/2.0 200 OK\r\n--b=1--",
            kWrongContentType, {"CONTENT_TYPE"}, kMixed),
      Fails("NoBoundary", part, kWrongContentType, {"CONTENT_TYPE"},
            "multipart/mixed"),
      Fails("BoundaryTooLong", part, kWrongContentType, {"CONTENT_TYPE"},
            "multipart/mixed;boundary=" + std::string(71, 'b')),
      Fails("EmptyPart", "--b=1\r\nContent-Type: message/sipfrag\r\n\r\n--b=1",
            kNoBody, {}, kMixed),
      Fails("EncodedPart",
            "--b=1\r\nContent-Type: message/sipfrag\r\n"
            "Content-Transfer-Encoding: base64\r\n\r\nU0lQLzIuMA==\r\n--b=1--",
            kContentEncoding, {}, kMixed),
  };
}

INSTANTIATE_TEST_SUITE_P(Status, SipfragTest, ValuesIn(StatusVectors()), IdOf);
INSTANTIATE_TEST_SUITE_P(Error, SipfragTest, ValuesIn(ErrorVectors()), IdOf);
INSTANTIATE_TEST_SUITE_P(OwnStatus, SipfragTest, ValuesIn(OwnStatusVectors()),
                         IdOf);
INSTANTIATE_TEST_SUITE_P(OwnError, SipfragTest, ValuesIn(OwnErrorVectors()),
                         IdOf);
INSTANTIATE_TEST_SUITE_P(Multipart, SipfragTest, ValuesIn(MultipartVectors()),
                         IdOf);

TEST(SipfragHeadersTest, ReasonAndWarningAreSurfaced) {
  const SipfragReading reading = Read(
      "SIP/2.0 486 Busy Here\r\n"
      "Reason: Q.850;cause=17;text=\"User busy\"\r\n"
      "Warning: 399 gw \"line busy\"\r\n");
  EXPECT_EQ(reading.sip_reason, "Q.850;cause=17;text=\"User busy\"");
  EXPECT_EQ(reading.warning_header, "399 gw \"line busy\"");
}

TEST(SipfragHeadersTest, NamesIgnoreCaseAndTheFirstCounts) {
  EXPECT_EQ(Read("SIP/2.0 486 No\nREASON \t: a\nReason: b\n").sip_reason, "a");
}

TEST(SipfragHeadersTest, FoldedLinesAreJoinedBySpaces) {
  EXPECT_EQ(Read("SIP/2.0 486 No\nReason: a\n b\nWarning: c\n").sip_reason,
            "a  b");
}

TEST(SipfragHeadersTest, BadBytesAreReplaced) {
  EXPECT_EQ(Read("SIP/2.0 486 No\r\nReason: \xfc\r\n").sip_reason, "\uFFFD");
}

TEST(SipfragHeadersTest, TheBodyOfAWholeResponseIsNotSearched) {
  EXPECT_THAT(Read("SIP/2.0 486 No\r\n\r\nReason: a\r\n").sip_reason,
              IsEmpty());
}

TEST(SipfragHeadersTest, NothingIsSurfacedWithAnError) {
  EXPECT_THAT(Read("SIP/2.0 4 No\r\nReason: a\r\n").sip_reason, IsEmpty());
}

class SipfragEncodingTest : public TestWithParam<std::string_view> {};

TEST_P(SipfragEncodingTest, IsRefused) {
  const SipfragReading reading =
      ReadSipfrag({kSipfrag, GetParam(), "SIP/2.0 200 OK\r\n"});
  EXPECT_EQ(reading.error, SipfragError::kContentEncoding);
}

INSTANTIATE_TEST_SUITE_P(Codings, SipfragEncodingTest,
                         Values("gzip", "deflate", "identity, gzip", "x"));

TEST(SipfragEncodingTest, IdentityIsNoEncoding) {
  EXPECT_EQ(ReadSipfrag({kSipfrag, " Identity ", "SIP/2.0 200 OK\r\n"}).error,
            std::nullopt);
  EXPECT_EQ(ReadSipfrag({kSipfrag, "", "SIP/2.0 200 OK\r\n"}).error,
            std::nullopt);
}

TEST(SipfragErrorTest, HasStableTokens) {
  using enum SipfragError;
  EXPECT_EQ(ToString(kNoBody), "NO_BODY");
  EXPECT_EQ(ToString(kBadStatusLine), "BAD_STATUS_LINE");
  EXPECT_EQ(ToString(kBadCode), "BAD_CODE");
  EXPECT_EQ(ToString(kBadVersion), "BAD_VERSION");
  EXPECT_EQ(ToString(kRequestLine), "REQUEST_LINE");
  EXPECT_EQ(ToString(kNoStatusLine), "NO_STATUS_LINE");
  EXPECT_EQ(ToString(kTooLarge), "TOO_LARGE");
  EXPECT_EQ(ToString(kWrongContentType), "WRONG_CONTENT_TYPE");
  EXPECT_EQ(ToString(kContentEncoding), "CONTENT_ENCODING");
  EXPECT_EQ(ToString(kNulByte), "NUL_BYTE");
  EXPECT_EQ(ToString(kLineTooLong), "LINE_TOO_LONG");
}

// Every prefix of a rich body, and every byte of it replaced: nothing to
// expect but exactly one of status and error, and no complaint of a sanitizer.
TEST(SipfragRobustnessTest, CutAndBrokenBodies) {
  const std::string whole =
      "\r\n--b=1\r\nContent-Type: message/sipfrag\r\n\r\n\xEF\xBB\xBF"
      "SIP/2.0 486 Busy Here\r\nReason: Q.850\r\n ;cause=17\r\n--b=1--\r\n";
  for (const std::string_view type : {kSipfrag, std::string_view(kMixed)}) {
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const char byte : {'\0', '\r', '\n', '"', '\xC3', ':', ' '}) {
        std::string broken = whole;
        broken[at] = byte;
        const SipfragReading reading = Read(broken, type);
        EXPECT_NE(reading.status.has_value(), reading.error.has_value());
      }
      const SipfragReading cut = Read(whole.substr(0, at), type);
      EXPECT_NE(cut.status.has_value(), cut.error.has_value());
    }
  }
}

}  // namespace
}  // namespace callcontrol::sip
