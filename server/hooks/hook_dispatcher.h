// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_HOOKS_HOOK_DISPATCHER_H_
#define CALLCONTROL_SERVER_HOOKS_HOOK_DISPATCHER_H_

#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "callcontrol/v1/transfer.pb.h"
#include "server/hooks/hook_client.h"
#include "server/hooks/hook_guard.h"
#include "server/hooks/hook_journal.h"
#include "server/hooks/hook_message.h"
#include "server/hooks/hook_queue.h"
#include "server/transfer_store.h"

namespace callcontrol::server {

// Delivers the webhooks of transfers: reads their event logs as a stream would,
// and sends what they tell, on a thread of its own. Nothing that a receiver or
// the disk does reaches back to a transfer.
//
// Ownership: owns its thread, the journal's and the connections. Threads:
// thread-safe. Errors: Targets() refuses; a delivery that fails is tried again,
// then a dead letter, with a line in the log. Time: the wall clock for what is
// told and stored, the monotonic one for deadlines.
class HookDispatcher final : private HookJournal::Listener {
 public:
  struct Options {
    HookLimits limits;
    HookClient::Options client;
    std::vector<std::string> signing_keys;
    std::string bearer_token;
    // Host names, lower-case.
    std::vector<std::string> bearer_hosts;
    // Empty: nothing outlives the process.
    std::string store_path;
  };

  HookDispatcher(Options options, HookGuard guard);
  // Stop() with no patience, where it has not been called.
  ~HookDispatcher() override;

  // Where the hooks of a request go. INVALID_ARGUMENT naming the field, before
  // anything is sent. `traceparent` is what the client's metadata had.
  absl::StatusOr<HookTargets> Targets(const v1::ReferRequest& request,
                                      std::string_view traceparent) const;

  // Tells `targets` of every event of the log, from its first to the result.
  // Returns at once. The log's writers must have ended before the dispatcher
  // goes.
  void Follow(const std::shared_ptr<TransferLog>& log, HookTargets targets);

  // Runs `task` with the queue on the dispatcher's thread, soon. False, and it
  // never runs, once Stop() was called.
  using Task = absl::AnyInvocable<void(HookQueue& queue, HookTime now) &&>;
  bool Ask(Task task) ABSL_LOCKS_EXCLUDED(mutex_);

  // Delivers what can be delivered within `patience`, then ends. What is left
  // is in the store. Once.
  void Stop(std::chrono::milliseconds patience) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  class Follower;
  struct Inbox {
    std::vector<std::shared_ptr<Follower>> grown;
    std::vector<Task> tasks;

    bool empty() const { return grown.empty() && tasks.empty(); }
  };

  void OnRestored(std::vector<HookDelivery> deliveries) override;
  void OnStored(std::vector<std::string> ids) override;
  void OnStoreTrouble(const absl::Status& status) override;
  void OnStoreLost() override;
  void OnStoreNotice(const std::string& text) override;

  // Into the inbox, from any thread.
  void OnGrew(std::shared_ptr<Follower> follower) ABSL_LOCKS_EXCLUDED(mutex_);
  void Post(Task task) ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- The dispatcher's thread ----
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  Inbox TakeInbox() ABSL_LOCKS_EXCLUDED(mutex_);
  void ReadLog(const std::shared_ptr<Follower>& follower, HookTime now);
  void TakeEvent(const v1::ReferEvent& event, Follower& follower, HookTime now);
  bool MayHaveToken(const HookUrl& url) const;
  // An error where the URL is no longer allowed.
  absl::Status Send(const HookDelivery& delivery);
  void TakeAttempt(const HookClient::Ended& ended, HookTime now);
  // A line for a delivery that has just been given up; none for any other.
  void LogIfDead(const std::string& id, HookTime now);
  // Waits for something to do. False: there is no more.
  bool Rest() ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  const HookGuard guard_;
  HookClient client_;

  Mutex mutex_;
  Inbox inbox_ ABSL_GUARDED_BY(mutex_);
  // Set: Stop() was called, and what it gave.
  std::optional<HookTime> stop_by_ ABSL_GUARDED_BY(mutex_);

  // The dispatcher's thread only.
  HookQueue queue_;
  std::unordered_set<std::shared_ptr<Follower>> followers_;
  std::mt19937_64 random_;
  // Of promises; stored together with what the queue changed.
  std::vector<HookChange> changes_;
  HookTime dead_letter_logged_{};
  int dead_letters_unlogged_ = 0;

  HookJournal journal_;
  std::thread thread_;
};

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_HOOKS_HOOK_DISPATCHER_H_
