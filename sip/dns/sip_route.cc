// SPDX-License-Identifier: Apache-2.0
#include "sip/dns/sip_route.h"

#include <arpa/inet.h>

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

namespace callcontrol::sip {
namespace {

// RFC 1035 section 3.1, without the length octets of the wire form.
constexpr std::size_t kMaxName = 253;
constexpr std::size_t kMaxLabel = 63;

constexpr std::size_t kMaxAddresses = 32;

// By hand: <cctype> follows the process's locale, the DNS does not.
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, Lower, Lower);
}

bool IsLabel(std::string_view label) {
  if (label.empty() || label.size() > kMaxLabel) return false;
  if (label.front() == '-' || label.back() == '-') return false;
  return std::ranges::all_of(label, [](char c) {
    const char lower = Lower(c);
    return (lower >= 'a' && lower <= 'z') || IsDigit(c) || c == '-' || c == '_';
  });
}

// The one spelling of a literal, or nullopt.
std::optional<std::string> CanonicalIp(const std::string& host) {
  // inet_pton() stops at a NUL and would call the rest of the name nothing.
  if (host.find('\0') != std::string::npos) return std::nullopt;
  in6_addr address{};  // Large enough for both families.
  char text[INET6_ADDRSTRLEN];
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, host.c_str(), &address) == 1 &&
        inet_ntop(family, &address, text, sizeof text) != nullptr) {
      return text;
    }
  }
  return std::nullopt;
}

std::optional<SipTransport> TransportOfService(std::string_view service) {
  if (EqualsIgnoringCase(service, "SIP+D2U")) return SipTransport::kUdp;
  if (EqualsIgnoringCase(service, "SIP+D2T")) return SipTransport::kTcp;
  if (EqualsIgnoringCase(service, "SIPS+D2T")) return SipTransport::kTls;
  return std::nullopt;
}

std::string_view SrvPrefix(SipTransport transport) {
  switch (transport) {
    case SipTransport::kUdp:
      return "_sip._udp.";
    case SipTransport::kTcp:
      return "_sip._tcp.";
    case SipTransport::kTls:
      return "_sips._tcp.";
  }
  return "";
}

}  // namespace

std::optional<SipAddress> NumericAddress(const SipTarget& target) {
  std::string host = target.host;
  const bool bracketed =
      host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  std::optional<std::string> ip = CanonicalIp(host);
  // "[192.0.2.1]" is not a literal of RFC 3986.
  if (!ip || (bracketed && host.find(':') == std::string::npos)) {
    return std::nullopt;
  }
  const SipTransport transport = DefaultTransport(target);
  return SipAddress{
      .ip = *std::move(ip),
      .port = ExplicitPort(target).value_or(DefaultPort(transport)),
      .transport = transport};
}

bool IsDnsName(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > kMaxName) return false;
  while (true) {
    const std::size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (!IsLabel(label)) return false;
    if (dot == std::string_view::npos) {
      return !std::ranges::all_of(label, IsDigit);
    }
    name.remove_prefix(dot + 1);
  }
}

std::optional<std::uint16_t> ExplicitPort(const SipTarget& target) {
  return target.port.value_or(0) == 0 ? std::nullopt : target.port;
}

std::uint16_t DefaultPort(SipTransport transport) {
  return transport == SipTransport::kTls ? 5061 : 5060;
}

SipTransport DefaultTransport(const SipTarget& target) {
  if (target.secure) return SipTransport::kTls;
  return target.transport.value_or(SipTransport::kUdp);
}

bool WantsNaptr(const SipTarget& target) {
  return WantsSrv(target) && !target.transport;
}

bool WantsSrv(const SipTarget& target) { return !ExplicitPort(target); }

std::vector<SrvQuestion> SelectNaptr(std::span<const NaptrRecord> records,
                                     const SipTarget& target,
                                     std::span<const SipTransport> transports) {
  struct Choice {
    std::pair<std::uint16_t, std::uint16_t> rank;
    SrvQuestion question;
  };
  std::vector<Choice> choices;
  for (const NaptrRecord& record : records) {
    const auto transport = TransportOfService(record.service);
    if (!transport || !EqualsIgnoringCase(record.flags, "s") ||
        !record.regexp.empty() || !IsDnsName(record.replacement)) {
      continue;
    }
    if (target.secure ? *transport != SipTransport::kTls
                      : !std::ranges::count(transports, *transport)) {
      continue;
    }
    choices.push_back(
        {{record.order, record.preference}, {record.replacement, *transport}});
  }
  std::ranges::stable_sort(choices, {}, &Choice::rank);
  std::vector<SrvQuestion> questions;
  questions.reserve(choices.size());
  for (Choice& choice : choices) {
    questions.push_back(std::move(choice.question));
  }
  return questions;
}

std::vector<SrvQuestion> SrvQuestions(
    const SipTarget& target, std::span<const SipTransport> transports) {
  if (!WantsSrv(target)) return {};
  const SipTransport only[] = {DefaultTransport(target)};
  if (target.secure || target.transport) transports = only;
  std::vector<SrvQuestion> questions;
  questions.reserve(transports.size());
  for (const SipTransport transport : transports) {
    std::string name(SrvPrefix(transport));
    questions.push_back({name.append(target.host), transport});
  }
  return questions;
}

bool IsUsable(const SrvRecord& record) {
  return record.port != 0 && IsDnsName(record.host);
}

std::vector<std::size_t> SrvOrder(std::span<const SrvRecord> records,
                                  const RandomBelow& random_below) {
  std::vector<std::size_t> order(records.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  // RFC 2782 puts weight 0 first, which gives it a small chance, not none.
  std::ranges::stable_sort(order, {}, [&](std::size_t i) {
    return std::tuple(records[i].priority, records[i].weight != 0);
  });
  for (auto next = order.begin(); next != order.end(); ++next) {
    std::uint32_t sum = 0;
    auto end = next;
    for (; end != order.end() &&
           records[*end].priority == records[*next].priority;
         ++end) {
      sum += records[*end].weight;
    }
    const std::uint32_t drawn = random_below(sum + 1);
    std::uint32_t running = 0;
    auto chosen = std::find_if(next, end, [&](std::size_t i) {
      running += records[i].weight;
      return running >= drawn;
    });
    if (chosen != end) std::rotate(next, chosen, chosen + 1);
  }
  return order;
}

std::vector<SipAddress> AddressesOf(const Route& route,
                                    const RandomBelow& random_below) {
  std::vector<SrvRecord> records;
  records.reserve(route.hosts.size());
  for (const Route::Host& host : route.hosts) records.push_back(host.srv);
  std::vector<SipAddress> addresses;
  for (const std::size_t i : SrvOrder(records, random_below)) {
    for (const std::string& ip : route.hosts[i].ips) {
      if (addresses.size() == kMaxAddresses) return addresses;
      addresses.push_back({ip, records[i].port, route.transport});
    }
  }
  return addresses;
}

}  // namespace callcontrol::sip
