// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_SESSION_UPDATE_H_
#define CALLCONTROL_SIP_SOFIA_SESSION_UPDATE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "sip/call/sdp_answer.h"
#include "sip/sofia/call_host.h"
#include "sip/sofia/challenge_answer.h"
#include "sip/sofia/client_transaction.h"
#include "sip/sofia/reliable_progress.h"
#include "sip/transfer/sip_status.h"

namespace callcontrol::sip {

// One change of a call's session, or its refresh: a re-INVITE of ours, sent
// again where it meets one of the far end's (RFC 3261, 14.1), and its ACK.
//
// Ownership: shared with what it waits for; its call owns it and outlives it.
// Threads: SIP thread only. Errors: none come out but the status.
// Time: the loop's timers and Sofia's transactions.
class SessionUpdate : public std::enable_shared_from_this<SessionUpdate> {
 public:
  struct Outcome {
    // The final answer; 408 for none, 503 where it could not be sent.
    SipStatus status{};
    // Whether the answer came from the wire.
    bool answered = false;
    // The far end's session description; empty for none.
    std::string remote_sdp{};
  };
  using Done = absl::AnyInvocable<void(const Outcome& outcome) &&>;

  // What is offered; empty: the far end is asked for an offer, which the call
  // gets by OnTheirOffer(). Asked for again each time that the re-INVITE is
  // sent, because the far end's own offer may have come meanwhile.
  using MakeOffer = absl::AnyInvocable<std::string()>;

  SessionUpdate(CallHost& host, SofiaCall& call, MakeOffer make_offer,
                Done done);
  ~SessionUpdate();
  SessionUpdate(const SessionUpdate&) = delete;
  SessionUpdate& operator=(const SessionUpdate&) = delete;

  // Sends the re-INVITE. `done` comes later, once, unless this is destroyed
  // before.
  void Begin();
  bool begun() const { return begun_; }

  // The call is over, and with it this: `done` comes at once, with 487.
  void GiveUp();

  // How many streams the far end's offer has that waits for AnswerWith().
  std::size_t offered_media() const {
    return CountMedia(unanswered_outcome_.remote_sdp);
  }
  // Whether the far end's offer, asked for by a re-INVITE without one, waits
  // for AnswerWith(). Empty: no answer can be had.
  bool awaits_answer() const { return unanswered_ != nullptr; }
  void AnswerWith(std::string answer);

  // Nobody waits for it any more: CANCEL. `done` comes all the same.
  void Cancel();

  // The last one that was sent, or the answer to the far end's.
  const std::string& offer() const { return offer_; }

 private:
  void SendTo(const SipAddress& next_hop);
  void OnAnswer(const sip_t& sip, ClientTransaction::Ending ending);
  void Acknowledge(std::shared_ptr<ClientTransaction> invite, Outcome outcome,
                   std::string answer = {});
  void BackOff();
  void AwaitBackoff();
  void Finish(const Outcome& outcome);

  CallHost& host_;
  SofiaCall& call_;
  MakeOffer make_offer_;
  std::string offer_;
  Done done_;
  bool begun_ = false;
  bool cancelled_ = false;
  int met_ = 0;
  std::shared_ptr<ReliableProgress> progress_;
  std::unique_ptr<ClientTransaction> invite_;
  // Its 2xx, with an offer, has no ACK yet.
  std::shared_ptr<ClientTransaction> unanswered_;
  Outcome unanswered_outcome_;
  ChallengeAnswer authorization_;
  std::optional<TimerQueue::Id> timer_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_SESSION_UPDATE_H_
