// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/tls_layer.h"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sip/sofia/stream_end.h"
#include "sip/tls/tls_files.h"
#include "sip/transfer/display_text.h"

namespace callcontrol::sip {
namespace {

// More names than a server talks to at once.
constexpr std::size_t kMostProblems = 1000;
constexpr int kLinesPerMinute = 60;

thread_local TlsLayer* the_layer = nullptr;
// Where the next object that OpenSSL makes on this thread is to be noted.
thread_local void** awaited = nullptr;

// OpenSSL calls this for each SSL_CTX and each SSL of the process.
void OnMade(void* object, void*, CRYPTO_EX_DATA*, int, long, void*) {
  if (awaited != nullptr) *awaited = object;
}

int ContextIndex() {
  static const int index =
      SSL_CTX_get_ex_new_index(0, nullptr, &OnMade, nullptr, nullptr);
  return index;
}

int ConnectionIndex() {
  static const int index =
      SSL_get_ex_new_index(0, nullptr, &OnMade, nullptr, nullptr);
  return index;
}

// What `make` returns, and the object of OpenSSL's that it made.
std::pair<void*, void*> Watch(const std::function<void*()>& make) {
  void* made = nullptr;
  awaited = &made;
  void* const result = make();
  awaited = nullptr;
  ERR_clear_error();
  return {result, made};
}

std::string AddressText(const sockaddr& address) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  const socklen_t size = address.sa_family == AF_INET6 ? sizeof(sockaddr_in6)
                                                       : sizeof(sockaddr_in);
  getnameinfo(&address, size, host.data(), host.size(), port.data(),
              port.size(), NI_NUMERICHOST | NI_NUMERICSERV);
  return absl::StrCat(host.data(), " port ", port.data());
}

std::string Key(const std::string& name, const std::string& address) {
  return absl::StrCat(absl::AsciiStrToLower(name), " at ", address);
}

absl::Status StatusOf(const std::optional<TlsProblem>& problem) {
  if (!problem) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("sip.tls.", problem->field, ": ", problem->text));
}

}  // namespace

struct TlsLayer::Connection {
  TlsLayer& layer;
  SSL& ssl;
  const bool accepted;
  // Where it leads; of one that was accepted, empty.
  std::string name{};
  std::string key{};
  bool failed = false;
  // Something has come by it: the far end has agreed to it.
  bool heard = false;
  std::optional<TimerQueue::Id> timer{};
};

TlsLayer::TlsLayer(SipLoop& loop, TlsOptions options,
                   Milliseconds handshake_limit,
                   std::function<void(LogLevel, std::string_view)> log)
    : loop_(loop),
      options_(std::move(options)),
      handshake_limit_(handshake_limit),
      log_(std::move(log)) {
  ContextIndex();
  ConnectionIndex();
  the_layer = this;
}

TlsLayer::~TlsLayer() { the_layer = nullptr; }

TlsLayer* TlsLayer::OfThisThread() { return the_layer; }

absl::Status TlsLayer::status() const {
  if (!status_.ok() || !contexts_.empty()) return status_;
  return absl::UnavailableError("sip.tls: Sofia-SIP has no TLS to be set up");
}

absl::Status TlsLayer::Reload() {
  if (const auto problem = CheckTlsFiles(options_)) return StatusOf(problem);
  for (SSL_CTX* const context : contexts_) {
    absl::Status status = StatusOf(SetUpTls(options_, *context));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::string TlsLayer::ProblemWith(const SipAddress& address) const {
  const auto found = problems_.find(
      Key(address.tls_name, absl::StrCat(address.ip, " port ", address.port)));
  // Sofia tries once more, and what becomes of that says less.
  const bool recent = found != problems_.end() &&
                      std::chrono::steady_clock::now() - found->second.at <
                          2 * handshake_limit_;
  return recent ? found->second.text : "";
}

void* TlsLayer::MakeContext(const std::function<void*()>& make) {
  const auto [tls, made] = Watch(make);
  if (tls == nullptr || made == nullptr) return tls;
  SSL_CTX* const context = static_cast<SSL_CTX*>(made);
  // Of this side and of the other, until a connection says otherwise.
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     nullptr);
  SSL_CTX_set_cert_verify_callback(context, &Verify, nullptr);
  SSL_CTX_set_info_callback(context, &OnHandshake);
  status_ = StatusOf(SetUpTls(options_, *context));
  contexts_.push_back(context);
  return tls;
}

void* TlsLayer::MakeConnection(bool accepted,
                               const std::function<void*()>& make) {
  newest_ = nullptr;
  const auto [tls, made] = Watch(make);
  if (tls == nullptr || made == nullptr) return tls;
  SSL* const ssl = static_cast<SSL*>(made);
  auto connection =
      std::make_unique<Connection>(Connection{*this, *ssl, accepted});
  SSL_set_ex_data(ssl, ConnectionIndex(), connection.get());
  if (accepted) {
    switch (options_.client_certificate) {
      case ClientCertificate::kOff:
        SSL_set_verify(ssl, SSL_VERIFY_NONE, nullptr);
        break;
      case ClientCertificate::kRequested:
        SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
        break;
      case ClientCertificate::kRequired:
        break;
    }
    Arm(*connection);
  } else {
    newest_ = connection.get();
    opening_[SSL_get_fd(ssl)] = connection.get();
  }
  connections_[tls] = std::move(connection);
  return tls;
}

void TlsLayer::NameConnection(const char* name, const sockaddr* address) {
  Connection* const connection = std::exchange(newest_, nullptr);
  if (connection == nullptr || name == nullptr || address == nullptr) return;
  connection->name = name;
  connection->key = Key(name, AddressText(*address));
  // RFC 6066, 3: names only, no addresses.
  if (IsDnsName(connection->name)) {
    SSL_ctrl(&connection->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
             TLSEXT_NAMETYPE_host_name, const_cast<char*>(name));
  }
  Arm(*connection);
}

void TlsLayer::Arm(Connection& connection) {
  connection.timer = loop_.timers().Add(
      std::chrono::steady_clock::now() + handshake_limit_, [this, &connection] {
        connection.timer.reset();
        Fail(connection,
             absl::StrCat("no TLS within ", handshake_limit_.count(), " ms"));
        // Sofia notices, and closes it.
        shutdown(SSL_get_fd(&connection.ssl), SHUT_RDWR);
      });
}

bool TlsLayer::Continue(int socket) {
  const auto found = opening_.find(socket);
  if (found == opening_.end()) return true;
  Connection& connection = *found->second;
  const int done = SSL_connect(&connection.ssl);
  if (done == 1) return true;
  const int error = SSL_get_error(&connection.ssl, done);
  ERR_clear_error();
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
    return true;
  }
  Fail(connection, "the handshake failed");
  return false;
}

void TlsLayer::OnRead(void* tls) {
  const auto found = connections_.find(tls);
  if (found == connections_.end() || found->second->heard) return;
  found->second->heard = true;
  problems_.erase(found->second->key);
}

bool TlsLayer::HasEnded(void* tls) const {
  const auto found = connections_.find(tls);
  return found != connections_.end() &&
         callcontrol::sip::HasEnded(SSL_get_fd(&found->second->ssl));
}

// In TLS 1.3 a server refuses our certificate when this side thinks that it is
// done: the alert waits to be read.
void TlsLayer::HearWhy(void* tls) const {
  const auto found = connections_.find(tls);
  if (found == connections_.end() || found->second->accepted ||
      found->second->failed) {
    return;
  }
  SSL* const ssl = &found->second->ssl;
  if (SSL_is_init_finished(ssl) == 0 ||
      !callcontrol::sip::HasEnded(SSL_get_fd(ssl))) {
    return;
  }
  ERR_clear_error();
  char byte = 0;
  SSL_peek(ssl, &byte, 1);
  ERR_clear_error();
}

void TlsLayer::Free(void* tls, const std::function<void()>& free) {
  const auto found = connections_.find(tls);
  if (found == connections_.end()) {
    free();
    ERR_clear_error();
    return;
  }
  const std::unique_ptr<Connection> connection = std::move(found->second);
  connections_.erase(found);
  if (newest_ == connection.get()) newest_ = nullptr;
  std::erase_if(opening_, [&](const auto& each) {
    return each.second == connection.get();
  });
  if (connection->timer) loop_.timers().Cancel(*connection->timer);
  // Sofia gives back a context and a BIO that belong to the SSL object, and
  // never frees that.
  SSL* const ssl = &connection->ssl;
  SSL_set_ex_data(ssl, ConnectionIndex(), nullptr);
  SSL_CTX_up_ref(SSL_get_SSL_CTX(ssl));
  BIO_up_ref(SSL_get_rbio(ssl));
  free();
  SSL_free(ssl);
  ERR_clear_error();
}

// The first that went wrong is why.
void TlsLayer::Fail(Connection& connection, std::string_view why) {
  if (std::exchange(connection.failed, true)) return;
  const std::string text = CleanText(why);
  if (!connection.accepted) {
    if (problems_.size() >= kMostProblems) problems_.clear();
    problems_[connection.key] = {
        absl::StrCat("TLS with ", connection.key, ": ", text),
        std::chrono::steady_clock::now()};
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now - minute_ >= std::chrono::minutes(1)) {
    minute_ = now;
    logged_ = 0;
  }
  if (!log_ || ++logged_ > kLinesPerMinute) return;
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  auto* const address = reinterpret_cast<sockaddr*>(&peer);
  const bool known =
      getpeername(SSL_get_fd(&connection.ssl), address, &size) == 0;
  log_(LogLevel::kWarning,
       absl::StrCat("TLS with ", known ? AddressText(*address) : "a far end",
                    " that connected: ", text));
}

void TlsLayer::OnOpen(Connection& connection) {
  opening_.erase(SSL_get_fd(&connection.ssl));
  if (connection.timer) loop_.timers().Cancel(*connection.timer);
  connection.timer.reset();
}

int TlsLayer::Verify(X509_STORE_CTX* store, void*) {
  const auto* const ssl = static_cast<SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* const connection =
      static_cast<Connection*>(SSL_get_ex_data(ssl, ConnectionIndex()));
  if (connection == nullptr) return 0;
  if (X509_verify_cert(store) <= 0) {
    const int error = X509_STORE_CTX_get_error(store);
    connection->layer.Fail(*connection,
                           absl::StrCat("its certificate is not good: ",
                                        X509_verify_cert_error_string(error)));
    return 0;
  }
  if (connection->accepted) return 1;
  const CertificateNames names =
      ReadCertificateNames(*X509_STORE_CTX_get0_cert(store));
  if (SpeaksFor(names, connection->name)) return 1;
  std::vector<std::string> said = SipDomains(names);
  said.insert(said.end(), names.ip_addresses.begin(), names.ip_addresses.end());
  constexpr std::size_t kMostNamed = 5;
  said.resize(std::min(said.size(), kMostNamed));
  connection->layer.Fail(
      *connection,
      absl::StrCat("its certificate is not for ", connection->name, " but for ",
                   said.empty() ? "nobody" : absl::StrJoin(said, ", ")));
  X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
  return 0;
}

void TlsLayer::OnHandshake(const SSL* ssl, int where, int value) {
  auto* const connection =
      static_cast<Connection*>(SSL_get_ex_data(ssl, ConnectionIndex()));
  if (connection == nullptr) return;
  TlsLayer& layer = connection->layer;
  if ((where & SSL_CB_HANDSHAKE_DONE) != 0) {
    layer.OnOpen(*connection);
  } else if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT &&
             (value >> 8) == SSL3_AL_FATAL) {
    layer.Fail(*connection, absl::StrCat("the far end refused: ",
                                         SSL_alert_desc_string_long(value)));
  } else if ((where & SSL_CB_EXIT) != 0 && value <= 0) {
    const unsigned long error = ERR_peek_error();
    const char* const reason = ERR_reason_error_string(error);
    if (error != 0) {
      layer.Fail(*connection, reason == nullptr ? "failed" : reason);
    } else if (BIO_should_retry(SSL_get_rbio(ssl)) == 0) {
      layer.Fail(*connection, "the far end closed the connection");
    }
  }
}

}  // namespace callcontrol::sip
