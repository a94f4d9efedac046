// SPDX-License-Identifier: Apache-2.0
#include "sip/call/registration.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "sip/transfer/display_text.h"
#include "sip/transfer/sip_uri.h"

namespace callcontrol::sip {
namespace {

using std::chrono::seconds;
using Kind = RegistrationChange::Kind;

// Nobody is made to wait, or to stay registered, for longer than this by a word
// of a registrar.
constexpr seconds kLongestToldWait{24 * 3'600};

// What a refresh takes in the worst case: a REGISTER that nobody answers (Timer
// F, 32 s), a look-up, and then one that somebody does.
constexpr seconds kRefreshRoom{70};

// How soon a refresh that failed is tried again at the soonest, so that one
// more leaves before the binding runs out.
constexpr Milliseconds kSoonest{1'000};

// What a registrar that may be gone is waited for at the end: others wait for
// that. First where a REGISTER is open, then for the one that takes the binding
// back.
constexpr Milliseconds kOpenAtEnd{1'000};
constexpr Milliseconds kLongestEnd{2'000};

constexpr std::size_t kLongestRoute = 10;

std::optional<std::string_view> Parameter(const SipUri& uri,
                                          std::string_view name) {
  if (uri.parameters.empty()) return std::nullopt;
  return FindUriParameter(std::string_view(uri.parameters).substr(1), name);
}

bool IsLooseRouter(const std::string& text) {
  const absl::StatusOr<SipUri> uri = ParseSipUri(text);
  return uri.ok() && uri->scheme != "tel" && uri->headers.empty() &&
         Parameter(*uri, "lr");
}

bool IsReachable(const std::string& text, bool speaks_tls) {
  const absl::StatusOr<SipUri> uri = ParseSipUri(text);
  if (!uri.ok() || (uri->scheme == "sips" && !speaks_tls)) return false;
  const std::optional<std::string_view> transport =
      Parameter(*uri, "transport");
  return !transport || EqualsIgnoreCase(*transport, "udp") ||
         EqualsIgnoreCase(*transport, "tcp") ||
         (speaks_tls && EqualsIgnoreCase(*transport, "tls"));
}

// How long before its end a binding is refreshed.
Milliseconds RefreshLead(Milliseconds granted) {
  return std::min(granted / 2,
                  std::max<Milliseconds>(granted / 10, kRefreshRoom));
}

// RFC 5626, 4.5: doubled with each failure, of which half is random.
Milliseconds BackOff(const RegistrationTerms& terms, int failures,
                     double draw) {
  Milliseconds wait = terms.first_retry;
  for (int i = 1; i < failures && wait < terms.longest_retry; ++i) wait *= 2;
  wait = std::min(wait, terms.longest_retry);
  return std::chrono::duration_cast<Milliseconds>(wait * (0.5 + draw / 2));
}

}  // namespace

Registration::Registration(RegistrationTerms terms, bool speaks_tls)
    : terms_(std::move(terms)), speaks_tls_(speaks_tls) {
  state_.asked = terms_.expires;
}

Registration::Step Registration::Begin(MonotonicTime now) {
  state_.next = now;
  return OnTime(now);
}

Registration::Step Registration::OnTime(MonotonicTime now) {
  Step step;
  if (state_.over) return step;
  if (state_.bound_until && now >= *state_.bound_until &&
      !state_.unregistering) {
    Unbind();
    step.change = RegistrationChange{.kind = Kind::kLost};
  }
  if (state_.ending && !state_.open && !bound()) {
    step.over = state_.over = true;
    return step;
  }
  if (state_.open && state_.answer_by && now >= *state_.answer_by) {
    state_.answer_by.reset();
    step.timed_out = true;
  }
  if (!state_.open && state_.next && now >= *state_.next) {
    Ask(now);
    step.send = true;
  }
  return step;
}

void Registration::Ask(MonotonicTime now) {
  state_.open = true;
  state_.unregistering = state_.ending;
  state_.again = false;
  state_.next.reset();
  state_.cut_off.reset();
  if (state_.ending) state_.cut_off = now + kLongestEnd;
  state_.answer_by = state_.cut_off;
}

void Registration::ExpectAnswerBy(MonotonicTime by) {
  if (!state_.open) return;
  state_.answer_by = state_.cut_off ? std::min(by, *state_.cut_off) : by;
}

Registration::Step Registration::OnAnswer(const RegisterAnswer& answer,
                                          MonotonicTime now, double draw) {
  if (!state_.open) return {};
  state_.open = false;
  state_.answer_by.reset();
  if (state_.unregistering) {
    // Whatever it is: a binding that was not taken back runs out by itself.
    Unbind();
    state_.over = true;
    return {.change = RegistrationChange{.kind = Kind::kUnregistered,
                                         .status = answer.status},
            .over = true};
  }
  std::optional<RegistrationChange> change;
  const seconds granted = std::min(
      answer.contact_expires.value_or(answer.expires.value_or(state_.asked)),
      state_.asked);
  const bool success = IsSuccess(answer.status.code);
  if (success && granted > seconds(0)) {
    change = OnGranted(answer, granted, now);
  } else if (answer.status.code == 423 && TakeLeast(answer)) {
    state_.next = now;
  } else {
    change = success ? OnNotGranted(answer, now, draw)
                     : OnRefused(answer, now, draw);
  }
  if (state_.ending || state_.again) state_.next = now;
  Step step = OnTime(now);
  step.granted = success && granted > seconds(0);
  if (!step.change) step.change = std::move(change);
  return step;
}

std::optional<RegistrationChange> Registration::OnGranted(
    const RegisterAnswer& answer, seconds granted, MonotonicTime now) {
  const bool usable = IsUsableRoute(answer.service_route, speaks_tls_);
  const bool news =
      !bound() || state_.failures > 0 || (!usable && !state_.route_refused);
  state_.failures = 0;
  state_.raised = false;
  state_.bound_until = now + granted;
  state_.next = now + granted - RefreshLead(granted);
  state_.service_route =
      usable ? answer.service_route : std::vector<std::string>();
  state_.route_refused = !usable;
  if (!news) return std::nullopt;
  return RegistrationChange{
      .kind = Kind::kRegistered,
      .granted = granted,
      .status = {answer.status.code,
                 usable ? "" : "its Service-Route cannot be followed"}};
}

std::optional<RegistrationChange> Registration::OnRefused(
    const RegisterAnswer& answer, MonotonicTime now, double draw) {
  state_.raised = false;
  // A registrar that is there and refuses has another opinion of the way, too.
  if (answer.from_registrar && answer.status.code >= 400) {
    state_.service_route.clear();
  }
  state_.failures = std::min(state_.failures + 1, 64);
  Milliseconds wait = BackOff(terms_, state_.failures, draw);
  if (answer.retry_after) {
    wait = std::max<Milliseconds>(
        wait, std::min(*answer.retry_after, kLongestToldWait));
  } else if (state_.bound_until) {
    const auto left =
        std::chrono::duration_cast<Milliseconds>(*state_.bound_until - now);
    wait = std::min(wait, std::max(left / 2, kSoonest));
  }
  state_.next = now + wait;
  if (state_.failures > 1) return std::nullopt;
  return RegistrationChange{.kind = Kind::kFailed, .status = answer.status};
}

std::optional<RegistrationChange> Registration::OnNotGranted(
    const RegisterAnswer& answer, MonotonicTime now, double draw) {
  const bool was_bound = bound();
  Unbind();
  std::optional<RegistrationChange> change = OnRefused(answer, now, draw);
  if (was_bound) {
    change = {.kind = Kind::kLost, .status = answer.status};
  }
  return change;
}

bool Registration::TakeLeast(const RegisterAnswer& answer) {
  if (state_.raised || !answer.min_expires ||
      *answer.min_expires <= state_.asked ||
      *answer.min_expires > kLongestToldWait) {
    return false;
  }
  state_.raised = true;
  state_.told_least = answer.min_expires;
  state_.asked = *answer.min_expires;
  return true;
}

Registration::Step Registration::Renew(RegistrationTerms terms,
                                       MonotonicTime now) {
  terms_ = std::move(terms);
  state_.asked =
      std::max(terms_.expires, state_.told_least.value_or(seconds(0)));
  state_.failures = 0;
  state_.again = state_.open;
  state_.next = now;
  return OnTime(now);
}

Registration::Step Registration::End(MonotonicTime now) {
  state_.ending = true;
  state_.next = now;
  if (state_.open && !state_.cut_off) {
    state_.cut_off = now + kOpenAtEnd;
    ExpectAnswerBy(state_.answer_by.value_or(*state_.cut_off));
  }
  return OnTime(now);
}

void Registration::Unbind() {
  state_.bound_until.reset();
  state_.service_route.clear();
}

std::optional<MonotonicTime> Registration::NextDeadline() const {
  if (state_.over) return std::nullopt;
  if (state_.unregistering) return state_.answer_by;
  const std::optional<MonotonicTime>& own =
      state_.open ? state_.answer_by : state_.next;
  if (!own || !state_.bound_until) return own ? own : state_.bound_until;
  return std::min(*own, *state_.bound_until);
}

seconds Registration::expires() const {
  return state_.unregistering ? seconds(0) : state_.asked;
}

bool SameBinding(const RegistrationTerms& a, const RegistrationTerms& b) {
  return a.aor == b.aor && a.registrar == b.registrar &&
         a.contact_user == b.contact_user;
}

std::string RouteHeader(const std::vector<std::string>& service_route) {
  std::string value;
  for (const std::string& uri : service_route) {
    if (!value.empty()) value += ", ";
    value += "<" + uri + ">";
  }
  return value;
}

bool IsUsableRoute(const std::vector<std::string>& service_route,
                   bool speaks_tls) {
  return service_route.size() <= kLongestRoute &&
         std::ranges::all_of(service_route, IsLooseRouter) &&
         (service_route.empty() ||
          IsReachable(service_route.front(), speaks_tls));
}

}  // namespace callcontrol::sip
