// SPDX-License-Identifier: Apache-2.0
#include "sip/dns/sip_route.h"

#include <array>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using enum SipTransport;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<SipTransport> kAll = {kUdp, kTcp, kTls};

SipTarget Host(std::string host) { return {.host = std::move(host)}; }

SipTarget Sips(std::string host) {
  return {.host = std::move(host), .secure = true};
}

NaptrRecord Naptr(std::uint16_t order, std::uint16_t preference,
                  std::string service, std::string replacement) {
  return {.order = order,
          .preference = preference,
          .flags = "s",
          .service = std::move(service),
          .replacement = std::move(replacement)};
}

TEST(NumericAddressTest, AnswersLiteralsAtOnce) {
  struct Row {
    SipTarget target;
    std::optional<SipAddress> want;
  };
  const Row rows[] = {
      {Host("192.0.2.1"), SipAddress{"192.0.2.1", 5060, kUdp}},
      {Host("2001:db8::1"), SipAddress{"2001:db8::1", 5060, kUdp}},
      {Host("[2001:db8::1]"), SipAddress{"2001:db8::1", 5060, kUdp}},
      {Host("[2001:DB8:0::1]"), SipAddress{"2001:db8::1", 5060, kUdp}},
      {Sips("192.0.2.1"), SipAddress{"192.0.2.1", 5061, kTls}},
      {{.host = "192.0.2.1", .port = 5070},
       SipAddress{"192.0.2.1", 5070, kUdp}},
      {{.host = "192.0.2.1", .port = 0}, SipAddress{"192.0.2.1", 5060, kUdp}},
      {{.host = "192.0.2.1", .transport = kTcp},
       SipAddress{"192.0.2.1", 5060, kTcp}},
      {{.host = "192.0.2.1", .transport = kTls},
       SipAddress{"192.0.2.1", 5061, kTls}},
      {{.host = "192.0.2.1", .transport = kTcp, .secure = true},
       SipAddress{"192.0.2.1", 5061, kTls}},
      {{.host = "[::1]", .port = 5080, .transport = kTls},
       SipAddress{"::1", 5080, kTls}},
      {Host("example.com"), std::nullopt},
      {Host("192.0.2"), std::nullopt},
      {Host("192.0.2.256"), std::nullopt},
      {Host("[192.0.2.1]"), std::nullopt},
      {Host("[2001:db8::1"), std::nullopt},
      {Host("[]"), std::nullopt},
      {Host("fe80::1%eth0"), std::nullopt},
      {Host(std::string("192.0.2.1\0x", 11)), std::nullopt},
      {Host(""), std::nullopt},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(NumericAddress(row.target), row.want) << row.target.host;
  }
}

TEST(DnsNameTest, TakesHostNamesAndServiceNames) {
  const std::string label63(63, 'a');
  const std::string longest = label63 + "." + label63 + "." + label63 + "." +
                              std::string(61, 'b');  // 253.
  for (const std::string& name :
       {std::string("example.com"), std::string("example.com."),
        std::string("a"), std::string("EXAMPLE.Com"),
        std::string("_sip._udp.example.com"), std::string("4you.example"),
        std::string("1.2.3.4a"), std::string("xn--bcher-kva.example"), label63,
        longest, longest + "."}) {
    EXPECT_TRUE(IsDnsName(name)) << name;
  }
}

TEST(DnsNameTest, RefusesTheRest) {
  const std::string label63(63, 'a');
  const std::string too_long = label63 + "." + label63 + "." + label63 + "." +
                               std::string(62, 'b');  // 254.
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a..b"),
        std::string(".a"), std::string("a.."), std::string("-a.b"),
        std::string("a-.b"), std::string("a b"), std::string("a/b"),
        std::string("a\nb"), std::string("a\0b", 3),
        std::string("b\xC3\xBC"
                    "cher.example"),
        std::string("[::1]"), std::string("256.1.1.1"), std::string("1.2.3"),
        label63 + "a", too_long}) {
    EXPECT_FALSE(IsDnsName(name)) << name;
  }
}

TEST(QuestionsTest, FollowRfc3263) {
  struct Row {
    SipTarget target;
    bool naptr;
    bool srv;
  };
  const Row rows[] = {
      {Host("h"), true, true},
      {Sips("h"), true, true},
      {{.host = "h", .transport = kTcp}, false, true},
      {{.host = "h", .port = 5060}, false, false},
      {{.host = "h", .port = 0}, true, true},
      {{.host = "h", .port = 5060, .transport = kTcp}, false, false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(WantsNaptr(row.target), row.naptr);
    EXPECT_EQ(WantsSrv(row.target), row.srv);
  }
}

TEST(SrvQuestionsTest, GoThroughTheTransportsInOurOrder) {
  const std::vector<SipTransport> ours = {kTls, kUdp};
  EXPECT_THAT(SrvQuestions(Host("example.com"), ours),
              ElementsAre(SrvQuestion{"_sips._tcp.example.com", kTls},
                          SrvQuestion{"_sip._udp.example.com", kUdp}));
}

TEST(SrvQuestionsTest, KeepToTheExplicitTransport) {
  EXPECT_THAT(SrvQuestions({.host = "h", .transport = kTcp}, kAll),
              ElementsAre(SrvQuestion{"_sip._tcp.h", kTcp}));
  EXPECT_THAT(SrvQuestions({.host = "h", .transport = kTls}, kAll),
              ElementsAre(SrvQuestion{"_sips._tcp.h", kTls}));
}

TEST(SrvQuestionsTest, KeepToTlsForSips) {
  EXPECT_THAT(SrvQuestions(Sips("h"), kAll),
              ElementsAre(SrvQuestion{"_sips._tcp.h", kTls}));
}

TEST(SrvQuestionsTest, AreNoneWithAPort) {
  EXPECT_THAT(SrvQuestions({.host = "h", .port = 5060}, kAll), IsEmpty());
}

TEST(SelectNaptrTest, SortsByOrderThenPreference) {
  // RFC 3263 section 4.1 has these three, in this order of wishes.
  const NaptrRecord records[] = {
      Naptr(100, 50, "SIP+D2U", "_sip._udp.example.com"),
      Naptr(50, 50, "SIPS+D2T", "_sips._tcp.example.com"),
      Naptr(90, 60, "SIP+D2T", "second.example.com"),
      Naptr(90, 50, "SIP+D2T", "first.example.com"),
  };
  EXPECT_THAT(SelectNaptr(records, Host("example.com"), kAll),
              ElementsAre(SrvQuestion{"_sips._tcp.example.com", kTls},
                          SrvQuestion{"first.example.com", kTcp},
                          SrvQuestion{"second.example.com", kTcp},
                          SrvQuestion{"_sip._udp.example.com", kUdp}));
}

TEST(SelectNaptrTest, LeavesOutTransportsWeDoNotHave) {
  const NaptrRecord records[] = {Naptr(1, 1, "SIPS+D2T", "tls.example"),
                                 Naptr(2, 1, "SIP+D2T", "tcp.example"),
                                 Naptr(3, 1, "SIP+D2U", "udp.example")};
  const std::vector<SipTransport> udp_only = {kUdp};
  EXPECT_THAT(SelectNaptr(records, Host("h"), udp_only),
              ElementsAre(SrvQuestion{"udp.example", kUdp}));
}

TEST(SelectNaptrTest, TakesOnlyTlsForSips) {
  const NaptrRecord records[] = {Naptr(1, 1, "SIP+D2T", "tcp.example"),
                                 Naptr(2, 1, "SIPS+D2T", "tls.example")};
  const std::vector<SipTransport> udp_only = {kUdp};
  EXPECT_THAT(SelectNaptr(records, Sips("h"), udp_only),
              ElementsAre(SrvQuestion{"tls.example", kTls}));
}

TEST(SelectNaptrTest, LeavesOutWhatItCannotUse) {
  NaptrRecord terminal = Naptr(1, 1, "SIP+D2U", "udp.example");
  terminal.flags = "a";
  NaptrRecord rewriting = Naptr(1, 2, "SIP+D2U", "udp.example");
  rewriting.regexp = "!^.*$!sip:x@y!";
  const NaptrRecord records[] = {terminal,
                                 rewriting,
                                 Naptr(1, 3, "E2U+sip", "enum.example"),
                                 Naptr(1, 4, "SIP+D2S", "sctp.example"),
                                 Naptr(1, 5, "SIP+D2U", ""),
                                 Naptr(1, 6, "SIP+D2U", "a b.example")};
  EXPECT_THAT(SelectNaptr(records, Host("h"), kAll), IsEmpty());
}

TEST(SelectNaptrTest, IgnoresCase) {
  NaptrRecord record = Naptr(1, 1, "sip+d2u", "udp.example");
  record.flags = "S";
  EXPECT_THAT(SelectNaptr(std::array{record}, Host("h"), kAll),
              ElementsAre(SrvQuestion{"udp.example", kUdp}));
}

TEST(IsUsableTest, KnowsTheDotAndBadRecords) {
  EXPECT_TRUE(IsUsable({0, 0, 5060, "sip.example.com"}));
  EXPECT_FALSE(IsUsable({0, 0, 5060, "."}));
  EXPECT_FALSE(IsUsable({0, 0, 5060, ""}));
  EXPECT_FALSE(IsUsable({0, 0, 0, "sip.example.com"}));
  EXPECT_FALSE(IsUsable({0, 0, 5060, "a b"}));
}

// Draws the given share of the bound: 0 the first, 1 the last.
RandomBelow Always(double share) {
  return [share](std::uint32_t bound) {
    return static_cast<std::uint32_t>(share * (bound - 1));
  };
}

TEST(SrvOrderTest, GoesByPriority) {
  const std::vector<SrvRecord> records = {
      {20, 100, 1, "c"}, {10, 0, 1, "a"}, {15, 1, 1, "b"}};
  EXPECT_THAT(SrvOrder(records, Always(0)), ElementsAre(1, 2, 0));
  EXPECT_THAT(SrvOrder(records, Always(1)), ElementsAre(1, 2, 0));
}

TEST(SrvOrderTest, DrawsByWeightWithinAPriority) {
  const std::vector<SrvRecord> records = {
      {1, 10, 1, "a"}, {1, 0, 1, "b"}, {1, 30, 1, "c"}};
  // Weight 0 stands first, and is drawn by 0 alone.
  EXPECT_THAT(SrvOrder(records, Always(0)), ElementsAre(1, 0, 2));
  EXPECT_THAT(SrvOrder(records, Always(1)), ElementsAre(2, 0, 1));
  EXPECT_THAT(SrvOrder(records, Always(0.25)), ElementsAre(0, 2, 1));
}

TEST(SrvOrderTest, IsFairToTheWeights) {
  const std::vector<SrvRecord> records = {{1, 10, 1, "a"}, {1, 30, 1, "b"}};
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same every time.
  const RandomBelow below = [&](std::uint32_t bound) {
    return std::uniform_int_distribution<std::uint32_t>(0, bound - 1)(random);
  };
  int second_first = 0;
  constexpr int kDraws = 10'000;
  for (int i = 0; i < kDraws; ++i) {
    if (SrvOrder(records, below).front() == 1) ++second_first;
  }
  // 30 of the 41 numbers from 0 to 40 draw the second.
  EXPECT_NEAR(second_first, kDraws * 30.0 / 41, 200);
}

TEST(SrvOrderTest, TakesTheLargestWeights) {
  const std::vector<SrvRecord> records(1000, {1, 65535, 1, "a"});
  EXPECT_EQ(SrvOrder(records, Always(1)).size(), records.size());
  EXPECT_THAT(SrvOrder({}, Always(0)), IsEmpty());
}

TEST(AddressesOfTest, GoesHostByHost) {
  const Route route = {
      .hosts = {{{20, 0, 5062, "b"}, {"192.0.2.3"}},
                {{10, 0, 5061, "a"}, {"192.0.2.1", "2001:db8::2"}},
                {{15, 0, 5063, "lost"}, {}}},
      .transport = kTcp};
  EXPECT_THAT(AddressesOf(route, Always(0)),
              ElementsAre(SipAddress{"192.0.2.1", 5061, kTcp},
                          SipAddress{"2001:db8::2", 5061, kTcp},
                          SipAddress{"192.0.2.3", 5062, kTcp}));
}

TEST(AddressesOfTest, IsBounded) {
  const Route route = {
      .hosts = {{{1, 0, 5060, "a"}, std::vector<std::string>(99, "::1")}}};
  EXPECT_EQ(AddressesOf(route, Always(0)).size(), 32);
}

}  // namespace
}  // namespace callcontrol::sip
