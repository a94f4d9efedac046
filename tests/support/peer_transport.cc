// SPDX-License-Identifier: Apache-2.0
#include "tests/support/peer_transport.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tests/support/sip_message.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

[[noreturn]] void Throw(std::string_view what) {
  throw std::runtime_error(Cat(what, ": ", std::strerror(errno)));
}

// A file descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

sockaddr_in Address(const std::string& host, uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    throw std::runtime_error(Cat("not an address: ", host));
  }
  return address;
}

template <typename Call>
int WithAddress(Call call, int fd, const sockaddr_in& address) {
  return call(fd, std::bit_cast<const sockaddr*>(&address), sizeof(address));
}

Fd BoundSocket(int type, const std::string& host) {
  Fd fd(socket(AF_INET, type | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) Throw("socket");
  if (WithAddress(bind, fd.get(), Address(host, 0)) != 0) Throw("bind");
  return fd;
}

uint16_t PortOf(int fd) {
  sockaddr_in address = {};
  socklen_t size = sizeof(address);
  if (getsockname(fd, std::bit_cast<sockaddr*>(&address), &size) != 0) {
    Throw("getsockname");
  }
  return ntohs(address.sin_port);
}

// True once one of `fds` has something to read, false at the deadline.
bool Wait(std::vector<pollfd>& fds, TimePoint deadline) {
  while (true) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    int timeout = std::max<int>(0, static_cast<int>(left.count()));
    int ready = poll(fds.data(), fds.size(), timeout);
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) Throw("poll");
  }
}

class UdpTransport : public PeerTransport {
 public:
  UdpTransport(const std::string& address, uint16_t server_port)
      : fd_(BoundSocket(SOCK_DGRAM, address)),
        sources_({Address("127.0.0.1", server_port)}) {}

  uint16_t port() const override { return PortOf(fd_.get()); }
  std::string_view name() const override { return "UDP"; }

  void Send(std::string_view text, int channel) override {
    const sockaddr_in& to = sources_.at(static_cast<size_t>(channel));
    ssize_t sent = sendto(fd_.get(), text.data(), text.size(), 0,
                          std::bit_cast<const sockaddr*>(&to), sizeof(to));
    if (sent != static_cast<ssize_t>(text.size())) Throw("sendto");
  }

  std::optional<Packet> Receive(TimePoint deadline) override {
    std::vector<pollfd> fds = {{fd_.get(), POLLIN, 0}};
    if (!Wait(fds, deadline)) return std::nullopt;
    std::string text(65536, '\0');
    sockaddr_in from = {};
    socklen_t from_size = sizeof(from);
    ssize_t size = recvfrom(fd_.get(), text.data(), text.size(), 0,
                            std::bit_cast<sockaddr*>(&from), &from_size);
    if (size < 0) Throw("recvfrom");
    text.resize(static_cast<size_t>(size));
    return Packet{std::move(text), ChannelOf(from)};
  }

 private:
  int ChannelOf(const sockaddr_in& from) {
    auto same = [&](const sockaddr_in& source) {
      return source.sin_addr.s_addr == from.sin_addr.s_addr &&
             source.sin_port == from.sin_port;
    };
    auto it = std::find_if(sources_.begin(), sources_.end(), same);
    if (it == sources_.end()) it = sources_.insert(it, from);
    return static_cast<int>(it - sources_.begin());
  }

  Fd fd_;
  // Where datagrams came from, by channel; the server's first.
  std::vector<sockaddr_in> sources_;
};

// Without `tls`: TCP alone.
class TcpTransport : public PeerTransport {
 public:
  TcpTransport(const std::string& address, uint16_t server_port,
               std::optional<PeerTls> tls)
      : address_(address),
        server_port_(server_port),
        tls_(std::move(tls)),
        listener_(BoundSocket(SOCK_STREAM, address)),
        connections_(1) {
    if (listen(listener_.get(), 8) != 0) Throw("listen");
  }

  uint16_t port() const override { return PortOf(listener_.get()); }
  uint16_t own_port() override {
    if (connections_[0].fd.get() < 0) Connect();
    return PortOf(connections_[0].fd.get());
  }
  std::string_view name() const override { return tls_ ? "TLS" : "TCP"; }

  void Send(std::string_view text, int channel) override {
    if (channel == 0 && connections_[0].fd.get() < 0) Connect();
    const Connection& connection =
        connections_.at(static_cast<size_t>(channel));
    if (connection.tls != nullptr) {
      connection.tls->Write(text);
      return;
    }
    int fd = connection.fd.get();
    while (!text.empty()) {
      ssize_t sent = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent < 0) Throw("send");
      text.remove_prefix(static_cast<size_t>(sent));
    }
  }

  std::optional<Packet> Receive(TimePoint deadline) override {
    while (true) {
      for (size_t i = 0; i < connections_.size(); ++i) {
        if (auto text = TakeMessage(connections_[i].buffer)) {
          return Packet{std::move(*text), static_cast<int>(i)};
        }
      }
      std::vector<pollfd> fds = {{listener_.get(), POLLIN, 0}};
      for (const Connection& connection : connections_) {
        fds.push_back({connection.fd.get(), POLLIN, 0});
      }
      if (!Wait(fds, deadline)) return std::nullopt;
      if (fds[0].revents != 0) Accept();
      for (size_t i = 1; i < fds.size(); ++i) {
        if (fds[i].revents != 0) Read(connections_[i - 1]);
      }
    }
  }

  // What had come is still there to be read.
  void Disconnect() override {
    for (Connection& connection : connections_) connection.Close();
  }

  const TlsSession* own_session() const override {
    return connections_[0].tls.get();
  }

  std::string failed_handshakes() const override { return failed_handshakes_; }

  const TlsSession* newest_session() const override {
    return connections_.size() < 2 ? nullptr : connections_.back().tls.get();
  }

 private:
  struct Connection {
    // Goes before the socket it uses.
    void Close() {
      tls.reset();
      fd = Fd();  // poll() passes over a negative descriptor.
    }
    Fd fd;
    std::unique_ptr<TlsSession> tls;
    std::string buffer;
  };

  void Connect() {
    Fd fd = BoundSocket(SOCK_STREAM, address_);
    if (WithAddress(connect, fd.get(), Address("127.0.0.1", server_port_)) !=
        0) {
      Throw("connect");
    }
    connections_[0].Close();
    if (tls_) {
      connections_[0].tls = std::make_unique<TlsSession>(
          *tls_, TlsSession::Role::kClient, fd.get());
    }
    connections_[0].fd = std::move(fd);
  }

  void Accept() {
    Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (fd.get() < 0) Throw("accept");
    std::unique_ptr<TlsSession> session;
    if (tls_) {
      try {
        session = std::make_unique<TlsSession>(*tls_, TlsSession::Role::kServer,
                                               fd.get());
      } catch (const std::runtime_error& error) {
        failed_handshakes_ += Cat(error.what(), "\n");
        return;
      }
    }
    connections_.push_back({std::move(fd), std::move(session), ""});
  }

  static void Read(Connection& connection) {
    if (connection.tls != nullptr) {
      const auto text = connection.tls->Read();
      if (!text) {
        connection.Close();
      } else {
        connection.buffer.append(*text);
      }
      return;
    }
    char bytes[65536];
    ssize_t size = recv(connection.fd.get(), bytes, sizeof(bytes), 0);
    if (size <= 0) {
      connection.Close();
      return;
    }
    connection.buffer.append(bytes, static_cast<size_t>(size));
  }

  // Cuts one message off `buffer`, by its Content-Length (RFC 3261, 18.3).
  static std::optional<std::string> TakeMessage(std::string& buffer) {
    buffer.erase(0, buffer.find_first_not_of("\r\n"));
    size_t end = buffer.find("\r\n\r\n");
    if (end == buffer.npos) return std::nullopt;
    auto head = SipMessage::Parse(buffer.substr(0, end + 4));
    std::string length = head ? head->Header("Content-Length") : "";
    size_t size = end + 4 + (length.empty() ? 0 : std::stoul(length));
    if (buffer.size() < size) return std::nullopt;
    std::string text = buffer.substr(0, size);
    buffer.erase(0, size);
    return text;
  }

  std::string address_;
  uint16_t server_port_;
  std::optional<PeerTls> tls_;
  std::string failed_handshakes_;
  Fd listener_;
  std::vector<Connection> connections_;
};

}  // namespace

std::unique_ptr<PeerTransport> MakeUdpTransport(const std::string& address,
                                                uint16_t server_port) {
  return std::make_unique<UdpTransport>(address, server_port);
}

std::unique_ptr<PeerTransport> MakeTcpTransport(const std::string& address,
                                                uint16_t server_port) {
  return std::make_unique<TcpTransport>(address, server_port, std::nullopt);
}

std::unique_ptr<PeerTransport> MakeTlsTransport(const std::string& address,
                                                uint16_t server_port,
                                                PeerTls tls) {
  return std::make_unique<TcpTransport>(address, server_port, std::move(tls));
}

}  // namespace callcontrol::testing
