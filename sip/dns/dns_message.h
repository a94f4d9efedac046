// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_DNS_DNS_MESSAGE_H_
#define CALLCONTROL_SIP_DNS_DNS_MESSAGE_H_

#include <chrono>
#include <cstdint>
#include <span>

namespace callcontrol::sip {

// The smallest TTL in the answer section of a DNS message (RFC 1035 section
// 4.1), which c-ares 1.18 does not tell for SRV and NAPTR. 0, "do not keep",
// where the message has no answers or cannot be read to their end.
//
// Pure. Takes bytes from the network: reads nothing beyond `message`.
std::chrono::seconds SmallestTtl(std::span<const std::uint8_t> message);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_DNS_DNS_MESSAGE_H_
