// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_EVENT_STREAM_H_
#define CALLCONTROL_TESTS_SUPPORT_EVENT_STREAM_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "grpcpp/grpcpp.h"
#include "grpcpp/support/async_stream.h"
#include "tests/support/text.h"

namespace callcontrol::testing {

// A server-streaming RPC, read event by event with a deadline for each. Reads
// nothing from gRPC before it is asked to.
//
// Threads: one thread.
// Errors: Next() and Finish() throw std::runtime_error at their deadline.
template <typename Event>
class EventStream {
 public:
  static constexpr std::chrono::milliseconds kPatience{8000};
  using Reader = grpc::ClientAsyncReader<Event>;
  // Starts the RPC with the given tag, on the given queue.
  using Start = std::function<std::unique_ptr<Reader>(
      grpc::ClientContext*, grpc::CompletionQueue*, void* tag)>;

  EventStream(std::unique_ptr<grpc::ClientContext> context, const Start& start)
      : state_(std::make_unique<State>()) {
    state_->context = std::move(context);
    state_->reader =
        start(state_->context.get(), &state_->queue, Tag(Step::kStart));
    Await(Step::kStart, kPatience);
  }
  EventStream(EventStream&&) noexcept = default;
  EventStream& operator=(EventStream&&) = delete;
  ~EventStream() {
    if (state_ == nullptr) return;
    state_->context->TryCancel();
    state_->queue.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (state_->queue.Next(&tag, &ok)) {
    }
  }

  // The next event, or nullopt at the end of the stream.
  std::optional<Event> TryNext(std::chrono::milliseconds patience = kPatience) {
    if (state_->ended) return std::nullopt;
    if (!state_->reading)
      state_->reader->Read(&state_->event, Tag(Step::kRead));
    state_->reading = true;
    if (!Await(Step::kRead, patience)) return std::nullopt;
    return state_->event;
  }

  // The next event, which there must be.
  Event Next(std::chrono::milliseconds patience = kPatience) {
    auto event = TryNext(patience);
    if (event) return *event;
    try {
      throw std::runtime_error(
          Cat("the stream ended: ", Finish().error_message()));
    } catch (const Late&) {
      throw std::runtime_error("an event came that can't be read");
    }
  }

  // Whether nothing comes within `duration`: no event and no end.
  bool Silent(std::chrono::milliseconds duration) {
    try {
      TryNext(duration);
      return false;
    } catch (const Late&) {
      return true;
    }
  }

  // The status of the RPC; its stream must be at its end.
  grpc::Status Finish() {
    if (!state_->finished) {
      while (TryNext()) {
      }
      StartFinish();
      Await(Step::kFinish, kPatience);
    }
    return state_->status;
  }

  void Cancel() { state_->context->TryCancel(); }

 private:
  enum class Step : int { kStart, kRead, kFinish };
  struct Late : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  // On the heap, because gRPC holds pointers into it.
  struct State {
    grpc::CompletionQueue queue;
    std::unique_ptr<grpc::ClientContext> context;
    std::unique_ptr<Reader> reader;
    Event event;
    grpc::Status status;
    bool reading = false;
    bool ended = false;
    bool finished = false;
    char tags[3] = {};
  };

  void* Tag(Step step) { return &state_->tags[static_cast<int>(step)]; }

  void StartFinish() {
    state_->finished = true;
    state_->reader->Finish(&state_->status, Tag(Step::kFinish));
  }

  bool Await(Step step, std::chrono::milliseconds patience) {
    void* tag = nullptr;
    bool ok = false;
    auto deadline = std::chrono::system_clock::now() + patience;
    auto next = state_->queue.AsyncNext(&tag, &ok, deadline);
    if (next != grpc::CompletionQueue::GOT_EVENT || tag != Tag(step)) {
      throw Late("no event within the deadline");
    }
    if (step == Step::kRead) {
      state_->reading = false;
      state_->ended = !ok;
    }
    return ok;
  }

  std::unique_ptr<State> state_;
};

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_EVENT_STREAM_H_
