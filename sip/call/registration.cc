// SPDX-License-Identifier: Apache-2.0
#include "sip/call/registration.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

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

constexpr std::size_t kLongestRoute = 10;

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

Registration::Registration(RegistrationTerms terms) : terms_(std::move(terms)) {
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
  if (!state_.open && state_.next && now >= *state_.next) {
    Ask();
    step.send = true;
  }
  return step;
}

void Registration::Ask() {
  state_.open = true;
  state_.unregistering = state_.ending;
  state_.again = false;
  state_.next.reset();
}

Registration::Step Registration::OnAnswer(const RegisterAnswer& answer,
                                          MonotonicTime now, double draw) {
  if (!state_.open) return {};
  state_.open = false;
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
  if (IsSuccess(answer.status.code) && granted > seconds(0)) {
    change = OnGranted(answer, granted, now);
  } else if (answer.status.code == 423 && TakeLeast(answer)) {
    state_.next = now;
  } else {
    change = OnRefused(answer, now, draw);
  }
  if (state_.ending || state_.again) state_.next = now;
  Step step = OnTime(now);
  if (!step.change) step.change = std::move(change);
  return step;
}

std::optional<RegistrationChange> Registration::OnGranted(
    const RegisterAnswer& answer, seconds granted, MonotonicTime now) {
  const bool news = !bound() || state_.failures > 0;
  state_.failures = 0;
  state_.raised = false;
  state_.bound_until = now + granted;
  state_.next = now + granted - RefreshLead(granted);
  const bool usable = IsUsableRoute(answer.service_route);
  state_.service_route =
      usable ? answer.service_route : std::vector<std::string>();
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
  return OnTime(now);
}

void Registration::Unbind() {
  state_.bound_until.reset();
  state_.service_route.clear();
}

std::optional<MonotonicTime> Registration::NextDeadline() const {
  if (state_.over || state_.unregistering) return std::nullopt;
  std::optional<MonotonicTime> next = state_.bound_until;
  if (!state_.open && state_.next && (!next || *state_.next < *next)) {
    next = state_.next;
  }
  return next;
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

bool IsUsableRoute(const std::vector<std::string>& service_route) {
  return service_route.size() <= kLongestRoute &&
         std::ranges::all_of(service_route, [](const std::string& text) {
           const absl::StatusOr<SipUri> uri = ParseSipUri(text);
           return uri.ok() && uri->scheme != "tel" && uri->headers.empty() &&
                  !uri->parameters.empty() &&
                  FindUriParameter(std::string_view(uri->parameters).substr(1),
                                   "lr");
         });
}

}  // namespace callcontrol::sip
