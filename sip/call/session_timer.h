// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_CALL_SESSION_TIMER_H_
#define CALLCONTROL_SIP_CALL_SESSION_TIMER_H_

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "sip/transfer/sip_header.h"
#include "sip/transfer/transfer_types.h"

namespace callcontrol::sip {

// What this side wants of session timers (RFC 4028).
struct SessionTimerPolicy {
  // Asked for where this side may choose; 0: nothing is asked for.
  std::chrono::seconds interval{1'800};
  // Min-SE: shorter ones are refused.
  std::chrono::seconds least{90};

  bool operator==(const SessionTimerPolicy&) const = default;
};

// What a request or an answer to one says of the session timer.
struct SessionTimerTerms {
  enum class Refresher { kUac, kUas };
  // "timer" in Supported.
  bool supported = false;
  // Session-Expires, and who refreshes by it.
  std::optional<std::chrono::seconds> interval{};
  std::optional<Refresher> refresher{};
  // Min-SE.
  std::optional<std::chrono::seconds> least{};
};

// The timer of one session: agreed on in an INVITE or UPDATE and its 2xx, in
// either direction, and again in each that follows. Who refreshes does so after
// half the time; who hears of no refresh ends the call shortly before its end
// (RFC 4028, 10).
//
// Ownership: a plain value. Threads: thread-compatible. Errors: none.
// Time: keeps no clock; call OnTime() at next().
class SessionTimer {
 public:
  enum class Due { kNothing, kRefresh, kExpired };

  explicit SessionTimer(SessionTimerPolicy policy) : policy_(policy) {}

  // ---- Requests of ours ----

  // What an INVITE or UPDATE carries; empty for nothing.
  std::vector<SipHeader> RequestHeaders() const;
  // A 2xx to it: what is agreed from now on.
  void OnAnswer(const SessionTimerTerms& terms, MonotonicTime now);
  // 422 to it, with the Min-SE of `terms`: whether it may be sent again, which
  // is so twice at most.
  bool OnRefused(const SessionTimerTerms& terms);
  // A refresh was refused for another reason: it is tried again while there is
  // time.
  void OnRefreshFailed(MonotonicTime now);

  // ---- Requests of theirs ----

  // Whether it is to be answered 422, with LeastHeader() (RFC 4028, 9).
  bool IsTooShort(const SessionTimerTerms& terms) const;
  std::string LeastHeader() const;

  // Takes the terms of a request; Start() comes with its 2xx.
  void OnRequest(const SessionTimerTerms& terms);
  // What the 2xx carries: the value of Session-Expires, empty for none, and
  // whether the far end must know of it ("Require: timer").
  struct Reply {
    std::string session_expires{};
    bool required = false;
  };
  Reply ReplyHeaders() const;
  // The session begins, or begins anew.
  void Start(MonotonicTime now);

  // ---- Time ----

  void Stop();
  std::optional<MonotonicTime> next() const;
  Due OnTime(MonotonicTime now);

  bool operator==(const SessionTimer&) const = default;

 private:
  SessionTimerPolicy policy_;
  // What is agreed, or about to be; 0 for no timer.
  std::chrono::seconds interval_{0};
  bool we_refresh_ = false;
  // The far end must take part: it refreshes, and says that it can.
  bool required_ = false;
  // The Min-SE of a 422, and how many there were since the last 2xx.
  std::optional<std::chrono::seconds> told_least_;
  int refusals_ = 0;
  // Terms were agreed on, if only that there is no timer.
  bool settled_ = false;
  std::optional<MonotonicTime> refresh_;
  std::optional<MonotonicTime> end_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_CALL_SESSION_TIMER_H_
