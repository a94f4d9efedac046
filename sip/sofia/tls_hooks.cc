// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/tls_hooks.h"

#include <dlfcn.h>
#include <openssl/err.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "sip/sofia/sofia.h"
#include "sip/sofia/stream_end.h"
#include "sip/sofia/tls_layer.h"

// The functions below stand in front of Sofia's own of the same names, which
// the library calls through the dynamic linker, and go on to those
// (docs/adr/0017). They are declared in no header that Sofia installs.

using callcontrol::sip::TlsLayer;

namespace {

// Sofia's own function of that name and type.
template <typename Function>
Function* Sofias(const char* name) {
  void* const found = dlsym(RTLD_NEXT, name);
  return reinterpret_cast<Function*>(found);
}

// OpenSSL tells an error from "not yet" by its thread's queue, which Sofia
// never empties: what one connection left there would end the next one.
void ForgetErrors() { ERR_clear_error(); }

}  // namespace

extern "C" {

// Tells whoever waits for the transport that it failed, and closes it.
void tport_error_report(tport_t* transport, int error,
                        const su_sockaddr_t* address);

void* tls_init_master(void* issues) {
  static auto* const next = Sofias<void*(void*)>("tls_init_master");
  TlsLayer* const layer = TlsLayer::OfThisThread();
  if (layer == nullptr) return nullptr;
  return layer->MakeContext([issues] { return next(issues); });
}

void* tls_init_secondary(void* master, int socket, int accepted) {
  static auto* const next =
      Sofias<void*(void*, int, int)>("tls_init_secondary");
  TlsLayer* const layer = TlsLayer::OfThisThread();
  if (layer == nullptr) return nullptr;
  return layer->MakeConnection(accepted != 0, [master, socket, accepted] {
    return next(master, socket, accepted);
  });
}

void tls_free(void* tls) {
  static auto* const next = Sofias<void(void*)>("tls_free");
  TlsLayer* const layer = TlsLayer::OfThisThread();
  if (layer == nullptr || tls == nullptr) {
    next(tls);
  } else {
    layer->Free(tls, [tls] { next(tls); });
  }
}

int tport_setname(tport_t* transport, const char* protocol,
                  const su_addrinfo_t* address, const char* name) {
  static auto* const next = Sofias<decltype(tport_setname)>("tport_setname");
  if (TlsLayer* const layer = TlsLayer::OfThisThread()) {
    layer->NameConnection(name, address->ai_addr);
  }
  return next(transport, protocol, address, name);
}

// Where to send to a name. Sofia looks at the address alone, and would use a
// connection that was verified for another name.
tport_t* tport_by_name(const tport_t* self, const tp_name_t* name) {
  static auto* const next = Sofias<decltype(tport_by_name)>("tport_by_name");
  tport_t* const found = next(self, name);
  if (found == nullptr || tport_is_secondary(found) == 0 ||
      tport_has_tls(found) == 0 ||
      su_casematch(tport_name(found)->tpn_canon, name->tpn_canon) != 0) {
    return found;
  }
  return tport_parent(found);
}

// Whether a connection to another name may be used because its certificate has
// this one, too. Sofia would take a common name for it: a connection of its own
// costs little.
int tport_subject_search(const char*, const su_strlst_t*) { return 0; }

int tls_connect(callcontrol::sip::SipLoop* loop, su_wait_t* wait,
                tport_t* transport) {
  static auto* const next = Sofias<decltype(tls_connect)>("tls_connect");
  ForgetErrors();
  TlsLayer* const layer = TlsLayer::OfThisThread();
  const bool broken = (su_wait_events(wait, wait->fd) & SU_WAIT_ERR) != 0;
  if (layer != nullptr && !broken && !layer->Continue(wait->fd)) {
    // Sofia would close it without a word to the requests that wait for it,
    // which would then run into their Timer F.
    tport_error_report(transport, EPROTO, nullptr);
    return 0;
  }
  return next(loop, wait, transport);
}

// Asked before each event of a connection is looked at: an alert that came with
// the end of it is why it ended, and Sofia would not read it any more.
int tls_events(void* tls, int mask) {
  static auto* const next = Sofias<int(void*, int)>("tls_events");
  if (TlsLayer* const layer = TlsLayer::OfThisThread()) layer->HearWhy(tls);
  return next(tls, mask);
}

ssize_t tls_read(void* tls) {
  static auto* const next = Sofias<ssize_t(void*)>("tls_read");
  ForgetErrors();
  const ssize_t size = next(tls);
  TlsLayer* const layer = TlsLayer::OfThisThread();
  if (layer != nullptr && size > 0) layer->OnRead(tls);
  return size;
}

int tls_want_read(void* tls, int events) {
  static auto* const next = Sofias<int(void*, int)>("tls_want_read");
  ForgetErrors();
  return next(tls, events);
}

ssize_t tls_write(void* tls, void* bytes, size_t size) {
  static auto* const next = Sofias<ssize_t(void*, void*, size_t)>("tls_write");
  ForgetErrors();
  TlsLayer* const layer = TlsLayer::OfThisThread();
  if (layer != nullptr && bytes != nullptr &&
      !callcontrol::sip::IsResponse(bytes, size) && layer->HasEnded(tls)) {
    layer->HearWhy(tls);
    errno = EPIPE;  // Sofia opens a new connection for it.
    return -1;
  }
  return next(tls, bytes, size);
}

int tls_want_write(void* tls, int events) {
  static auto* const next = Sofias<int(void*, int)>("tls_want_write");
  ForgetErrors();
  return next(tls, events);
}

}  // extern "C"

namespace callcontrol::sip {

absl::Status CheckTlsHooks() {
  for (const char* const name :
       {"tls_init_master", "tls_init_secondary", "tls_free", "tls_connect",
        "tls_events", "tls_read", "tls_want_read", "tls_write",
        "tls_want_write", "tport_setname", "tport_by_name",
        "tport_subject_search"}) {
    void* const in_effect = dlsym(RTLD_DEFAULT, name);
    void* const behind = dlsym(RTLD_NEXT, name);
    if (behind == nullptr || in_effect == behind) {
      return absl::UnimplementedError(
          absl::StrCat("sip.tls: this Sofia-SIP keeps ", name,
                       "() to itself; the one of Debian 12 is needed"));
    }
  }
  return absl::OkStatus();
}

}  // namespace callcontrol::sip
