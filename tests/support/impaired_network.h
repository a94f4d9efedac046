// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_IMPAIRED_NETWORK_H_
#define CALLCONTROL_TESTS_SUPPORT_IMPAIRED_NETWORK_H_

#include <netinet/in.h>

#include <chrono>
#include <cstdint>
#include <ostream>
#include <random>
#include <string>

#include "tests/support/udp_thread.h"

namespace callcontrol::testing {

// What becomes of each datagram, in either direction; probabilities.
struct Impairment {
  double loss = 0;
  // A copy follows, within kMostDelay.
  double duplication = 0;
  // Held back for up to kMostDelay, so that later ones overtake it.
  double reordering = 0;
};

// A bad network between a far end and the server, both on loopback UDP: the far
// end sends to port() and names it as its own address.
//
//   far end <---> port() <---> server
//
// The far end is whoever sends the first datagram that is not the server's. The
// same seed makes the same decisions in the same order.
//
// Ownership: owns its socket and its thread.
// Threads: one thread, beside its own.
// Errors: throws std::runtime_error where there is no socket to be had.
class ImpairedNetwork {
 public:
  static constexpr std::chrono::milliseconds kMostDelay{40};

  struct Figures {
    int64_t carried = 0;
    int64_t lost = 0;
    int64_t duplicated = 0;
    int64_t reordered = 0;
  };

  ImpairedNetwork(uint16_t server_port, const Impairment& impairment,
                  uint32_t seed);

  uint16_t port() const { return udp_.port(); }
  // Carries nothing from now on. What it did.
  Figures Stop();

 private:
  void Carry(const std::string& bytes, const sockaddr_in& to);
  void Delay(const std::string& bytes, const sockaddr_in& to);
  bool Happens(double probability);

  const Impairment impairment_;
  std::mt19937 random_;
  const sockaddr_in server_;
  sockaddr_in far_end_{};
  Figures figures_;
  // Last, because its thread uses the others.
  UdpThread udp_;
};

std::ostream& operator<<(std::ostream& out,
                         const ImpairedNetwork::Figures& figures);

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_IMPAIRED_NETWORK_H_
