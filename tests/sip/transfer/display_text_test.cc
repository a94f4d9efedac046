// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/display_text.h"

#include <ostream>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

struct Row {
  std::string_view name;
  std::string_view input;
  std::string_view clean;
  bool valid_utf8;
};

void PrintTo(const Row& row, std::ostream* os) { *os << row.name; }

class CleanTextTest : public ::testing::TestWithParam<Row> {};

TEST_P(CleanTextTest, Cleans) {
  const std::string clean = CleanText(GetParam().input);
  EXPECT_EQ(clean, GetParam().clean);
  EXPECT_TRUE(IsValidUtf8(clean));
  EXPECT_EQ(IsValidUtf8(GetParam().input), GetParam().valid_utf8);
}

constexpr Row kRows[] = {
    {"Empty", "", "", true},
    {"Plain", "Busy Here", "Busy Here", true},
    {"TwoBytes", "verfügbar", "verfügbar", true},
    {"FourBytes", "\xF0\x9F\x93\x9E", "\xF0\x9F\x93\x9E", true},
    {"Trimmed", " \t a b \r\n", "a b", true},
    {"OnlyBlanks", " \t\r\n", "", true},
    {"Controls",
     {"a\0b\x1f"
      "c\x7f"
      "d",
      7},
     "a b c d",
     true},
    {"C1Control",
     "a\xC2\x85"
     "b",
     "a b", true},
    {"NoBreakSpaceStays",
     "a\xC2\xA0"
     "b",
     "a\xC2\xA0"
     "b",
     true},
    {"Latin1", "verf\xfcgbar", "verf\uFFFDgbar", false},
    {"LoneContinuation",
     "a\x80"
     "b",
     "a\uFFFDb", false},
    {"Overlong", "\xC0\xAF", "\uFFFD\uFFFD", false},
    {"OverlongThree", "\xE0\x80\xAF", "\uFFFD\uFFFD\uFFFD", false},
    {"Surrogate", "\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD", false},
    {"AboveUnicode", "\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD", false},
    {"CutSequence", "a\xF0\x9F\x93", "a\uFFFD", false},
    {"CutSequenceThenText",
     "\xE2\x82"
     "a",
     "\uFFFD"
     "a",
     false},
};

INSTANTIATE_TEST_SUITE_P(Rows, CleanTextTest, ::testing::ValuesIn(kRows),
                         [](const auto& row) {
                           return std::string(row.param.name);
                         });

TEST(CleanTextLimitTest, CountsCharactersAndNotBytes) {
  EXPECT_EQ(CleanText("äöü", 2), "äö");
  EXPECT_EQ(CleanText("\xfc\xfc\xfc", 2), "\uFFFD\uFFFD");
}

TEST(CleanTextLimitTest, LeadingBlanksCountForNothing) {
  EXPECT_EQ(CleanText(std::string(1000, ' ') + "abc", 2), "ab");
  // What a stranger may send: not to be looked at as often as it is long.
  EXPECT_EQ(CleanText("\x01" + std::string(2'000'000, ' ') + "abc", 2), "ab");
}

TEST(CleanTextLimitTest, CutsPrintableTextBehindOtherText) {
  EXPECT_EQ(CleanText("äbcdef", 3), "äbc");
  EXPECT_EQ(CleanText("abc\x01\u00fcdef", 6), "abc üd");
}

TEST(CleanTextLimitTest, TheCutLeavesNoTrailingSpace) {
  EXPECT_EQ(CleanText("ab cd", 3), "ab");
}

TEST(CleanTextLimitTest, DefaultsTo256) {
  EXPECT_EQ(CleanText(std::string(70000, 'x')), std::string(256, 'x'));
  EXPECT_EQ(CleanText("abc", 0), "");
}

TEST(SafeTextTest, HasNoControlsAndIsUtf8) {
  EXPECT_TRUE(IsSafeText(""));
  EXPECT_TRUE(IsSafeText("plain, \"quoted\" ü"));
  for (const char c : {'\0', '\t', '\r', '\n', '\x1f', '\x7f', '\xfc'}) {
    EXPECT_FALSE(IsSafeText(std::string("a") + c)) << static_cast<int>(c);
  }
}

TEST(TokenTest, FollowsTheGrammar) {
  EXPECT_TRUE(IsToken("aZ09-.!%*_+`'~"));
  EXPECT_FALSE(IsToken(""));
  for (const char c : std::string_view(" :;,/\"()<>@[]{}?=\\\t\xfc")) {
    EXPECT_FALSE(IsToken({&c, 1})) << c;
  }
}

TEST(EqualsIgnoreCaseTest, FoldsAsciiOnly) {
  EXPECT_TRUE(EqualsIgnoreCase("Call-ID", "call-id"));
  EXPECT_FALSE(EqualsIgnoreCase("Call-ID", "Call-I"));
  EXPECT_FALSE(EqualsIgnoreCase("\xC4", "\xE4"));
}

}  // namespace
}  // namespace callcontrol::sip
