// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_CALL_REFERRAL_MACHINE_H_
#define CALLCONTROL_SIP_CALL_REFERRAL_MACHINE_H_

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "sip/transfer/sip_status.h"
#include "sip/transfer/transfer_types.h"

namespace callcontrol::sip {

// What a referral is begun with.
struct ReferralTerms {
  // A client is asked before anything is done.
  bool asks = false;
  // Whoever referred wants NOTIFYs: no "Refer-Sub: false" (RFC 4488, 4).
  bool subscribed = true;
  Milliseconds decision_limit{5'000};
  // How long the subscription lasts, and how long there can be no outcome.
  Milliseconds lifetime{240'000};
  // How long a final NOTIFY waits for its answer, and for that to the one
  // before it.
  Milliseconds report_limit{4'000};
  // How long the referrer may keep its call after a success.
  Milliseconds bye_wait{32'000};

  bool operator==(const ReferralTerms&) const = default;
};

enum class ReferralPhase {
  kAsking,     // A client is to decide.
  kTrying,     // The target is being called.
  kReporting,  // The outcome is there; its NOTIFY is to be sent and answered.
  kClearing,   // It was a success: the referrer's BYE is awaited.
  kOver,
};

// Everything that a referral's machine knows: a plain value.
struct ReferralState {
  ReferralTerms terms{};
  ReferralPhase phase = ReferralPhase::kAsking;
  // The newest, told or not.
  SipStatus status{100, "Trying"};
  bool untold = false;
  bool subscribed = false;
  // A NOTIFY has no answer yet, and the next one waits for that.
  bool notify_open = false;
  // The final one has left.
  bool final_told = false;
  // Why the subscription ends before the outcome; empty: it does not.
  std::string ending{};
  // The referrer's call has ended.
  bool leg_gone = false;
  // It is hung up once the outcome is told.
  bool clears_leg = false;
  MonotonicTime decide_by{};
  MonotonicTime expires_at{};
  MonotonicTime give_up_at{};
  MonotonicTime told_at{};
  MonotonicTime report_by{};
  MonotonicTime clear_at{};

  bool operator==(const ReferralState&) const = default;
};

// A NOTIFY to send (RFC 3515, 2.4.4).
struct ReferralNotify {
  SipStatus status{};
  // The value of Subscription-State.
  std::string subscription_state{};

  bool operator==(const ReferralNotify&) const = default;
};

// What follows an input, to be done in this order.
struct ReferralStep {
  std::optional<ReferralNotify> notify{};
  // The target is to be called now.
  bool carry_out = false;
  // The referrer's call is to be hung up.
  bool clear_leg = false;
  // Nothing follows any more.
  bool over = false;

  bool operator==(const ReferralStep&) const = default;
};

// One REFER of a far end that was taken on: the notifier's side of its
// subscription (RFC 3515, 2.4; RFC 6665, 4.2) and what becomes of the call that
// it came in.
//
//   kAsking --accepted--> kTrying --outcome--> kReporting --> kClearing
//      |                                          ^    |          |
//      +------ declined, or not decided ----------+    +--> kOver <+
//
// NOTIFYs leave one at a time, provisional ones at most once a second (RFC
// 3515, 3.10); the outcome is told once, after a first one. The subscription
// may end before: the call to the target goes on all the same.
//
// Ownership: a plain value. Threads: thread-compatible. Errors: none: input
// that makes no sense in a phase changes nothing. Time: handed in; OnTime() is
// due at NextDeadline().
class ReferralMachine {
 public:
  explicit ReferralMachine(const ReferralTerms& terms);
  // Takes up one that was written down.
  explicit ReferralMachine(ReferralState state) : state_(std::move(state)) {}

  // The REFER has been answered with a 2xx.
  ReferralStep Begin(MonotonicTime now);
  // A client has decided that it is carried out. One that declines is an
  // outcome.
  ReferralStep OnAccepted(MonotonicTime now);
  // A provisional answer of the target.
  ReferralStep OnProgress(const SipStatus& status, MonotonicTime now);
  // What came of it: a final status. `clears_leg`: the referrer has nobody to
  // talk to any more, whatever it was.
  ReferralStep OnOutcome(const SipStatus& status, bool clears_leg,
                         MonotonicTime now);
  // The final answer to a NOTIFY; 408 for none.
  ReferralStep OnNotifyAnswer(int status, MonotonicTime now);
  // SUBSCRIBE in the subscription, which subscribed() says is there: it lasts
  // for that long, or ends with 0. `granted` is for the answer.
  ReferralStep OnSubscribe(std::chrono::seconds expires,
                           std::chrono::seconds& granted, MonotonicTime now);
  // The referrer's call has ended.
  ReferralStep OnLegOver();
  ReferralStep OnTime(MonotonicTime now);

  std::optional<MonotonicTime> NextDeadline() const;

  bool subscribed() const { return state_.subscribed; }
  // Its outcome is not there yet.
  bool open() const {
    return state_.phase == ReferralPhase::kAsking ||
           state_.phase == ReferralPhase::kTrying;
  }
  bool over() const { return state_.phase == ReferralPhase::kOver; }
  const ReferralState& state() const { return state_; }

 private:
  // Sends what is to be told, where it may be now.
  void Flush(MonotonicTime now, ReferralStep& step);
  void Finish(const SipStatus& status, MonotonicTime now, ReferralStep& step);
  // The outcome is told, or nobody wants to know.
  void OnReported(MonotonicTime now, ReferralStep& step);
  std::optional<MonotonicTime> NextNotify() const;

  ReferralState state_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_CALL_REFERRAL_MACHINE_H_
