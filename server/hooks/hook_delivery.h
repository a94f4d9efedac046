// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_HOOKS_HOOK_DELIVERY_H_
#define CALLCONTROL_SERVER_HOOKS_HOOK_DELIVERY_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/time/time.h"

namespace callcontrol::server {

// The names of hook.proto, and the numbers that are stored.
enum class HookKind { kEvent = 1, kAction = 2 };

// One POST that has to arrive: what is stored, and all that an attempt needs.
//
// Ownership: a plain value. Threads: thread-compatible. Errors, time: none.
struct HookDelivery {
  // Stable over attempts and restarts.
  std::string id{};
  HookKind kind = HookKind::kEvent;
  std::string transfer_id{};
  std::string call_id{};
  std::string sip_call_id{};
  // Of the event that it tells.
  std::int64_t sequence = 0;
  // Checked by HookGuard::Resolve(); may hold user and password.
  std::string url{};
  // HookUrl::origin.
  std::string origin{};
  std::string body{};
  // W3C traceparent of the request that asked for the transfer.
  std::string traceparent{};
  absl::Time create_time{};
  int attempts = 0;
  // Given up.
  bool dead = false;
  // Not to be sent by this process: it is what the next one tells if this one
  // dies before the transfer has ended. Never in a HookQueue.
  bool promised = false;
  int last_status = 0;
  std::string last_error{};

  bool operator==(const HookDelivery&) const = default;
};

// How one attempt ended.
struct HookAttempt {
  // 0: no answer came.
  int http_status = 0;
  // Without an answer: why not, for people.
  std::string error{};
  // Without an answer: trying again can't help, as for a refused address.
  bool permanent = false;
  // What the answer's Retry-After said (RFC 9110, 10.2.3).
  std::optional<std::chrono::seconds> retry_after{};
};

// What a store must do to keep up.
struct HookRemoved {
  std::string id;
};
using HookChange = std::variant<HookDelivery, HookRemoved>;

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_HOOKS_HOOK_DELIVERY_H_
