// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_SESSION_H_
#define CALLCONTROL_CLIENTS_CLI_SESSION_H_

#include <google/protobuf/message.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "callcontrol/v1/call_control.grpc.pb.h"
#include "clients/cli/arguments.h"
#include "clients/cli/environment.h"

namespace callcontrol::cli {

// How long one look at the events of a stream may take before the spinner
// moves and Ctrl-C is noticed.
inline constexpr std::chrono::milliseconds kTick{100};

// The exit codes of callctl.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitUnknown = 3;

// What a command works with: what was asked, and the server.
//
// Ownership: borrows everything; all of it outlives the session. Threads: one
// thread. Errors: Fail() reports one and gives the exit code.
struct Session {
  const Arguments& arguments;
  const Environment& environment;
  v1::CallControl::Stub& stub;
  std::ostream& out;
  std::ostream& err;
  // When a command without --timeout of its own gives up.
  absl::Time deadline;

  // Gives a unary RPC its time limit.
  void Limit(grpc::ClientContext& context) const;
  // The deadline of a stream: --timeout, else none.
  std::optional<absl::Time> StreamDeadline() const;

  // "callctl: ..." on `err`; returns kExitFailure.
  int Fail(std::string_view line) const;
  int Fail(const grpc::Status& status) const;

  // `message` as one line of JSON on `out`.
  void PrintJson(const google::protobuf::Message& message) const;
};

// One line of JSON, without its end.
std::string ToJson(const google::protobuf::Message& message);

// The commands. Each returns an exit code.
int RunCalls(const Session& session);
int RunWatch(const Session& session);
int RunCall(const Session& session);
int RunAnswer(const Session& session);
int RunReject(const Session& session);
int RunHold(const Session& session);
int RunResume(const Session& session);
int RunHangUp(const Session& session);
int RunAccept(const Session& session);
int RunDecline(const Session& session);
int RunRefer(const Session& session);
int RunTransfers(const Session& session);
int RunShow(const Session& session);
int RunCancel(const Session& session);
int RunHooks(const Session& session);
int RunHooksRetry(const Session& session);

// What the user wants told and withheld, into a request to place a call or to
// transfer one.
template <typename Request>
void SetIdentity(const Arguments& arguments, Request& request) {
  request.mutable_asserted_identity()->Assign(
      arguments.asserted_identity.begin(), arguments.asserted_identity.end());
  request.mutable_privacy()->Assign(arguments.privacy.begin(),
                                    arguments.privacy.end());
}

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_SESSION_H_
