// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/sip_agent.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
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
  ssize_t sent = 0;
  do {
    sent = sendmsg(s, &message, flags | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0 || errno == EAGAIN || errno == EWOULDBLOCK) {
    return static_cast<issize_t>(sent);
  }
  constexpr std::string_view kResponse = "SIP/2.0 ";
  const bool response =
      iovlen > 0 && iov[0].siv_len >= kResponse.size() &&
      std::memcmp(iov[0].siv_base, kResponse.data(), kResponse.size()) == 0;
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

namespace callcontrol::sip {
namespace {

// Room for the burst of a second at the rates this server is made for.
constexpr unsigned kSocketBuffer = 4 * 1024 * 1024;
// A SIP message that is larger is no SIP message (protocol.md, 106).
constexpr unsigned kMaxMessage = 64 * 1024;

// Which unreadable headers make a request a bad one. Those of subscriptions are
// left to our own readers, which forgive more.
constexpr unsigned kFatalHeaders = sip_mask_request | sip_mask_ua;

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
  const std::string port =
      options.listen_port == 0 ? "*" : absl::StrCat(options.listen_port);
  // Behind NAT: Via and Contact carry the public host, the sockets bind to the
  // real one. Without a list of transports Sofia opens both UDP and TCP.
  const std::string url =
      hidden ? absl::StrCat("sip:", options.public_host, ":", port,
                            ";maddr=", options.listen_host)
             : absl::StrCat("sip:", options.listen_host, ":", port);
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
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", options.listen_host, ":", options.listen_port,
        " for SIP: ", std::generic_category().message(su_errno())));
  }
  for (tport_t* transport = tport_primaries(nta_agent_tports(agent_));
       transport != nullptr; transport = tport_next(transport)) {
    port_ = static_cast<std::uint16_t>(
        std::strtoul(tport_name(transport)->tpn_port, nullptr, 10));
  }
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
  return absl::OkStatus();
}

SipAgent::~SipAgent() {
  if (stray_leg_ != nullptr) nta_leg_destroy(stray_leg_);
  if (agent_ != nullptr) nta_agent_destroy(agent_);
  su_home_deinit(home_);
}

}  // namespace callcontrol::sip
