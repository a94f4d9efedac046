// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_ARGUMENTS_H_
#define CALLCONTROL_CLIENTS_CLI_ARGUMENTS_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace callcontrol::cli {

// What callctl is to do.
enum class Command {
  kNone,
  kCalls,
  kWatch,
  kRefer,
  kCall,
  kAnswer,
  kReject,
  kHold,
  kResume,
  kHangUp,
  kAccept,
  kDecline,
  kTransfers,
  kShow,
  kCancel,
  kHooks,
  kHooksRetry,
  kHooksListen,
};

// A command line, understood.
//
// Ownership: a plain value. Threads: thread-compatible. Errors: none; it only
// exists once the command line was right.
struct Arguments {
  // kNone only with `help`.
  Command command = Command::kNone;
  // Print the help of `command` (kNone: of callctl) and do nothing else.
  bool help = false;

  // Flags of every command.
  std::string server;
  std::optional<absl::Duration> timeout;
  bool json = false;

  // What the command is about.
  std::string call;
  std::string target;
  std::string transfer;
  std::string delivery;
  std::string refer;

  // calls.
  bool all = false;
  // transfers, hooks.
  std::string filter;
  // reject, decline.
  int status = 603;
  std::string reason;
  // show.
  bool ascii = false;
  // hooks listen; 0 picks a free one.
  int port = 0;

  // refer.
  std::string referred_by;
  // refer, call: URIs, and the values of v1::Privacy.
  std::vector<std::string> asserted_identity;
  std::vector<int> privacy;
  // call.
  std::string from;
  std::string trunk;
  std::optional<absl::Duration> ring_limit;
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<std::pair<std::string, std::string>> target_headers;
  bool validate_only = false;
  bool strict = false;
  bool hold_first = false;
  // `target` is the call to the target.
  bool attended = false;
  std::optional<absl::Duration> refer_limit;
  std::optional<absl::Duration> notify_limit;
  std::optional<absl::Duration> final_limit;
  // How long a broken connection is tried again.
  absl::Duration reattach = absl::Seconds(30);
};

// Understands `args` (without the program's name). INVALID_ARGUMENT with one
// line for the user where they are wrong.
absl::StatusOr<Arguments> ParseArguments(const std::vector<std::string>& args,
                                         std::string_view default_server);

// Whether `call` has the form of our call ids, "c-<node>-<random>". Anything
// else that names a call is a SIP Call-ID.
bool IsCallId(std::string_view call);

// "refer" for kRefer, "hooks retry" for kHooksRetry; empty for kNone.
std::string_view CommandName(Command command);

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_ARGUMENTS_H_
