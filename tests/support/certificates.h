// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_CERTIFICATES_H_
#define CALLCONTROL_TESTS_SUPPORT_CERTIFICATES_H_

#include <memory>
#include <string>
#include <vector>

namespace callcontrol::testing {

// A certificate and its key, both in PEM.
struct KeyPair {
  std::string certificate;
  std::string key;
};

// What a certificate says.
struct CertificateText {
  std::string common_name = "";
  // As OpenSSL writes them: "DNS:a.example", "IP:127.0.0.1",
  // "URI:sip:a.example". Empty: no subjectAltName.
  std::vector<std::string> alternative_names = {};
  // From now, in seconds.
  long valid_from = -3600;
  long valid_to = 3600;
};

// A certificate authority of a test's own; its key is nowhere but here.
//
// Threads: one thread. Errors: throws std::runtime_error.
class TestAuthority {
 public:
  TestAuthority();
  ~TestAuthority();

  // Its own certificate, in PEM.
  const std::string& certificate() const { return certificate_; }
  KeyPair Issue(const CertificateText& text) const;

 private:
  struct Keys;
  std::unique_ptr<Keys> keys_;
  std::string certificate_;
};

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_CERTIFICATES_H_
