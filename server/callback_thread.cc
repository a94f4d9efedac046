// SPDX-License-Identifier: Apache-2.0
#include "server/callback_thread.h"

#include <dlfcn.h>
#include <grpc/grpc.h>
#include <grpc/support/time.h>
#include <grpcpp/completion_queue.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/busy_meter.h"
#include "base/mutex.h"

namespace callcontrol::server {
namespace {

std::atomic<std::chrono::nanoseconds> g_busy{std::chrono::nanoseconds(0)};

// A look does not wait. Nor does the thread wait for long before it has seen
// that nothing is left: nobody else would say so.
gpr_timespec LongestWait(bool looks, const BusyMeter& meter) {
  if (looks) return gpr_inf_past(GPR_CLOCK_MONOTONIC);
  if (meter.busy() == BusyMeter::Duration(0)) {
    return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  }
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_millis(1, GPR_TIMESPAN));
}

// Takes completions off the queue until it is shut down and empty.
void RunCallbacks(grpc_completion_queue* queue) {
  pthread_setname_np(pthread_self(), "grpc");
  // Where it shares a core with the SIP thread, which wakes it for each
  // message, it waits until that one has ended its turn. Needs no privilege.
  const sched_param none{};
  pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
  BusyMeter meter;
  while (true) {
    const bool looks = meter.IsDue(std::chrono::steady_clock::now());
    const grpc_event event =
        grpc_completion_queue_next(queue, LongestWait(looks, meter), nullptr);
    if (event.type == GRPC_QUEUE_SHUTDOWN) break;
    const bool pause = event.type == GRPC_QUEUE_TIMEOUT;
    const auto now = std::chrono::steady_clock::now();
    if (looks || pause) {
      meter.OnLook(now, pause);
      g_busy = meter.busy();
    } else if (meter.busy() == BusyMeter::Duration(0)) {
      meter.OnWake(now);
    }
    if (event.type != GRPC_OP_COMPLETE) continue;
    // The tags of callbacks are functors: that is gRPC's side of it.
    auto* functor = static_cast<grpc_completion_queue_functor*>(event.tag);
    functor->functor_run(functor, event.success);
  }
  g_busy = std::chrono::nanoseconds(0);
}

// The queue and its thread, for as long as somebody has a share.
//
// Threads: thread-safe; the last Release() must not come from the thread.
class SharedQueue {
 public:
  grpc::CompletionQueue* Take() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    if (++shares_ == 1) {
      queue_ = std::make_unique<grpc::CompletionQueue>();
      thread_ = std::thread(RunCallbacks, queue_->cq());
    }
    return queue_.get();
  }

  void Release() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    if (--shares_ > 0) return;
    queue_->Shutdown();
    thread_.join();
    queue_.reset();
  }

 private:
  Mutex mutex_;
  int shares_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<grpc::CompletionQueue> queue_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

// Never destroyed: gRPC may still release its share when the process ends.
SharedQueue& TheQueue() {
  static auto* queue = new SharedQueue;
  return *queue;
}

}  // namespace

std::chrono::nanoseconds CallbackThreadBusy() { return g_busy; }

absl::Status CheckCallbackThread() {
  // The names of the two functions below, as the linker has them.
  for (const char* const name :
       {"_ZN4grpc15CompletionQueue21CallbackAlternativeCQEv",
        "_ZN4grpc15CompletionQueue28ReleaseCallbackAlternativeCQEPS0_"}) {
    void* const in_effect = dlsym(RTLD_DEFAULT, name);
    void* const behind = dlsym(RTLD_NEXT, name);
    if (behind == nullptr || in_effect == behind) {
      return absl::UnimplementedError(
          absl::StrCat("this gRPC keeps ", name,
                       " to itself; the one of Debian 12 is needed"));
    }
  }
  return absl::OkStatus();
}

}  // namespace callcontrol::server

// ---- In front of libgrpc++'s own ------------------------------------------

namespace grpc {

CompletionQueue* CompletionQueue::CallbackAlternativeCQ() {
  return callcontrol::server::TheQueue().Take();
}

void CompletionQueue::ReleaseCallbackAlternativeCQ(CompletionQueue*) {
  callcontrol::server::TheQueue().Release();
}

}  // namespace grpc
