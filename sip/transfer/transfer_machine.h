// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TRANSFER_TRANSFER_MACHINE_H_
#define CALLCONTROL_SIP_TRANSFER_TRANSFER_MACHINE_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sip/transfer/transfer_state.h"
#include "sip/transfer/transfer_types.h"

namespace callcontrol::sip {

// One transfer as the transferor sees it: the state machine of protocol.md 3.
//
//   kPrep <-> kHolding                    491: kBackoff, then kPrep again
//     |
//   kPrep --> kSending --> kSent --2xx--> kAccepted --NOTIFY 1xx--> kProgress
//                            |                |                        |
//      far BYE: kSentNoLeg <-+                +------ final 2xx -------+--+
//      481, silence: kProbing                 |                        |  v
//                            |                +-- terminated: kSubWait |
//                            kClearing |                +-- far BYE: kLegLost
//                            |  | |                +-- limits: kUnmonitored | v
//            refused         v                         |               |
//            kByeing
//                          kDone <---------------------+---------------+--+
//
// Each On…() takes one input and returns what follows from it. Whoever holds
// the machine carries out the actions in order and tells the events in order.
// Exactly one TransferResult comes out of a machine, as its last event; kForget
// is its last action.
//
// A NOTIFY is answered by whoever holds the machine, before or after: what the
// machine returns never says how.
//
// Ownership: a plain value. Threads: thread-compatible; on the SIP thread in
// the server. Errors: none: input that makes no sense in a phase changes
// nothing. Time: keeps no clock; `now` is monotonic and never goes back.
// Call OnTime() at NextDeadline().
class TransferMachine {
 public:
  struct Step {
    std::vector<TransferAction> actions;
    std::vector<TransferEvent> events;
  };

  // A new transfer of a leg that is up. Then call OnLegReady(), at once or
  // when the leg may be referred (RFC 3261, 14: no INVITE or UPDATE open), and
  // again for each kAwaitLeg.
  TransferMachine(TransferPolicy policy, MonotonicTime now);

  // Takes up a transfer that was written down.
  explicit TransferMachine(TransferState state) : state_(std::move(state)) {}

  // The leg is confirmed and no INVITE or UPDATE is open on it.
  Step OnLegReady(MonotonicTime now);

  // The call to be replaced was answered, or ended before that: `status` is how
  // its far end refused it, 0 where that did not, and `cause` for people.
  Step OnTargetAnswered(MonotonicTime now);
  Step OnTargetOver(int status, std::string_view cause, MonotonicTime now);

  // The far end answered the hold; 0 where it is on hold already.
  Step OnHoldAnswer(const SipStatus& status, MonotonicTime now);
  // The far end answered the end of the hold; 0 where it was not on hold.
  Step OnResumeAnswer(const SipStatus& status, MonotonicTime now);

  // The REFER of kSendRefer left, with this CSeq number.
  Step OnReferSent(std::uint32_t cseq, MonotonicTime now);

  // A request could not be sent, or its connection broke. `cause` is for
  // people.
  Step OnSendFailed(std::string_view cause, MonotonicTime now);

  // A provisional answer other than 100.
  Step OnReferProvisional(const SipStatus& status, MonotonicTime now);

  // The final answer. A time-out of the transaction is OnReferSilence().
  Step OnReferAnswer(const ReferAnswer& answer, MonotonicTime now);

  // Timer F of the REFER (RFC 3261, 17.1.2.2).
  Step OnReferSilence(MonotonicTime now);

  Step OnNotify(const ReferNotify& notify, MonotonicTime now);

  // Something odd about a message of this transfer that the machine does not
  // see itself. Told once per code.
  Step OnOddity(std::string_view code, std::string_view text);

  // The far end sent BYE; `sip_reason` is its Reason header, or empty.
  Step OnFarEndBye(std::string_view sip_reason, MonotonicTime now);

  // Final answer to our BYE; 0 where there was none.
  Step OnByeAnswer(int status, MonotonicTime now);

  // Final answer to the OPTIONS of kSendProbe; 408 where there was none.
  Step OnProbeAnswer(int status, MonotonicTime now);

  // The leg is dead: refused requests, a session timer, a lost ACK.
  Step OnLegLost(std::string_view cause, MonotonicTime now);

  // The far end answered the SUBSCRIBE of kRefresh.
  Step OnRefreshAnswer(const RefreshAnswer& answer, MonotonicTime now);

  // What OnCancel() would do now.
  CancelOutcome cancellation() const;

  // A client does not want the transfer any more. The leg is left as it is but
  // for a hold of a transfer that is withdrawn.
  Step OnCancel(MonotonicTime now);

  // A client or the operator hangs up the leg.
  Step OnLocalHangUp(MonotonicTime now);

  // The server stops and can wait no longer.
  Step OnShutdown(MonotonicTime now);

  // Runs every timer that is due.
  Step OnTime(MonotonicTime now);

  // When OnTime() is wanted next; nullopt for never.
  std::optional<MonotonicTime> NextDeadline() const;

  // No further result will come.
  bool done() const {
    return state_.phase == TransferPhase::kDone ||
           state_.phase == TransferPhase::kGone;
  }

  const TransferState& state() const { return state_; }

 private:
  using Phase = TransferPhase;
  using Timer = TransferTimer;

  // What to do with one expired timer.
  void Expire(Timer timer, MonotonicTime now, Step& step);

  // The REFER was taken on, by its answer or by what followed.
  void Accept(MonotonicTime now, Step& step);
  // The REFER is over without acceptance; a final status that came first wins.
  void Refuse(TransferOutcome outcome, MonotonicTime now, Step& step);

  void ReadStatus(const ReferNotify& notify, MonotonicTime now, Step& step);
  void TakeFinal(MonotonicTime now, Step& step);
  // What the final status makes of the transfer; there is one.
  TransferOutcome OutcomeOfFinal() const;
  void TakeProgress(MonotonicTime now, Step& step);
  // A subscription ended with no final status known.
  void TakeSubscriptionEnd(MonotonicTime now, Step& step);
  // The subscription lasts for `left` from now on.
  void Prolong(std::chrono::seconds left, MonotonicTime now);
  bool MayRetry(const ReferAnswer& answer) const;
  bool IsRepetition(const ReferNotify& notify) const;
  bool IsFlood(MonotonicTime now);

  // Entries of phases.
  void Prepare(MonotonicTime now, Step& step);
  void HoldFailed(std::string_view cause, MonotonicTime now, Step& step);
  void BackOff(Milliseconds wait, std::string_view why, MonotonicTime now,
               Step& step);
  // A transfer whose REFER is not out ends; the far end is taken off hold.
  void Abandon(TransferOutcome outcome, MonotonicTime now, Step& step);
  void Resend(Step& step);
  void ForgetRefusal();
  void Clear(MonotonicTime now, Step& step);
  void Restore(TransferOutcome outcome, MonotonicTime now, Step& step);
  void Unmonitor(TransferOutcome outcome, Milliseconds wait, MonotonicTime now,
                 Step& step);
  void Probe(TransferOutcome outcome, Milliseconds wait, MonotonicTime now,
             Step& step);
  void LoseLeg(TransferOutcome outcome, MonotonicTime now, Step& step);
  void HangUp(TransferOutcome outcome, MonotonicTime now, Step& step);
  void Finish(TransferOutcome outcome, MonotonicTime now, Step& step);
  LegAction UnconfirmedAction() const;

  void Warn(std::string_view code, std::string_view text, Step& step);
  void WarnOnce(std::string_view code, std::string_view text, Step& step);
  void LegEnded(ClearedBy by, MonotonicTime now);

  bool AwaitsTarget() const {
    return state_.policy.awaits_target && !state_.target_answered;
  }
  bool In(Phase phase) const { return state_.phase == phase; }
  template <typename... Phases>
  bool In(Phase first, Phases... others) const {
    return In(first) || In(others...);
  }
  void Arm(Timer timer, MonotonicTime at) {
    state_.deadlines[static_cast<std::size_t>(timer)] = at;
  }
  void Disarm(Timer timer) {
    state_.deadlines[static_cast<std::size_t>(timer)].reset();
  }
  void DisarmAll() { state_.deadlines.fill(std::nullopt); }

  TransferState state_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TRANSFER_TRANSFER_MACHINE_H_
