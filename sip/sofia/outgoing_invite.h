// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_OUTGOING_INVITE_H_
#define CALLCONTROL_SIP_SOFIA_OUTGOING_INVITE_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sip/call/call_engine.h"
#include "sip/dns/sip_route.h"
#include "sip/sofia/call_host.h"
#include "sip/sofia/challenge_answer.h"
#include "sip/sofia/client_transaction.h"
#include "sip/sofia/reliable_progress.h"
#include "sip/transfer/sip_status.h"

namespace callcontrol::sip {

// A call as it will be placed; checked.
struct PlacePlan {
  std::string request_uri{};
  // Where the INVITE goes; empty: to the request-URI.
  std::string next_hop{};
  // URIs that are preloaded into Route, the first of which it goes to instead:
  // the Service-Route of the trunk's registration (RFC 3608).
  std::vector<std::string> route{};
  std::shared_ptr<const Trunk> trunk{};
  // Our identity, an addr-spec, and its display name as it stands before that
  // in a name-addr (RFC 3261, 25.1); empty: none.
  std::string local_uri{};
  std::string local_name{};
  std::vector<SipHeader> headers{};
  std::string sdp{};  // Empty: an inactive offer, or none.
  bool without_offer = false;
  // Provisional answers may be reliable (RFC 3262).
  bool reliable_progress = true;
  // Of a leg of a bridge: one less than the caller's (RFC 7332, 2).
  std::optional<int> max_forwards{};
  std::optional<Credentials> credentials{};
  Milliseconds ring_limit{};
};

// Checks what a client asked for. `trunk` is the one that it named, null for
// none. `contact` is ours, for an identity of our own. Errors: see
// CallEngine::Place().
absl::StatusOr<PlacePlan> PlanCall(const PlaceRequest& request,
                                   const EngineOptions& options,
                                   std::shared_ptr<const Trunk> trunk,
                                   const sip_contact_t& contact);

// The INVITE of a call that this side places: from address to address of its
// target (RFC 3263, 4.3) until one answers.
//
// Ownership: shared with what it waits for; its call owns it and outlives it.
// Threads: SIP thread only. Errors: none come out but to the call.
// Time: Sofia's Timers A and B; after a CANCEL 64*T1 (RFC 3261, 9.1).
class OutgoingInvite : public std::enable_shared_from_this<OutgoingInvite> {
 public:
  OutgoingInvite(CallHost& host, SofiaCall& call, PlacePlan plan);
  ~OutgoingInvite();
  OutgoingInvite(const OutgoingInvite&) = delete;
  OutgoingInvite& operator=(const OutgoingInvite&) = delete;

  // Looks the target up and sends the INVITE. The call is told of what comes.
  void Begin();

  // Gives up. The call is told of what comes all the same.
  void Cancel();

  const PlacePlan& plan() const { return plan_; }

  // Of the INVITE that was sent last.
  ReliableProgress& progress() { return *progress_; }

 private:
  // Those to an INVITE that is about to be sent.
  void ExpectAnswers();
  void SendNext();
  void OnAnswer(const sip_t& sip, ClientTransaction::Ending ending,
                const SipAddress& next_hop);
  void Fail(int status, std::string_view reason);

  CallHost& host_;
  SofiaCall& call_;
  const PlacePlan plan_;
  SipTarget target_;
  std::vector<SipAddress> addresses_;
  std::size_t next_ = 0;
  bool cancelled_ = false;
  std::shared_ptr<ReliableProgress> progress_;
  std::unique_ptr<ClientTransaction> invite_;
  ChallengeAnswer authorization_;
  std::optional<TimerQueue::Id> timer_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_OUTGOING_INVITE_H_
