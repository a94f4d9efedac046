// SPDX-License-Identifier: Apache-2.0
#include "sip/dns/dns_message.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using std::chrono::seconds;

// One question for "a" and two answers, with TTLs of 60 and 7.
const std::vector<std::uint8_t> kMessage = {
    0,    1,   0x85, 0x80, 0, 1, 0, 2, 0, 0,  0, 0,              // Header.
    1,    'a', 0,    0,    1, 0, 1,                              // Question.
    0xC0, 12,  0,    1,    0, 1, 0, 0, 0, 60, 0, 4, 1, 2, 3, 4,  // A pointer.
    1,    'a', 0,    0,    1, 0, 1, 0, 0, 0,  7, 0, 1, 9};  // A whole name.

TEST(SmallestTtlTest, IsTheSmallestOfTheAnswers) {
  EXPECT_EQ(SmallestTtl(kMessage), seconds(7));
}

TEST(SmallestTtlTest, IsZeroForWhatEndsEarly) {
  for (std::size_t size = 0; size < kMessage.size(); ++size) {
    // A copy of its own, for AddressSanitizer to watch the end of.
    const std::vector<std::uint8_t> cut(
        kMessage.begin(), kMessage.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(SmallestTtl(cut), seconds(0)) << size;
  }
}

TEST(SmallestTtlTest, IsZeroWithTheTopBitSet) {
  std::vector<std::uint8_t> message = kMessage;
  message[message.size() - 7] = 0x80;
  EXPECT_EQ(SmallestTtl(message), seconds(0));
}

}  // namespace
}  // namespace callcontrol::sip
