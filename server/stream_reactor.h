// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_STREAM_REACTOR_H_
#define CALLCONTROL_SERVER_STREAM_REACTOR_H_

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "server/status_mapping.h"
#include "server/stream_reader.h"
#include "server/stream_sequencer.h"

namespace callcontrol::server {

// One server-streaming RPC: writes what its source has. Does what its
// StreamSequencer decides.
//
// Ownership: shared. gRPC's share is `self_`, from Make() to OnDone(); logs
// hold weak shares, and the engine a strong one while it decides about a
// request. Whoever lets go last deletes the reactor, so a late event never
// meets a dead one.
// Threads: Attach() and OnGrew() from any thread; the reactions come from
// gRPC's, concurrently. What they share is in the sequencer.
// Errors: Fail() ends the RPC with one. Time: none.
template <typename Response>
class StreamReactor final : public grpc::ServerWriteReactor<Response>,
                            public StreamReader {
 public:
  using Sequencer = StreamSequencer<Response>;

  // A reactor that gRPC holds; hand reactor.get() to it.
  static std::shared_ptr<StreamReactor> Make() {
    std::shared_ptr<StreamReactor> reactor(new StreamReactor);
    reactor->self_ = reactor;
    return reactor;
  }

  // Begins to write. Once; instead of Fail().
  void Attach(typename Sequencer::Source source) {
    Do(sequencer_.Attach(std::move(source)));
  }

  // Ends the RPC with an error and no message.
  void Fail(absl::Status status) {
    Attach([status = std::move(status)] {
      return StreamItem<Response>{nullptr, status};
    });
  }

  void OnGrew() override { Do(sequencer_.Grew()); }

 private:
  StreamReactor() = default;

  void OnWriteDone(bool ok) override { Do(sequencer_.WriteDone(ok)); }
  void OnCancel() override { Do(sequencer_.Cancel()); }
  void OnDone() override {
    // The last share may be this one: keep it until the function has returned.
    const std::shared_ptr<StreamReactor> self = std::move(self_);
  }

  void Do(typename Sequencer::Next next) {
    switch (next) {
      case Sequencer::Next::kNothing:
        return;
      case Sequencer::Next::kWrite:
        this->StartWrite(&sequencer_.current());
        return;
      case Sequencer::Next::kWriteAndFinish:
        this->StartWriteAndFinish(&sequencer_.current(), grpc::WriteOptions(),
                                  ToGrpc(sequencer_.status()));
        return;
      case Sequencer::Next::kFinish:
        this->Finish(ToGrpc(sequencer_.status()));
        return;
    }
  }

  Sequencer sequencer_;
  std::shared_ptr<StreamReactor> self_;
};

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_STREAM_REACTOR_H_
