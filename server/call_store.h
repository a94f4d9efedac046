// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_CALL_STORE_H_
#define CALLCONTROL_SERVER_CALL_STORE_H_

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "callcontrol/v1/call.pb.h"
#include "server/stream_reader.h"
#include "server/stream_sequencer.h"
#include "sip/call/call_types.h"

namespace callcontrol::server {

using CallSnapshotPtr = std::shared_ptr<const sip::CallSnapshot>;

// Which changes of which calls a watcher wants: those for which all that is set
// holds.
struct CallSelection {
  std::string call_id{};
  // "name" or "name=value".
  std::string tag{};
  // By CallEventType; none: all. SNAPSHOT counts as set.
  std::bitset<v1::CallEventType_ARRAYSIZE> types{};
  // Also a call that has ended when the watching begins.
  bool ended_too = false;

  bool Includes(const sip::CallSnapshot& call, v1::CallEventType type) const;
};

// The calls and changes that a client asks for. Errors: INVALID_ARGUMENT with
// the field.
absl::StatusOr<CallSelection> ReadSelection(
    const v1::WatchCallsRequest& request);

// What one WatchCalls stream has not read yet: a queue with a bound.
//
// Ownership: shared by the store, weakly, and the stream. Threads: thread-safe.
// Errors: a reader that is too far behind is ended with RESOURCE_EXHAUSTED,
// WATCHER_TOO_SLOW. Time: none.
class CallWatch {
 public:
  // `bound`: changes that may wait; the snapshot of the beginning does not
  // count.
  CallWatch(CallSelection selection, std::size_t bound)
      : selection_(std::move(selection)), bound_(bound) {}

  // Takes a change, unless the watcher does not want it. Whether there is
  // something to read now.
  bool Push(const CallSnapshotPtr& call, v1::CallEventType type,
            absl::Time time) ABSL_LOCKS_EXCLUDED(mutex_);

  static StreamSequencer<v1::CallEvent>::Source Read(
      std::shared_ptr<CallWatch> watch);

  void SetReader(std::weak_ptr<StreamReader> reader)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Wake() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Change {
    CallSnapshotPtr call;
    v1::CallEventType type;
    absl::Time time;
  };

  StreamItem<v1::CallEvent> Next() ABSL_LOCKS_EXCLUDED(mutex_);

  const CallSelection selection_;
  const std::size_t bound_;
  Mutex mutex_;
  std::deque<Change> changes_ ABSL_GUARDED_BY(mutex_);
  std::size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  bool overrun_ ABSL_GUARDED_BY(mutex_) = false;
  std::int64_t last_sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  std::weak_ptr<StreamReader> reader_ ABSL_GUARDED_BY(mutex_);
};

// The calls as they were last seen, live ones and those that ended lately.
//
// Ownership: owns the snapshots; holds watches weakly. Threads: thread-safe;
// changes come from the SIP thread. Errors: none: what is not there is null.
// Time: handed in.
class CallStore {
 public:
  struct Limits {
    // How long an ended call is kept.
    absl::Duration retention;
    // How many ended calls are kept at most.
    std::size_t max_kept = 10'000;
    // See CallWatch.
    std::size_t watch_bound = 1'024;
  };

  explicit CallStore(Limits limits) : limits_(limits) {}

  void OnCall(CallSnapshotPtr call, sip::CallChange change, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mutex_);

  CallSnapshotPtr Find(const std::string& call_id, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Numbered calls, newest first, with numbers below `before`, at most
  // `most` of them; numbers rise with every new call.
  std::vector<std::pair<std::uint64_t, CallSnapshotPtr>> List(
      std::uint64_t before, std::size_t most, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // A watch that begins with a snapshot of the live calls and misses nothing
  // after it.
  std::shared_ptr<CallWatch> Watch(CallSelection selection, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Sweep(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Limits limits_;
  Mutex mutex_;
  std::uint64_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, CallSnapshotPtr> calls_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::uint64_t> numbers_
      ABSL_GUARDED_BY(mutex_);
  // Ended ones, in the order in which they ended.
  std::deque<std::pair<absl::Time, std::uint64_t>> ended_
      ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<CallWatch>> watches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_CALL_STORE_H_
