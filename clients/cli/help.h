// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_HELP_H_
#define CALLCONTROL_CLIENTS_CLI_HELP_H_

#include <string>

#include "clients/cli/arguments.h"

namespace callcontrol::cli {

// What --help prints: the command's flags and examples; for kNone, what
// callctl can do.
std::string HelpText(Command command);

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_HELP_H_
