// SPDX-License-Identifier: Apache-2.0
#include "server/hooks/hook_settings.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <type_traits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/config.h"
#include "sip/transfer/display_text.h"

namespace callcontrol::server {
namespace {

constexpr std::size_t kShortestKey = 16;
constexpr std::size_t kLongestKey = 256;

absl::Status Bad(const char* field, const std::string& text) {
  return absl::InvalidArgumentError(absl::StrCat("hooks.", field, ": ", text));
}

absl::StatusOr<std::string> ReadSecretOf(const char* field,
                                         const config::v1::Secret& secret) {
  absl::StatusOr<std::string> text = ReadSecret(secret);
  if (text.ok()) return text;
  return Bad(field, std::string(text.status().message()));
}

absl::Status ReadSecrets(const config::v1::Hooks& hooks,
                         HookDispatcher::Options& to) {
  for (const config::v1::Secret& key : hooks.signing_keys()) {
    auto text = ReadSecretOf("signing_keys", key);
    if (!text.ok()) return text.status();
    if (text->size() < kShortestKey || text->size() > kLongestKey) {
      return Bad("signing_keys", "each key must have 16 to 256 bytes");
    }
    to.signing_keys.push_back(*std::move(text));
  }
  if (!hooks.has_bearer_token()) return absl::OkStatus();
  auto token = ReadSecretOf("bearer_token", hooks.bearer_token());
  if (!token.ok()) return token.status();
  if (token->empty() || !sip::IsSafeText(*token)) {
    return Bad("bearer_token", "must be one line of printable text");
  }
  to.bearer_token = *std::move(token);
  return absl::OkStatus();
}

HookLimits LimitsOf(const config::v1::Hooks& hooks) {
  HookLimits limits;
  limits.action_wait = MillisecondsOr(hooks.has_action_wait(),
                                      hooks.action_wait(), limits.action_wait);
  limits.max_age =
      MillisecondsOr(hooks.has_max_age(), hooks.max_age(), limits.max_age);
  limits.first_retry = MillisecondsOr(hooks.has_first_retry(),
                                      hooks.first_retry(), limits.first_retry);
  limits.longest_retry =
      std::max(limits.first_retry,
               MillisecondsOr(hooks.has_longest_retry(), hooks.longest_retry(),
                              limits.longest_retry));
  const auto number = [](std::int64_t given, auto& limit) {
    if (given != 0) limit = static_cast<std::decay_t<decltype(limit)>>(given);
  };
  number(hooks.max_attempts(), limits.max_attempts);
  number(hooks.max_pending(), limits.max_pending);
  number(hooks.max_bytes(), limits.max_bytes);
  number(hooks.max_dead_letters(), limits.max_dead_letters);
  number(hooks.max_per_host(), limits.max_per_host);
  number(hooks.max_at_once(), limits.max_at_once);
  return limits;
}

}  // namespace

absl::StatusOr<HookGuard> HookGuardOf(const config::v1::Hooks& hooks) {
  auto guard =
      HookGuard::Make({.base_url = hooks.base_url(),
                       .allowed_hosts = {hooks.allowed_hosts().begin(),
                                         hooks.allowed_hosts().end()},
                       .allowed_networks = {hooks.allowed_networks().begin(),
                                            hooks.allowed_networks().end()}});
  if (guard.ok()) return guard;
  return absl::InvalidArgumentError(
      absl::StrCat("hooks.", guard.status().message()));
}

absl::StatusOr<HookDispatcher::Options> HookOptionsOf(
    const config::v1::Hooks& hooks, const std::string& state_dir,
    const std::string& user_agent) {
  HookDispatcher::Options options;
  options.limits = LimitsOf(hooks);
  options.client.connect_limit =
      MillisecondsOr(hooks.has_connect_limit(), hooks.connect_limit(),
                     options.client.connect_limit);
  options.client.attempt_limit =
      MillisecondsOr(hooks.has_attempt_limit(), hooks.attempt_limit(),
                     options.client.attempt_limit);
  options.client.max_connections = options.limits.max_at_once;
  options.client.ca_file = hooks.ca_file();
  options.client.user_agent = user_agent;
  if (absl::Status status = ReadSecrets(hooks, options); !status.ok()) {
    return status;
  }
  for (const std::string& host : hooks.bearer_hosts()) {
    options.bearer_hosts.push_back(absl::AsciiStrToLower(host));
  }
  if (options.bearer_hosts.empty()) {
    const auto guard = HookGuardOf(hooks);
    if (!guard.ok()) return guard.status();
    options.bearer_hosts.push_back(guard->base().host);
  }
  if (!state_dir.empty()) options.store_path = state_dir + "/hooks.sqlite3";
  return options;
}

}  // namespace callcontrol::server
