// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_PEER_TRANSPORT_H_
#define CALLCONTROL_TESTS_SUPPORT_PEER_TRANSPORT_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/tls_session.h"

namespace callcontrol::testing {

using TimePoint = std::chrono::steady_clock::time_point;

// The sockets of a far end: whole SIP messages in and out, blocking with a
// deadline. Its port is chosen by the kernel.
//
// Threads: one thread.
// Errors: throws std::runtime_error where the operating system refuses.
class PeerTransport {
 public:
  struct Packet {
    std::string text;
    // By which connection it came, or over UDP from which source; answers go
    // back by the same. 0: the one that the peer opened, or the server.
    int channel = 0;
  };

  virtual ~PeerTransport() = default;
  virtual uint16_t port() const = 0;
  // Of the connection that the peer opens, which it does for this.
  virtual uint16_t own_port() { return port(); }
  // "UDP", "TCP" or "TLS", as in Via.
  virtual std::string_view name() const = 0;
  virtual void Send(std::string_view text, int channel) = 0;
  // The next message, or nullopt once `deadline` has passed. A deadline in the
  // past looks without waiting.
  virtual std::optional<Packet> Receive(TimePoint deadline) = 0;
  // Closes all connections, whoever opened them, and listens on.
  virtual void Disconnect() {}
  // Of TLS: connections of the server that came to nothing, and why.
  virtual std::string failed_handshakes() const { return ""; }
  // Of TLS: the newest connection of the server; null for none.
  virtual const TlsSession* newest_session() const { return nullptr; }
  // Of TLS: that of the connection that the peer opened; null for none.
  virtual const TlsSession* own_session() const { return nullptr; }
};

// Talks to 127.0.0.1:`server_port` from `address`, a loopback address.
std::unique_ptr<PeerTransport> MakeUdpTransport(const std::string& address,
                                                uint16_t server_port);
// Connects at the first Send(); listens as well, for connections of the server.
std::unique_ptr<PeerTransport> MakeTcpTransport(const std::string& address,
                                                uint16_t server_port);

// The same over TLS.
std::unique_ptr<PeerTransport> MakeTlsTransport(const std::string& address,
                                                uint16_t server_port,
                                                PeerTls tls);

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_PEER_TRANSPORT_H_
