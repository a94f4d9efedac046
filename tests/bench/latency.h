// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_BENCH_LATENCY_H_
#define CALLCONTROL_TESTS_BENCH_LATENCY_H_

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

// How long a NOTIFY took from the far end to the application.
namespace callcontrol::bench {

using Microseconds = std::chrono::duration<double, std::micro>;
using WallTime = std::chrono::system_clock::time_point;

// When SIPp sent a NOTIFY: its [timestamp] stands at the end of the reason
// phrase, "OK 2026-11-24 21:38:34.307656 1795556314.307656", the last word in
// seconds since 1970. nullopt where there is none.
inline std::optional<WallTime> SentTime(std::string_view reason) {
  const std::size_t blank = reason.find_last_of(" \t");
  if (blank == std::string_view::npos) return std::nullopt;
  std::istringstream word{std::string(reason.substr(blank + 1))};
  long seconds = 0;
  long microseconds = 0;
  char point = 0;
  if (!(word >> seconds >> point >> microseconds) || point != '.') {
    return std::nullopt;
  }
  return WallTime(std::chrono::seconds(seconds) +
                  std::chrono::microseconds(microseconds));
}

// Delays, of which the percentiles are wanted.
//
// Threads: thread-compatible. Errors: samples above kMost are left out, so that
// a long run has a bound.
class Latencies {
 public:
  static constexpr std::size_t kMost = 2'000'000;

  // Leaves out what comes in the first `warm_up` after the first sample.
  explicit Latencies(std::chrono::seconds warm_up) : warm_up_(warm_up) {}

  void Add(WallTime sent, WallTime arrived) {
    if (!first_) first_ = arrived;
    if (arrived - *first_ < warm_up_ || delays_.size() == kMost) return;
    delays_.push_back(Microseconds(arrived - sent).count());
  }

  // Members of a JSON object: how many, and the percentiles in microseconds.
  std::string Json() {
    std::ranges::sort(delays_);
    std::ostringstream out;
    out << "\"latencies\":" << delays_.size() << ",\"p50_us\":" << At(0.50)
        << ",\"p99_us\":" << At(0.99) << ",\"most_us\":" << At(1);
    return out.str();
  }

 private:
  // Of sorted delays; 0 where there are none.
  double At(double share) const {
    if (delays_.empty()) return 0;
    const auto last = static_cast<double>(delays_.size() - 1);
    return delays_[static_cast<std::size_t>(std::floor(share * last))];
  }

  std::chrono::seconds warm_up_;
  std::optional<WallTime> first_;
  std::vector<double> delays_;
};

}  // namespace callcontrol::bench

#endif  // CALLCONTROL_TESTS_BENCH_LATENCY_H_
