// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_HOOKS_HOOK_SETTINGS_H_
#define CALLCONTROL_SERVER_HOOKS_HOOK_SETTINGS_H_

#include <string>

#include "absl/status/statusor.h"
#include "callcontrol/config/v1/config.pb.h"
#include "server/hooks/hook_dispatcher.h"
#include "server/hooks/hook_guard.h"

namespace callcontrol::server {

// What the configuration allows. INVALID_ARGUMENT: "hooks.FIELD: ...".
absl::StatusOr<HookGuard> HookGuardOf(const config::v1::Hooks& hooks);

// The rest of the configuration, with its secrets read from their files.
// `state_dir` empty: nothing is stored. Errors: "hooks.FIELD: ...", never with
// a secret in it.
absl::StatusOr<HookDispatcher::Options> HookOptionsOf(
    const config::v1::Hooks& hooks, const std::string& state_dir,
    const std::string& user_agent);

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_HOOKS_HOOK_SETTINGS_H_
