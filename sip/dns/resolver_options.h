// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_DNS_RESOLVER_OPTIONS_H_
#define CALLCONTROL_SIP_DNS_RESOLVER_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "sip/dns/sip_route.h"

namespace callcontrol::sip {

struct ResolverOptions {
  // "ip:port" or "[v6]:port". Empty: those of /etc/resolv.conf, read once.
  std::vector<std::string> nameservers{};
  bool use_naptr = true;
  bool use_srv = true;
  // What the server can send over, best first. Bounds what NAPTR and SRV
  // records may choose; a transport that the target names is taken as it is.
  std::vector<SipTransport> transports = {SipTransport::kUdp,
                                          SipTransport::kTcp};
  // For the first try with each server; c-ares doubles it for every further
  // one, so the defaults give a silent server 3 s per question.
  std::chrono::milliseconds query_timeout{1000};
  int tries = 2;
  // 0: no cache.
  std::size_t cache_entries = 1024;
  // Caps the records' own TTL: how late a move of the far end is noticed.
  std::chrono::seconds max_ttl{300};
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_DNS_RESOLVER_OPTIONS_H_
