// SPDX-License-Identifier: Apache-2.0
#include "sip/dns/dns_message.h"

#include <algorithm>
#include <cstddef>

namespace callcontrol::sip {
namespace {

constexpr std::size_t kHeaderSize = 12;

// Reads big-endian numbers; past the end everything is 0 and ok() is false.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }

  void Skip(std::size_t count) {
    ok_ = ok_ && count <= bytes_.size();
    bytes_ = ok_ ? bytes_.subspan(count) : std::span<const std::uint8_t>();
  }

  std::uint32_t Take(std::size_t count) {
    const std::span<const std::uint8_t> taken = bytes_;
    Skip(count);
    std::uint32_t value = 0;
    if (!ok_) return value;
    for (std::size_t i = 0; i < count; ++i) value = value << 8 | taken[i];
    return value;
  }

  void SkipName() {
    while (ok_) {
      const std::uint32_t length = Take(1);
      if (length == 0) return;
      if (length >= 0xC0) {  // A pointer ends the name.
        Skip(1);
        return;
      }
      Skip(length);
    }
  }

 private:
  std::span<const std::uint8_t> bytes_;
  bool ok_ = true;
};

}  // namespace

std::chrono::seconds SmallestTtl(std::span<const std::uint8_t> message) {
  // RFC 2181 section 8: the top bit set means 0.
  constexpr std::uint32_t kMaxTtl = 0x7FFFFFFF;
  Reader reader(message);
  reader.Skip(4);
  const std::uint32_t questions = reader.Take(2);
  const std::uint32_t answers = reader.Take(2);
  reader.Skip(kHeaderSize - 8);
  for (std::uint32_t i = 0; i < questions && reader.ok(); ++i) {
    reader.SkipName();
    reader.Skip(4);
  }
  std::uint32_t smallest = kMaxTtl;
  for (std::uint32_t i = 0; i < answers && reader.ok(); ++i) {
    reader.SkipName();
    reader.Skip(4);
    const std::uint32_t ttl = reader.Take(4);
    smallest = std::min(smallest, ttl > kMaxTtl ? 0 : ttl);
    reader.Skip(reader.Take(2));
  }
  return std::chrono::seconds(reader.ok() && answers > 0 ? smallest : 0);
}

}  // namespace callcontrol::sip
