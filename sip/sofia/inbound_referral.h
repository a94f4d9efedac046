// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_INBOUND_REFERRAL_H_
#define CALLCONTROL_SIP_SOFIA_INBOUND_REFERRAL_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "sip/call/call_engine.h"
#include "sip/call/referral.h"
#include "sip/call/referral_machine.h"
#include "sip/sofia/call_host.h"
#include "sip/sofia/challenge_answer.h"
#include "sip/sofia/client_transaction.h"
#include "sip/sofia/referral_dialog.h"
#include "sip/sofia/session_update.h"

namespace callcontrol::sip {

// What a REFER that was taken on asks for.
struct ReferralOrder {
  ReferTarget target{};
  // The value of Referred-By as it came; empty for none (RFC 3892, 2.2).
  std::string referred_by{};
  // Of the NOTIFYs' Event: the REFER's CSeq (RFC 3515, 2.4.6).
  std::string event_id{};
  // The trunk that the new call goes by; empty: none.
  std::string trunk{};
  // The target's Replaces named a call of this server's.
  bool replaces_own = false;
  Milliseconds ring_limit{180'000};
};

// One REFER of a call's far end, the referrer: asks a client where that is
// wanted, has the target called, joins it to whoever the referrer was talking
// to, and reports by NOTIFY.
//
// Three calls take part: the referrer's own; the partner, the other leg of its
// bridge, where there is one; and the target, a call that is placed, or the
// other leg of the call that a Replaces names. Without a partner the target is
// called in the referrer's place, with its session.
//
//   target                        partner
//     <-- INVITE, partner's offer
//     answer -->
//                                   <-- re-INVITE, target's answer
//                                   answer -->
//     <-- re-INVITE, only where that answer is not what was offered
//
// Ownership: owned by the referrer's call, which outlives it. Owns its NOTIFY,
// and the dialog of its subscription where that is not the call's.
// Threads: SIP thread only. Errors: none come out: they are what is reported.
// Time: one timer of the loop at the machine's next deadline.
class InboundReferral {
 public:
  // `own`: the dialog of its subscription; null: that of the referrer's call.
  InboundReferral(CallHost& host, SofiaCall& referrer, ReferralOrder order,
                  const ReferralTerms& terms,
                  std::shared_ptr<ReferralDialog> own);
  ~InboundReferral();
  InboundReferral(const InboundReferral&) = delete;
  InboundReferral& operator=(const InboundReferral&) = delete;

  // After the 2xx to the REFER.
  void Begin();

  // A client's decision; checked. `target`: whom it wants called instead.
  void Decide(const ReferDecision& decision, std::optional<ReferTarget> target);

  // Whether a SUBSCRIBE in its dialog, whose Event has that id, is of its
  // subscription.
  bool ServesSubscription(const std::optional<std::string>& event_id) const;
  // Answers such a SUBSCRIBE.
  void OnSubscribe(nta_incoming_t* request, const sip_t& sip);

  // ---- What becomes of the calls ----
  void OnReferrerOver();
  void OnTargetProgress(const SipStatus& status);
  void OnTargetAnswered();
  // The target's, or the partner's.
  void OnLegOver(const SofiaCall& leg);
  // Whatever was open on the partner is over.
  void OnLegReady();
  // Whether OnOfferSettled() is for what `leg` says now.
  bool AwaitsOfferOf(const SofiaCall& leg) const;
  void OnOfferSettled(const SessionUpdate::Outcome& outcome);
  // The server stops.
  void OnShutdown();

  const std::string& id() const { return id_; }
  const std::string& trunk() const { return order_.trunk; }
  bool has_own_dialog() const { return own_dialog_ != nullptr; }
  bool open() const { return machine_.open(); }
  bool over() const { return machine_.over(); }
  // It hangs the referrer up, later.
  bool clears_leg() const {
    return !machine_.over() && machine_.state().clears_leg;
  }
  // What clients are shown while it waits for a decision.
  PendingRefer Pending() const;

 private:
  // Which offer was made and is not answered.
  enum class Step { kNone, kTargetOffered, kPartnerOffered };

  // What its NOTIFYs are sent on.
  RequestPath& path() const;
  void Perform(const ReferralStep& step);
  void ArmTimer();
  void Notify(const ReferralNotify& notify);
  void SendNotify(const SipAddress& next_hop, const ReferralNotify& notify);
  void CarryOut();
  void TakeOverOwn();
  void OfferToPartner();
  void Succeed();
  // The call that a Replaces names is nobody's business any more.
  void ReleaseReplaced();
  void Fail(int status);
  // It came to nothing: clients are not asked any more, and the calls are as
  // they were before.
  void Abandon();
  SofiaCall* partner() const { return host_.Find(partner_id_); }
  SofiaCall* target() const { return host_.Find(target_id_); }

  CallHost& host_;
  SofiaCall& referrer_;
  const std::string id_;
  ReferralOrder order_;
  ReferralMachine machine_;
  std::shared_ptr<ReferralDialog> own_dialog_;
  std::string partner_id_;
  std::string target_id_;
  std::string replaced_id_;
  Step step_ = Step::kNone;
  // The target has answered, and the partner was not ready to hear of it.
  bool partner_due_ = false;
  // What the target is offered, and its answer.
  std::string offered_;
  std::string answer_;
  // The partner was offered that answer.
  bool partner_touched_ = false;
  absl::Time decide_by_;
  std::unique_ptr<ClientTransaction> notify_;
  ChallengeAnswer authorization_;
  std::optional<TimerQueue::Id> timer_;
  // A server that drains waits for it.
  bool counted_ = true;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_INBOUND_REFERRAL_H_
