// SPDX-License-Identifier: Apache-2.0
#include "sip/call/call_routes.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using Kind = CallTreatment::Kind;

// A route that rejects with `status`, so that tests can tell which one fitted.
CallRoute Route(int status) {
  return {.treatment = {.kind = Kind::kReject, .status = status}};
}

IncomingCall Call() {
  return {.source = ReadIpAddress("192.0.2.7"),
          .request_uri = "sales@pbx.example",
          .to = "+15083084809@carrier.example"};
}

int StatusOf(const std::vector<CallRoute>& routes,
             const IncomingCall& call = Call()) {
  return TreatmentOf(call, routes).status;
}

TEST(FitsPatternTest, AStarStandsForAnyText) {
  EXPECT_TRUE(FitsPattern("", ""));
  EXPECT_TRUE(FitsPattern("*", ""));
  EXPECT_TRUE(FitsPattern("*", "anything"));
  EXPECT_TRUE(FitsPattern("a*c", "ac"));
  EXPECT_TRUE(FitsPattern("a*c", "abcbc"));
  EXPECT_TRUE(FitsPattern("*b*b*", "abcb"));
  EXPECT_TRUE(FitsPattern("ab**", "ab"));
  EXPECT_FALSE(FitsPattern("", "a"));
  EXPECT_FALSE(FitsPattern("a", ""));
  EXPECT_FALSE(FitsPattern("a*c", "abcd"));
  EXPECT_FALSE(FitsPattern("*b*b*", "abc"));
  EXPECT_FALSE(FitsPattern("abc", "ab"));
}

TEST(FitsPatternTest, ManyStarsTakeNoTime) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "a*";
  EXPECT_FALSE(FitsPattern(pattern + "b", std::string(256, 'a')));
}

TEST(TreatmentOfTest, WithoutRoutesEveryCallIsAnswered) {
  EXPECT_EQ(TreatmentOf(Call(), {}).kind, Kind::kAnswer);
  EXPECT_FALSE(TreatmentOf(Call(), {}).answer_after.has_value());
}

TEST(TreatmentOfTest, TheFirstRouteThatFitsCounts) {
  CallRoute other = Route(486);
  other.request_uris = {"support@*"};
  EXPECT_EQ(StatusOf({other, Route(603), Route(480)}), 603);
}

TEST(TreatmentOfTest, ACallThatNoRouteFitsIsNotFound) {
  CallRoute other = Route(486);
  other.request_uris = {"support@*"};
  EXPECT_EQ(TreatmentOf(Call(), {other}).kind, Kind::kReject);
  EXPECT_EQ(StatusOf({other}), 404);
}

TEST(TreatmentOfTest, AllConditionsMustHoldAndAnyMemberOfOne) {
  CallRoute route = Route(486);
  route.sources = {*ReadIpNetwork("198.51.100.0/24"),
                   *ReadIpNetwork("192.0.2.0/24")};
  route.request_uris = {"support@*", "*@pbx.example"};
  route.tos = {"+1508*@*"};
  EXPECT_EQ(StatusOf({route}), 486);
  IncomingCall call = Call();
  call.source = ReadIpAddress("203.0.113.1");
  EXPECT_EQ(StatusOf({route}, call), 404);
  call.source.reset();
  EXPECT_EQ(StatusOf({route}, call), 404);
  call = Call();
  call.request_uri = "sales@other.example";
  EXPECT_EQ(StatusOf({route}, call), 404);
  call = Call();
  call.to = "sales@pbx.example";
  EXPECT_EQ(StatusOf({route}, call), 404);
}

TEST(TreatmentOfTest, HostsAreComparedWithoutCaseUsersWithIt) {
  CallRoute route = Route(486);
  route.request_uris = {"Sales@PBX.example"};
  IncomingCall call = Call();
  call.request_uri = "Sales@pbx.EXAMPLE";
  EXPECT_EQ(StatusOf({route}, call), 486);
  call.request_uri = "sales@pbx.example";
  EXPECT_EQ(StatusOf({route}, call), 404);
  route.request_uris = {"PBX.example"};
  call.request_uri = "pbx.example";
  EXPECT_EQ(StatusOf({route}, call), 486);
}

}  // namespace
}  // namespace callcontrol::sip
