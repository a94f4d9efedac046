// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TLS_TLS_FILES_H_
#define CALLCONTROL_SIP_TLS_TLS_FILES_H_

#include <optional>
#include <string>

#include "sip/tls/certificate_names.h"
#include "sip/tls/tls_options.h"

// OpenSSL's SSL_CTX and X509. Declared and not included: none of its headers
// reaches a user of this one.
struct ssl_ctx_st;
struct x509_st;

namespace callcontrol::sip {

// A file that is of no use, by the name of the field of TlsOptions.
struct TlsProblem {
  std::string field;
  // What is wrong with it, for people.
  std::string text;
};

// Sets `context` up as `options` say: certificate, key, authorities, TLS 1.2 or
// later, no renegotiation, no resumption. May be done again while connections
// are open: new ones use what was read then. On an error `context` may have
// taken some of it.
//
// Threads: that of the context's user. Reads files.
std::optional<TlsProblem> SetUpTls(const TlsOptions& options,
                                   ssl_ctx_st& context);

// The same for nobody: whether the files can be read, are in PEM, belong
// together and are valid today.
std::optional<TlsProblem> CheckTlsFiles(const TlsOptions& options);

// Names with a zero byte in them are left out: somebody means to deceive.
CertificateNames ReadCertificateNames(const x509_st& certificate);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TLS_TLS_FILES_H_
