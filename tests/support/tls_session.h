// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_TLS_SESSION_H_
#define CALLCONTROL_TESTS_SUPPORT_TLS_SESSION_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/certificates.h"

namespace callcontrol::testing {

// How a far end speaks TLS.
struct PeerTls {
  // What it shows; none where empty, which only a client may.
  KeyPair own = {};
  // Whom it trusts; anybody where empty. Where it is set, a client that shows
  // no certificate of it is refused, too.
  std::string authority = "";
  // The newest that it speaks: "TLSv1.3", "TLSv1.1" ...
  std::string newest_version = "TLSv1.3";
};

// TLS over a connected socket, which it does not own: a blocking handshake,
// then whole writes and reads that do not wait.
//
// Threads: one thread.
// Errors: throws std::runtime_error with OpenSSL's words.
class TlsSession {
 public:
  enum class Role { kClient, kServer };
  TlsSession(const PeerTls& tls, Role role, int fd);
  ~TlsSession();

  void Write(std::string_view text);
  // What is there; empty for nothing yet, nullopt for the end.
  std::optional<std::string> Read();
  // The server name that the client asked for; empty for none.
  std::string server_name() const;
  // Whether the other side showed one.
  bool peer_showed_certificate() const;
  // Its common name; empty for none.
  std::string peer_common_name() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_TLS_SESSION_H_
