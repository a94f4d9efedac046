// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_CALLCTL_H_
#define CALLCONTROL_CLIENTS_CLI_CALLCTL_H_

#include <ostream>
#include <string>
#include <vector>

#include "clients/cli/environment.h"

namespace callcontrol::cli {

// The whole of callctl: runs the command line `args` (without the program's
// name) and returns the exit code: 0 success, 1 failure or RPC error, 2 wrong
// usage, 3 unknown verdict.
int RunCallctl(const std::vector<std::string>& args,
               const Environment& environment, std::ostream& out,
               std::ostream& err);

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_CALLCTL_H_
