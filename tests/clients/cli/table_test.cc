// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/table.h"

#include <string>

#include "clients/cli/progress_line.h"
#include "clients/cli/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::cli {
namespace {

using ::testing::ElementsAre;

TEST(TableTest, ColumnsAreAligned) {
  Table table({"CALL", "STATE", "FOR"});
  table.AddRow({"c-a-1", "ANSWERED", "1.0s"});
  table.AddRow({"c-a-long", "", "2.0s"});
  EXPECT_EQ(table.Render(0, "…"),
            "CALL      STATE     FOR\n"
            "c-a-1     ANSWERED  1.0s\n"
            "c-a-long  -         2.0s\n");
}

TEST(TableTest, LinesAreCutToTheTerminal) {
  Table table({"A", "B"});
  table.AddRow({"wide cell", "Grüße"});
  EXPECT_EQ(table.Render(13, "…"), "A          B\nwide cell  G…\n");
  EXPECT_EQ(table.Render(13, "~"), "A          B\nwide cell  G~\n");
}

TEST(TableTest, CellsNeverReachTheTerminalRaw) {
  Table table({"A"});
  table.AddRow({"x\x1b[31m\ny"});
  EXPECT_EQ(table.Render(0, "…"), "A\nx\\x1b[31m\\ny\n");
}

TEST(TableTest, IsEmptyWithoutRows) {
  Table table({"A"});
  EXPECT_TRUE(table.empty());
  table.AddRow({"x", "one too many"});
  EXPECT_FALSE(table.empty());
  EXPECT_EQ(table.Render(0, "…"), "A\nx\n");
}

TEST(TextTest, PrintableShowsWhatATerminalWouldObey) {
  EXPECT_EQ(Printable("plain Grüße 電話"), "plain Grüße 電話");
  EXPECT_EQ(Printable("a\tb\r\n"), "a\\tb\\r\\n");
  EXPECT_EQ(Printable(std::string_view("\0\x07\x7f", 3)), "\\x00\\x07\\x7f");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "2J"),
            "\\u{9b}2J")
      << "CSI of C1";
  EXPECT_EQ(Printable("\xe2\x80\xae"), "\\u{202e}") << "right to left";
  EXPECT_EQ(Printable("\xff\xc3"), "\\xff\\xc3") << "not UTF-8";
  EXPECT_EQ(Printable("\xc0\x9b\xed\xa0\x80"), "\\xc0\\x9b\\xed\\xa0\\x80")
      << "overlong, surrogate";
}

TEST(TextTest, WidthCountsColumnsAndNotBytes) {
  EXPECT_EQ(DisplayWidth("Grüße"), 5);
  EXPECT_EQ(DisplayWidth("電話"), 4);
  EXPECT_EQ(Clip("電話電話", 5, "…"), "電話…");
}

TEST(TextTest, WrapsAtBlanksAndCutsLongWords) {
  EXPECT_THAT(Wrap("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(Wrap("abcdefgh ij", 4), ElementsAre("abcd", "efgh", "ij"));
  EXPECT_THAT(Wrap("", 4), ElementsAre(""));
}

TEST(TextTest, DurationsAreForPeople) {
  EXPECT_EQ(Roughly(absl::Milliseconds(3240)), "3.2s");
  EXPECT_EQ(Roughly(absl::Milliseconds(59960)), "1m00s");
  EXPECT_EQ(Roughly(absl::Seconds(65)), "1m05s");
  EXPECT_EQ(Roughly(absl::Minutes(123)), "2h03m");
  EXPECT_EQ(Roughly(absl::Seconds(-1)), "0.0s");
  EXPECT_EQ(Seconds(absl::Milliseconds(14)), "0.014");
}

TEST(ProgressTest, TheWordFollowsTheEvents) {
  v1::ReferEvent event;
  event.mutable_refer_sent()->set_refer_to("<sip:1000@x>");
  Progress progress = ProgressAfter({}, event);
  EXPECT_EQ(progress, (Progress{"REFER sent", "<sip:1000@x>"}));
  event.mutable_refer_response()->set_refer_status(202);
  progress = ProgressAfter(progress, event);
  EXPECT_EQ(progress, (Progress{"accepted", "202 Accepted"}));
  event.mutable_transfer_status()->set_call_status(180);
  progress = ProgressAfter(progress, event);
  EXPECT_EQ(progress, (Progress{"ringing", "180 Ringing"}));
}

TEST(ProgressTest, AnAnswerThatComesLateDoesNotHideTheRinging) {
  v1::ReferEvent event;
  event.mutable_refer_response()->set_refer_status(202);
  const Progress ringing = {"ringing", "180 Ringing"};
  EXPECT_EQ(ProgressAfter(ringing, event), ringing);
}

TEST(ProgressTest, TheLineFitsTheTerminal) {
  const Progress progress = {"ringing", "180 Ringing"};
  const absl::Duration elapsed = absl::Milliseconds(3200);
  TerminalInfo terminal = {.live = true, .utf8 = true, .width = 80};
  EXPECT_EQ(ProgressText(progress, elapsed, terminal),
            "⠹ ringing  180 Ringing  3.2s");
  terminal.width = 20;
  EXPECT_EQ(ProgressText(progress, elapsed, terminal), "⠹ ringing  1…  3.2s");
  terminal.utf8 = false;
  EXPECT_EQ(ProgressText(progress, elapsed, terminal), "| ringing  1~  3.2s");
}

TEST(ProgressTest, ColoursOnlyWhereTheyAreWanted) {
  TerminalInfo terminal = {.live = true, .color = false, .width = 80};
  EXPECT_EQ(Colored("ok", Color::kGreen, terminal), "ok");
  terminal.color = true;
  EXPECT_EQ(Colored("ok", Color::kGreen, terminal), "\x1b[32mok\x1b[0m");
}

}  // namespace
}  // namespace callcontrol::cli
