// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_FAKE_NAME_SERVER_H_
#define CALLCONTROL_TESTS_SUPPORT_FAKE_NAME_SERVER_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace callcontrol {

// A name server on 127.0.0.1, over UDP, that says what the test told it to. A
// name it was told nothing about does not exist (NXDOMAIN); a known name has no
// records of the other types.
//
// Ownership: owns its socket and its thread. Threads: thread-safe. Errors: ends
// the process where there is no socket to be had.
class FakeNameServer {
 public:
  // RFC 1035 section 3.2.2, RFC 3596, 2782 and 3403.
  enum Type : std::uint16_t { kA = 1, kAaaa = 28, kSrv = 33, kNaptr = 35 };

  FakeNameServer();
  ~FakeNameServer();
  FakeNameServer(const FakeNameServer&) = delete;
  FakeNameServer& operator=(const FakeNameServer&) = delete;

  // As ResolverOptions::nameservers wants it.
  std::string address() const;

  // Names are compared as they are: ask in lower case. TTLs are in seconds.
  void AddA(const std::string& name, const std::string& ip, unsigned ttl = 60);
  void AddAaaa(const std::string& name, const std::string& ip,
               unsigned ttl = 60);
  void AddSrv(const std::string& name, unsigned priority, unsigned weight,
              unsigned port, const std::string& host, unsigned ttl = 60);
  // With flag "s" and no regexp.
  void AddNaptr(const std::string& name, unsigned order, unsigned preference,
                std::string_view service, const std::string& replacement,
                unsigned ttl = 60);

  // Questions for `name` are counted and not answered, until it gets a record.
  void BeSilentAbout(const std::string& name);
  // Questions for `name` are answered with SERVFAIL.
  void FailAbout(const std::string& name);

  // How often it was asked, repetitions included.
  std::size_t Asked(const std::string& name, Type type) const;
  // Waits until it was asked for `type` of `name`.
  void WaitUntilAsked(const std::string& name, Type type);

 private:
  using Question = std::pair<std::string, std::uint16_t>;
  enum class Behaviour { kAnswer, kSilent, kFail };

  void Add(const std::string& name, Type type, unsigned ttl,
           const std::string& data);
  void Run();
  // Empty for silence.
  std::string Reply(std::string_view query);

  int socket_ = -1;
  int stop_fd_ = -1;
  std::uint16_t port_ = 0;

  mutable std::mutex mutex_;
  // Guarded by mutex_. Records are in wire form, less the name.
  std::condition_variable asked_changed_;
  std::map<std::string, Behaviour> names_;
  std::map<Question, std::vector<std::string>> records_;
  std::map<Question, std::size_t> asked_;

  std::thread thread_;
};

}  // namespace callcontrol

#endif  // CALLCONTROL_TESTS_SUPPORT_FAKE_NAME_SERVER_H_
