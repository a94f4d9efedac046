// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_DNS_ANSWER_CACHE_H_
#define CALLCONTROL_SIP_DNS_ANSWER_CACHE_H_

#include <chrono>
#include <cstddef>
#include <string>
#include <unordered_map>

#include "sip/dns/sip_route.h"

namespace callcontrol::sip {

// The routes found lately, by target. Only found ones: a name that is missing
// is asked for again.
//
// Ownership: holds copies. Threads: thread-compatible; the resolver's thread
// only. Errors: none; what does not fit is not kept. Time: told by the caller.
class AnswerCache {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Keeps `capacity` routes (0: none) for at most `max_ttl` each.
  AnswerCache(std::size_t capacity, std::chrono::seconds max_ttl)
      : capacity_(capacity), max_ttl_(max_ttl) {}

  // The route of `target` that is still good at `now`, or nullptr. Valid until
  // the next Insert().
  const Route* Find(const SipTarget& target, TimePoint now) const;

  // Keeps `route` for its ttl. A ttl of 0 is not kept. When full, the route
  // that would end first makes room.
  void Insert(const SipTarget& target, const Route& route, TimePoint now);

 private:
  struct Entry {
    Route route;
    TimePoint end;
  };

  const std::size_t capacity_;
  const std::chrono::seconds max_ttl_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_DNS_ANSWER_CACHE_H_
