// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_DNS_SIP_ROUTE_H_
#define CALLCONTROL_SIP_DNS_SIP_ROUTE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Where a SIP request goes: the decisions of RFC 3263 section 4 and the server
// selection of RFC 2782, without the questions that the DNS is asked in
// between (route_lookup.h asks those).
//
// Ownership: values only. Threads: every function is pure, so thread-safe as
// far as its arguments are. Errors: nothing fails; records that cannot be used
// are left out. Time: none.
//
// Members have {} so that a designated initializer may leave them out under
// -Wmissing-field-initializers.
namespace callcontrol::sip {

enum class SipTransport { kUdp, kTcp, kTls };

// One next hop, ready for a socket.
struct SipAddress {
  // Numeric; IPv6 without brackets.
  std::string ip{};
  std::uint16_t port = 0;
  SipTransport transport = SipTransport::kUdp;
  // Of TLS: whom the certificate there must speak for (RFC 5922, 4).
  std::string tls_name{};

  bool operator==(const SipAddress&) const = default;
};

// What a SIP URI says about its next hop.
struct SipTarget {
  // A name or a literal; IPv6 with or without brackets.
  std::string host{};
  // 0 counts as absent.
  std::optional<std::uint16_t> port{};
  std::optional<SipTransport> transport{};
  // A sips URI. Means TLS whatever `transport` says (RFC 3261 section 26.2.2).
  bool secure = false;
  // Whom a certificate must speak for: the host of the URI, which is not what a
  // record or a maddr parameter of it leads to (RFC 5922, 4). For whoever
  // sends; nothing here reads it.
  std::string tls_name{};
  // A transport parameter that is none of ours, which nothing here reads
  // either; empty for none.
  std::string unknown_transport{};
};

struct NaptrRecord {
  std::uint16_t order = 0;
  std::uint16_t preference = 0;
  std::string flags{};
  std::string service{};
  std::string regexp{};
  std::string replacement{};
};

struct SrvRecord {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  // Empty or "." where the domain says that it has no such service.
  std::string host{};
};

// A name to ask for SRV records, and the transport that they are for.
struct SrvQuestion {
  std::string name{};
  SipTransport transport = SipTransport::kUdp;

  bool operator==(const SrvQuestion&) const = default;
};

// What the DNS says of a target.
struct Route {
  struct Host {
    SrvRecord srv{};
    // Numeric. Empty where its addresses could not be found.
    std::vector<std::string> ips{};
  };

  // In no order: every use draws its own (AddressesOf()), so that a kept route
  // spreads the load as well.
  std::vector<Host> hosts{};
  SipTransport transport = SipTransport::kUdp;
  // How long it may be kept: the smallest TTL of its records.
  std::chrono::seconds ttl{0};
};

// A number from [0, bound), uniformly. bound is at least 1.
using RandomBelow = std::function<std::uint32_t(std::uint32_t bound)>;

// The address of a target that needs no DNS; nullopt for a name.
std::optional<SipAddress> NumericAddress(const SipTarget& target);

// Whether `name` may be asked for: at most 253 characters in labels of 1 to 63
// letters, digits, hyphens (not at a label's ends) and underscores, the last
// label not all digits (else a mistyped IPv4 address would pass). One dot at
// the end is allowed.
bool IsDnsName(std::string_view name);

// The port that the target names.
std::optional<std::uint16_t> ExplicitPort(const SipTarget& target);

// 5061 for TLS, else 5060.
std::uint16_t DefaultPort(SipTransport transport);

// The transport of a target whose records name none: the explicit one, TLS for
// sips, else UDP.
SipTransport DefaultTransport(const SipTarget& target);

// Whether RFC 3263 asks for NAPTR records: neither port nor transport given.
bool WantsNaptr(const SipTarget& target);

// Whether RFC 3263 asks for SRV records: no port given.
bool WantsSrv(const SipTarget& target);

// The SRV questions that the NAPTR records lead to, best first (RFC 3263
// section 4.1). Keeps flag "s" with services SIP+D2U, SIP+D2T and SIPS+D2T,
// only for `transports`, and for a secure target only SIPS.
std::vector<SrvQuestion> SelectNaptr(std::span<const NaptrRecord> records,
                                     const SipTarget& target,
                                     std::span<const SipTransport> transports);

// The SRV questions where no NAPTR record helps, best first: the explicit
// transport's only, the secure one's only, or all of `transports` in order.
std::vector<SrvQuestion> SrvQuestions(const SipTarget& target,
                                      std::span<const SipTransport> transports);

// False for a record that stands for "no such service" (RFC 2782) or that no
// request can be sent to.
bool IsUsable(const SrvRecord& record);

// The order in which to try `records`, as indices: by priority, and within one
// by RFC 2782's weighted draw.
std::vector<std::size_t> SrvOrder(std::span<const SrvRecord> records,
                                  const RandomBelow& random_below);

// The addresses of `route` in the order in which to try them; not more than 32,
// enough for any failover, few enough for an answer meant to swamp us.
std::vector<SipAddress> AddressesOf(const Route& route,
                                    const RandomBelow& random_below);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_DNS_SIP_ROUTE_H_
