// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_FUZZ_FAR_END_H_
#define CALLCONTROL_TESTS_FUZZ_FAR_END_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "tests/support/peer_transport.h"
#include "tests/support/sip_message.h"

namespace callcontrol::fuzz {

// One UDP socket that speaks with an engine, and is polite about whatever it
// was not waiting for: requests are answered, and answers to INVITE
// acknowledged, so that little is left behind.
//
// Threads: one thread.
// Errors: an engine that does not answer ends the process.
// Time: waits for datagrams only, never for time to pass.
class FarEnd {
 public:
  using Fits = std::function<bool(const testing::SipMessage& message)>;

  explicit FarEnd(std::uint16_t engine_port);

  // HOST:PORT.
  const std::string& address() const { return address_; }
  // The engine's URI.
  const std::string& target() const { return target_; }

  void Send(std::string_view text) { transport_->Send(text, 0); }
  // The next message that `fits`.
  testing::SipMessage Await(const Fits& fits);
  // Returns once the engine has read what was sent, which it shows by answering
  // OPTIONS.
  void AwaitAlive();

  void Answer(const testing::SipMessage& request, int status);
  // Acknowledges a final answer to INVITE, and nothing else.
  void Acknowledge(const testing::SipMessage& answer);
  // Not to be guessed, so that no datagram is taken for what comes after it.
  std::string NewToken();
  std::string NewBranch() { return "z9hG4bK" + NewToken(); }

 private:
  void BePolite(const testing::SipMessage& message);

  std::unique_ptr<testing::PeerTransport> transport_;
  std::string address_;
  std::string target_;
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace callcontrol::fuzz

#endif  // CALLCONTROL_TESTS_FUZZ_FAR_END_H_
