// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_HOOKS_HOOK_JOURNAL_H_
#define CALLCONTROL_SERVER_HOOKS_HOOK_JOURNAL_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "server/hooks/hook_delivery.h"
#include "server/hooks/hook_store.h"

namespace callcontrol::server {

// Keeps a HookStore up to date on a thread of its own, so that a slow disk
// holds nobody up. A disk that is full, read-only or gone is told, and what
// could not be written is kept and tried again until it is.
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
    // What was stored is gone with a damaged file: all that is still wanted has
    // to be written again.
    virtual void OnStoreLost() = 0;
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

  // Writes soon, all of one call in one transaction; of each delivery the
  // newest change counts. Returns at once.
  void Write(std::vector<HookChange> changes) ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether what is written now will be stored soon, as far as is known.
  bool healthy() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Changes = std::unordered_map<std::string, HookChange>;

  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits for something to write: for `pause`, or without one as long as it
  // takes. False: the end was asked for.
  bool Rest(std::optional<std::chrono::milliseconds> pause)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Keeps what has to be written of `change`.
  void Merge(HookChange change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status OpenStore() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status WriteBacklog() ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends a write: what was written, or has to be written again.
  void TakeWritten(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  void Tell(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string path_;
  Listener& listener_;

  mutable Mutex mutex_;
  Condition changed_;
  // The newest change of each delivery that isn't written, by id. Bounded by
  // what is alive and by what is on the disk: what comes and goes in between
  // leaves nothing behind.
  Changes backlog_ ABSL_GUARDED_BY(mutex_);
  // What is being written, and since when.
  Changes writing_ ABSL_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point write_began_ ABSL_GUARDED_BY(mutex_);
  // Ids that are on the disk.
  std::unordered_set<std::string> stored_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool healthy_ ABSL_GUARDED_BY(mutex_) = true;

  // The journal's thread only.
  std::unique_ptr<HookStore> store_;
  // There is something to take up.
  bool wanted_ = false;
  // It was: what is in the file from then on is this process's own.
  bool taken_up_ = false;

  std::thread thread_;
};

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_HOOKS_HOOK_JOURNAL_H_
