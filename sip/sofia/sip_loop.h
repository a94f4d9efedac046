// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_SIP_LOOP_H_
#define CALLCONTROL_SIP_SOFIA_SIP_LOOP_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <future>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "base/busy_meter.h"
#include "base/mutex.h"
#include "sip/sofia/timer_queue.h"

// Sofia's su_root_t. Declared and not included: no Sofia header reaches a user
// of this one.
struct su_root_s;

namespace callcontrol::sip {

// The SIP thread: one thread that runs one Sofia-SIP event loop. Everything
// that touches Sofia runs here, so nothing that touches Sofia needs a lock.
//
// Ownership: owns the thread and the su_root_t. The destructor runs the tasks
// posted before it, stops the loop and joins the thread, so it must not run on
// the SIP thread.
// Threads: Post() and lag() from any thread. root(), timers() and whatever is
// reached through them on the SIP thread only; OnThisThread() lets callers
// assert that.
// Errors: ends the process where Sofia cannot make its loop (out of memory or
// of file descriptors at start).
// Time: timers() are monotonic; Sofia's own timers follow the wall clock.
class SipLoop {
 public:
  using Task = absl::AnyInvocable<void() &&>;

  SipLoop();
  ~SipLoop();
  SipLoop(const SipLoop&) = delete;
  SipLoop& operator=(const SipLoop&) = delete;

  // Runs `task` on the SIP thread, after the tasks posted before it.
  void Post(Task task) ABSL_LOCKS_EXCLUDED(mutex_);

  bool OnThisThread() const {
    return std::this_thread::get_id() == thread_id_.load();
  }

  su_root_s* root() const { return root_; }
  TimerQueue& timers() { return timers_; }

  // How long it has been at work without a pause. SIP thread only.
  std::chrono::nanoseconds busy() const { return busy_.busy(); }

  // How long ago the loop last turned. It turns many times a second unless
  // something blocks it.
  std::chrono::nanoseconds lag() const;

 private:
  // The SIP thread. Fulfils `started` once the loop takes tasks.
  void Run(std::promise<void> started);
  void Turn();
  // Whether the loop keeps up. `worked`: this turn had something to do.
  void Look(bool worked);
  // Whether something waits for Sofia.
  bool SofiaIsWanted() const;
  // Runs every task queued so far; returns whether there was one.
  bool Drain() ABSL_LOCKS_EXCLUDED(mutex_);
  void Ring() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  TimerQueue timers_;
  // Set before `started`, cleared by the SIP thread as it ends.
  su_root_s* root_ = nullptr;
  // Sofia's epoll descriptor, or -1 where it was not found.
  int epoll_fd_ = -1;
  int turns_without_work_ = 0;
  BusyMeter busy_;
  bool paused_ = false;
  bool stopping_ = false;
  std::atomic<std::int64_t> last_turn_ns_{0};
  std::atomic<std::thread::id> thread_id_;
  std::thread thread_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_SIP_LOOP_H_
