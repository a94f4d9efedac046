// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tls_session.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <stdexcept>

#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

[[noreturn]] void Throw(std::string_view what) {
  const unsigned long error = ERR_get_error();
  const char* reason = ERR_reason_error_string(error);
  ERR_clear_error();
  throw std::runtime_error(
      Cat("TLS ", what, ": ", reason == nullptr ? "closed" : reason));
}

int VersionNamed(std::string_view name) {
  if (name == "TLSv1.1") return TLS1_1_VERSION;
  if (name == "TLSv1.2") return TLS1_2_VERSION;
  if (name == "TLSv1.3") return TLS1_3_VERSION;
  throw std::runtime_error(Cat("no TLS version: ", name));
}

X509* ReadCertificate(const std::string& pem) {
  BIO* bytes = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = PEM_read_bio_X509(bytes, nullptr, nullptr, nullptr);
  BIO_free(bytes);
  if (certificate == nullptr) Throw("certificate");
  return certificate;
}

void UseOwn(SSL_CTX* context, const KeyPair& own) {
  X509* certificate = ReadCertificate(own.certificate);
  BIO* bytes =
      BIO_new_mem_buf(own.key.data(), static_cast<int>(own.key.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bytes, nullptr, nullptr, nullptr);
  BIO_free(bytes);
  SSL_CTX_use_certificate(context, certificate);
  SSL_CTX_use_PrivateKey(context, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

}  // namespace

struct TlsSession::State {
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  SSL* ssl = nullptr;
  int fd = -1;

  ~State() {
    // Says goodbye where the other side is still there.
    if (ssl != nullptr) SSL_shutdown(ssl);
    ERR_clear_error();
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
};

TlsSession::TlsSession(const PeerTls& tls, Role role, int fd)
    : state_(std::make_unique<State>()) {
  state_->fd = fd;
  signal(SIGPIPE, SIG_IGN);  // SSL_write() to whoever is gone.
  SSL_CTX* context = state_->context;
  const int newest = VersionNamed(tls.newest_version);
  SSL_CTX_set_min_proto_version(context, TLS1_1_VERSION);
  SSL_CTX_set_max_proto_version(context, newest);
  // OpenSSL has what is older than 1.2 only at its lowest level.
  if (newest < TLS1_2_VERSION) SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_num_tickets(context, 0);
  if (!tls.own.certificate.empty()) UseOwn(context, tls.own);
  if (!tls.authority.empty()) {
    X509* authority = ReadCertificate(tls.authority);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority);
    X509_free(authority);
    SSL_CTX_set_verify(
        context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  state_->ssl = SSL_new(context);
  SSL_set_fd(state_->ssl, fd);
  const timeval patience = {5, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ERR_clear_error();
  const int done = role == Role::kClient ? SSL_connect(state_->ssl)
                                         : SSL_accept(state_->ssl);
  if (done != 1) Throw("handshake");
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

TlsSession::~TlsSession() = default;

void TlsSession::Write(std::string_view text) {
  while (!text.empty()) {
    ERR_clear_error();
    const int sent =
        SSL_write(state_->ssl, text.data(), static_cast<int>(text.size()));
    if (sent > 0) {
      text.remove_prefix(static_cast<size_t>(sent));
    } else if (SSL_get_error(state_->ssl, sent) == SSL_ERROR_WANT_WRITE) {
      pollfd fd = {state_->fd, POLLOUT, 0};
      if (poll(&fd, 1, 5000) == 0) Throw("write");
    } else {
      Throw("write");
    }
  }
}

std::optional<std::string> TlsSession::Read() {
  std::string text;
  char bytes[16384];
  while (true) {
    ERR_clear_error();
    const int size = SSL_read(state_->ssl, bytes, sizeof(bytes));
    if (size > 0) {
      text.append(bytes, static_cast<size_t>(size));
      continue;
    }
    if (SSL_get_error(state_->ssl, size) == SSL_ERROR_WANT_READ) return text;
    ERR_clear_error();
    if (!text.empty()) return text;
    return std::nullopt;
  }
}

std::string TlsSession::server_name() const {
  const char* name = SSL_get_servername(state_->ssl, TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? "" : name;
}

bool TlsSession::peer_showed_certificate() const {
  return SSL_get0_peer_certificate(state_->ssl) != nullptr;
}

std::string TlsSession::peer_common_name() const {
  X509* certificate = SSL_get0_peer_certificate(state_->ssl);
  if (certificate == nullptr) return "";
  char name[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                            name, sizeof(name));
  return name;
}

}  // namespace callcontrol::testing
