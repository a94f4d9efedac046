// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_SOFIA_CALL_H_
#define CALLCONTROL_SIP_SOFIA_SOFIA_CALL_H_

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "sip/call/call_engine.h"
#include "sip/call/call_machine.h"
#include "sip/call/reliable_provisional.h"
#include "sip/call/sdp_answer.h"
#include "sip/sofia/call_host.h"
#include "sip/sofia/call_transfer.h"
#include "sip/sofia/challenge_answer.h"
#include "sip/sofia/client_transaction.h"
#include "sip/sofia/inbound_referral.h"
#include "sip/sofia/outgoing_invite.h"
#include "sip/sofia/session_update.h"
#include "sip/sofia/standalone_refer.h"
#include "sip/sofia/transfer_party.h"
#include "sip/transfer/refer_to.h"

namespace callcontrol::sip {

// How long a relayed offer waits for its answer, in T1: less than the far end
// of the other leg waits for the answer to an UPDATE (Timer F).
inline constexpr int kRelayLimit = 60;

// One call: its dialog (an nta leg), its INVITE usage (CallMachine)
// and its REFER usages (CallTransfer).
//
// The call lives on after its BYE while a transfer of it may still get NOTIFYs
// (RFC 6665, 4.5.2).
//
// Ownership: owned by its host. Owns leg, transactions and transfers.
// Threads: SIP thread only. Errors: none come out but those of Refer() and of a
// client's decisions.
// Time: the loop's timers and Sofia's transactions.
class SofiaCall final : public RequestHandler,
                        public InviteHandler,
                        public RequestPath,
                        public TransferParty {
 public:
  // A call for a good INVITE outside any dialog. Takes over `invite`. Null
  // where Sofia is out of memory. Then Start().
  static std::unique_ptr<SofiaCall> Create(CallHost& host,
                                           nta_incoming_t* invite,
                                           const sip_t& sip);
  // A call that this side places. Null where Sofia is out of memory. Then
  // BeginPlaced(), or nothing.
  static std::unique_ptr<SofiaCall> Place(CallHost& host, PlacePlan plan);
  ~SofiaCall() override;
  SofiaCall(const SofiaCall&) = delete;
  SofiaCall& operator=(const SofiaCall&) = delete;

  // Does with the INVITE, which is `sip` and came by `trunk` or by none, what
  // `treatment` says: answers it, now or after ringing, rejects it, or waits
  // for a client to.
  void Start(const sip_t& sip, const CallTreatment& treatment,
             std::shared_ptr<const Trunk> trunk);

  // How an INVITE with this Replaces is answered: 200 where this is the dialog
  // that it names and may take the place of; nullopt where it names another
  // one.
  std::optional<int> AnswerToReplaces(const sip_replaces_t& replaces) const;
  // Once this call is answered it takes the place of that one. Before Start().
  void Replace(const SofiaCall& other) {
    snapshot_.replaces_call_id = other.snapshot().call_id;
  }

  // Asks the other leg of `replaced` for the answer to this call's INVITE,
  // which is `sip`, and then takes that leg's place in the bridge. After
  // Start().
  void TakePlaceInBridge(const sip_t& sip, SofiaCall& replaced);

  // Sends the INVITE of a call that this side places.
  void BeginPlaced();

  // What it carries for the application.
  void Tag(std::map<std::string, std::string> tags) {
    snapshot_.tags = std::move(tags);
  }

  // Whether SettleOffer() would answer something.
  bool AwaitsOffer() const {
    return deferred_ != nullptr || !asked_leg_id_.empty();
  }
  bool bridged() const { return other_leg() != nullptr; }

  // Makes this call, which has just begun, and `other`, which is to be placed
  // for it, the legs of a bridge.
  void Join(SofiaCall& other, const BridgeTerms& terms);

  // Whether this is the dialog, and it is not over.
  bool IsDialog(const TargetDialog& dialog) const;
  // A REFER outside the dialog, about it (RFC 4538). Returns how it is
  // answered.
  int OnReferAbout(nta_incoming_t* request, const sip_t& sip);

  // A client's decisions about an INVITE that is not answered yet. Errors: see
  // CallEngine.
  absl::Status Progress(const ProgressRequest& request);
  absl::Status AnswerBy(std::string sdp);
  absl::Status Reject(const RejectRequest& request);

  // Checks a transfer of this call and takes it on unless it is only to be
  // validated. Its first event comes with BeginTransfer(). Errors: see
  // CallEngine::Refer().
  absl::StatusOr<TransferPlan> Refer(const TransferRequest& request);

  // Changes the session at a client's request. Errors: see
  // CallEngine::Update().
  void Update(const UpdateRequest& request, CallEngine::CallDone done);

  // Ends the call with its open transfer. `reason` is for people.
  void HangUp(std::string_view reason);

  // The server stops: ends the open transfer.
  void ShutDownTransfers();

  int OnRequest(nta_incoming_t* request, const sip_t& sip) override;
  void OnAckOrCancel(nta_incoming_t* invite, const sip_t* sip) override;

  // ---- RequestPath: its dialog ----

  bool in_dialog() const override { return true; }
  nta_leg_t* leg() override { return leg_; }
  std::string request_uri() const override { return ""; }
  const sip_contact_t* contact() const override {
    return host_.contact(transport_);
  }
  void WithNextHop(NextHopReady ready) override {
    WithNextHopOf(leg_, std::move(ready));
  }
  void RefreshTarget(const sip_contact_t* contact) override;

  // ---- TransferParty ----

  const Credentials* credentials() const override;
  RequestPath* dialog() override { return this; }
  std::shared_ptr<StandaloneRefer> OutsideDialog(
      const TransferPlan& plan) override;
  void BeginTransfer() override;
  void SetHold(bool hold, HoldDone done) override;
  void AbandonHold() override;
  void HangUpLeg(std::string_view reason) override;
  void Probe() override;
  void SeenAlive() override { machine_.OnAlive(); }
  const FarEnd& far_end() const override { return snapshot_.far_end; }
  void OnTransferOver() override;
  CallTransfer* FindTransfer(std::string_view transfer_id) override;
  void Forget(CallTransfer& transfer) override;

  // ---- For transfers of others to its far end ----

  // FAILED_PRECONDITION where the call is not answered, or is ending.
  absl::Status CheckAnswered() const;
  // ABORTED with the id of the open transfer, also for a REFER of the far end's
  // or one that the call takes part in.
  absl::Status CheckNoTransfer();
  // Its INVITE is open, and is wanted.
  bool AwaitsAnswer() const;
  // That transfer, of a call or of none, waits until this call is answered or
  // has ended. While AwaitsAnswer().
  void Await(std::string call_id, std::string transfer_id) {
    awaiting_.emplace_back(std::move(call_id), std::move(transfer_id));
  }
  // This dialog as its far end sees it (RFC 3891, 3).
  ReplacedDialog AsReplaced() const;
  // Where others reach the far end of this call.
  std::string PublicTarget() const;

  // ---- For the other leg of its bridge ----

  // What came of the other leg's INVITE, for the caller of this one. `sdp`:
  // empty for none.
  void RelayProgress(const SipStatus& status, std::string_view sdp,
                     bool reliably);
  void RelayAnswer(std::string sdp);
  void RelayRefusal(const SipStatus& status, std::vector<std::string> contacts);
  // The answer to the offer in a reliable response to this leg's INVITE, which
  // waits for its PRACK.
  void AnswerEarlyOffer(std::string_view answer);
  // Refuses the INVITE of this leg, which no other leg has answered yet.
  void Refuse(const SipStatus& status, std::string_view why,
              std::vector<std::string> contacts = {});
  // Whether a change of the session can be offered here now, without one being
  // open.
  bool MayBeOffered() const;
  // Offers a change of the session that came from the other leg, or from one
  // that is to take its place; empty: asks for an offer. `from` gets
  // SettleOffer().
  void RelayOffer(std::string sdp, const SofiaCall& from);
  // `from` does not want it any more.
  void WithdrawOffer();
  // The far end's offer, which was relayed to `by`, is answered.
  void SettleOffer(const SessionUpdate::Outcome& outcome, const SofiaCall& by);
  // The answer to the offer in a 2xx, which waits for its ACK.
  void RelayAck(std::string_view answer);
  // An INFO of the other leg, answered as the far end answers it.
  int RelayInfo(nta_incoming_t* request, const sip_t& sip);
  // The other leg has ended; `sip_reason`: its Reason header, or empty.
  void OnOtherLegOver(std::string_view reason, std::string_view sip_reason);
  // The other leg was transferred away, and this one stays.
  void OnAlone();

  // Null where this is no leg of a bridge, or the only one left.
  SofiaCall* other_leg() const;

  // ---- For REFERs of far ends ----

  // Null where it is over.
  InboundReferral* FindReferral(std::string_view id);
  // Clients are not asked about that one any more.
  void OnReferDecided(const std::string& refer_id);
  void OnReferralOver();
  // Is placed for one of `referrer`'s far end, or is to be joined to that call.
  void TakePartInReferral(const SofiaCall& referrer);
  void LeaveReferral() { referral_of_.clear(); }
  // Leaves its bridge, where it has one, for one with `other`, which does the
  // same. A leg that is left so is hung up, the referrer's once it is told.
  void JoinInstead(SofiaCall& other);
  // Has the far end take what the other leg last said, where it was offered
  // something else, and then the other one what this one answers; as soon as it
  // can be offered anything.
  void CatchUp();
  // WithdrawOffer(), where it is that leg's.
  void WithdrawOfferOf(const SofiaCall& from) {
    if (offered_by_ == from.snapshot_.call_id) WithdrawOffer();
  }
  bool IsOfferedByNoneBut(const SofiaCall& from) const {
    return offered_by_.empty() || offered_by_ == from.snapshot_.call_id;
  }
  bool in_referral() const {
    return open_referral() != nullptr || joined_referral() != nullptr;
  }
  bool client_has_media() const { return client_has_media_; }

  // ---- For its INVITE ----

  // What the dialog runs over is known.
  void SetTransport(LegTransport transport) { transport_ = transport; }
  void OnCallProgress(const SipStatus& status,
                      const ReliableProgress::News& news);
  // Has requests of `leg`, a dialog of this call, go where the answer to its
  // INVITE leads (RFC 3261, 12.1.2).
  void RouteDialog(nta_leg_t* leg, const sip_t& answer) const;
  // As WithNextHop(), of a dialog that need not be the call's yet.
  void WithNextHopOf(nta_leg_t* leg, NextHopReady ready);
  // `invite` is to be acknowledged.
  void OnCallAnswered(const sip_t& sip,
                      std::shared_ptr<ClientTransaction> invite);
  // `contacts`: of a 3xx.
  void OnCallRefused(const SipStatus& status, std::vector<std::string> contacts,
                     CallEndedBy by);

  // ---- For its INVITEs and changes of the session ----

  // What a request of ours says of the session timer, and what answers to it
  // do. Of a 422: whether it may be sent again.
  std::vector<SipHeader> SessionHeaders() const {
    return session_timer_.RequestHeaders();
  }
  void OnSessionAnswered(const sip_t& sip);
  bool TakeLeastInterval(const sip_t& sip);

  // The far end's offer that a re-INVITE without one asked for.
  void OnTheirOffer(const SessionUpdate::Outcome& offer);
  // What is served in the dialog, and which extensions.
  std::string allow() const;
  const char* supported(bool reliable_progress = true) const {
    return SupportedOptions(reliable_progress, takes_referrals());
  }

  bool their_offer_open() const { return machine_.their_offer_open(); }
  void OnOfferSent() { machine_.OnOfferSent(); }
  void OnOfferMet() { machine_.OnOfferMet(); }
  // How long an INVITE of ours waits after a 491 (RFC 3261, 14.1).
  Milliseconds DrawGlareBackoff() const;

  const CallSnapshot& snapshot() const { return snapshot_; }
  // By which the call came or went; null for none.
  const Trunk* trunk() const { return trunk_.get(); }
  bool live() const { return machine_.live(); }
  // The session description of this side, byte by byte.
  const std::string& offer() const { return local_sdp_; }

 private:
  SofiaCall(CallHost& host, nta_incoming_t* invite, const sip_t& sip);
  SofiaCall(CallHost& host, PlacePlan plan);
  void BeginSession();
  void TakeTrunk(std::shared_ptr<const Trunk> trunk);
  // Unset: those of before.
  void SetCredentials(const std::optional<Credentials>& credentials) {
    if (credentials) {
      credentials_ = std::make_unique<const Credentials>(*credentials);
    }
  }

  // Requests inside the dialog.
  int OnSessionRequest(nta_incoming_t* request, const sip_t& sip);
  void BindReInvite(nta_incoming_t* request);
  // 200 with `sdp`, which may be empty.
  void AcceptSessionRequest(nta_incoming_t* request, const sip_t& sip,
                            const std::string& sdp);
  int OnPrack(nta_incoming_t* request, const sip_t& sip);
  int OnInfo(nta_incoming_t* request, const sip_t& sip);
  // `own`: the dialog that a REFER outside this one begins; null: inside.
  int OnRefer(nta_incoming_t* request, const sip_t& sip,
              std::shared_ptr<ReferralDialog> own);
  int OnSubscribe(nta_incoming_t* request, const sip_t& sip);
  int OnNotify(const sip_t& sip);
  int OnBye(const sip_t& sip);
  // Lets a NOTIFY in that the far end sent before its BYE, which is `bye`, and
  // that comes after it.
  void AwaitOvertakenNotifys(const sip_t& bye);

  void Perform(const CallMachine::Actions& actions);
  void AnswerAfter(Milliseconds ringing);
  void OfferToClients(const CallTreatment& treatment);
  // Sets `timer` anew, or stops it.
  void Arm(std::optional<TimerQueue::Id>& timer, Milliseconds wait,
           absl::AnyInvocable<void()> then);
  void Disarm(std::optional<TimerQueue::Id>& timer);
  // FAILED_PRECONDITION where the INVITE has been answered.
  absl::Status CheckAwaitsAnswer() const;
  // Takes a client's session description as this side's.
  absl::Status TakeSdp(std::string sdp);
  void SendRinging();

  // In an early dialog.
  void BeginProvisional(const sip_t& sip);
  void SendProvisional(
      const std::optional<ReliableResponses::Sending>& sending);
  void Transmit(const ReliableResponses::Sending& sending);
  void ArmProvisionalTimer();
  void OnProvisionalTimer();
  void TakeEarlyAnswer(std::string_view answer);
  // Answers a PRACK or UPDATE; `to_offer`: how, where it has an offer that can
  // be answered. `refreshes`: it is a target refresh.
  int AnswerEarly(nta_incoming_t* request, const sip_t& sip, int to_offer,
                  bool refreshes);
  int OnEarlyUpdate(nta_incoming_t* request, const sip_t& sip);
  // Before our INVITE is answered.
  int OnCallingRequest(nta_incoming_t* request, const sip_t& sip);

  void SendReject();
  void Answer();
  // FAILED_PRECONDITION where the other leg of a bridge decides.
  absl::Status CheckNotBridged() const;
  // ACK of the 2xx to our INVITE, with the answer to its offer, if it had one.
  // `theirs`: the answer in the 2xx, for the caller on the other leg.
  void AcknowledgeCall(std::string answer, std::string theirs = {});

  const ReferralPolicy& referral_policy() const;
  bool takes_referrals() const {
    return referral_policy().mode != ReferralMode::kOff;
  }
  // 0, or how a REFER is refused as the call stands.
  int CheckMayBeReferred();
  void TakeReferral(nta_incoming_t* request, const sip_t& sip,
                    ReferralOrder order, std::shared_ptr<ReferralDialog> own);
  // The open one of its far end; null for none.
  InboundReferral* open_referral() const;
  // The open one that it takes part in; null for none.
  InboundReferral* joined_referral() const;
  void LeaveReferrals();

  // Ends the bridge. Returns what other_leg() was.
  SofiaCall* Unbridge();
  void LeaveBridge();
  // The far end's request is answered when the other leg has answered it.
  int DeferOffer(nta_incoming_t* request, const sip_t& sip, SofiaCall& other);
  void RefuseDeferred(const SipStatus& status);
  void OnRelayEnded(const SessionUpdate::Outcome& outcome);
  void OnPlaceDecided(const SessionUpdate::Outcome& outcome);
  void OnDeferredCancelled();
  struct InfoRelay;
  void SendInfo(const std::shared_ptr<InfoRelay>& relay,
                const SipAddress& next_hop);
  void FinishInfo(const std::shared_ptr<InfoRelay>& relay,
                  const SipStatus& status);
  void EndReplaced();
  void SendCancel();
  void SendBye();
  void OnByeAnswered(int status);
  // Whether a challenge to the BYE can be answered.
  bool TakeByeChallenge(const sip_t& sip);
  void OnProbeAnswered(int status);
  // Answers an offer, or renews our own where there is none. An error names the
  // SIP status to refuse with.
  struct SdpAnswer {
    int refuse_with = 0;
    std::string sdp{};
    // The other leg has to.
    bool for_other_leg = false;
  };
  SdpAnswer AnswerOffer(const sip_t& sip);
  void RememberLocalSdp(std::string sdp);
  // Whether there was one that differs from the last.
  bool RememberRemoteSdp(std::string_view sdp);
  // An offer of the far end inside the dialog is answered with `answer`.
  // Returns whether either side's description is another one than before.
  bool TakeSession(const sip_t& sip, const std::string& answer);

  // A change of the session: what is offered, and whether it is a hold.
  void Renegotiate(SessionUpdate::MakeOffer make_offer, bool hold,
                   SessionUpdate::Done done);
  void BeginUpdate();
  void OnUpdateEnded(const std::string& offer, bool hold,
                     const SessionUpdate::Outcome& outcome);
  std::string OfferFor(const UpdateRequest& request) const;
  absl::Status CheckMayUpdate(const UpdateRequest& request);

  // 200 to an INVITE or UPDATE, with `sdp` where it is not empty: the session
  // lasts anew.
  void SendOk(nta_incoming_t* request, const std::string& sdp);
  void ArmSessionTimer();
  void OnSessionTimer();
  void RefreshSession();
  void SendRefresh(const SipAddress& next_hop);
  void OnRefreshAnswer(const sip_t& sip, ClientTransaction::Ending ending);
  void RetryRefresh();
  // The far end does not know the call, or is not there.
  void LoseLeg(const std::string& cause);

  // Tells watchers where the call changed.
  void PublishPhase();
  // And the transfers that wait for its answer.
  void TellAwaiting();
  void Publish(CallChange change);
  // Frees what a call that has ended does not need.
  void ReleaseIfOver();

  absl::StatusOr<TransferPlan> Plan(const TransferRequest& request) const;
  CallTransfer* open_transfer();

  CallHost& host_;
  LegTransport transport_;
  nta_leg_t* leg_ = nullptr;
  nta_incoming_t* invite_ = nullptr;
  nta_incoming_t* reinvite_ = nullptr;
  // Until it is answered.
  std::shared_ptr<OutgoingInvite> outgoing_;
  CallMachine machine_;
  CallSnapshot snapshot_;
  SdpOrigin sdp_origin_;
  // As it went out: the snapshot's has been made fit for people.
  std::string local_sdp_;
  // The session description is a client's or the other leg's, and with it the
  // media.
  bool client_has_media_ = false;
  // What this side offers again when it takes the far end off hold.
  std::string sdp_off_hold_;
  bool hold_abandoned_ = false;
  // A hold, or its end, that waits for the change before it.
  struct WaitingHold {
    bool hold = false;
    HoldDone done;
  };
  std::optional<WaitingHold> waiting_hold_;
  std::shared_ptr<SessionUpdate> update_;
  // The other leg of a bridge; empty for none.
  std::string other_leg_id_;
  bool keeps_other_leg_ = false;
  // It has ended, and this one waits for its own transfer to end.
  bool other_leg_gone_ = false;
  // The far end's re-INVITE or UPDATE that waits for the other leg.
  nta_incoming_t* deferred_ = nullptr;
  // The leg that takes the place of another one asks this one, which answers by
  // SettleOffer().
  std::string asked_leg_id_;
  // What was relayed to this leg is wanted no more.
  bool relay_withdrawn_ = false;
  // Whose offer, relayed to this leg, is open; empty for none. And its streams.
  std::string offered_by_;
  std::optional<std::size_t> relayed_media_;
  std::optional<TimerQueue::Id> relay_timer_;
  // The 2xx to our INVITE, whose ACK is to come.
  std::shared_ptr<ClientTransaction> unacknowledged_;
  std::vector<std::shared_ptr<InfoRelay>> info_relays_;
  // The Reason (RFC 3326) of the BYE that ends the call, whoever sends it;
  // empty: none.
  std::string bye_reason_;
  // What only an INVITE has that is not answered yet, or whose PRACK may still
  // come.
  struct EarlyState {
    // The streams that it offers; unset: it has no offer.
    std::optional<std::size_t> offered_media{};
    // What the next 18x, and a refusal, say; and whether that 18x had better be
    // reliable.
    ProgressRequest progress{};
    bool progress_reliably = false;
    ReliableResponses provisional{};
    RejectRequest reject{};
  };
  // Null for one that is over, and for a call that this side placed.
  std::unique_ptr<EarlyState> early_;
  std::optional<TimerQueue::Id> provisional_timer_;
  bool retired_ = false;
  std::optional<TimerQueue::Id> answer_timer_;
  SessionTimer session_timer_{{}};
  std::optional<TimerQueue::Id> session_timer_id_;
  std::unique_ptr<ClientTransaction> refresh_;
  ChallengeAnswer refresh_authorization_;
  // By which the call came or went; null for none.
  std::shared_ptr<const Trunk> trunk_;
  // The client's own; null for none.
  std::unique_ptr<const Credentials> credentials_;
  std::unique_ptr<ClientTransaction> bye_;
  ChallengeAnswer bye_authorization_;
  std::unique_ptr<ClientTransaction> probe_;
  // Transfers of others that wait for its answer: their calls and themselves.
  std::vector<std::pair<std::string, std::string>> awaiting_;
  // Oldest first; at most one is open.
  std::vector<std::unique_ptr<CallTransfer>> transfers_;
  std::vector<std::unique_ptr<InboundReferral>> referrals_;
  // The call whose far end's REFER this one takes part in; empty for none.
  std::string referral_of_;
  // It was a leg of a bridge, and stays without another one.
  bool alone_ = false;
  // CatchUp() waits for what is open.
  bool catches_up_ = false;
  // How often it has offered something in this bridge: two far ends that answer
  // otherwise each time would never agree.
  int catch_ups_ = 0;
  // How many REFERs led to this call.
  int referral_depth_ = 0;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_SOFIA_CALL_H_
