// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_ENVIRONMENT_H_
#define CALLCONTROL_CLIENTS_CLI_ENVIRONMENT_H_

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"

namespace callcontrol::cli {

// What the standard output can show.
struct TerminalInfo {
  // It is a terminal that can rewrite a line ("\r" and "ESC [ K").
  bool live = false;
  // Colours are wanted (NO_COLOR is not set) and understood.
  bool color = false;
  // The locale is UTF-8.
  bool utf8 = true;
  // Columns. 0: no limit, as in a file.
  int width = 0;
};

// Everything that callctl takes from the process around it, so that tests can
// give it something else.
//
// Ownership: a plain value. Threads: used from one thread only. Errors: none;
// every function is set. Time: `now` and `sleep` are the only clock.
struct Environment {
  TerminalInfo terminal;
  // The server where --server is not given.
  std::string default_server = "127.0.0.1:50051";
  // What hooks listen checks signatures by; empty: not at all.
  std::string hook_key;
  // A connected channel to a server; null where none answers in time.
  std::function<std::shared_ptr<grpc::Channel>(const std::string& server,
                                               absl::Time deadline)>
      connect;
  std::function<absl::Time()> now;
  std::function<void(absl::Duration)> sleep;
  // Whether the user asked to stop (Ctrl-C).
  std::function<bool()> interrupted;
};

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_ENVIRONMENT_H_
