// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/sip_loop.h"

#include <dirent.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "sip/sofia/sofia.h"

namespace callcontrol::sip {
namespace {

using Clock = std::chrono::steady_clock;

// Bounds how late a task or a deadline may be that a timer of Sofia's makes:
// those run after the length of the wait was settled, and nothing of the SIP
// thread's own ends a wait. Fifty turns a second cost nothing worth measuring.
constexpr std::chrono::milliseconds kLongestTurn{20};
// Turns that did nothing before the loop takes Sofia to be spinning.
constexpr int kSpinTurns = 3;
// Shorter than Sofia's millisecond, longer than a wake-up costs.
constexpr timespec kSpinPause{0, 300'000};

// The epoll instances of the process.
std::set<int> EpollFds() {
  std::set<int> found;
  DIR* dir = opendir("/proc/self/fd");
  if (dir == nullptr) return found;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of this thread's own.
  while (const dirent* entry = readdir(dir)) {
    std::array<char, 64> target{};
    const ssize_t length =
        readlinkat(dirfd(dir), entry->d_name, target.data(), target.size() - 1);
    if (length <= 0) continue;
    if (std::string_view(target.data(), static_cast<std::size_t>(length)) ==
        "anon_inode:[eventpoll]") {
      found.insert(std::atoi(entry->d_name));
    }
  }
  closedir(dir);
  return found;
}

// The one that was not there before, which Sofia does not tell; -1 for none.
// Where another thread has made one at the same time, the higher one.
int NewEpollFd(const std::set<int>& before) {
  int found = -1;
  for (const int fd : EpollFds()) {
    if (!before.contains(fd)) found = fd;
  }
  return found;
}

std::int64_t NowNanoseconds() {
  return Clock::now().time_since_epoch().count();
}

}  // namespace

SipLoop::SipLoop() {
  std::promise<void> started;
  std::future<void> ready = started.get_future();
  // A su_root_t belongs to the thread that made it, so the SIP thread does.
  thread_ = std::thread([this, started = std::move(started)]() mutable {
    Run(std::move(started));
  });
  ready.wait();
}

SipLoop::~SipLoop() {
  Post([this] { stopping_ = true; });
  thread_.join();
}

void SipLoop::Post(Task task) {
  MutexLock lock(mutex_);
  // The bell is already rung where tasks were waiting.
  const bool ring = tasks_.empty();
  tasks_.push_back(std::move(task));
  // Under the lock: the task may be the one that ends the loop, which must not
  // run before its bell has rung.
  if (ring) Ring();
}

std::chrono::nanoseconds SipLoop::lag() const {
  return std::chrono::nanoseconds(NowNanoseconds() - last_turn_ns_.load());
}

void SipLoop::Run(std::promise<void> started) {
  thread_id_ = std::this_thread::get_id();
  su_init();
  const std::set<int> before = EpollFds();
  root_ = su_root_create(this);
  if (root_ == nullptr) std::abort();
  // No extra thread for the stack: it shares this one.
  su_root_threading(root_, 0);
  epoll_fd_ = NewEpollFd(before);
  last_turn_ns_ = NowNanoseconds();
  started.set_value();
  while (!stopping_) Turn();
  Drain();
  su_root_destroy(std::exchange(root_, nullptr));
  su_deinit();
}

void SipLoop::Turn() {
  if (std::exchange(paused_, false)) busy_.OnWake(Clock::now());
  last_turn_ns_ = NowNanoseconds();
  const bool ran_timers = timers_.RunDue(Clock::now());
  const bool worked = Drain() || ran_timers;
  Look(worked);

  // After work the next turn comes at once: it may have posted a task, whose
  // bell Sofia takes before it waits, or have stopped the loop.
  const std::chrono::milliseconds longest =
      worked ? std::chrono::milliseconds(0) : kLongestTurn;
  std::chrono::milliseconds wait = longest;
  const Clock::time_point before = Clock::now();
  if (const auto next = timers_.Next()) {
    // Rounded up: a wait cut to whole milliseconds would spin.
    wait =
        std::clamp(std::chrono::ceil<std::chrono::milliseconds>(*next - before),
                   std::chrono::milliseconds(0), longest);
  }
  su_root_step(root_, wait.count());

  // Sofia cuts the wait for its own timers to whole milliseconds and polls with
  // 0 through the last one: 60 % of a core at part load. Where the loop keeps
  // coming back at once with nothing done, wait on its descriptor instead.
  const bool returned_at_once =
      Clock::now() - before < std::chrono::microseconds(100);
  turns_without_work_ =
      returned_at_once && !worked ? turns_without_work_ + 1 : 0;
  if (turns_without_work_ >= kSpinTurns && wait.count() > 0) {
    pollfd descriptor{epoll_fd_, POLLIN, 0};
    ppoll(&descriptor, epoll_fd_ >= 0 ? 1 : 0, &kSpinPause, nullptr);
  }
}

void SipLoop::Look(bool worked) {
  const Clock::time_point now = Clock::now();
  // One that had nothing to do is about to wait: that may be the only sign of a
  // pause between two tasks. The others need not look each time.
  if (worked && !busy_.IsDue(now)) return;
  paused_ = !worked && !SofiaIsWanted();
  busy_.OnLook(now, paused_);
}

bool SipLoop::SofiaIsWanted() const {
  pollfd descriptor{epoll_fd_, POLLIN, 0};
  return epoll_fd_ >= 0 && poll(&descriptor, 1, 0) > 0 &&
         (descriptor.revents & POLLIN) != 0;
}

bool SipLoop::Drain() {
  std::deque<Task> tasks;
  {
    MutexLock lock(mutex_);
    tasks.swap(tasks_);
  }
  for (Task& task : tasks) std::move(task)();
  return !tasks.empty();
}

void SipLoop::Ring() {
  su_msg_r message = SU_MSG_R_INIT;
  // The bell only ends the wait: the turn of the loop runs the tasks.
  const auto wake = [](SipLoop*, su_msg_r, su_msg_arg_t*) {};
  if (su_msg_create(message, su_root_task(root_), su_task_null, wake, 0) != 0) {
    std::abort();  // Out of memory.
  }
  su_msg_send(message);
}

}  // namespace callcontrol::sip
