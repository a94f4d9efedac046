// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_EVENT_STREAM_H_
#define CALLCONTROL_CLIENTS_CLI_EVENT_STREAM_H_

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_stream.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/time/time.h"

namespace callcontrol::cli {

// What EventStream::Next() came back with.
enum class Got {
  // An event.
  kEvent,
  // Nothing yet: time to move the spinner.
  kNothing,
  // The stream is over; see status().
  kEnd,
};

// A server-streaming RPC read with a clock in hand, so that one thread can wait
// for the server and move a spinner.
//
// Ownership: owns the RPC; the destructor cancels it. Threads:
// thread-compatible. Errors: status(), once Next() said kEnd. Time: Next()
// waits at most `patience`; a deadline is the caller's.
template <class Event>
class EventStream {
 public:
  using Starter = std::function<std::unique_ptr<grpc::ClientAsyncReader<Event>>(
      grpc::ClientContext*, grpc::CompletionQueue*, void* tag)>;

  // Starts the RPC by `start`, which calls a stub's AsyncX().
  EventStream(const Starter& start, std::optional<absl::Time> deadline) {
    if (deadline.has_value()) {
      context_.set_deadline(absl::ToChronoTime(*deadline));
    }
    reader_ = start(&context_, &queue_, this);
  }
  ~EventStream() {
    context_.TryCancel();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  // Waits for the next event.
  Got Next(Event* event, std::chrono::milliseconds patience) {
    const auto until = std::chrono::system_clock::now() + patience;
    while (pending_ != Pending::kNone) {
      void* tag = nullptr;
      bool ok = false;
      if (queue_.AsyncNext(&tag, &ok, until) !=
          grpc::CompletionQueue::GOT_EVENT) {
        return Got::kNothing;
      }
      const Pending done = std::exchange(pending_, Pending::kNone);
      if (done == Pending::kFinish) break;
      const bool has_event = done == Pending::kRead && ok;
      if (has_event) *event = std::move(buffer_);
      ok ? Read() : Finish();
      if (has_event) return Got::kEvent;
    }
    return Got::kEnd;
  }

  // How the RPC ended.
  const grpc::Status& status() const { return status_; }

 private:
  // The operation that is open; there is at most one.
  enum class Pending { kStart, kRead, kFinish, kNone };

  void Read() {
    pending_ = Pending::kRead;
    reader_->Read(&buffer_, this);
  }
  void Finish() {
    pending_ = Pending::kFinish;
    reader_->Finish(&status_, this);
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::ClientAsyncReader<Event>> reader_;
  Pending pending_ = Pending::kStart;
  Event buffer_;
  grpc::Status status_;
};

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_EVENT_STREAM_H_
