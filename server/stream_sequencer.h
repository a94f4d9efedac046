// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_STREAM_SEQUENCER_H_
#define CALLCONTROL_SERVER_STREAM_SEQUENCER_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/mutex.h"

namespace callcontrol::server {

// What a stream's source has for it: nothing yet (neither member set), a
// message, or the end.
template <typename Response>
struct StreamItem {
  std::shared_ptr<const Response> message;
  // With a message: it is the last one. Alone: there is none left.
  std::optional<absl::Status> end;
};

// Decides which one operation a server-streaming RPC starts next. gRPC allows
// one open write at a time and exactly one finish; this class keeps both rules
// and starts nothing itself.
//
// Messages are pulled from the source when the stream is free to write, so a
// client that reads slowly, or never, costs no memory here: what it has not
// read is kept where everybody else reads it from.
//
// Ownership: owns the source. Threads: thread-safe; the source is called under
// the sequencer's lock, by whichever thread moves the stream on, and must not
// call back. Errors: none; an error that ends the stream is `status()`.
// Time: none.
template <typename Response>
class StreamSequencer {
 public:
  using Source = absl::AnyInvocable<StreamItem<Response>()>;
  enum class Next { kNothing, kWrite, kWriteAndFinish, kFinish };

  // The stream begins. Until then it writes nothing.
  Next Attach(Source source) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    source_ = std::move(source);
    return TakeNext();
  }

  // The source may have more.
  Next Grew() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    return TakeNext();
  }

  // The open write ended; `ok` as gRPC told it.
  Next WriteDone(bool ok) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    busy_ = false;
    if (!ok) cancelled_ = true;
    return TakeNext();
  }

  // The client is gone or lost interest.
  Next Cancel() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    cancelled_ = true;
    return TakeNext();
  }

  // What to write, after kWrite or kWriteAndFinish. Unchanged until
  // WriteDone().
  const Response& current() const { return *current_; }

  // What to finish with, after kWriteAndFinish or kFinish.
  const absl::Status& status() const { return status_; }

 private:
  Next TakeNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (busy_) return Next::kNothing;
    if (cancelled_) {
      return Finish(Next::kFinish,
                    absl::CancelledError("the client went away"));
    }
    if (!source_) return Next::kNothing;
    StreamItem<Response> item = source_();
    if (item.message == nullptr && !item.end) return Next::kNothing;
    current_ = std::move(item.message);
    if (item.end) {
      return Finish(current_ ? Next::kWriteAndFinish : Next::kFinish,
                    *std::move(item.end));
    }
    busy_ = true;
    return Next::kWrite;
  }

  Next Finish(Next how, absl::Status status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    busy_ = true;  // For good: nothing follows.
    status_ = std::move(status);
    source_ = nullptr;
    return how;
  }

  Mutex mutex_;
  Source source_ ABSL_GUARDED_BY(mutex_) = nullptr;
  // An operation is open, or the RPC was finished.
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  // Written under the lock while nothing is open, read without it by whoever
  // was told to write or to finish.
  std::shared_ptr<const Response> current_;
  absl::Status status_;
};

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_STREAM_SEQUENCER_H_
