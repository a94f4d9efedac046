// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_name_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

namespace callcontrol {
namespace {

constexpr std::size_t kHeaderSize = 12;

std::string Number16(unsigned value) {
  return {static_cast<char>(value >> 8 & 0xFF),
          static_cast<char>(value & 0xFF)};
}

std::string Number32(unsigned value) {
  return Number16(value >> 16) + Number16(value & 0xFFFF);
}

std::string CharacterString(std::string_view text) {
  return static_cast<char>(text.size()) + std::string(text);
}

// "a.b" or "a.b." or "." in wire form.
std::string WireName(std::string_view name) {
  std::string wire;
  while (!name.empty()) {
    const std::size_t dot = name.find('.');
    if (dot != 0) wire += CharacterString(name.substr(0, dot));
    if (dot == std::string_view::npos) break;
    name.remove_prefix(dot + 1);
  }
  return wire + '\0';
}

std::string WireAddress(int family, const std::string& ip) {
  char address[sizeof(in6_addr)];
  if (inet_pton(family, ip.c_str(), address) != 1) std::abort();
  return {address, family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr)};
}

struct ParsedQuestion {
  std::string name;
  std::uint16_t type;
  // Of the question section.
  std::size_t size;
};

// The first question of `query`. c-ares asks one and compresses nothing.
std::optional<ParsedQuestion> ParseQuestion(std::string_view query) {
  const auto octet = [query](std::size_t i) {
    return static_cast<unsigned char>(query[i]);
  };
  ParsedQuestion question{};
  std::size_t at = kHeaderSize;
  while (at < query.size() && octet(at) != 0) {
    if (at + octet(at) >= query.size()) return std::nullopt;
    if (!question.name.empty()) question.name += '.';
    question.name += query.substr(at + 1, octet(at));
    at += 1U + octet(at);
  }
  if (at + 5 > query.size()) return std::nullopt;
  question.type =
      static_cast<std::uint16_t>(octet(at + 1) << 8 | octet(at + 2));
  question.size = at + 5 - kHeaderSize;
  return question;
}

}  // namespace

FakeNameServer::FakeNameServer()
    : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
      stop_fd_(eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof local;
  void* address = &local;
  if (bind(socket_, static_cast<sockaddr*>(address), size) != 0 ||
      getsockname(socket_, static_cast<sockaddr*>(address), &size) != 0 ||
      stop_fd_ < 0) {
    std::abort();
  }
  port_ = ntohs(local.sin_port);
  thread_ = std::thread([this] { Run(); });
}

FakeNameServer::~FakeNameServer() {
  eventfd_write(stop_fd_, 1);
  thread_.join();
  close(stop_fd_);
  close(socket_);
}

std::string FakeNameServer::address() const {
  return "127.0.0.1:" + std::to_string(port_);
}

void FakeNameServer::Add(const std::string& name, Type type, unsigned ttl,
                         const std::string& data) {
  constexpr unsigned kInternet = 1;
  const std::lock_guard lock(mutex_);
  names_[name] = Behaviour::kAnswer;
  records_[{name, type}].push_back(
      Number16(type) + Number16(kInternet) + Number32(ttl) +
      Number16(static_cast<unsigned>(data.size())) + data);
}

void FakeNameServer::AddA(const std::string& name, const std::string& ip,
                          unsigned ttl) {
  Add(name, kA, ttl, WireAddress(AF_INET, ip));
}

void FakeNameServer::AddAaaa(const std::string& name, const std::string& ip,
                             unsigned ttl) {
  Add(name, kAaaa, ttl, WireAddress(AF_INET6, ip));
}

void FakeNameServer::AddSrv(const std::string& name, unsigned priority,
                            unsigned weight, unsigned port,
                            const std::string& host, unsigned ttl) {
  Add(name, kSrv, ttl,
      Number16(priority) + Number16(weight) + Number16(port) + WireName(host));
}

void FakeNameServer::AddNaptr(const std::string& name, unsigned order,
                              unsigned preference, std::string_view service,
                              const std::string& replacement, unsigned ttl) {
  Add(name, kNaptr, ttl,
      Number16(order) + Number16(preference) + CharacterString("s") +
          CharacterString(service) + CharacterString("") +
          WireName(replacement));
}

void FakeNameServer::BeSilentAbout(const std::string& name) {
  const std::lock_guard lock(mutex_);
  names_[name] = Behaviour::kSilent;
}

void FakeNameServer::FailAbout(const std::string& name) {
  const std::lock_guard lock(mutex_);
  names_[name] = Behaviour::kFail;
}

std::size_t FakeNameServer::Asked(const std::string& name, Type type) const {
  const std::lock_guard lock(mutex_);
  const auto found = asked_.find({name, type});
  return found == asked_.end() ? 0 : found->second;
}

void FakeNameServer::WaitUntilAsked(const std::string& name, Type type) {
  std::unique_lock lock(mutex_);
  asked_changed_.wait(lock, [&] { return asked_.contains({name, type}); });
}

void FakeNameServer::Run() {
  pollfd polled[] = {{socket_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
  while (poll(polled, 2, -1) > 0 && polled[1].revents == 0) {
    char buffer[4096];
    sockaddr_storage from{};
    socklen_t from_size = sizeof from;
    void* address = &from;
    const ssize_t size = recvfrom(socket_, buffer, sizeof buffer, MSG_DONTWAIT,
                                  static_cast<sockaddr*>(address), &from_size);
    // A failed receipt is the ICMP error of a client that has gone.
    if (size < 0) continue;
    const std::string reply = Reply({buffer, static_cast<std::size_t>(size)});
    if (reply.empty()) continue;
    sendto(socket_, reply.data(), reply.size(), 0,
           static_cast<sockaddr*>(address), from_size);
  }
}

std::string FakeNameServer::Reply(std::string_view query) {
  constexpr unsigned kResponse = 0x8580;  // QR, AA, RD, RA.
  constexpr unsigned kServFail = 2;
  constexpr unsigned kNxDomain = 3;
  constexpr unsigned kNameOfQuestion = 0xC000 | kHeaderSize;
  const std::optional<ParsedQuestion> question = ParseQuestion(query);
  if (!question) return "";
  const std::lock_guard lock(mutex_);
  ++asked_[{question->name, question->type}];
  asked_changed_.notify_all();

  unsigned code = 0;
  std::vector<std::string> records;
  const auto known = names_.find(question->name);
  if (known == names_.end()) {
    code = kNxDomain;
  } else if (known->second == Behaviour::kSilent) {
    return "";
  } else if (known->second == Behaviour::kFail) {
    code = kServFail;
  } else if (const auto found = records_.find({question->name, question->type});
             found != records_.end()) {
    records = found->second;
  }
  std::string reply(query.substr(0, 2));
  reply += Number16(kResponse | code) + Number16(1);
  reply += Number16(static_cast<unsigned>(records.size()));
  reply += Number16(0) + Number16(0);
  reply += query.substr(kHeaderSize, question->size);
  for (const std::string& record : records) {
    reply += Number16(kNameOfQuestion) + record;
  }
  return reply;
}

}  // namespace callcontrol
