// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_COMMAND_LINE_H_
#define CALLCONTROL_SERVER_COMMAND_LINE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace callcontrol::server {

// What callcontrold was started with.
struct CommandLine {
  bool help = false;
  bool version = false;
  bool check = false;
  std::string config_file;
  std::optional<std::string> grpc_listen;
  std::optional<std::string> sip_listen;
  std::optional<std::string> state_dir;
  std::string ports_file;
};

// Reads `--flag=value` and `--flag value`. Errors: INVALID_ARGUMENT, one line
// that names the argument.
absl::StatusOr<CommandLine> ReadCommandLine(int argc, char* const argv[]);

// What --help prints.
extern const char kUsage[];

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_COMMAND_LINE_H_
