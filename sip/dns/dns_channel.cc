// SPDX-License-Identifier: Apache-2.0
#include "sip/dns/dns_channel.h"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <limits>
#include <mutex>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sip/dns/dns_error.h"
#include "sip/dns/dns_message.h"

namespace callcontrol::sip {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

DnsStatus ToDnsStatus(int ares_status) {
  switch (ares_status) {
    case ARES_SUCCESS:
      return DnsStatus::kFound;
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
      return DnsStatus::kNotFound;
    case ARES_ETIMEOUT:
      return DnsStatus::kTimeout;
    default:
      return DnsStatus::kUnavailable;
  }
}

// c-ares's texts: flags and services are unsigned char.
std::string Text(const void* text) {
  return text == nullptr ? "" : static_cast<const char*>(text);
}

template <typename Reply>
struct FreeReply {
  void operator()(Reply* reply) const { ares_free_data(reply); }
};

// Turns c-ares's list of `Reply` into records.
template <typename Record, typename Reply, typename Parse, typename Convert>
DnsAnswer<Record> Read(int status, const unsigned char* bytes, int size,
                       Parse parse, Convert convert) {
  Reply* list = nullptr;
  if (status == ARES_SUCCESS) status = parse(bytes, size, &list);
  const std::unique_ptr<Reply, FreeReply<Reply>> owned(list);
  DnsAnswer<Record> answer{.status = ToDnsStatus(status)};
  if (status != ARES_SUCCESS) return answer;
  for (const Reply* reply = list; reply != nullptr; reply = reply->next) {
    answer.records.push_back(convert(*reply));
  }
  if (list == nullptr) answer.status = DnsStatus::kNotFound;
  answer.ttl = SmallestTtl({bytes, static_cast<std::size_t>(size)});
  return answer;
}

DnsAnswer<SrvRecord> ReadSrv(int status, const unsigned char* bytes, int size) {
  return Read<SrvRecord, ares_srv_reply>(
      status, bytes, size, ares_parse_srv_reply,
      [](const ares_srv_reply& reply) {
        return SrvRecord{.priority = reply.priority,
                         .weight = reply.weight,
                         .port = reply.port,
                         .host = Text(reply.host)};
      });
}

DnsAnswer<NaptrRecord> ReadNaptr(int status, const unsigned char* bytes,
                                 int size) {
  return Read<NaptrRecord, ares_naptr_reply>(
      status, bytes, size, ares_parse_naptr_reply,
      [](const ares_naptr_reply& reply) {
        return NaptrRecord{.order = reply.order,
                           .preference = reply.preference,
                           .flags = Text(reply.flags),
                           .service = Text(reply.service),
                           .regexp = Text(reply.regexp),
                           .replacement = Text(reply.replacement)};
      });
}

std::string NumericOf(const ares_addrinfo_node& node) {
  const void* address = nullptr;
  if (node.ai_family == AF_INET) {
    const void* socket_address = node.ai_addr;
    address = &static_cast<const sockaddr_in*>(socket_address)->sin_addr;
  } else if (node.ai_family == AF_INET6) {
    const void* socket_address = node.ai_addr;
    address = &static_cast<const sockaddr_in6*>(socket_address)->sin6_addr;
  }
  char text[INET6_ADDRSTRLEN];
  const bool known = address != nullptr &&
                     inet_ntop(node.ai_family, address, text, sizeof text);
  return known ? text : "";
}

DnsAnswer<std::string> ReadAddresses(int status, ares_addrinfo* info) {
  const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owned(
      info, ares_freeaddrinfo);
  DnsAnswer<std::string> answer{.status = ToDnsStatus(status)};
  if (status != ARES_SUCCESS || info == nullptr) return answer;
  int ttl = std::numeric_limits<int>::max();
  for (const ares_addrinfo_node* node = info->nodes; node != nullptr;
       node = node->ai_next) {
    std::string ip = NumericOf(*node);
    ttl = std::min(ttl, node->ai_ttl);
    // /etc/hosts may say the same thing twice.
    if (!ip.empty() && !std::ranges::count(answer.records, ip)) {
      answer.records.push_back(std::move(ip));
    }
  }
  for (const ares_addrinfo_cname* alias = info->cnames; alias != nullptr;
       alias = alias->next) {
    ttl = std::min(ttl, alias->ttl);
  }
  answer.ttl = seconds(ttl);
  if (answer.records.empty()) answer.status = DnsStatus::kNotFound;
  return answer;
}

}  // namespace

// What a callback of c-ares gets as its argument.
template <typename Record>
struct DnsChannel::Question {
  DnsChannel* channel = nullptr;
  Done<Record> done;

  static void Answer(void* self, DnsAnswer<Record> answer) {
    const std::unique_ptr<Question> question(static_cast<Question*>(self));
    --question->channel->open_questions_;
    std::move(question->done)(std::move(answer));
  }
};

template <typename Record>
DnsChannel::Question<Record>* DnsChannel::Open(Done<Record> done) {
  ++open_questions_;
  // c-ares keeps it until Answer(). Made, then filled: clang 14 has no P0960.
  auto question = std::make_unique<Question<Record>>();
  question->channel = this;
  question->done = std::move(done);
  return question.release();
}

absl::StatusOr<std::unique_ptr<DnsChannel>> DnsChannel::Create(
    const ResolverOptions& options) {
  static std::once_flag initialized;
  std::call_once(initialized, [] { ares_library_init(ARES_LIB_INIT_ALL); });

  std::unique_ptr<DnsChannel> made(new DnsChannel);
  char files_then_dns[] = "fb";
  ares_options ares{};
  ares.timeout = static_cast<int>(options.query_timeout.count());
  ares.tries = options.tries;
  ares.lookups = files_then_dns;
  ares.sock_state_cb = &DnsChannel::OnSocketState;
  ares.sock_state_cb_data = made.get();
  // No search domains (ares.ndomains is 0): a name in a SIP URI is complete,
  // and a peer's Contact must not reach into our own domain.
  int status =
      ares_init_options(&made->channel_, &ares,
                        ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                            ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB);
  const std::string servers = absl::StrJoin(options.nameservers, ",");
  if (status == ARES_SUCCESS && !servers.empty()) {
    status = ares_set_servers_ports_csv(made->channel_, servers.c_str());
  }
  if (status != ARES_SUCCESS) {
    return DnsError(absl::StatusCode::kInvalidArgument, "DNS_BAD_OPTIONS",
                    absl::StrCat("the name servers \"", servers,
                                 "\" cannot be used: ", ares_strerror(status)));
  }
  return made;
}

DnsChannel::~DnsChannel() {
  if (channel_ != nullptr) ares_destroy(channel_);
}

void DnsChannel::AskAddresses(const std::string& name, Done<std::string> done) {
  const ares_addrinfo_hints hints{.ai_flags = 0,
                                  .ai_family = AF_UNSPEC,
                                  .ai_socktype = 0,
                                  .ai_protocol = 0};
  ares_getaddrinfo(
      channel_, name.c_str(), nullptr, &hints,
      [](void* question, int status, int, ares_addrinfo* info) {
        Question<std::string>::Answer(question, ReadAddresses(status, info));
      },
      Open(std::move(done)));
}

void DnsChannel::AskSrv(const std::string& name, Done<SrvRecord> done) {
  ares_query(
      channel_, name.c_str(), ns_c_in, ns_t_srv,
      [](void* question, int status, int, unsigned char* bytes, int size) {
        Question<SrvRecord>::Answer(question, ReadSrv(status, bytes, size));
      },
      Open(std::move(done)));
}

void DnsChannel::AskNaptr(const std::string& name, Done<NaptrRecord> done) {
  ares_query(
      channel_, name.c_str(), ns_c_in, ns_t_naptr,
      [](void* question, int status, int, unsigned char* bytes, int size) {
        Question<NaptrRecord>::Answer(question, ReadNaptr(status, bytes, size));
      },
      Open(std::move(done)));
}

void DnsChannel::OnSocketState(void* self, int socket, int readable,
                               int writable) {
  auto& sockets = static_cast<DnsChannel*>(self)->sockets_;
  if (readable == 0 && writable == 0) {
    sockets.erase(socket);
    return;
  }
  sockets[socket] = static_cast<short>((readable != 0 ? POLLIN : 0) |
                                       (writable != 0 ? POLLOUT : 0));
}

void DnsChannel::Turn(int wake_fd, milliseconds limit) {
  std::vector<pollfd> polled;
  polled.reserve(sockets_.size() + 1);
  polled.push_back({.fd = wake_fd, .events = POLLIN, .revents = 0});
  for (const auto& [socket, events] : sockets_) {
    polled.push_back({.fd = socket, .events = events, .revents = 0});
  }
  const seconds whole = std::chrono::duration_cast<seconds>(limit);
  timeval longest{.tv_sec = whole.count(),
                  .tv_usec = static_cast<suseconds_t>(
                      (limit - whole) / std::chrono::microseconds(1))};
  timeval storage{};
  const timeval* wait = ares_timeout(channel_, &longest, &storage);
  // Rounded up: poll() must not return before the retry is due, and spin.
  const auto wait_ms = wait->tv_sec * 1000 + (wait->tv_usec + 999) / 1000;
  if (poll(polled.data(), polled.size(), static_cast<int>(wait_ms)) > 0) {
    for (const pollfd& p : std::span(polled).subspan(1)) {
      if (p.revents == 0) continue;
      // An error goes to both sides, so that c-ares meets it and closes.
      const bool write = (p.revents & ~POLLIN) != 0;
      const bool read = (p.revents & ~POLLOUT) != 0;
      ares_process_fd(channel_, read ? p.fd : ARES_SOCKET_BAD,
                      write ? p.fd : ARES_SOCKET_BAD);
    }
  }
  // The retries.
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

}  // namespace callcontrol::sip
