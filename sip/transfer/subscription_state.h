// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TRANSFER_SUBSCRIPTION_STATE_H_
#define CALLCONTROL_SIP_TRANSFER_SUBSCRIPTION_STATE_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Readers of the header values that a NOTIFY is judged by. They take what the
// peer sent, whatever it is; work is linear in the input.
namespace callcontrol::sip {

// What a subscription-state means for the watcher. Extension states count as
// active (RFC 6665, section 4.1.3).
enum class SubscriptionSubstate { kActive, kPending, kTerminated };

// A Subscription-State header value (RFC 6665, section 8.4).
struct SubscriptionState {
  SubscriptionSubstate substate = SubscriptionSubstate::kActive;
  // The state as the peer wrote it: a token, so plain ASCII.
  std::string token;
  // Why it is terminated, lower-cased and cleaned; "reason=" in front of it is
  // left out. Empty where none was given.
  std::string reason;
  // How long it still lasts. Never set on a terminated subscription, where it
  // MUST be ignored. Values above 2^32-1 seconds count as that.
  std::optional<std::chrono::seconds> expires;
  // When the peer would have us come back; same limit.
  std::optional<std::chrono::seconds> retry_after;

  bool operator==(const SubscriptionState&) const = default;
};

// Reads a Subscription-State value; nullopt where it holds no readable state.
// Parameters that cannot be read are left out and do not spoil the state.
std::optional<SubscriptionState> ReadSubscriptionState(
    std::string_view header_value);

// An Event header value (RFC 6665, section 8.2.1).
struct EventHeader {
  // Package and id are bytes as sent: the RFC compares them byte by byte, and
  // where to be lenient is the caller's decision. The package is a token; the
  // id is unquoted, may hold any bytes and is no text for display.
  std::string package;
  // Unset where absent or empty.
  std::optional<std::string> id;

  bool operator==(const EventHeader&) const = default;
};

// Reads an Event value; nullopt where it holds no readable package.
std::optional<EventHeader> ReadEvent(std::string_view header_value);

// One ";name=value" of a header value.
struct HeaderParameter {
  // As sent; compare without regard to case.
  std::string_view name;
  // Without quotes and quoting backslashes. Empty where there was no "=".
  std::string value;
};

// The part of a header value before its parameters, trimmed. A view into it.
std::string_view WithoutParameters(std::string_view header_value);

// The parameters of a header value, in order; blanks around ";" and "=" are
// tolerated, nameless ones left out. Reads the first 64 and ignores the rest,
// for no header that this server reads has nearly as many.
std::vector<HeaderParameter> ReadParameters(std::string_view header_value);

// The value of the first parameter of this name (in any case), or nullopt.
std::optional<std::string> FindParameter(std::string_view header_value,
                                         std::string_view name);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TRANSFER_SUBSCRIPTION_STATE_H_
