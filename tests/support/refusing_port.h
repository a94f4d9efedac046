// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_REFUSING_PORT_H_
#define CALLCONTROL_TESTS_SUPPORT_REFUSING_PORT_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "gtest/gtest.h"

namespace callcontrol {

// A port of 127.0.0.1 that refuses, and that nobody else can get meanwhile: a
// stream socket that does not listen, or a datagram socket that takes only what
// it sends itself.
//
// Threads: any.
// Errors: fails the test where the operating system refuses.
class RefusingPort {
 public:
  // `type`: SOCK_STREAM or SOCK_DGRAM.
  explicit RefusingPort(int type)
      : socket_(socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    void* address = &local;
    socklen_t size = sizeof local;
    EXPECT_EQ(bind(socket_, static_cast<sockaddr*>(address), size), 0);
    getsockname(socket_, static_cast<sockaddr*>(address), &size);
    if (type == SOCK_DGRAM) {
      EXPECT_EQ(connect(socket_, static_cast<sockaddr*>(address), size), 0);
    }
    port_ = ntohs(local.sin_port);
  }
  ~RefusingPort() { close(socket_); }
  RefusingPort(const RefusingPort&) = delete;
  RefusingPort& operator=(const RefusingPort&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  const int socket_;
  std::uint16_t port_ = 0;
};

}  // namespace callcontrol

#endif  // CALLCONTROL_TESTS_SUPPORT_REFUSING_PORT_H_
