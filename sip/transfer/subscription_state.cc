// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/subscription_state.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "sip/transfer/display_text.h"

namespace callcontrol::sip {
namespace {

constexpr std::size_t kMaxParameters = 64;
// delta-seconds end here by RFC 3261, section 20.19.
constexpr std::uint64_t kMaxDeltaSeconds = 4294967295;

// Where the next ';' outside a quoted-string is, from `from` on; the size of
// `text` where there is none. An open quote runs to the end.
std::size_t FindSemicolon(std::string_view text, std::size_t from) {
  bool quoted = false;
  for (std::size_t i = from; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == ';' && !quoted) {
      return i;
    }
  }
  return text.size();
}

std::string Unquote(std::string_view text) {
  if (text.empty() || text.front() != '"') return std::string(text);
  std::string plain;
  for (std::size_t i = 1; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    plain += text[i];
  }
  return plain;
}

// A reason is a token, so without "=" (RFC 6665, section 8.4), but Linphone 5.1
// writes "reason=reason=noresource".
std::string ReadReason(std::string_view value) {
  constexpr std::string_view kAgain = "reason=";
  std::string reason = CleanText(value);
  absl::AsciiStrToLower(&reason);
  while (reason.compare(0, kAgain.size(), kAgain) == 0) {
    // What was behind the "=" may begin with what is cleaned away.
    reason = CleanText(std::string_view(reason).substr(kAgain.size()));
  }
  return reason;
}

std::optional<std::chrono::seconds> ReadDeltaSeconds(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t seconds = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    seconds = std::min(seconds * 10 + static_cast<std::uint64_t>(c - '0'),
                       kMaxDeltaSeconds);
  }
  return std::chrono::seconds(seconds);
}

SubscriptionSubstate SubstateOf(std::string_view token) {
  if (EqualsIgnoreCase(token, "terminated")) {
    return SubscriptionSubstate::kTerminated;
  }
  if (EqualsIgnoreCase(token, "pending")) {
    return SubscriptionSubstate::kPending;
  }
  return SubscriptionSubstate::kActive;
}

}  // namespace

std::optional<SubscriptionState> ReadSubscriptionState(
    std::string_view header_value) {
  const std::string_view token = WithoutParameters(header_value);
  if (!IsToken(token)) return std::nullopt;
  SubscriptionState state;
  state.substate = SubstateOf(token);
  state.token = CleanText(token);
  for (const HeaderParameter& parameter : ReadParameters(header_value)) {
    if (EqualsIgnoreCase(parameter.name, "reason") && state.reason.empty()) {
      state.reason = ReadReason(parameter.value);
    } else if (EqualsIgnoreCase(parameter.name, "expires") && !state.expires) {
      state.expires = ReadDeltaSeconds(parameter.value);
    } else if (EqualsIgnoreCase(parameter.name, "retry-after") &&
               !state.retry_after) {
      state.retry_after = ReadDeltaSeconds(parameter.value);
    }
  }
  if (state.substate == SubscriptionSubstate::kTerminated) {
    state.expires.reset();
  }
  return state;
}

std::optional<EventHeader> ReadEvent(std::string_view header_value) {
  const std::string_view package = WithoutParameters(header_value);
  if (!IsToken(package)) return std::nullopt;
  EventHeader event;
  event.package = std::string(package);
  event.id = FindParameter(header_value, "id");
  if (event.id && event.id->empty()) event.id.reset();
  return event;
}

std::string_view WithoutParameters(std::string_view header_value) {
  return TrimBlanks(header_value.substr(0, FindSemicolon(header_value, 0)));
}

std::vector<HeaderParameter> ReadParameters(std::string_view header_value) {
  std::vector<HeaderParameter> parameters;
  std::size_t begin = FindSemicolon(header_value, 0);
  while (begin < header_value.size() && parameters.size() < kMaxParameters) {
    const std::size_t end = FindSemicolon(header_value, ++begin);
    const std::string_view text = header_value.substr(begin, end - begin);
    const std::size_t equals = text.find('=');
    const std::string_view name = TrimBlanks(text.substr(0, equals));
    if (!name.empty()) {
      const bool has_value = equals != std::string_view::npos;
      parameters.push_back(
          {name, has_value ? Unquote(TrimBlanks(text.substr(equals + 1)))
                           : std::string()});
    }
    begin = end;
  }
  return parameters;
}

std::optional<std::string> FindParameter(std::string_view header_value,
                                         std::string_view name) {
  for (HeaderParameter& parameter : ReadParameters(header_value)) {
    if (EqualsIgnoreCase(parameter.name, name)) {
      return std::move(parameter.value);
    }
  }
  return std::nullopt;
}

}  // namespace callcontrol::sip
