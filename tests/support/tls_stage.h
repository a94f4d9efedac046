// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_TLS_STAGE_H_
#define CALLCONTROL_TESTS_SUPPORT_TLS_STAGE_H_

#include <string>

#include "tests/support/callcontrold_process.h"
#include "tests/support/certificates.h"
#include "tests/support/scripted_peer.h"
#include "tests/support/text.h"

namespace callcontrol::testing {

// What both sides of a test over TLS need: an authority that they trust, and
// the files of the server.
//
// Threads: one thread. Errors: throws std::runtime_error.
class TlsStage {
 public:
  TlsStage() {
    files_.Write("ca.pem", authority.certificate());
    WriteServerCertificate({.alternative_names = {"DNS:callcontrol.example"}});
  }

  // The server's files, written or written anew.
  void WriteServerCertificate(const CertificateText& text) const {
    const KeyPair own = authority.Issue(text);
    files_.Write("server.pem", own.certificate);
    files_.Write("server.key", own.key);
  }

  // TestConfig() with TLS on a port that the kernel chooses. `more` is put into
  // sip.tls, `rest` beside sip.
  std::string Config(const std::string& more = "",
                     const std::string& rest = "") const {
    return TestConfig(Cat("sip { tls { listen: '127.0.0.1:0' certificate: '",
                          Path("server.pem"), "' private_key: '",
                          Path("server.key"), "' ca_file: '", Path("ca.pem"),
                          "' ", more, " } } ", rest));
  }

  // A far end with a certificate that says `text`, which trusts this authority
  // alone and wants to see a certificate of it.
  PeerOptions Peer(const CertificateText& text = {
                       .alternative_names = {"IP:127.0.0.1"}}) const {
    PeerOptions options;
    options.transport = Transport::kTls;
    options.tls = {.own = authority.Issue(text),
                   .authority = authority.certificate()};
    return options;
  }

  std::string Path(const std::string& name) const {
    return (files_.path() / name).string();
  }

  const TestAuthority authority;

 private:
  TempDir files_;
};

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_TLS_STAGE_H_
