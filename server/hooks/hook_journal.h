// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_HOOKS_HOOK_JOURNAL_H_
#define CALLCONTROL_SERVER_HOOKS_HOOK_JOURNAL_H_

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "server/hooks/hook_delivery.h"
#include "server/hooks/hook_store.h"

namespace callcontrol::server {

// Keeps a HookStore up to date on a thread of its own, so that a slow disk
// holds nobody up. A disk that is full, read-only or gone is told, what could
// not be written is kept, as far as there is room, and tried again until it is
// written.
//
// Ownership: owns the store and the thread; the listener must outlive it.
// Threads: thread-safe. Errors: OnStoreTrouble() tells. Time: the monotonic
// clock.
class HookJournal {
 public:
  // Told on the journal's thread; must return at once and may call Write().
  class Listener {
   public:
    virtual ~Listener() = default;
    // What an earlier life of the server left behind; at most once, and before
    // any OnStored().
    virtual void OnRestored(std::vector<HookDelivery> deliveries) = 0;
    // These are on the disk.
    virtual void OnStored(std::vector<std::string> ids) = 0;
    // The first failure after a success, or OK again.
    virtual void OnStoreTrouble(const absl::Status& status) = 0;
    // Something for the log that is no failure.
    virtual void OnStoreNotice(const std::string& text) = 0;
  };

  // `path`: a file in a directory that may not exist yet. Neither is made
  // before there is something to write. Empty: nothing is ever stored.
  HookJournal(std::string path, Listener& listener);
  // Writes what it can of what is left, then ends.
  ~HookJournal();
  HookJournal(const HookJournal&) = delete;
  HookJournal& operator=(const HookJournal&) = delete;

  // Writes in order, soon. Returns at once.
  void Write(std::vector<HookChange> changes) ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether what is written now will be stored soon, as far as is known.
  bool healthy() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  // Moves what was handed in to backlog_: after `pause`, or without one as soon
  // as there is something. False: the end was asked for.
  bool Collect(std::optional<std::chrono::milliseconds> pause)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Merge(HookChange change);
  absl::Status OpenStore();
  absl::Status WriteBacklog();
  void Tell(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string path_;
  Listener& listener_;

  mutable Mutex mutex_;
  Condition changed_;
  std::vector<HookChange> handed_in_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool healthy_ ABSL_GUARDED_BY(mutex_) = true;

  // The journal's thread only: the newest change of each delivery that isn't
  // written, by id, and the ids in the order in which they came.
  std::unique_ptr<HookStore> store_;
  std::unordered_map<std::string, HookChange> backlog_;
  std::deque<std::string> order_;
  // There is something to take up.
  bool wanted_ = false;

  std::thread thread_;
};

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_HOOKS_HOOK_JOURNAL_H_
