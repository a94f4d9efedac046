// SPDX-License-Identifier: Apache-2.0
#include "server/log.h"

#include <google/protobuf/util/json_util.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "callcontrol/v1/transfer.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::server {
namespace {

// ---- Lines of text ------------------------------------------------------

TEST(TextLineTest, IsTheEventAndItsFields) {
  EXPECT_EQ(TextLine("serving", {}), "serving");
  EXPECT_EQ(
      TextLine("call_ended", {{"call_id", "c-1"}, {"ended_by", "server"}}),
      "call_ended call_id=c-1 ended_by=server");
}

TEST(TextLineTest, QuotesWhatWouldBeReadAsSomethingElse) {
  EXPECT_EQ(TextLine("e", {{"k", ""}}), "e k=\"\"");
  EXPECT_EQ(TextLine("e", {{"k", "Busy Here"}}), "e k=\"Busy Here\"");
  EXPECT_EQ(TextLine("e", {{"k", "a=b"}}), "e k=\"a=b\"");
  EXPECT_EQ(TextLine("e", {{"k", "say \"hi\""}}), "e k=\"say \\\"hi\\\"\"");
  EXPECT_EQ(TextLine("e", {{"k", "a\\b"}}), "e k=\"a\\\\b\"");
}

// A peer's text must not be able to write log lines of its own.
TEST(TextLineTest, AlwaysIsOneLine) {
  EXPECT_EQ(TextLine("e", {{"reason", "x\r\nserving fake=1"}}),
            "e reason=\"x\\u000d\\u000aserving fake=1\"");
  EXPECT_EQ(TextLine("e", {{"k", std::string("a\0b\x1b\x7f", 5)}}),
            "e k=\"a\\u0000b\\u001b\\u007f\"");
}

TEST(TextLineTest, LeavesUtf8AsItIs) {
  EXPECT_EQ(TextLine("e", {{"k", "verfügbar"}}), "e k=verfügbar");
}

// ---- JSON ---------------------------------------------------------------

// The object that these members make, read as a message that has fields of
// these names.
v1::TransferStatus Parse(const std::string& members) {
  v1::TransferStatus object;
  const auto status =
      google::protobuf::util::JsonStringToMessage("{" + members + "}", &object);
  EXPECT_TRUE(status.ok()) << members;
  return object;
}

TEST(JsonMembersTest, AreTheEventAndItsFields) {
  EXPECT_EQ(JsonMembers("serving", {}), "\"event\":\"serving\"");
  EXPECT_EQ(JsonMembers("call_ended", {{"call_id", "c-1"}}),
            "\"event\":\"call_ended\",\"call_id\":\"c-1\"");
}

TEST(JsonMembersTest, AnyTextComesBackAsItWas) {
  for (const std::string& value :
       {std::string(), std::string("say \"hi\""), std::string("a\\b"),
        std::string("x\r\n\t\x01\x1f\x7f"), std::string("verfügbar"),
        std::string("\",\"event\":\"fake")}) {
    const v1::TransferStatus object =
        Parse(JsonMembers("e", {{"reason", value}}));
    EXPECT_EQ(object.reason(), value);
    EXPECT_EQ(object.event(), "e");
  }
}

// ---- The log itself -----------------------------------------------------
// It is the process's, so each of these is a process.

void LogAndLeave(LogFormat format, Severity least) {
  InitLog(format, least);
  Log(Severity::kDebug, "first", {{"n", "1"}});
  Log(Severity::kWarning, "second", {{"n", "2"}});
  StopLog();
  Log(Severity::kError, "after_the_end", {});
  std::exit(0);
}

TEST(LogDeathTest, WritesLinesOfTextToStandardError) {
  EXPECT_EXIT(LogAndLeave(LogFormat::kText, Severity::kDebug),
              ::testing::ExitedWithCode(0),
              "^....-..-..T..:..:[^ ]* debug first n=1\n"
              "....-..-..T..:..:[^ ]* warning second n=2\n$");
}

TEST(LogDeathTest, WritesJson) {
  EXPECT_EXIT(LogAndLeave(LogFormat::kJson, Severity::kInfo),
              ::testing::ExitedWithCode(0),
              "^\\{\"time\":\"[^\"]*\",\"level\":\"warning\","
              "\"event\":\"second\",\"n\":\"2\"\\}\n$");
}

TEST(LogDeathTest, LeavesOutWhatIsLessSevere) {
  EXPECT_EXIT(LogAndLeave(LogFormat::kText, Severity::kError),
              ::testing::ExitedWithCode(0), "^$");
}

TEST(LogTest, IsSilentBeforeItIsBegun) {
  Log(Severity::kError, "nobody_reads_this", {});
  StopLog();
}

}  // namespace
}  // namespace callcontrol::server
