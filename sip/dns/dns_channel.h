// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_DNS_DNS_CHANNEL_H_
#define CALLCONTROL_SIP_DNS_DNS_CHANNEL_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "sip/dns/resolver_options.h"
#include "sip/dns/sip_route.h"

// c-ares's ares_channel is a pointer to this. Declared and not included: only
// dns_channel.cc sees c-ares.
struct ares_channeldata;

namespace callcontrol::sip {

enum class DnsStatus {
  kFound,
  // The name or the record does not exist.
  kNotFound,
  // No server could be asked, or none was able to answer.
  kUnavailable,
  // No server answered in time.
  kTimeout,
};

template <typename Record>
struct DnsAnswer {
  DnsStatus status = DnsStatus::kUnavailable;
  // Not empty when kFound.
  std::vector<Record> records{};
  // The smallest of the records.
  std::chrono::seconds ttl{0};
};

// One c-ares channel: asks the DNS, and /etc/hosts for addresses.
//
// Ownership: owns the channel and its sockets. The destructor answers the open
// questions with kUnavailable.
// Threads: thread-compatible; the resolver's thread only, once made.
// Errors: in the answers. Create() fails on server addresses that are none.
// Time: c-ares's own retries, on CLOCK_MONOTONIC. An open question cannot be
// taken back; it ends after the retries.
//
// A question's callback is called exactly once: inside the call that asks,
// inside Turn(), or in the destructor. It MAY ask further questions.
class DnsChannel {
 public:
  template <typename Record>
  using Done = absl::AnyInvocable<void(DnsAnswer<Record>) &&>;

  static absl::StatusOr<std::unique_ptr<DnsChannel>> Create(
      const ResolverOptions& options);
  ~DnsChannel();
  DnsChannel(const DnsChannel&) = delete;
  DnsChannel& operator=(const DnsChannel&) = delete;

  // A and AAAA, numeric, in the order of RFC 6724. `name` must be IsDnsName().
  void AskAddresses(const std::string& name, Done<std::string> done);
  void AskSrv(const std::string& name, Done<SrvRecord> done);
  void AskNaptr(const std::string& name, Done<NaptrRecord> done);

  std::size_t open_questions() const { return open_questions_; }

  // Waits until an answer comes, `wake_fd` becomes readable, a retry is due or
  // `limit` has passed, and handles what came.
  void Turn(int wake_fd, std::chrono::milliseconds limit);

 private:
  DnsChannel() = default;

  // What c-ares calls. `socket` is to be watched as told, or no more.
  static void OnSocketState(void* self, int socket, int readable, int writable);

  template <typename Record>
  struct Question;
  template <typename Record>
  Question<Record>* Open(Done<Record> done);

  ares_channeldata* channel_ = nullptr;
  // Poll events by socket.
  std::unordered_map<int, short> sockets_;
  std::size_t open_questions_ = 0;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_DNS_DNS_CHANNEL_H_
