// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_CALL_HOST_H_
#define CALLCONTROL_SIP_SOFIA_CALL_HOST_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sip/call/call_engine.h"
#include "sip/dns/resolver.h"
#include "sip/sofia/engine_options.h"
#include "sip/sofia/sip_loop.h"
#include "sip/sofia/sofia.h"
#include "sip/transfer/sip_uri.h"

namespace callcontrol::sip {

class CallHost;
class CallTransfer;
class ClientTransaction;
class SofiaCall;
class StandaloneRefer;
class TlsLayer;
class UriReferral;

// How the messages of a dialog travel, which its Contact says.
struct LegTransport {
  SipTransport transport = SipTransport::kUdp;
  // Begun with a sips: URI: TLS on every hop, and Contacts that are sips: URIs
  // (RFC 3261, 12.1.1 and 12.1.2; RFC 5630, 5).
  bool sips = false;
};

// Methods that the server serves everywhere.
inline constexpr char kAllow[] =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, UPDATE, PRACK";
// And those of an inbound REFER, where such are configured: nobody's is taken
// otherwise (reliability.md, decision 5).
inline constexpr char kAllowReferrals[] = ", REFER, SUBSCRIBE";
inline constexpr char kAccept[] = "application/sdp";
// A value of Supported. Calls can be replaced (RFC 3891) and have session
// timers (RFC 4028), and their provisional responses may be reliable (RFC
// 3262), which a request says where they had better be. Inbound REFERs may come
// without a subscription (RFC 4488) and outside the dialog that they are about
// (RFC 4538).
inline const char* SupportedOptions(bool reliable_progress, bool referrals) {
  if (referrals) {
    return reliable_progress ? "100rel, replaces, timer, norefersub, tdialog"
                             : "replaces, timer, norefersub, tdialog";
  }
  return reliable_progress ? "100rel, replaces, timer" : "replaces, timer";
}

// PRACK as Sofia is made to see it: sip_method_d() in sip_agent.cc.
inline constexpr sip_method_t kPrackMethod = sip_method_unknown;
inline constexpr char kPrackName[] = "PRACK";

// A request of a dialog, or of none. Returns the status to answer with, or 0
// where it answers itself, now or later (nta_request_f).
//
// Threads: SIP thread only.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  virtual int OnRequest(nta_incoming_t* request, const sip_t& sip) = 0;
};

// The nta_request_f of a leg whose requests a handler takes.
inline int HandleRequest(RequestHandler* handler, nta_leg_t*,
                         nta_incoming_t* request, const sip_t* sip) {
  return handler->OnRequest(request, *sip);
}

// A leg as CallHost::DestroyLater() takes it.
inline std::shared_ptr<void> Owned(nta_leg_t* leg) {
  return {leg,
          [](void* old) { nta_leg_destroy(static_cast<nta_leg_t*>(old)); }};
}

// The leg of the dialog that `sip`, a request outside dialogs with a Contact,
// begins here: its requests go to `handler`. Null where Sofia is out of memory.
nta_leg_t* CreateServerLeg(CallHost& host, RequestHandler& handler,
                           const sip_t& sip);

// Whether a request that Sofia gave to a leg is of its dialog: Sofia takes a
// message without a tag, or with an empty one, for a match.
bool IsOfDialog(const nta_leg_t* leg, const sip_t& sip);

// What follows the answer to an INVITE: `sip` is the ACK or the CANCEL, and
// null where the ACK never came.
//
// Threads: SIP thread only.
class InviteHandler {
 public:
  virtual ~InviteHandler() = default;
  virtual void OnAckOrCancel(nta_incoming_t* invite, const sip_t* sip) = 0;
};

// What a call needs of the engine that holds it.
//
// Ownership: outlives its calls. Threads: SIP thread only.
class CallHost {
 public:
  virtual ~CallHost() = default;

  virtual const EngineOptions& options() const = 0;
  virtual SipLoop& loop() = 0;
  virtual Resolver& resolver() = 0;
  virtual EngineObserver& observer() = 0;
  virtual nta_agent_t* agent() = 0;

  // Our Contact for a dialog that runs over that.
  virtual const sip_contact_t* contact(LegTransport leg = {}) const = 0;

  // Null where SIP over TLS is not configured.
  virtual const TlsLayer* tls() const = 0;

  // "<kind>-<node>-<random>", unguessable.
  virtual std::string NewId(std::string_view kind) = 0;

  // The call, while it is held; null afterwards.
  virtual SofiaCall* Find(const std::string& call_id) = 0;

  // A transfer of that call, or of none where `call_id` is empty; null where
  // there is none.
  virtual CallTransfer* FindTransfer(const std::string& call_id,
                                     const std::string& transfer_id) = 0;

  // The call of this server's that a Replaces value names (RFC 3891, 3), as its
  // far end sees it; null for none. `answer`: 200 where it can be replaced now.
  virtual SofiaCall* FindReplaced(const std::string& replaces, int& answer) = 0;

  // Whether a request to `uri` would come back here.
  virtual bool LeadsHere(const SipUri& uri) const = 0;

  // `uri`, with the trunk's host where it leads here.
  virtual SipUri AtTrunkIfHere(const SipUri& uri,
                               const std::string& trunk_name) const = 0;

  // NOTIFYs outside the dialogs of calls that carry that tag in To are for
  // `refer`; null: for nobody any more.
  virtual void TakeNotifys(const std::string& tag, StandaloneRefer* refer) = 0;

  // What requests by that trunk, outside dialogs, carry as Route: the
  // Service-Route of its registration; empty: none.
  virtual std::vector<std::string> ServiceRouteOf(
      const std::string& trunk) const = 0;

  // Whether one more REFER of a far end can be taken on.
  virtual bool TakesReferrals() = 0;

  // The REFER of that id waits for a client to decide, in `call`; null: not any
  // more.
  virtual void OnReferWaits(const std::string& refer_id, SofiaCall* call) = 0;

  // Places a call that the far end of `referrer` wants, in the name of
  // `partner`'s, where there is one, and with `headers` beside those of
  // `request`. Null with the cause in `refusal`. Then BeginPlaced().
  virtual SofiaCall* PlaceReferred(const SofiaCall& referrer,
                                   const SofiaCall* partner,
                                   PlaceRequest request,
                                   std::vector<SipHeader> headers,
                                   SipStatus& refusal) = 0;

  // The call has ended and absorbs nothing any more. Destroys it, later.
  virtual void Retire(SofiaCall& call) = 0;

  // The same of a transfer outside any call.
  virtual void Retire(UriReferral& referral) = 0;

  // Destroys something of a call once nothing of the call is running.
  virtual void DestroyLater(std::shared_ptr<void> object) = 0;

  // Keeps an INVITE that nobody waits for until it must have ended.
  virtual void Abandon(std::shared_ptr<ClientTransaction> invite) = 0;

  virtual void OnTransferOpened() = 0;
  virtual void OnTransferEnded() = 0;
  virtual void OnCallEnded() = 0;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_CALL_HOST_H_
