// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/sip_agent.h"

#include <dlfcn.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "sip/sofia/stream_end.h"
#include "sip/sofia/tls_hooks.h"
#include "sip/transfer/sip_uri.h"

// The functions below stand in front of Sofia's own of the same names,
// which the library calls through the dynamic linker (docs/adr/0005).

// Takes numeric addresses only: a peer that writes a host name into the maddr
// of its Via would else have the SIP thread wait for the C library's resolver.
// A name becomes an address that nothing can be sent to, and not an error: see
// su_vsend().
extern "C" int su_getaddrinfo(const char* node, const char* service,
                              const su_addrinfo_t* hints, su_addrinfo_t** res) {
  addrinfo numeric_only{};
  if (hints != nullptr) numeric_only = *hints;
  numeric_only.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
  const char* port = service == nullptr || *service == '\0' ? "0" : service;
  const int error = getaddrinfo(node, port, &numeric_only, res);
  if (error == 0) return 0;
  // Broadcast: the kernel refuses it on sockets that did not ask for it.
  return getaddrinfo("255.255.255.255", port, &numeric_only, res);
}

// Sends, and takes a response that could not be sent for one that was lost on
// the way. Sofia puts a transaction whose final response failed aside until its
// next timer and asserts that no ACK for it comes in between: two datagrams of
// a stranger would end the process. Lost responses are what Timers G and H are
// for (RFC 3261, 17.2.1).
extern "C" issize_t su_vsend(su_socket_t s, const su_iovec_t iov[],
                             isize_t iovlen, int flags, const su_sockaddr_t* su,
                             socklen_t sulen) {
  msghdr message{};
  message.msg_name = const_cast<su_sockaddr_t*>(su);
  message.msg_namelen = sulen;
  message.msg_iov = const_cast<iovec*>(reinterpret_cast<const iovec*>(iov));
  message.msg_iovlen = static_cast<std::size_t>(iovlen);
  const bool response = iovlen > 0 && callcontrol::sip::IsResponse(
                                          iov[0].siv_base, iov[0].siv_len);
  if (su == nullptr && !response && callcontrol::sip::HasEnded(s)) {
    errno = EPIPE;  // Sofia opens a new connection for it.
    return -1;
  }
  ssize_t sent = 0;
  do {
    sent = sendmsg(s, &message, flags | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0 || errno == EAGAIN || errno == EWOULDBLOCK) {
    return static_cast<issize_t>(sent);
  }
  if (!response) return -1;
  issize_t length = 0;
  for (isize_t i = 0; i < iovlen; ++i) {
    length += static_cast<issize_t>(iov[i].siv_len);
  }
  return length;
}

// Finds a parameter in what a peer wrote. Sofia's own reads on behind the end
// where the last parameter begins with the name that is looked for, as "lrx"
// does with "lr".
extern "C" isize_t url_param(const char* params, const char* tag, char value[],
                             isize_t vlen) {
  if (params == nullptr) return 0;
  std::string_view name = tag;
  if (name.ends_with('=')) name.remove_suffix(1);
  const auto found = callcontrol::sip::FindUriParameter(params, name);
  if (!found) return 0;
  const auto room = static_cast<std::size_t>(vlen);
  if (found->size() < room) {
    std::memcpy(value, found->data(), found->size());
    value[found->size()] = '\0';
  }
  return static_cast<isize_t>(found->size() + 1);
}

// Has PRACK read as a method that Sofia knows nothing of. Otherwise nta answers
// each of them 481 by itself that acknowledges no response of its own making
// (nta_reliable_t), also where one crosses a final response (docs/adr/0020).
extern "C" sip_method_t sip_method_d(char** text, const char** name) {
  static auto* const next =
      reinterpret_cast<sip_method_t (*)(char**, const char**)>(
          dlsym(RTLD_NEXT, "sip_method_d"));
  const sip_method_t method = next(text, name);
  return method == sip_method_prack ? callcontrol::sip::kPrackMethod : method;
}

namespace callcontrol::sip {
namespace {

// Room for the burst of a second at the rates this server is made for.
constexpr unsigned kSocketBuffer = 4 * 1024 * 1024;
// A SIP message that is larger is no SIP message (protocol.md, 106).
constexpr unsigned kMaxMessage = 64 * 1024;

// Requests that wait for one connection to be opened; Sofia takes no more.
constexpr unsigned kMostQueued = 999;

// Which unreadable headers make a request a bad one. Those of subscriptions are
// left to our own readers, which forgive more.
constexpr unsigned kFatalHeaders = sip_mask_request | sip_mask_ua;

// What Sofia is to listen on. Behind NAT: Via and Contact carry the public
// host, the sockets bind to the real one.
std::string ListenUrl(const char* scheme, const EngineOptions& options,
                      const std::string& host, std::uint16_t port) {
  const std::string port_text = port == 0 ? "*" : absl::StrCat(port);
  return options.public_host.empty()
             ? absl::StrCat(scheme, ":", host, ":", port_text)
             : absl::StrCat(scheme, ":", options.public_host, ":", port_text,
                            ";maddr=", host);
}

// Why nobody can listen there; empty where somebody can.
std::string ListenProblem(const addrinfo& address) {
  const int fd =
      socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::generic_category().message(errno);
  const bool stream = address.ai_socktype == SOCK_STREAM;
  const int on = 1;
  if (stream) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool listens = bind(fd, address.ai_addr, address.ai_addrlen) == 0 &&
                       (!stream || listen(fd, 1) == 0);
  const int error = errno;
  close(fd);
  return listens ? "" : std::generic_category().message(error);
}

// `host` is an IP literal. Sofia does not tell why, and errno is of something
// that came later: what it could not do is tried once more, with sockets of
// `types`.
absl::Status CannotListen(const std::string& host, std::uint16_t port,
                          const char* what, std::initializer_list<int> types) {
  addrinfo numeric{};
  numeric.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  const std::string bare(absl::StripPrefix(absl::StripSuffix(host, "]"), "["));
  std::string why;
  for (const int type : types) {
    numeric.ai_socktype = type;
    addrinfo* address = nullptr;
    if (!why.empty() || getaddrinfo(bare.c_str(), absl::StrCat(port).c_str(),
                                    &numeric, &address) != 0) {
      break;
    }
    why = ListenProblem(*address);
    freeaddrinfo(address);
  }
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", host, ":", port, " for ", what, ": ",
                   why.empty() ? "Sofia-SIP could not open it" : why));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SipAgent>> SipAgent::Create(
    SipLoop& loop, const EngineOptions& options, RequestHandler& stray) {
  std::unique_ptr<SipAgent> agent(new SipAgent);
  if (absl::Status status = agent->Listen(loop, options, stray); !status.ok()) {
    return status;
  }
  return agent;
}

absl::Status SipAgent::Listen(SipLoop& loop, const EngineOptions& options,
                              RequestHandler& stray) {
  const bool hidden = !options.public_host.empty();
  // Without a list of transports Sofia opens both UDP and TCP.
  const std::string url =
      ListenUrl("sip", options, options.listen_host, options.listen_port);
  agent_ = nta_agent_create(
      loop.root(), URL_STRING_MAKE(url.c_str()), nullptr, nullptr, NTATAG_UA(1),
      NTATAG_UDP_MTU(options.udp_mtu), TPTAG_UDP_RMEM(kSocketBuffer),
      TPTAG_UDP_WMEM(kSocketBuffer), NTATAG_MAXSIZE(kMaxMessage),
      NTATAG_SIP_T1(static_cast<unsigned>(options.t1.count())),
      NTATAG_SIP_T1X64(static_cast<unsigned>(64 * options.t1.count())),
      NTATAG_SIP_T2(static_cast<unsigned>(options.t2.count())),
      NTATAG_MERGE_482(1), NTATAG_BAD_REQ_MASK(kFatalHeaders),
      NTATAG_USE_NAPTR(0), NTATAG_USE_SRV(0),
      // Sofia's STUN server writes a line on stderr for each request of
      // anybody.
      TPTAG_STUN_SERVER(0), TAG_END());
  if (agent_ == nullptr) {
    return CannotListen(options.listen_host, options.listen_port, "SIP",
                        {SOCK_DGRAM, SOCK_STREAM});
  }
  port_ = PortOf("udp");
  const std::string host = hidden ? options.public_host : options.listen_host;
  const unsigned public_port =
      hidden && options.public_port != 0 ? options.public_port : port_;
  const std::string address = absl::StrCat("<sip:", host, ":", public_port);
  udp_contact_ = sip_contact_make(home_, absl::StrCat(address, ">").c_str());
  tcp_contact_ =
      sip_contact_make(home_, absl::StrCat(address, ";transport=tcp>").c_str());
  stray_leg_ = nta_leg_tcreate(agent_, &HandleRequest, &stray,
                               NTATAG_NO_DIALOG(1), TAG_END());
  if (udp_contact_ == nullptr || tcp_contact_ == nullptr ||
      stray_leg_ == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", host, "\" cannot stand in a Contact header"));
  }
  return options.tls ? ListenForTls(loop, options) : absl::OkStatus();
}

absl::Status SipAgent::ListenForTls(SipLoop& loop,
                                    const EngineOptions& options) {
  const TlsOptions& tls = *options.tls;
  if (absl::Status status = CheckTlsHooks(); !status.ok()) return status;
  // A handshake that takes as long as half of Timer F takes too long: whoever
  // waits for it is to hear why.
  tls_ = std::make_unique<TlsLayer>(loop, tls, 32 * options.t1, options.log);
  const std::string url =
      ListenUrl("sips", options, tls.listen_host, tls.listen_port);
  const int added =
      nta_agent_add_tport(agent_, URL_STRING_MAKE(url.c_str()),
                          TPTAG_QUEUESIZE(kMostQueued), TAG_END());
  if (absl::Status status = tls_->status(); !status.ok()) return status;
  if (added != 0) {
    return CannotListen(tls.listen_host, tls.listen_port, "SIP over TLS",
                        {SOCK_STREAM});
  }
  tls_port_ = PortOf("tls");
  const std::string address = absl::StrCat(
      options.public_host.empty() ? tls.listen_host : options.public_host, ":",
      tls_port_);
  // The parameter is deprecated (RFC 3261, 26.2.2) and what the field reads.
  tls_contact_ = sip_contact_make(
      home_, absl::StrCat("<sip:", address, ";transport=tls>").c_str());
  sips_contact_ =
      sip_contact_make(home_, absl::StrCat("<sips:", address, ">").c_str());
  return absl::OkStatus();
}

std::uint16_t SipAgent::PortOf(std::string_view transport) const {
  for (tport_t* primary = tport_primaries(nta_agent_tports(agent_));
       primary != nullptr; primary = tport_next(primary)) {
    if (tport_name(primary)->tpn_proto == transport) {
      return static_cast<std::uint16_t>(
          std::strtoul(tport_name(primary)->tpn_port, nullptr, 10));
    }
  }
  return 0;
}

const sip_contact_t* SipAgent::contact(LegTransport leg) const {
  if (leg.sips && sips_contact_ != nullptr) return sips_contact_;
  switch (leg.transport) {
    case SipTransport::kTls:
      return tls_contact_ != nullptr ? tls_contact_ : udp_contact_;
    case SipTransport::kTcp:
      return tcp_contact_;
    case SipTransport::kUdp:
      return udp_contact_;
  }
  return udp_contact_;
}

SipAgent::~SipAgent() {
  if (stray_leg_ != nullptr) nta_leg_destroy(stray_leg_);
  if (agent_ != nullptr) nta_agent_destroy(agent_);
  su_home_deinit(home_);
}

}  // namespace callcontrol::sip
