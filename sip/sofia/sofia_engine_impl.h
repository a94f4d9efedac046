// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_SOFIA_ENGINE_IMPL_H_
#define CALLCONTROL_SIP_SOFIA_SOFIA_ENGINE_IMPL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sip/dns/resolver.h"
#include "sip/sofia/call_host.h"
#include "sip/sofia/call_registry.h"
#include "sip/sofia/client_transaction.h"
#include "sip/sofia/overload_guard.h"
#include "sip/sofia/sip_agent.h"
#include "sip/sofia/sip_loop.h"
#include "sip/sofia/sofia_engine.h"
#include "sip/sofia/trunk_registrations.h"
#include "sip/sofia/uri_referral.h"

namespace callcontrol::sip {

// What of the engine runs on the SIP thread. Its functions are in four files:
// what lives and ends, and what calls share (sofia_engine_impl.cc), transfers
// (sofia_engine_transfers.cc), calls that this side places
// (sofia_engine_place.cc), requests that come outside dialogs
// (sofia_engine_requests.cc).
//
// Ownership: owns the loop, and all that runs on it. Threads: SIP thread only,
// but for the construction, the destruction, Start(), loop(), the ports and
// RefuseNewWork(). Errors: those of CallEngine. Time: that of the loop.
class SofiaEngine::Impl final : public CallHost, public RequestHandler {
 public:
  Impl(EngineOptions options, EngineObserver& observer);
  ~Impl() override;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  absl::Status Start();
  std::uint16_t port() const { return agent_->port(); }
  std::uint16_t tls_port() const { return agent_->tls_port(); }

  // ---- What clients want: see CallEngine ----
  void Refer(const TransferRequest& request, ReferDone done);
  void Cancel(const std::string& call_id, const std::string& transfer_id,
              CancelDone done);
  absl::Status Decide(const ReferDecision& decision);
  void Place(const PlaceRequest& request, PlaceDone done);
  // Answers `done` with what `act` makes of the call.
  void WithCall(const std::string& call_id, CallDone done,
                absl::FunctionRef<absl::Status(SofiaCall&)> act);
  void Update(const UpdateRequest& request, CallDone done);
  void SetRouting(std::vector<CallRoute> routes, Trunks trunks);
  absl::Status ReloadTls();
  // From any thread, ahead of Drain(), so that whoever is told of the draining
  // finds it true.
  void RefuseNewWork() { draining_ = true; }
  void Drain(Done done);
  void Stop(Done done);

  // ---- CallHost ----
  const EngineOptions& options() const override { return options_; }
  SipLoop& loop() override { return loop_; }
  Resolver& resolver() override { return *resolver_; }
  EngineObserver& observer() override { return observer_; }
  nta_agent_t* agent() override { return agent_->agent(); }
  const sip_contact_t* contact(LegTransport leg = {}) const override {
    return agent_->contact(leg);
  }
  const TlsLayer* tls() const override { return agent_->tls(); }
  std::string NewId(std::string_view kind) override;
  SofiaCall* Find(const std::string& call_id) override {
    return calls_.Find(call_id);
  }
  CallTransfer* FindTransfer(const std::string& call_id,
                             const std::string& transfer_id) override;
  SofiaCall* FindReplaced(const std::string& replaces, int& answer) override;
  bool LeadsHere(const SipUri& uri) const override;
  SipUri AtTrunkIfHere(const SipUri& uri,
                       const std::string& trunk_name) const override;
  void TakeNotifys(const std::string& tag, StandaloneRefer* refer) override;
  std::vector<std::string> ServiceRouteOf(
      const std::string& trunk) const override;
  bool TakesReferrals() override;
  void OnReferWaits(const std::string& refer_id, SofiaCall* call) override;
  SofiaCall* PlaceReferred(const SofiaCall& referrer, const SofiaCall* partner,
                           PlaceRequest request, std::vector<SipHeader> headers,
                           SipStatus& refusal) override;
  void Retire(SofiaCall& call) override;
  void Retire(UriReferral& referral) override;
  void DestroyLater(std::shared_ptr<void> object) override;
  void Abandon(std::shared_ptr<ClientTransaction> invite) override;
  void OnTransferOpened() override { ++open_transfers_; }
  void OnTransferEnded() override;
  void OnCallEnded() override;

  // Of requests outside any dialog.
  int OnRequest(nta_incoming_t* request, const sip_t& sip) override;

 private:
  // Takes a transfer on; `party` is who is to begin it, null where it was only
  // to be validated.
  absl::StatusOr<TransferPlan> TakeOn(const TransferRequest& request,
                                      TransferParty*& party);
  absl::StatusOr<TransferPlan> TakeOnWithoutCall(const TransferRequest& request,
                                                 TransferParty*& party);

  // Whether new work is refused, some of which is here. Transfers of calls by
  // clients are none: they end calls. Those that far ends ask for place one.
  bool Overloaded();
  // Tells the log what is new of a shortage, and looks again until it is over.
  void WatchOverload();

  int OnInvite(nta_incoming_t* request, const sip_t& sip);
  int OnOptions(nta_incoming_t* request, const sip_t& sip);
  // The call that an INVITE wants to take the place of; null for none. Returns
  // how it is refused, 0 where it is not (RFC 3891, 3).
  int RefuseReplaces(const sip_t& sip, SofiaCall*& found);
  // Of a REFER outside any dialog, which has no leg of Sofia's.
  int OnNotify(nta_incoming_t* request, const sip_t& sip);
  // Nobody is let in by REFER or SUBSCRIBE alone: what a stranger asks for is
  // 403 (RFC 3515, 2.4.4 and 5.2), and 405 where nobody may refer.
  int RefuseOutsideDialogs(nta_incoming_t* request, const sip_t& sip);
  // The call that a REFER outside dialogs is about; null for none. Its tags,
  // which nobody can guess, are the permission (RFC 4538, 4; RFC 7647, 4), but
  // not for those who are not of the call's trunk: an attended transfer tells
  // the tags of the call that it replaces.
  SofiaCall* FindReferredTo(nta_incoming_t* request, const sip_t& sip);
  // Where a request came from, and whom it is for; the trunk as well, which is
  // null for none.
  IncomingCall Incoming(nta_incoming_t* request, const sip_t& sip,
                        std::shared_ptr<const Trunk>& trunk);
  // Whether far ends of that trunk, or of none, may refer.
  bool MayRefer(const Trunk* trunk) const;
  // Whether whoever sent that may.
  bool RefersFrom(nta_incoming_t* request, const sip_t& sip);

  // Calls the other leg of the bridge that a route wants.
  void Bridge(SofiaCall& caller, const sip_t& sip, const BridgeTerms& terms);
  SofiaCall& Keep(std::unique_ptr<SofiaCall> call);
  // Keeps a call that this side places. Null where there are too many.
  SofiaCall* KeepPlaced(PlacePlan plan);
  void TellCalling(const SofiaCall& placed);

  void EmptyGraves();
  void TellIfDrained();
  void TellIfStopped();

  const EngineOptions options_;
  std::vector<CallRoute> routes_;
  Trunks trunks_;
  EngineObserver& observer_;
  std::random_device random_device_;
  std::unique_ptr<SipAgent> agent_;
  std::vector<std::shared_ptr<ClientTransaction>> abandoned_;
  CallRegistry calls_;
  // REFERs outside dialogs, by the tag that is theirs.
  std::map<std::string, StandaloneRefer*, std::less<>> standalone_by_tag_;
  // Transfers outside any call, by id.
  std::unordered_map<std::string, std::unique_ptr<UriReferral>> referrals_;
  // REFERs that wait for a client, and whose call they came in.
  std::unordered_map<std::string, std::string> waiting_refers_;
  TrunkRegistrations registrations_{*this};
  // What is destroyed at the next turn of the loop.
  std::vector<std::shared_ptr<void>> buried_;
  int live_calls_ = 0;
  int open_transfers_ = 0;
  std::atomic<bool> draining_ = false;
  OverloadGuard overload_{options_.overload_after};
  Done on_no_transfers_ = nullptr;
  Done on_no_calls_ = nullptr;
  // Ends before what its thread uses.
  SipLoop loop_;
  // Ends before the loop, which its callbacks post to.
  std::unique_ptr<Resolver> resolver_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_SOFIA_ENGINE_IMPL_H_
