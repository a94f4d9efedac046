// SPDX-License-Identifier: Apache-2.0
#include "sip/call/trunk.h"

#include "gtest/gtest.h"
#include "sip/call/call_routes.h"

namespace callcontrol::sip {
namespace {

const Trunks& TwoTrunks() {
  static const auto* const trunks =
      new Trunks{std::make_shared<const Trunk>(Trunk{
                     .name = "a", .sources = {*ReadIpNetwork("192.0.2.0/24")}}),
                 std::make_shared<const Trunk>(
                     Trunk{.name = "b",
                           .sources = {*ReadIpNetwork("192.0.2.7"),
                                       *ReadIpNetwork("198.51.100.1")}})};
  return *trunks;
}

TEST(TrunkTest, TheFirstThatHasTheSourceIsIt) {
  EXPECT_EQ(TrunkOf(ReadIpAddress("192.0.2.7"), TwoTrunks())->name, "a");
  EXPECT_EQ(TrunkOf(ReadIpAddress("198.51.100.1"), TwoTrunks())->name, "b");
  EXPECT_EQ(TrunkOf(ReadIpAddress("203.0.113.1"), TwoTrunks()), nullptr);
  EXPECT_EQ(TrunkOf(std::nullopt, TwoTrunks()), nullptr);
}

TEST(TrunkTest, IsFoundByItsName) {
  EXPECT_EQ(FindTrunk("b", TwoTrunks())->name, "b");
  EXPECT_EQ(FindTrunk("c", TwoTrunks()), nullptr);
  EXPECT_EQ(FindTrunk("", TwoTrunks()), nullptr);
}

TEST(TrunkTest, ARouteMayWantCallsOfTrunksOnly) {
  CallRoute by_b;
  by_b.trunks = {"b", "c"};
  by_b.treatment.status = 486;
  const std::vector<CallRoute> routes = {by_b};
  EXPECT_EQ(TreatmentOf({.trunk = "b"}, routes).status, 486);
  EXPECT_EQ(TreatmentOf({.trunk = "a"}, routes).status, 404);
  EXPECT_EQ(TreatmentOf({}, routes).status, 404);
}

}  // namespace
}  // namespace callcontrol::sip
