// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_TRANSFER_PARTY_H_
#define CALLCONTROL_SIP_SOFIA_TRANSFER_PARTY_H_

#include <memory>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "sip/call/call_types.h"
#include "sip/call/digest.h"
#include "sip/sofia/request_path.h"
#include "sip/transfer/sip_status.h"

namespace callcontrol::sip {

class CallTransfer;
class StandaloneRefer;
struct TransferPlan;

// Who is transferred, as a transfer sees it: the far end of a call, or whoever
// answers at a URI.
//
// Ownership: owns its transfers. Threads: SIP thread only.
class TransferParty {
 public:
  using HoldDone = absl::AnyInvocable<void(const SipStatus& status) &&>;

  virtual ~TransferParty() = default;

  // What challenges to its requests are answered with; null: nothing.
  virtual const Credentials* credentials() const = 0;

  // ---- Its call, where there is one ----

  // Null for none.
  virtual RequestPath* dialog() = 0;
  // How the REFER of that plan goes outside the dialog as things stand; null:
  // it goes inside.
  virtual std::shared_ptr<StandaloneRefer> OutsideDialog(
      const TransferPlan& plan) = 0;
  // Tells the open transfer once it may send its REFER.
  virtual void BeginTransfer() = 0;
  // Puts the far end on hold, or takes it off, after a change of the session
  // that is open. `done` once it has answered; with 0 where there was nothing
  // to change, or the call is not there for it.
  virtual void SetHold(bool hold, HoldDone done) = 0;
  // Nobody waits for the hold any more: it is undone, should it come about.
  virtual void AbandonHold() = 0;
  // Sends BYE, or whatever ends the call as it stands.
  virtual void HangUpLeg(std::string_view reason) = 0;
  // Asks the far end by OPTIONS whether it still knows the call.
  virtual void Probe() = 0;
  // The far end showed that it knows the call.
  virtual void SeenAlive() = 0;
  virtual const FarEnd& far_end() const = 0;

  // ---- Its transfers ----

  // The open one has told its result.
  virtual void OnTransferOver() = 0;

  virtual CallTransfer* FindTransfer(std::string_view transfer_id) = 0;
  // Destroys a transfer after the loop's turn.
  virtual void Forget(CallTransfer& transfer) = 0;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_TRANSFER_PARTY_H_
