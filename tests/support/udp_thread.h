// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_UDP_THREAD_H_
#define CALLCONTROL_TESTS_SUPPORT_UDP_THREAD_H_

#include <netinet/in.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>

namespace callcontrol::testing {

// 127.0.0.1:`port`.
sockaddr_in Loopback(uint16_t port);

// A UDP socket on a free port of 127.0.0.1, and a thread that reads it and
// keeps timers.
//
// Ownership: owns its socket and its thread.
// Threads: what is given to it runs on its thread, and so may call After() and
// Send(). Start() and Stop() are called by who made it.
// Errors: throws std::runtime_error where there is no socket to be had.
class UdpThread {
 public:
  using OnDatagram =
      std::function<void(const std::string& bytes, const sockaddr_in& from)>;

  UdpThread();
  ~UdpThread();
  UdpThread(const UdpThread&) = delete;
  UdpThread& operator=(const UdpThread&) = delete;

  uint16_t port() const { return port_; }
  void Start(OnDatagram on_datagram);
  // Nothing runs any more once it returns.
  void Stop();
  void Send(const std::string& bytes, const sockaddr_in& to) const;
  // Also before Start().
  void After(std::chrono::milliseconds delay, std::function<void()> task);

 private:
  using Clock = std::chrono::steady_clock;

  void Run();
  void Receive();
  void RunDueTasks();
  int MillisecondsToNextTask() const;

  int socket_ = -1;
  int stop_ = -1;
  uint16_t port_ = 0;
  OnDatagram on_datagram_;
  std::multimap<Clock::time_point, std::function<void()>> tasks_;
  std::thread thread_;
};

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_UDP_THREAD_H_
