// SPDX-License-Identifier: Apache-2.0
//
// Input: a header value, read as Subscription-State and as Event.
#include "sip/transfer/subscription_state.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sip/transfer/display_text.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/property.h"

namespace callcontrol::sip {
namespace {

using fuzz::Require;

constexpr std::size_t kMaxParameters = 64;
constexpr std::chrono::seconds kMaxSeconds{0xFFFFFFFF};

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string Write(const SubscriptionState& state) {
  std::string text = state.token;
  if (!state.reason.empty()) text += ";reason=" + Quoted(state.reason);
  if (state.expires) {
    text += ";expires=" + std::to_string(state.expires->count());
  }
  if (state.retry_after) {
    text += ";retry-after=" + std::to_string(state.retry_after->count());
  }
  return text;
}

bool IsInRange(const std::optional<std::chrono::seconds>& time) {
  return !time || (*time >= std::chrono::seconds(0) && *time <= kMaxSeconds);
}

void CheckState(std::string_view value) {
  const std::optional<SubscriptionState> state = ReadSubscriptionState(value);
  if (!state) return;
  Require(IsToken(state->token), "the state is a token");
  Require(IsSafeText(state->reason), "the reason is safe UTF-8");
  Require(IsInRange(state->expires) && IsInRange(state->retry_after),
          "times are within 2^32-1 s");
  Require(
      !state->expires || state->substate != SubscriptionSubstate::kTerminated,
      "a terminated subscription does not expire");
  Require(ReadSubscriptionState(Write(*state)) == state,
          "a state is read the same again");
}

void CheckEvent(std::string_view value) {
  const std::optional<EventHeader> event = ReadEvent(value);
  if (!event) return;
  Require(IsToken(event->package), "the package is a token");
  Require(!event->id || !event->id->empty(), "an id is not empty");
  std::string text = event->package;
  if (event->id) text += ";id=" + Quoted(*event->id);
  Require(ReadEvent(text) == event, "an event is read the same again");
}

void CheckParameters(std::string_view value) {
  const std::vector<HeaderParameter> parameters = ReadParameters(value);
  Require(parameters.size() <= kMaxParameters, "parameters are limited");
  for (const HeaderParameter& parameter : parameters) {
    Require(!parameter.name.empty(), "a parameter has a name");
    Require(FindParameter(value, parameter.name).has_value(),
            "what is listed is found");
  }
}

}  // namespace
}  // namespace callcontrol::sip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace callcontrol;
  const std::string_view value = fuzz::FuzzInput(data, size).rest();
  sip::CheckState(value);
  sip::CheckEvent(value);
  sip::CheckParameters(value);
  return 0;
}
