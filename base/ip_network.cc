// SPDX-License-Identifier: Apache-2.0
#include "base/ip_network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace callcontrol {
namespace {

constexpr std::array<std::uint8_t, 12> kV4Prefix = {0, 0, 0, 0, 0,    0,
                                                    0, 0, 0, 0, 0xFF, 0xFF};
constexpr int kV4PrefixBits = 96;

bool IsV4(const IpAddress& address) {
  return std::equal(kV4Prefix.begin(), kV4Prefix.end(), address.bytes.begin());
}

IpAddress FromV4(const in_addr& v4) {
  IpAddress address;
  std::ranges::copy(kV4Prefix, address.bytes.begin());
  std::memcpy(&address.bytes[12], &v4, 4);
  return address;
}

IpAddress FromV6(const in6_addr& v6) {
  IpAddress address;
  std::memcpy(address.bytes.data(), &v6, 16);
  return address;
}

// The special-purpose registries of IANA, RFC 6890, and multicast. Of IPv6 only
// 2000::/3 is handed out at all (RFC 4291, 2.4), so only what is special inside
// it has to be named.
const std::vector<IpNetwork>& SpecialNetworks() {
  static const std::vector<IpNetwork> networks = [] {
    std::vector<IpNetwork> result;
    for (const char* text :
         {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
          "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
          "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
          "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
          // Protocol assignments with Teredo, documentation, 6to4.
          "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"}) {
      result.push_back(*ReadIpNetwork(text));
    }
    return result;
  }();
  return networks;
}

}  // namespace

std::optional<IpAddress> ReadIpAddress(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
    if (text.find(':') == std::string_view::npos) return std::nullopt;
  }
  const std::string copy(text);
  in_addr v4{};
  if (inet_pton(AF_INET, copy.c_str(), &v4) == 1) return FromV4(v4);
  in6_addr v6{};
  if (inet_pton(AF_INET6, copy.c_str(), &v6) == 1) return FromV6(v6);
  return std::nullopt;
}

std::optional<IpAddress> IpAddressOf(const sockaddr& address) {
  // Copied: a sockaddr may not be aligned for what it holds.
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    return FromV4(v4.sin_addr);
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    return FromV6(v6.sin6_addr);
  }
  return std::nullopt;
}

std::string ToString(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = IsV4(address);
  inet_ntop(v4 ? AF_INET : AF_INET6, &address.bytes[v4 ? 12 : 0], text.data(),
            text.size());
  return text.data();
}

bool IpNetwork::Contains(const IpAddress& other) const {
  const auto whole = static_cast<std::size_t>(prefix / 8);
  if (!std::equal(address.bytes.begin(), address.bytes.begin() + whole,
                  other.bytes.begin())) {
    return false;
  }
  if (prefix % 8 == 0) return true;
  const int shift = 8 - prefix % 8;
  return address.bytes[whole] >> shift == other.bytes[whole] >> shift;
}

std::optional<IpNetwork> ReadIpNetwork(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = ReadIpAddress(text.substr(0, slash));
  if (!address) return std::nullopt;
  IpNetwork network{*address, 128};
  if (slash == std::string_view::npos) return network;
  // By what is written: ::ffff:127.0.0.1 is spelled as IPv6.
  const bool v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  const std::string bits(text.substr(slash + 1));
  int prefix = 0;
  if (!std::ranges::all_of(bits, absl::ascii_isdigit) ||
      !absl::SimpleAtoi(bits, &prefix) || prefix > (v4 ? 32 : 128)) {
    return std::nullopt;
  }
  network.prefix = v4 ? prefix + kV4PrefixBits : prefix;
  for (int bit = network.prefix; bit < 128; ++bit) {
    const auto byte = address->bytes[static_cast<std::size_t>(bit / 8)];
    if ((byte >> (7 - bit % 8) & 1) != 0) return std::nullopt;
  }
  return network;
}

bool IsPublic(const IpAddress& address) {
  const bool handed_out = IsV4(address) || address.bytes[0] >> 5 == 1;
  return handed_out &&
         std::ranges::none_of(SpecialNetworks(), [&](const IpNetwork& special) {
           return special.Contains(address);
         });
}

}  // namespace callcontrol
