// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_BENCH_LOAD_CLIENT_H_
#define CALLCONTROL_TESTS_BENCH_LOAD_CLIENT_H_

#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "callcontrol/v1/call_control.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "tests/bench/tally.h"

namespace callcontrol::bench {

// What the load client is to do.
struct LoadOptions {
  // Only calls that carry this tag are transferred.
  std::string tag = "bench";
  // Read the streams of the transfers. Where not, they stay open and unread.
  bool read = true;
  // Hear of every change of these calls and not only of their answers.
  bool watch_all = false;
};

// An application that transfers every call as soon as it is answered, with a
// Refer() stream for each.
//
// Ownership: the streams delete themselves when gRPC is done with them; the
// tally and the stub must outlive them.
// Threads: Start() once; everything else is gRPC's threads.
// Errors: go into the tally. A watch that the server ends is opened again.
class LoadClient {
 public:
  LoadClient(v1::CallControl::Stub& stub, Tally& tally, LoadOptions options)
      : stub_(stub), tally_(tally), options_(std::move(options)) {}
  LoadClient(const LoadClient&) = delete;
  LoadClient& operator=(const LoadClient&) = delete;

  // Begins to watch.
  void Start();

 private:
  class Watch;
  class Transfer;

  void OnCall(const v1::Call& call);

  v1::CallControl::Stub& stub_;
  Tally& tally_;
  const LoadOptions options_;
  std::mutex mutex_;
  // Calls that a transfer was begun for.
  std::unordered_set<std::string> begun_;
};

// `count` streams of calls that are opened and never read. They are cancelled
// when the object goes.
class UnreadWatches {
 public:
  UnreadWatches(v1::CallControl::Stub& stub, int count);
  ~UnreadWatches();
  UnreadWatches(const UnreadWatches&) = delete;
  UnreadWatches& operator=(const UnreadWatches&) = delete;

 private:
  struct Stream;
  std::vector<std::unique_ptr<Stream>> streams_;
};

// Whether the server has taken what was begun on this channel before: its
// streams are there. Asks it something and waits for the answer.
bool IsServed(v1::CallControl::Stub& stub);

// How many transfers the server knows, by outcome and, where they are open, by
// state: a JSON object. Empty where the server cannot be asked.
std::string CountTransfers(v1::CallControl::Stub& stub);

}  // namespace callcontrol::bench

#endif  // CALLCONTROL_TESTS_BENCH_LOAD_CLIENT_H_
