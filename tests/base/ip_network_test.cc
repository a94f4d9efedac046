// SPDX-License-Identifier: Apache-2.0
#include "base/ip_network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol {
namespace {

IpAddress Address(const std::string& text) { return *ReadIpAddress(text); }

TEST(IpAddressTest, BothSpellingsOfAnIpv4AddressAreTheSame) {
  EXPECT_EQ(Address("127.0.0.1"), Address("::ffff:127.0.0.1"));
  EXPECT_EQ(Address("[::1]"), Address("0:0::1"));
  EXPECT_EQ(ToString(Address("::ffff:192.0.2.1")), "192.0.2.1");
  EXPECT_EQ(ToString(Address("2001:DB8::1")), "2001:db8::1");
}

TEST(IpAddressTest, NamesAndHalfAddressesAreNone) {
  for (const char* text : {"", "localhost", "127.1", "1.2.3.4.5", "[127.0.0.1]",
                           "::1]", "1.2.3.4/8", "2130706433", "::1%lo"}) {
    EXPECT_FALSE(ReadIpAddress(text).has_value()) << text;
  }
}

TEST(IpAddressTest, ComesFromTheKernelsForm) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  inet_pton(AF_INET, "192.0.2.7", &v4.sin_addr);
  EXPECT_EQ(IpAddressOf(reinterpret_cast<const sockaddr&>(v4)),
            Address("192.0.2.7"));
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  inet_pton(AF_INET6, "fe80::7", &v6.sin6_addr);
  EXPECT_EQ(IpAddressOf(reinterpret_cast<const sockaddr&>(v6)),
            Address("fe80::7"));
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  EXPECT_FALSE(
      IpAddressOf(reinterpret_cast<const sockaddr&>(local)).has_value());
}

TEST(IpNetworkTest, HoldsWhatBeginsAlike) {
  const auto ten = ReadIpNetwork("10.0.0.0/8");
  ASSERT_TRUE(ten.has_value());
  EXPECT_TRUE(ten->Contains(Address("10.255.0.1")));
  EXPECT_TRUE(ten->Contains(Address("::ffff:10.0.0.1")));
  EXPECT_FALSE(ten->Contains(Address("11.0.0.1")));
  const auto odd = ReadIpNetwork("172.16.0.0/12");
  EXPECT_TRUE(odd->Contains(Address("172.31.255.255")));
  EXPECT_FALSE(odd->Contains(Address("172.32.0.0")));
  const auto one = ReadIpNetwork("::1");
  EXPECT_TRUE(one->Contains(Address("::1")));
  EXPECT_FALSE(one->Contains(Address("::2")));
  EXPECT_TRUE(ReadIpNetwork("0.0.0.0/0")->Contains(Address("8.8.8.8")));
  EXPECT_FALSE(ReadIpNetwork("0.0.0.0/0")->Contains(Address("2000::1")));
}

TEST(IpNetworkTest, MistakesAreNoNetworks) {
  for (const char* text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8",
        "10.0.0.1/8", "::/129", "app/8", "10.0.0.0/8/8", "10.0.0.0/ 8"}) {
    EXPECT_FALSE(ReadIpNetwork(text).has_value()) << text;
  }
}

TEST(IsPublicTest, OnlyThePublicInternetIs) {
  for (const char* text :
       {"8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.255.255",
        "100.128.0.0", "192.0.1.0", "223.255.255.255", "2606:4700::1111",
        "::ffff:8.8.8.8", "2a00::1"}) {
    EXPECT_TRUE(IsPublic(Address(text))) << text;
  }
  for (const char* text : {"0.0.0.0",
                           "10.0.0.1",
                           "100.64.0.1",
                           "127.0.0.1",
                           "127.255.255.254",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.0.0.1",
                           "192.168.1.1",
                           "198.19.255.255",
                           "203.0.113.1",
                           "224.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::ffff:127.0.0.1",
                           "fe80::1",
                           "fc00::1",
                           "fdff::1",
                           "ff02::1",
                           "2001:db8::1",
                           "2001::1",
                           "2002:7f00:1::",
                           "64:ff9b::7f00:1",
                           "::127.0.0.1",
                           "4000::1"}) {
    EXPECT_FALSE(IsPublic(Address(text))) << text;
  }
}

}  // namespace
}  // namespace callcontrol
