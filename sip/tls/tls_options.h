// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TLS_TLS_OPTIONS_H_
#define CALLCONTROL_SIP_TLS_TLS_OPTIONS_H_

#include <cstdint>
#include <string>

namespace callcontrol::sip {

// Whether whoever connects is asked for a certificate.
enum class ClientCertificate {
  kOff,
  kRequested,  // One that is shown must be good.
  kRequired,
};

// How SIP over TLS is served, and which certificates are trusted.
struct TlsOptions {
  // A numeric address, IPv6 in brackets; port 0 picks a free one.
  std::string listen_host{};
  std::uint16_t listen_port = 5061;

  // PEM files: our chain, leaf first, shown as server and as client; its key.
  std::string certificate{};
  std::string private_key{};
  // Of the authorities that peers are verified against. Empty: the system's.
  std::string ca_file{};
  ClientCertificate client_certificate = ClientCertificate::kOff;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TLS_TLS_OPTIONS_H_
