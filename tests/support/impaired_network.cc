// SPDX-License-Identifier: Apache-2.0
#include "tests/support/impaired_network.h"

namespace callcontrol::testing {

ImpairedNetwork::ImpairedNetwork(uint16_t server_port,
                                 const Impairment& impairment, uint32_t seed)
    : impairment_(impairment), random_(seed), server_(Loopback(server_port)) {
  udp_.Start([this](const std::string& bytes, const sockaddr_in& from) {
    const bool of_server = from.sin_port == server_.sin_port;
    if (!of_server && far_end_.sin_port == 0) far_end_ = from;
    Carry(bytes, of_server ? far_end_ : server_);
  });
}

ImpairedNetwork::Figures ImpairedNetwork::Stop() {
  udp_.Stop();
  return figures_;
}

void ImpairedNetwork::Carry(const std::string& bytes, const sockaddr_in& to) {
  ++figures_.carried;
  if (Happens(impairment_.loss)) {
    ++figures_.lost;
    return;
  }
  if (Happens(impairment_.duplication)) {
    ++figures_.duplicated;
    Delay(bytes, to);
  }
  if (Happens(impairment_.reordering)) {
    ++figures_.reordered;
    Delay(bytes, to);
  } else {
    udp_.Send(bytes, to);
  }
}

void ImpairedNetwork::Delay(const std::string& bytes, const sockaddr_in& to) {
  std::uniform_int_distribution<int64_t> delay(1, kMostDelay.count());
  udp_.After(std::chrono::milliseconds(delay(random_)),
             [this, bytes, to] { udp_.Send(bytes, to); });
}

bool ImpairedNetwork::Happens(double probability) {
  return std::bernoulli_distribution(probability)(random_);
}

std::ostream& operator<<(std::ostream& out,
                         const ImpairedNetwork::Figures& figures) {
  return out << "carried " << figures.carried << ", lost " << figures.lost
             << ", duplicated " << figures.duplicated << ", reordered "
             << figures.reordered;
}

}  // namespace callcontrol::testing
