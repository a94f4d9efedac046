// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_DNS_RESOLVER_H_
#define CALLCONTROL_SIP_DNS_RESOLVER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "sip/dns/answer_cache.h"
#include "sip/dns/dns_channel.h"
#include "sip/dns/resolver_options.h"
#include "sip/dns/route_lookup.h"
#include "sip/dns/sip_route.h"

namespace callcontrol::sip {

// Turns SIP targets into numeric next hops (RFC 3263) on a thread of its own,
// so that neither a slow nor an unreachable name server costs the SIP thread
// anything.
//
// Ownership: owns its thread and everything on it. The destructor calls every
// outstanding callback with CANCELLED, on the resolver's thread, and joins it;
// it must not run on that thread, nor beside a Resolve() of another.
// Threads: Resolve() is thread-safe and never blocks.
// Errors: to the callback, with a reason (base/error.h) and the host in the
// message:
//   INVALID_ARGUMENT   DNS_BAD_NAME     neither a literal nor a DNS name
//   NOT_FOUND          DNS_NOT_FOUND    no such name, no such records, or the
//                                       domain denies the service
//   UNAVAILABLE        DNS_UNAVAILABLE  no server could be asked, or none was
//                                       able to answer
//   DEADLINE_EXCEEDED  DNS_TIMEOUT      the deadline, or all of c-ares's tries
//   RESOURCE_EXHAUSTED DNS_BUSY         1,000 resolutions are outstanding
//   CANCELLED          DNS_CANCELLED    the resolver is being destroyed
// Time: deadlines are on CLOCK_MONOTONIC and the resolver's own. At the
// deadline the callback gets DEADLINE_EXCEEDED, or the SRV hosts whose
// addresses are known by then; what comes later is dropped. TTLs follow the
// same clock.
class Resolver {
 public:
  // The addresses in the order in which to try them; not empty when OK.
  //
  // Called exactly once, on the resolver's thread, never inside Resolve(). Must
  // return at once. MAY call Resolve(), but not as its answer to CANCELLED.
  using Callback =
      absl::AnyInvocable<void(absl::StatusOr<std::vector<SipAddress>>) &&>;

  // Fails where a name server's address is none (INVALID_ARGUMENT,
  // DNS_BAD_OPTIONS) or the process is out of file descriptors (UNAVAILABLE).
  static absl::StatusOr<std::unique_ptr<Resolver>> Create(
      ResolverOptions options);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Finds the addresses of `target` within `deadline` (at most a day) from now.
  void Resolve(SipTarget target, std::chrono::milliseconds deadline,
               Callback done) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Job {
    SipTarget target;
    TimePoint deadline;
    Callback done;
    // One of the 1,000.
    bool counted;
  };

  // A job that waits for the DNS.
  struct Lookup {
    Job job;
    std::shared_ptr<RouteLookup> route;
  };

  Resolver(ResolverOptions options, std::unique_ptr<DnsChannel> channel,
           int wake_fd);

  // The resolver's thread. All below runs there.
  void Run();
  // The jobs queued since, and whether the destructor runs.
  std::pair<std::deque<Job>, bool> TakeJobs() ABSL_LOCKS_EXCLUDED(mutex_);
  void Begin(Job job);
  void Ask(Job job);
  // A lookup has ended.
  void OnRoute(std::uint64_t id, absl::StatusOr<Route> route);
  void ExpireDue();
  // Ends the thread's work: `jobs` have been taken and not begun.
  void CancelAll(std::deque<Job> jobs);
  void Answer(Job job, absl::StatusOr<std::vector<SipAddress>> result)
      ABSL_LOCKS_EXCLUDED(mutex_);
  std::chrono::milliseconds UntilNextDeadline() const;

  const ResolverOptions options_;
  // An eventfd: readable while jobs may be queued.
  const int wake_fd_;

  Mutex mutex_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  std::size_t outstanding_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  // The resolver's thread only. The channel goes last: its open questions hold
  // lookups, which refer to it and to the options.
  AnswerCache cache_;
  std::mt19937 random_;
  RandomBelow random_below_;
  std::uint64_t next_id_ = 0;
  std::unordered_map<std::uint64_t, Lookup> lookups_;
  // Every lookup, by deadline.
  std::set<std::pair<TimePoint, std::uint64_t>> deadlines_;
  std::unique_ptr<DnsChannel> channel_;

  std::thread thread_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_DNS_RESOLVER_H_
