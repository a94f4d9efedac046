// SPDX-License-Identifier: Apache-2.0
#include "sip/call/session_timer.h"

#include <algorithm>

namespace callcontrol::sip {
namespace {

using std::chrono::seconds;
using Refresher = SessionTimerTerms::Refresher;

// RFC 4028, 4: what Min-SE is where nobody says.
constexpr seconds kUsualLeast{90};
constexpr seconds kLongest{86'400};

std::string Text(seconds value) { return std::to_string(value.count()); }

}  // namespace

std::vector<SipHeader> SessionTimer::RequestHeaders() const {
  std::vector<SipHeader> headers;
  if (end_) {
    headers.push_back({"Session-Expires", Text(interval_) + ";refresher=" +
                                              (we_refresh_ ? "uac" : "uas")});
  } else if (policy_.interval > seconds(0) && !settled_) {
    headers.push_back({"Session-Expires", Text(policy_.interval)});
  }
  const seconds least =
      std::max(policy_.least, told_least_.value_or(seconds(0)));
  if (!headers.empty() && (told_least_ || least > kUsualLeast)) {
    headers.push_back({"Min-SE", Text(least)});
  }
  return headers;
}

void SessionTimer::OnAnswer(const SessionTimerTerms& terms, MonotonicTime now) {
  refusals_ = 0;
  interval_ = std::min(terms.interval.value_or(seconds(0)), kLongest);
  // RFC 4028, 7.2: a 2xx tells who; where it does not, it is who asked.
  we_refresh_ = terms.refresher != Refresher::kUas;
  required_ = false;
  Start(now);
}

bool SessionTimer::OnRefused(const SessionTimerTerms& terms) {
  const seconds least = terms.least.value_or(seconds(0));
  const seconds asked = end_ ? interval_ : policy_.interval;
  constexpr int kMostRefusals = 2;
  if (least <= asked || least > kLongest) return false;
  if (++refusals_ > kMostRefusals) return false;
  // RFC 4028, 7.4: repeated in what follows, whatever it is.
  told_least_ = least;
  policy_.interval = least;
  if (end_) interval_ = least;
  return true;
}

void SessionTimer::OnRefreshFailed(MonotonicTime now) {
  constexpr seconds kShortestPause{1};
  if (!we_refresh_ || !end_ || *end_ <= now) return;
  const MonotonicTime again = now + std::max<MonotonicTime::duration>(
                                        (*end_ - now) / 2, kShortestPause);
  if (again < *end_) refresh_ = again;
}

bool SessionTimer::IsTooShort(const SessionTimerTerms& terms) const {
  // Who does not know of timers cannot ask for another one: the value is a
  // proxy's.
  return terms.supported && terms.interval && *terms.interval < policy_.least;
}

std::string SessionTimer::LeastHeader() const { return Text(policy_.least); }

void SessionTimer::OnRequest(const SessionTimerTerms& terms) {
  const bool keeps = end_ && we_refresh_;
  if (terms.interval) {
    interval_ = *terms.interval < policy_.least
                    ? seconds(0)
                    : std::min(*terms.interval, kLongest);
    we_refresh_ = !terms.supported ||
                  (terms.refresher ? terms.refresher == Refresher::kUas
                                   : !end_ || we_refresh_);
  } else if (terms.supported && policy_.interval > seconds(0)) {
    interval_ = end_ ? interval_
                     : std::clamp(terms.least.value_or(seconds(0)),
                                  policy_.interval, kLongest);
    we_refresh_ = true;
  } else if (!keeps) {
    interval_ = seconds(0);
    we_refresh_ = false;
  }
  required_ = !we_refresh_ && terms.supported;
}

SessionTimer::Reply SessionTimer::ReplyHeaders() const {
  if (interval_ == seconds(0)) return {};
  return {.session_expires =
              Text(interval_) + ";refresher=" + (we_refresh_ ? "uas" : "uac"),
          .required = required_};
}

void SessionTimer::Start(MonotonicTime now) {
  // RFC 4028, 10.
  constexpr seconds kMargin{32};
  Stop();
  settled_ = true;
  if (interval_ == seconds(0)) return;
  const Milliseconds whole = interval_;
  end_ = now + whole - std::min<Milliseconds>(kMargin, whole / 3);
  if (we_refresh_) refresh_ = now + whole / 2;
}

void SessionTimer::Stop() {
  refresh_.reset();
  end_.reset();
}

std::optional<MonotonicTime> SessionTimer::next() const {
  return refresh_ ? refresh_ : end_;
}

SessionTimer::Due SessionTimer::OnTime(MonotonicTime now) {
  if (end_ && *end_ <= now) {
    Stop();
    return Due::kExpired;
  }
  if (refresh_ && *refresh_ <= now) {
    refresh_.reset();
    return Due::kRefresh;
  }
  return Due::kNothing;
}

}  // namespace callcontrol::sip
