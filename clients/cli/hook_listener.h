// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_HOOK_LISTENER_H_
#define CALLCONTROL_CLIENTS_CLI_HOOK_LISTENER_H_

#include <ostream>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "clients/cli/arguments.h"
#include "clients/cli/environment.h"

namespace callcontrol::cli {

// What arrived: one POST of callcontrold.
struct ReceivedHook {
  std::string path;
  std::string delivery;
  std::string attempt;
  // X-Callcontrol-Signature; empty where there was none.
  std::string signature;
  std::string body;
};

// What the signature is worth: "good", "bad", "none", or "not checked" without
// a key. Signatures more than five minutes away from `now` are bad.
std::string_view SignatureWord(const ReceivedHook& hook, std::string_view key,
                               absl::Time now);

// Two lines for people: what came, and its body. Printable, whatever came.
std::string HookText(const ReceivedHook& hook, std::string_view key,
                     absl::Time now);

// The same as one line of JSON.
std::string HookJson(const ReceivedHook& hook, std::string_view key,
                     absl::Time now);

// callctl hooks listen: answers every POST to 127.0.0.1 with 204 and prints it,
// until the user stops it or --timeout has passed. Returns an exit code.
int RunHooksListen(const Arguments& arguments, const Environment& environment,
                   std::ostream& out, std::ostream& err);

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_HOOK_LISTENER_H_
