// SPDX-License-Identifier: Apache-2.0
//
// Input: a DNS message.
#include "sip/dns/dns_message.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/fuzz/property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const std::chrono::seconds ttl =
      callcontrol::sip::SmallestTtl(std::span(data, size));
  callcontrol::fuzz::Require(
      ttl >= std::chrono::seconds(0) && ttl <= std::chrono::seconds(0x7FFFFFFF),
      "a TTL has 31 bits (RFC 2181, 8)");
  return 0;
}
