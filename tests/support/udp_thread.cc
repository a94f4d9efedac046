// SPDX-License-Identifier: Apache-2.0
#include "tests/support/udp_thread.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace callcontrol::testing {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

UdpThread::UdpThread()
    : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
      stop_(eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  auto* generic = std::bit_cast<sockaddr*>(&address);
  // For the bursts of a thousand calls.
  const int buffer = 4 * 1024 * 1024;
  setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
  if (stop_ < 0 || bind(socket_, generic, size) != 0 ||
      getsockname(socket_, generic, &size) != 0) {
    throw std::runtime_error("no UDP socket to be had");
  }
  port_ = ntohs(address.sin_port);
}

UdpThread::~UdpThread() {
  Stop();
  close(socket_);
  close(stop_);
}

void UdpThread::Start(OnDatagram on_datagram) {
  on_datagram_ = std::move(on_datagram);
  thread_ = std::thread([this] { Run(); });
}

void UdpThread::Stop() {
  if (!thread_.joinable()) return;
  eventfd_write(stop_, 1);
  thread_.join();
}

void UdpThread::Send(const std::string& bytes, const sockaddr_in& to) const {
  sendto(socket_, bytes.data(), bytes.size(), 0,
         std::bit_cast<const sockaddr*>(&to), sizeof(to));
}

void UdpThread::After(std::chrono::milliseconds delay,
                      std::function<void()> task) {
  tasks_.emplace(Clock::now() + delay, std::move(task));
}

void UdpThread::Run() {
  pollfd fds[] = {{socket_, POLLIN, 0}, {stop_, POLLIN, 0}};
  while (fds[1].revents == 0) {
    poll(fds, std::size(fds), MillisecondsToNextTask());
    if (fds[0].revents != 0) Receive();
    RunDueTasks();
  }
}

void UdpThread::Receive() {
  std::string bytes(65536, '\0');
  sockaddr_in from{};
  socklen_t size = sizeof(from);
  const ssize_t length = recvfrom(socket_, bytes.data(), bytes.size(), 0,
                                  std::bit_cast<sockaddr*>(&from), &size);
  if (length < 0) return;
  bytes.resize(static_cast<size_t>(length));
  on_datagram_(bytes, from);
}

void UdpThread::RunDueTasks() {
  while (!tasks_.empty() && tasks_.begin()->first <= Clock::now()) {
    tasks_.extract(tasks_.begin()).mapped()();
  }
}

int UdpThread::MillisecondsToNextTask() const {
  if (tasks_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(
      tasks_.begin()->first - Clock::now());
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

}  // namespace callcontrol::testing
