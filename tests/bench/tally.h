// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_BENCH_TALLY_H_
#define CALLCONTROL_TESTS_BENCH_TALLY_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <sstream>
#include <string>

#include "tests/bench/latency.h"

namespace callcontrol::bench {

// What the load client has seen, over all of its streams.
//
// Threads: thread-safe. Errors: none.
class Tally {
 public:
  explicit Tally(std::chrono::seconds warm_up) : latencies_(warm_up) {}

  void Begun() {
    std::lock_guard lock(mutex_);
    ++begun_;
  }
  void Watched() {
    std::lock_guard lock(mutex_);
    ++watched_;
  }
  // A final NOTIFY reached the client.
  void Arrived(WallTime sent, WallTime arrived) {
    std::lock_guard lock(mutex_);
    latencies_.Add(sent, arrived);
  }
  // A transfer's result; its stream has still to end.
  void Result(const std::string& outcome) {
    std::lock_guard lock(mutex_);
    ++outcomes_[outcome];
  }
  // A transfer's stream ended: by `failure`, or well where that is empty.
  void Ended(const std::string& failure) {
    std::lock_guard lock(mutex_);
    ++ended_;
    if (!failure.empty()) ++failures_[failure];
    changed_.notify_all();
  }
  // The stream of calls ended and was opened again.
  void WatchedAgain() {
    std::lock_guard lock(mutex_);
    ++watched_again_;
  }

  // Whether `count` streams of transfers ended within `patience`.
  bool AwaitEnded(std::uint64_t count, std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return ended_ >= count; });
  }

  // One JSON object.
  std::string Json() {
    std::lock_guard lock(mutex_);
    std::ostringstream out;
    out << "{\"begun\":" << begun_ << ",\"ended\":" << ended_
        << ",\"call_events\":" << watched_
        << ",\"watched_again\":" << watched_again_
        << ",\"outcomes\":" << Counts(outcomes_)
        << ",\"failures\":" << Counts(failures_) << "," << latencies_.Json()
        << "}";
    return out.str();
  }

 private:
  // The names are those of enumerators and status codes: nothing to escape.
  static std::string Counts(const std::map<std::string, std::uint64_t>& map) {
    std::ostringstream out;
    out << "{";
    for (const char* comma = ""; const auto& [name, count] : map) {
      out << comma << "\"" << name << "\":" << count;
      comma = ",";
    }
    out << "}";
    return out.str();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t begun_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t watched_ = 0;
  std::uint64_t watched_again_ = 0;
  std::map<std::string, std::uint64_t> outcomes_;
  std::map<std::string, std::uint64_t> failures_;
  Latencies latencies_;
};

}  // namespace callcontrol::bench

#endif  // CALLCONTROL_TESTS_BENCH_TALLY_H_
