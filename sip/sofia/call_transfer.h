// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_CALL_TRANSFER_H_
#define CALLCONTROL_SIP_SOFIA_CALL_TRANSFER_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sip/call/call_engine.h"
#include "sip/sofia/call_host.h"
#include "sip/sofia/challenge_answer.h"
#include "sip/sofia/client_transaction.h"
#include "sip/sofia/standalone_refer.h"
#include "sip/sofia/transfer_party.h"
#include "sip/transfer/notify_match.h"
#include "sip/transfer/transfer_machine.h"

namespace callcontrol::sip {

// Runs one TransferMachine on its party: carries out its actions, tells its
// events, keeps its time.
//
// Ownership: owned by its party, which outlives it. Owns the REFER's
// transaction, and its path where that is not the party's dialog.
// Threads: SIP thread only. Errors: none come out; all of them are events.
// Time: one timer of the loop at the machine's next deadline.
class CallTransfer {
 public:
  CallTransfer(CallHost& host, TransferParty& party, TransferPlan plan,
               TransferPolicy policy);
  ~CallTransfer();
  CallTransfer(const CallTransfer&) = delete;
  CallTransfer& operator=(const CallTransfer&) = delete;

  void OnLegReady();
  // The call to be replaced, which was waited for, was answered or has ended.
  void OnConsultationSettled(SofiaCall& consultation);
  // `event_id`: the id of its Event, where there was one.
  void OnNotify(const ReferNotify& notify,
                const std::optional<std::string>& event_id,
                std::string_view oddity);
  void OnFarEndBye(std::string_view sip_reason);
  void OnByeAnswer(int status);
  void OnProbeAnswer(int status);
  void OnLegLost(std::string_view cause);
  CancelOutcome OnCancel();
  void OnLocalHangUp();
  void OnShutdown();

  const std::string& id() const { return plan_.transfer_id; }
  bool done() const { return machine_.done(); }
  // The far end has left its call for the target's, or is about to: it took the
  // REFER on, and nothing says that it stays.
  bool takes_leg_away() const;
  NotifyCandidate candidate() const;
  const TransferState& state() const { return machine_.state(); }

 private:
  void Perform(TransferMachine::Step step);
  void Tell(const TransferEvent& event);
  void TellSent(ReferSent sent);
  void Hold(bool hold);
  void SendRefer();
  void SendReferTo(const SipAddress& next_hop);
  // What its requests are sent on.
  RequestPath& path() const;
  // Whether the REFER, which was refused, may go inside the dialog instead.
  bool TakeIntoDialog(const sip_t& refusal);
  void OnReferAnswer(const sip_t& sip, ClientTransaction::Ending ending,
                     const SipAddress& next_hop);
  // Refreshes the subscription, or ends it with 0 (RFC 6665, 4.1.2).
  void Subscribe(std::chrono::seconds expires);
  void SubscribeAt(const SipAddress& next_hop, std::chrono::seconds expires);
  void OnSubscribeAnswer(const sip_t& sip, std::chrono::seconds expires);
  void TellOddities();
  void ArmTimer();
  void ClearConsultation();

  CallHost& host_;
  TransferParty& party_;
  TransferPlan plan_;
  TransferMachine machine_;
  // How its REFER goes outside the party's dialog; null: in that, or not known
  // before the first one leaves.
  std::shared_ptr<StandaloneRefer> standalone_;
  bool path_chosen_ = false;
  // Refer-To is another one than was planned.
  bool replanned_ = false;
  std::unique_ptr<ClientTransaction> refer_;
  ChallengeAnswer authorization_;
  std::unique_ptr<ClientTransaction> subscribe_;
  ChallengeAnswer subscribe_authorization_;
  // The Event parameter that the far end's NOTIFYs carry (RFC 3515, 2.4.6).
  std::string event_id_;
  std::optional<TimerQueue::Id> timer_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_CALL_TRANSFER_H_
