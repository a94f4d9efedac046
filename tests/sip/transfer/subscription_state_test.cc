// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/subscription_state.h"

#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using std::chrono::seconds;
using enum SubscriptionSubstate;

struct StateRow {
  std::string_view name;
  std::string_view value;
  SubscriptionState state;
};

void PrintTo(const StateRow& row, std::ostream* os) { *os << row.name; }

class SubscriptionStateTest : public ::testing::TestWithParam<StateRow> {};

TEST_P(SubscriptionStateTest, Reads) {
  EXPECT_EQ(ReadSubscriptionState(GetParam().value), GetParam().state);
}

const StateRow kStates[] = {
    {"Active", "active", {kActive, "active", "", {}, {}}},
    {"Expires", "active;expires=60", {kActive, "active", "", seconds(60), {}}},
    {"Zero", "active;expires=0", {kActive, "active", "", seconds(0), {}}},
    {"Largest",
     "active;expires=4294967295",
     {kActive, "active", "", seconds(4294967295), {}}},
    {"Clamped",
     "active;expires=4294967296",
     {kActive, "active", "", seconds(4294967295), {}}},
    {"FarTooLarge",
     "active;expires=99999999999999999999999999999999",
     {kActive, "active", "", seconds(4294967295), {}}},
    {"Letters", "active;expires=abc", {kActive, "active", "", {}, {}}},
    {"Negative", "active;expires=-1", {kActive, "active", "", {}, {}}},
    {"TrailingLetters", "active;expires=60s", {kActive, "active", "", {}, {}}},
    {"NoValue", "active;expires", {kActive, "active", "", {}, {}}},
    {"EmptyValue", "active;expires=", {kActive, "active", "", {}, {}}},
    {"QuotedExpires",
     "active;expires=\"60\"",
     {kActive, "active", "", seconds(60), {}}},
    {"FirstReadableCounts",
     "active;expires=x;expires=5;expires=6",
     {kActive, "active", "", seconds(5), {}}},
    {"Pending",
     "Pending;Expires=30",
     {kPending, "Pending", "", seconds(30), {}}},
    {"Extension",
     "waiting;expires=9",
     {kActive, "waiting", "", seconds(9), {}}},
    {"Terminated",
     "terminated;reason=noresource",
     {kTerminated, "terminated", "noresource", {}, {}}},
    {"ReasonLowerCased",
     "TERMINATED;REASON=Rejected",
     {kTerminated, "TERMINATED", "rejected", {}, {}}},
    {"ReasonNamedThreeTimes",
     "terminated;reason=reason=Reason=noresource",
     {kTerminated, "terminated", "noresource", {}, {}}},
    {"ReasonNamedTwice",
     "terminated;reason=Reason=noresource",
     {kTerminated, "terminated", "noresource", {}, {}}},
    {"ExpiresOnTerminated",
     "terminated;expires=60;reason=timeout",
     {kTerminated, "terminated", "timeout", {}, {}}},
    {"RetryAfter",
     "terminated;reason=probation;retry-after=120",
     {kTerminated, "terminated", "probation", {}, seconds(120)}},
    {"Blanks",
     " \t terminated \r\n ; reason = \"giveup\" ; retry-after = 7 ",
     {kTerminated, "terminated", "giveup", {}, seconds(7)}},
    {"SemicolonInQuotes",
     "active;x=\"a;expires=1\\\";expires=2\";expires=3",
     {kActive, "active", "", seconds(3), {}}},
    {"OpenQuote",
     "active;expires=4;reason=\"a;expires=1",
     {kActive, "active", "a;expires=1", seconds(4), {}}},
    {"BadBytesInReason",
     "terminated;reason=\xfc\x01",
     {kTerminated, "terminated", "\uFFFD", {}, {}}},
    {"EmptyParameters", "active;;;", {kActive, "active", "", {}, {}}},
};

INSTANTIATE_TEST_SUITE_P(Rows, SubscriptionStateTest,
                         ::testing::ValuesIn(kStates), [](const auto& row) {
                           return std::string(row.param.name);
                         });

class UnreadableStateTest : public ::testing::TestWithParam<std::string_view> {
};

TEST_P(UnreadableStateTest, IsNoState) {
  EXPECT_EQ(ReadSubscriptionState(GetParam()), std::nullopt);
  EXPECT_EQ(ReadEvent(GetParam()), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Rows, UnreadableStateTest,
                         ::testing::Values("", "  ", ";expires=1", "a b",
                                           "active, terminated", "\"active\"",
                                           "active\xfc"));

TEST(ParametersTest, AreLimited) {
  std::string value = "active";
  for (int i = 0; i < 20000; ++i) value += ";x";
  EXPECT_EQ(ReadParameters(value).size(), 64);
}

struct EventRow {
  std::string_view name;
  std::string_view value;
  EventHeader event;
};

void PrintTo(const EventRow& row, std::ostream* os) { *os << row.name; }

class EventTest : public ::testing::TestWithParam<EventRow> {};

TEST_P(EventTest, Reads) {
  EXPECT_EQ(ReadEvent(GetParam().value), GetParam().event);
}

const EventRow kEvents[] = {
    {"Plain", "refer", {"refer", {}}},
    {"PackageAsSent", "Refer", {"Refer", {}}},
    {"Id", "refer;id=93809824", {"refer", "93809824"}},
    {"IdNameInAnyCase", "refer;ID=2", {"refer", "2"}},
    {"IdAsSent", "refer;id=aB%31", {"refer", "aB%31"}},
    {"Blanks", " refer ; id = 1 ", {"refer", "1"}},
    {"Quoted", "refer;id=\"1\\2\"", {"refer", "12"}},
    {"EmptyId", "refer;id=", {"refer", {}}},
    {"OtherParameter", "refer;x=1;id=2;id=3", {"refer", "2"}},
    {"Template", "presence.winfo", {"presence.winfo", {}}},
};

INSTANTIATE_TEST_SUITE_P(Rows, EventTest, ::testing::ValuesIn(kEvents),
                         [](const auto& row) {
                           return std::string(row.param.name);
                         });

}  // namespace
}  // namespace callcontrol::sip
