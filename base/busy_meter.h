// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_BASE_BUSY_METER_H_
#define CALLCONTROL_BASE_BUSY_METER_H_

#include <algorithm>
#include <chrono>

namespace callcontrol {

// How long a thread has been at work without a pause: the sign that more comes
// than it can do. The thread looks now and then whether something waits for it;
// where nothing does, that is the pause. Pure.
//
// Ownership: a plain value. Threads: thread-compatible. Errors: none.
// Time: that of its caller, monotonic.
class BusyMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  // Whether it is time to look again: each look may be a system call.
  bool IsDue(Time now) const { return now - last_look_ >= kBetweenLooks; }

  // The thread has waited until now.
  void OnWake(Time now) { last_look_ = now; }

  // `pause`: nothing waits, so that the thread is about to.
  void OnLook(Time now, bool pause) {
    // A machine that stood still was not at work.
    busy_ = pause ? Duration(0)
                  : busy_ + std::min<Duration>(now - last_look_, kMostCounted);
    last_look_ = now;
  }

  Duration busy() const { return busy_; }

 private:
  static constexpr std::chrono::milliseconds kBetweenLooks{1};
  static constexpr std::chrono::milliseconds kMostCounted{10};

  Time last_look_{};
  Duration busy_{0};
};

}  // namespace callcontrol

#endif  // CALLCONTROL_BASE_BUSY_METER_H_
