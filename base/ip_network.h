// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_BASE_IP_NETWORK_H_
#define CALLCONTROL_BASE_IP_NETWORK_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;

// IP addresses and networks as configurations name them. Pure.
namespace callcontrol {

// An IPv4 or IPv6 address. An IPv4 one is kept as ::ffff:a.b.c.d (RFC 4291,
// 2.5.5.2), so that both spellings of it are the same address.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  bool operator==(const IpAddress&) const = default;
};

// "192.0.2.1", "2001:db8::1" or "[2001:db8::1]"; nullopt for anything else,
// names included.
std::optional<IpAddress> ReadIpAddress(std::string_view text);

// Nullopt for a family other than IPv4 and IPv6.
std::optional<IpAddress> IpAddressOf(const sockaddr& address);

std::string ToString(const IpAddress& address);

// A range of addresses: the first `prefix` bits are those of `address`.
struct IpNetwork {
  IpAddress address;
  int prefix = 128;

  bool Contains(const IpAddress& other) const;
  bool operator==(const IpNetwork&) const = default;
};

// "10.0.0.0/8", "fd00::/8" or an address alone. Bits behind the prefix must be
// zero: "10.1.2.3/8" is a mistake, not a network.
std::optional<IpNetwork> ReadIpNetwork(std::string_view text);

// Whether the address is one of the public Internet: not loopback, private,
// link-local, shared, multicast or otherwise special (RFC 6890 and its
// registries), nor one that carries such an IPv4 address inside.
bool IsPublic(const IpAddress& address);

}  // namespace callcontrol

#endif  // CALLCONTROL_BASE_IP_NETWORK_H_
