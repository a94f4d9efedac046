// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_HOSTILE_SENDER_H_
#define CALLCONTROL_TESTS_SUPPORT_HOSTILE_SENDER_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/peer_transport.h"

namespace callcontrol::testing {

// Sends what no SIP stack should: good messages with seeded damage, and shapes
// after RFC 4475. Reads no answer.
//
// Threads: one thread.
// Errors: as PeerTransport.
class HostileSender {
 public:
  HostileSender(uint16_t server_port, uint32_t seed);

  // One broken datagram.
  void Send();
  // These bytes, from this sender's address.
  void Send(const std::string& bytes) { transport_->Send(bytes, 0); }
  // Less than `limit`.
  size_t Random(size_t limit) { return random_() % limit; }

 private:
  std::string GoodMessage();
  std::string Damaged(std::string message);
  std::string Token() { return std::to_string(random_()); }

  std::unique_ptr<PeerTransport> transport_;
  std::mt19937 random_;
};

// Messages after RFC 4475 that are wrong in one way each.
std::vector<std::string> TortureMessages(const std::string& token);

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_HOSTILE_SENDER_H_
