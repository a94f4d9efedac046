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
  const auto trunk_of = [](const std::optional<IpAddress>& source) {
    return TrunkOf(source, "bob", TwoTrunks(), {});
  };
  EXPECT_EQ(trunk_of(ReadIpAddress("192.0.2.7"))->name, "a");
  EXPECT_EQ(trunk_of(ReadIpAddress("198.51.100.1"))->name, "b");
  EXPECT_EQ(trunk_of(ReadIpAddress("203.0.113.1")), nullptr);
  EXPECT_EQ(trunk_of(std::nullopt), nullptr);
}

// Two accounts at one carrier, and one at a carrier whose networks are known.
TEST(TrunkTest, ARegisteredTrunkHasTheCallsForItsContact) {
  const auto registered = [](const char* name, const char* user) {
    return std::make_shared<const Trunk>(Trunk{
        .name = name, .registration = RegistrationTerms{.contact_user = user}});
  };
  Trunk fixed = *registered("fixed", "dave");
  fixed.sources = {*ReadIpNetwork("198.51.100.1")};
  const Trunks trunks = {registered("one", "bob"), registered("two", "c%61rol"),
                         std::make_shared<const Trunk>(fixed)};
  const auto carrier = ReadIpAddress("192.0.2.1");
  const RegisteredAt at = {
      {"one", *carrier}, {"two", *carrier}, {"fixed", *carrier}};
  EXPECT_EQ(TrunkOf(carrier, "bob", trunks, at)->name, "one");
  EXPECT_EQ(TrunkOf(carrier, "carol", trunks, at)->name, "two");
  EXPECT_EQ(TrunkOf(carrier, "+15551234", trunks, at)->name, "one");
  EXPECT_EQ(TrunkOf(carrier, "dave", trunks, at)->name, "one")
      << "its networks were named, and this is none of them";
  EXPECT_EQ(TrunkOf(ReadIpAddress("192.0.2.2"), "bob", trunks, at), nullptr)
      << "the user alone proves nothing";
  EXPECT_EQ(TrunkOf(carrier, "bob", trunks, {}), nullptr);
}

std::shared_ptr<const Trunk> RegisteredFrom(const char* name, const char* user,
                                            std::vector<IpNetwork> sources) {
  return std::make_shared<const Trunk>(
      Trunk{.name = name,
            .sources = std::move(sources),
            .registration = RegistrationTerms{.contact_user = user}});
}

// A customer inside the networks of a carrier.
TEST(TrunkTest, TheUserLeadsToNoOtherNeighboursTrunk) {
  const Trunks trunks = {
      std::make_shared<const Trunk>(Trunk{
          .name = "customer", .sources = {*ReadIpNetwork("10.0.5.0/24")}}),
      RegisteredFrom("carrier", "4711", {*ReadIpNetwork("10.0.0.0/8")})};
  const RegisteredAt at = {{"carrier", *ReadIpAddress("10.0.5.9")}};
  for (const RegisteredAt& registered : {RegisteredAt(), at}) {
    EXPECT_EQ(
        TrunkOf(ReadIpAddress("10.0.5.9"), "4711", trunks, registered)->name,
        "customer");
    EXPECT_EQ(
        TrunkOf(ReadIpAddress("10.0.6.9"), "4711", trunks, registered)->name,
        "carrier");
  }
}

TEST(TrunkTest, TheUserTellsAccountsAtOneNeighbourApart) {
  const IpNetwork one = *ReadIpNetwork("192.0.2.1");
  const IpNetwork two = *ReadIpNetwork("192.0.2.2");
  const auto source = ReadIpAddress("192.0.2.1");
  const Trunks same = {RegisteredFrom("a", "bob", {one, two}),
                       RegisteredFrom("b", "carol", {two, one})};
  EXPECT_EQ(TrunkOf(source, "carol", same, {})->name, "b");
  const Trunks differ = {RegisteredFrom("a", "bob", {one, two}),
                         RegisteredFrom("b", "carol", {one})};
  EXPECT_EQ(TrunkOf(source, "carol", differ, {})->name, "a");
  EXPECT_EQ(
      TrunkOf(source, "carol", differ, {{"a", *source}, {"b", *source}})->name,
      "b")
      << "one registrar has both";
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
