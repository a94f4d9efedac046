// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_TIMER_QUEUE_H_
#define CALLCONTROL_SIP_SOFIA_TIMER_QUEUE_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"

namespace callcontrol::sip {

// Deadlines and what to run at them.
//
// Ownership: owns the closures until they ran or were cancelled.
// Threads: thread-compatible. Errors: none.
// Time: keeps no clock; `now` and `at` are monotonic. Closures that are due at
// the same instant run in the order in which they were added.
class TimerQueue {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Task = absl::AnyInvocable<void() &&>;

  // Names one closure; never reused.
  struct Id {
    Time at;
    std::uint64_t number = 0;
    // NOLINTNEXTLINE(modernize-use-nullptr): inside what the compiler makes.
    auto operator<=>(const Id&) const = default;
  };

  Id Add(Time at, Task task) {
    const Id id{at, ++last_number_};
    tasks_.emplace(id, std::move(task));
    return id;
  }

  // Does nothing where the closure ran already.
  void Cancel(const Id& id) { tasks_.erase(id); }

  // Runs what is due. Closures may add and cancel; those that become due
  // meanwhile wait for the next call. Returns whether any ran.
  bool RunDue(Time now) {
    const std::uint64_t newest = last_number_;
    bool ran = false;
    auto it = tasks_.begin();
    while (it != tasks_.end() && it->first.at <= now) {
      const Id id = it->first;
      if (id.number <= newest) {
        Task task = std::move(it->second);
        tasks_.erase(it);
        std::move(task)();
        ran = true;
      }
      // Not from the beginning: what was added meanwhile may stand there.
      it = tasks_.upper_bound(id);
    }
    return ran;
  }

  std::optional<Time> Next() const {
    if (tasks_.empty()) return std::nullopt;
    return tasks_.begin()->first.at;
  }

 private:
  std::map<Id, Task> tasks_;
  std::uint64_t last_number_ = 0;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_TIMER_QUEUE_H_
