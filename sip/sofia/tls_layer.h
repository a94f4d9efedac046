// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_TLS_LAYER_H_
#define CALLCONTROL_SIP_SOFIA_TLS_LAYER_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "sip/dns/sip_route.h"
#include "sip/sofia/engine_options.h"
#include "sip/sofia/sip_loop.h"
#include "sip/tls/tls_options.h"

struct sockaddr;
struct ssl_ctx_st;
struct ssl_st;
struct x509_store_ctx_st;

namespace callcontrol::sip {

// What SIP over TLS is beside Sofia's transport of it: certificates, whom they
// must speak for (RFC 5922), how long a handshake may take, and why one failed.
//
// Sofia makes the connections, and would verify none of this; this gets hold of
// OpenSSL's side of them (tls_hooks.h, docs/adr/0017). While it is there, it
// is the one of its thread; without one Sofia cannot open any TLS.
//
// A connection that this side opens is good for the one name that the request
// was sent to (SipAddress::tls_name) and is used again for that name only. One
// that a far end opened is good for the address that it came from, as an answer
// to whatever comes by it.
//
// Ownership: owns nothing of Sofia's or OpenSSL's; must outlive the agent.
// Threads: SIP thread only.
// Errors: Reload() and problem() say what is wrong with which file.
// Time: the loop's timers.
class TlsLayer {
 public:
  // `handshake_limit`: from the first packet to the last one of a handshake.
  TlsLayer(SipLoop& loop, TlsOptions options, Milliseconds handshake_limit,
           std::function<void(LogLevel, std::string_view)> log);
  ~TlsLayer();
  TlsLayer(const TlsLayer&) = delete;
  TlsLayer& operator=(const TlsLayer&) = delete;

  // Whether Sofia's TLS was set up with our certificates, and what is wrong
  // where it was not.
  absl::Status status() const;

  // Reads the certificates again. On an error the ones before stay.
  absl::Status Reload();

  // Why no connection to `address` comes about of late, for people;
  // empty where TLS was not why.
  std::string ProblemWith(const SipAddress& address) const;

  // ---- For what stands in front of Sofia's functions ----

  // This thread's; null for none.
  static TlsLayer* OfThisThread();

  // Lets `make` have Sofia make a context or a connection, `tls` in its words.
  void* MakeContext(const std::function<void*()>& make);
  void* MakeConnection(bool accepted, const std::function<void*()>& make);
  // The connection made last, where it is to be opened, leads there.
  void NameConnection(const char* name, const sockaddr* address);
  // Goes on with the handshake on `socket`. False where that has come to an end
  // that whoever waits to send has to hear of.
  bool Continue(int socket);
  // Something has come.
  void OnRead(void* tls);
  // Whether the other side has closed the connection (stream_end.h).
  bool HasEnded(void* tls) const;
  // Where it has closed one that this side opened: reads why.
  void HearWhy(void* tls) const;
  // `free` is Sofia's own way to free `tls`.
  void Free(void* tls, const std::function<void()>& free);

 private:
  struct Connection;

  void Arm(Connection& connection);
  void Fail(Connection& connection, std::string_view why);
  void OnOpen(Connection& connection);
  // RFC 5922, 7. Whether the far end is who it has to be.
  static int Verify(x509_store_ctx_st* store, void*);
  static void OnHandshake(const ssl_st* ssl, int where, int value);

  SipLoop& loop_;
  const TlsOptions options_;
  const Milliseconds handshake_limit_;
  const std::function<void(LogLevel, std::string_view)> log_;
  absl::Status status_;
  std::vector<ssl_ctx_st*> contexts_;
  std::map<void*, std::unique_ptr<Connection>> connections_;
  // Those that this side opens, by their sockets.
  std::map<int, Connection*> opening_;
  // Made, and not yet named.
  Connection* newest_ = nullptr;
  // By name and address.
  struct Problem {
    std::string text;
    TimerQueue::Time at;
  };
  std::map<std::string, Problem> problems_;
  // Failures of those that connect that were logged in this minute.
  TimerQueue::Time minute_{};
  int logged_ = 0;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_TLS_LAYER_H_
