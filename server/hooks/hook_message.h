// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_HOOKS_HOOK_MESSAGE_H_
#define CALLCONTROL_SERVER_HOOKS_HOOK_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "callcontrol/v1/transfer.pb.h"
#include "server/hooks/hook_delivery.h"

// What is sent: docs/webhooks.md. Pure.
namespace callcontrol::server {

// Whose events are told, and where to. An empty URL: nowhere.
struct HookTargets {
  struct Target {
    std::string url{};
    std::string origin{};
  };
  Target event{};
  Target action{};
  // W3C traceparent, valid.
  std::string traceparent{};

  bool any() const { return !event.url.empty() || !action.url.empty(); }
};

// The delivery that `event` makes; nullopt for an event that no hook tells.
std::optional<HookDelivery> DeliveryOf(const v1::ReferEvent& event,
                                       const std::string& sip_call_id,
                                       const HookTargets& targets);

// What an action hook would tell of a transfer that the server leaves behind
// after the events so far, by a crash: SERVER_SHUTDOWN, with what had been
// reported.
v1::TransferResult ResultBefore();
void AddEvent(const v1::ReferEvent& event, v1::TransferResult& result);

// That as a promised delivery, with the id that the real one will have;
// `newest` is the newest event. Nullopt where there is no action hook.
std::optional<HookDelivery> PromiseOf(const v1::ReferEvent& newest,
                                      const v1::TransferResult& result,
                                      const std::string& sip_call_id,
                                      const HookTargets& targets);

// The value of X-Callcontrol-Signature: "t=SECONDS,v1=HEX", with one v1 for
// each key: HMAC-SHA256 over "SECONDS.BODY". Empty without keys.
std::string Signature(const std::vector<std::string>& keys, absl::Time time,
                      std::string_view body);

// `traceparent` as a client sent it (W3C Trace Context, 3.2), cut to what
// version 00 defines; nullopt where it is not valid.
std::optional<std::string> ReadTraceparent(std::string_view traceparent);

// A trace of its own, not sampled; `high` and `low` are random.
std::string NewTraceparent(std::uint64_t high, std::uint64_t low);

// The same trace with `span` as the parent; `traceparent` is a valid one.
std::string WithSpan(const std::string& traceparent, std::uint64_t span);

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_HOOKS_HOOK_MESSAGE_H_
