// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_TRANSFER_STORE_H_
#define CALLCONTROL_SERVER_TRANSFER_STORE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "callcontrol/v1/transfer.pb.h"
#include "server/stream_reader.h"
#include "server/stream_sequencer.h"
#include "sip/call/call_engine.h"

namespace callcontrol::server {

// The event log of one transfer: the truth that every stream reads.
//
// Ownership: shared by the store and by the streams that read it; holds its
// readers weakly. Threads: thread-safe; events are appended by the SIP thread.
// Errors: none. Time: handed in.
class TransferLog {
 public:
  TransferLog(const sip::TransferPlan& plan, absl::Time time);

  // Adds the next event and wakes the readers. `phase` is the transfer's now.
  void Append(const sip::TransferEvent& event, sip::TransferPhase phase,
              absl::Time time) ABSL_LOCKS_EXCLUDED(mutex_);

  // A source for a stream that begins after `after_sequence` and ends with the
  // result. The log must be shared_ptr-held: `log` is it.
  static StreamSequencer<v1::ReferEvent>::Source Read(
      std::shared_ptr<TransferLog> log, std::int64_t after_sequence);

  // Wakes `reader` whenever the log grows, for as long as it lives.
  void AddReader(std::weak_ptr<StreamReader> reader)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The transfer as it is now.
  v1::Transfer Snapshot() const ABSL_LOCKS_EXCLUDED(mutex_);
  // The same where it is `wanted`, else nullopt. `wanted` runs under the log's
  // lock: it must not call back.
  std::optional<v1::Transfer> SnapshotIf(
      absl::FunctionRef<bool(const v1::Transfer&)> wanted) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string& transfer_id() const { return plan_.transfer_id; }

 private:
  StreamItem<v1::ReferEvent> ItemAt(std::int64_t sequence) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  const sip::TransferPlan plan_;
  mutable Mutex mutex_;
  v1::Transfer transfer_ ABSL_GUARDED_BY(mutex_);
  // events_[i] has sequence i + 1.
  std::vector<std::shared_ptr<const v1::ReferEvent>> events_
      ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<StreamReader>> readers_ ABSL_GUARDED_BY(mutex_);
};

// Running transfers, and ended ones for as long as they are kept.
//
// Ownership: owns the logs. Threads: thread-safe. Errors: none: what is not
// there is null. Time: handed in.
class TransferStore {
 public:
  struct Limits {
    // How long an ended transfer is kept, and how many of them at most.
    absl::Duration retention;
    std::size_t max_kept = 0;
  };

  explicit TransferStore(Limits limits) : limits_(limits) {}

  void Add(const sip::TransferPlan& plan, absl::Time time)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Does nothing for a transfer that is not there.
  void Append(const std::string& transfer_id, const sip::TransferEvent& event,
              sip::TransferPhase phase, absl::Time time)
      ABSL_LOCKS_EXCLUDED(mutex_);

  std::shared_ptr<TransferLog> Find(const std::string& transfer_id,
                                    absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

  // Numbered logs, newest first, with numbers below `before`, at most
  // `most` of them; numbers rise with every Add().
  std::vector<std::pair<std::uint64_t, std::shared_ptr<TransferLog>>> List(
      std::uint64_t before, std::size_t most, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Sweep(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Limits limits_;
  Mutex mutex_;
  std::uint64_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, std::shared_ptr<TransferLog>> logs_
      ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::uint64_t> numbers_
      ABSL_GUARDED_BY(mutex_);
  // Ended ones, in the order in which they ended.
  std::deque<std::pair<absl::Time, std::uint64_t>> ended_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_TRANSFER_STORE_H_
