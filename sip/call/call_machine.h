// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_CALL_CALL_MACHINE_H_
#define CALLCONTROL_SIP_CALL_CALL_MACHINE_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sip/call/call_types.h"

namespace callcontrol::sip {

// What the holder of the machine must do, in order.
enum class CallAction {
  kSendRinging,  // 18x to the INVITE.
  kSendAnswer,   // 200 to the INVITE, with its answer or offer.
  kSendReject,   // `end_status` to the INVITE.
  kSendBye,      // Then tell OnByeAnswer().
  kSendCancel,   // Then tell OnCallRefused() or OnCallAnswered().
  kLegReady,     // The leg may be referred now.
};

// Where an INVITE of ours inside the dialog stands.
enum class OwnOffer {
  kNone,
  kOpen,
  kBackingOff,  // It met one of the far end's, and waits (RFC 3261, 14.1).
};

// How far offer and answer have come in an early dialog of theirs, by reliable
// provisional responses (RFC 3262, 5).
enum class EarlySession {
  kNone,
  kAnswerSent,  // Without PRACK yet.
  kOfferSent,   // The same; the PRACK has the answer.
  kSettled,
};

// Everything a call's machine knows: a plain value.
struct CallState {
  // This side called.
  bool outbound = false;
  CallPhase phase = CallPhase::kIncoming;
  EarlySession early_session = EarlySession::kNone;
  // The 2xx waits for the PRACK of a session description (RFC 3262, 3).
  bool answer_wanted = false;
  // The ACK for our 2xx is due (RFC 3261, 13.3.1.4). Until it comes this side
  // sends no request in the dialog, a BYE included (RFC 3261, 15).
  bool ack_due = false;
  // The far end's re-INVITE is answered and its ACK is due.
  bool reinvite_ack_due = false;
  // An INVITE or UPDATE of theirs waits for what the other leg of a bridge
  // says.
  bool offer_deferred = false;
  // A BYE waits for that ACK.
  bool hang_up_wanted = false;
  OwnOffer own_offer = OwnOffer::kNone;
  // Did not answer a REFER and was asked by OPTIONS.
  bool suspect = false;
  int end_status = 0;
  std::string end_reason{};
  CallEndedBy ended_by = CallEndedBy::kNobody;

  bool operator==(const CallState&) const = default;
};

// One call: the INVITE usage of a dialog, without its transfers.
//
// Of an incoming call:
//
//   kIncoming --> kRinging --> kAnswered --BYE of ours--> kEnding --> kEnded
//       |            |             |                                     ^
//       +-- CANCEL, --+-------------+------ BYE of the far end ----------+
//           rejected
//
// Of one that this side places:
//
//   kCalling --> kRinging --> kAnswered ... as above
//       |            |
//       +-- refused -+--------------------------------> kEnded
//       +-- CANCEL --+--> kEnding --refused, or BYE---> kEnded
//
// Each On…() takes one input and returns the actions that follow, in order. The
// holder tells watchers by comparing state().phase before and after.
//
// Ownership: a plain value. Threads: thread-compatible. Errors: none: input
// that makes no sense in a phase changes nothing. Time: none; Sofia's
// transactions and the holder's timers tell it what is due.
class CallMachine {
 public:
  using Actions = std::vector<CallAction>;

  CallMachine() = default;
  // Takes up a call that was written down.
  explicit CallMachine(CallState state) : state_(std::move(state)) {}

  // The INVITE is good. `ring_first`: the answer comes later, by OnAnswerDue().
  Actions OnInvite(bool ring_first);
  // A client reports progress to the caller, as often as it likes.
  Actions OnProgress();
  // The 2xx waits where a session description has no PRACK yet.
  Actions OnAnswerDue();
  // A provisional response left reliably with a session description: an answer,
  // or an offer.
  void OnEarlySessionSent(bool offers);
  // Its PRACK came.
  Actions OnEarlySessionSettled();

  // A call that this side places, as it begins.
  static CallMachine Placed();
  // A provisional answer to our INVITE, from 101.
  Actions OnCallProgress();
  // A 2xx to our INVITE; its ACK leaves first. One that our CANCEL crossed is
  // followed by BYE.
  Actions OnCallAnswered();
  // The final answer is another one, or there is none.
  Actions OnCallRefused(int status, std::string_view reason, CallEndedBy by);
  // Nobody answered our INVITE for as long as it may ring.
  Actions OnCallUnanswered();

  // The INVITE is not to be answered: 488 for an unreadable offer, a client's
  // decision and the like.
  Actions OnRefused(int status, std::string_view reason);

  // ACK for our 2xx, to the INVITE or to a re-INVITE.
  Actions OnAck();
  // 64*T1 without that ACK (RFC 3261, 13.3.1.4 and 14.2): BYE.
  Actions OnAckTimeout();

  // CANCEL of the INVITE; the transaction layer answers it and the INVITE. One
  // that crosses our 2xx ends the call like an ACK that never came.
  Actions OnCancel();

  // How to answer a re-INVITE or an UPDATE: 200; 500 while an INVITE of theirs
  // is not answered or its ACK is due; 491 while one of ours is open (RFC 3261,
  // 14.2; RFC 3311, 5.2); 481 after the end.
  int AnswerToReInvite() const;
  // How to answer an offer in an UPDATE or a PRACK before the INVITE is
  // answered: 200; 500 while an offer of theirs is not answered, 491 while one
  // of ours is not (RFC 3311, 5.2); 481 after the end.
  int AnswerToEarlyOffer() const;
  // How to answer a new INVITE that would replace this call (RFC 3891, 3): 200;
  // 603 after its end, 486 where only an early dialog was meant, 481 for one
  // that is early.
  int AnswerToReplaces(bool early_only) const;
  // A re-INVITE was answered with 200.
  void OnReInviteAnswered() { state_.reinvite_ack_due = true; }

  // A re-INVITE or an UPDATE is answered later.
  void OnOfferDeferred() { state_.offer_deferred = true; }
  // It was refused, or accepted: then a re-INVITE's ACK is due.
  Actions OnDeferredRefused();
  Actions OnDeferredAccepted(bool invite);

  // An INVITE of ours leaves to change the session; ReadyForRefer() held.
  void OnOfferSent() { state_.own_offer = OwnOffer::kOpen; }
  // It was answered 491 and is sent again later.
  void OnOfferMet() { state_.own_offer = OwnOffer::kBackingOff; }
  // It is over, with whatever answer.
  Actions OnOfferEnded();

  // BYE of the far end; `sip_reason` is its Reason header, or empty.
  Actions OnFarEndBye(std::string_view sip_reason);

  // A client, a transfer or the server itself ends the call. `reason` is for
  // people.
  Actions OnHangUp(std::string_view reason);
  Actions OnByeAnswer(int status);

  // A REFER or an OPTIONS got no answer, or 481.
  void OnSuspect() { state_.suspect = true; }
  void OnAlive() { state_.suspect = false; }

  // The leg is confirmed and nothing is open on it: a REFER may leave (RFC
  // 3261, 14.1 by analogy).
  bool ReadyForRefer() const {
    return state_.phase == CallPhase::kAnswered && !state_.ack_due &&
           !state_.reinvite_ack_due && !state_.offer_deferred &&
           !state_.hang_up_wanted && state_.own_offer == OwnOffer::kNone;
  }

  // A session that the far end offered is not settled yet.
  bool their_offer_open() const {
    return state_.ack_due || state_.reinvite_ack_due || state_.offer_deferred;
  }

  // The far end's INVITE is not answered yet.
  bool awaits_answer() const {
    return !state_.outbound && (state_.phase == CallPhase::kIncoming ||
                                state_.phase == CallPhase::kRinging);
  }

  // Nor is it decided how.
  bool awaits_decision() const {
    return awaits_answer() && !state_.answer_wanted;
  }

  // Our INVITE is not answered yet.
  bool is_calling() const {
    return state_.outbound && (state_.phase == CallPhase::kCalling ||
                               state_.phase == CallPhase::kRinging);
  }

  bool live() const {
    return state_.phase != CallPhase::kEnding &&
           state_.phase != CallPhase::kEnded;
  }

  const CallState& state() const { return state_; }

 private:
  Actions Bye();
  Actions Cancel(int status, std::string_view reason);
  void End(CallEndedBy by, int status, std::string_view reason);

  CallState state_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_CALL_CALL_MACHINE_H_
