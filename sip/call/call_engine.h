// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_CALL_CALL_ENGINE_H_
#define CALLCONTROL_SIP_CALL_CALL_ENGINE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sip/call/call_types.h"
#include "sip/call/digest.h"
#include "sip/call/identity.h"
#include "sip/call/registration.h"
#include "sip/transfer/refer_to.h"
#include "sip/transfer/sip_header.h"
#include "sip/transfer/transfer_state.h"
#include "sip/transfer/transfer_types.h"

namespace callcontrol::sip {

// Limits of one transfer, in the words of TransferPolicy. Unset: the configured
// ones.
struct TransferLimits {
  std::optional<Milliseconds> hold{};
  std::optional<Milliseconds> ready{};
  std::optional<Milliseconds> refer_response{};
  std::optional<Milliseconds> first_notify{};
  std::optional<Milliseconds> final_status{};
  std::optional<Milliseconds> subscription_grace{};
  std::optional<Milliseconds> unconfirmed_wait{};
  std::optional<Milliseconds> bye_grace{};
  std::optional<Milliseconds> lost_grace{};
  std::optional<Milliseconds> bye_answer{};
  std::optional<Milliseconds> retry_after{};
};

// A transfer that a client asks for. Strings are the client's own and
// unchecked.
struct TransferRequest {
  // Exactly one of the three: a call by either of its names, or whoever answers
  // at a URI, outside any call.
  std::string call_id;
  std::string sip_call_id;
  std::string uri;

  // May be empty with `replaces_call_id`.
  std::string refer_to;
  std::string referred_by;  // Empty: the configured default.
  std::vector<SipHeader> headers;
  std::vector<SipHeader> target_headers;

  // Attended transfer: the call to the target, which the transferee's replaces
  // (RFC 3891). Empty: none.
  std::string replaces_call_id;

  TransferLimits limits;
  // Unset: the configured ones.
  std::optional<LegAction> on_success;
  std::optional<LegAction> on_unconfirmed;
  std::optional<LegAction> on_failure;
  bool strict = false;
  bool hold_first = false;
  // For challenges to the REFER, and from then on to the call's requests.
  std::optional<Credentials> credentials;
  // Of this side, the transferor.
  IdentityRequest identity{};
  // "Refer-Sub: false" (RFC 4488, 4).
  bool no_subscription = false;
  // The client's own name for the request; comes back in the plan.
  std::string request_id;
  bool validate_only = false;
};

// A call that a client wants placed. Strings are the client's own and unchecked
// but for `sdp`.
struct PlaceRequest {
  std::string trunk{};  // Empty: none, `to` says where it goes.
  std::string to{};
  std::string from{};  // Empty: the server's own identity.
  std::string sdp{};   // Empty: an inactive offer.
  std::vector<SipHeader> headers{};
  IdentityRequest identity{};
  // For challenges to this call's requests.
  std::optional<Credentials> credentials{};
  // How long it may ring.
  Milliseconds ring_limit{180'000};
};

// A provisional answer that a client wants; checked.
struct ProgressRequest {
  std::string call_id{};
  int status = 180;      // 180 to 199.
  std::string phrase{};  // Empty: the usual one.
  std::string sdp{};     // Empty: none.
};

// A refusal that a client wants; checked.
struct RejectRequest {
  std::string call_id{};
  int status = 603;      // 300 to 699.
  std::string phrase{};  // Empty: the usual one.
  // Of a 3xx: addr-specs.
  std::vector<std::string> contacts{};
};

// A change of the session that a client wants; checked.
struct UpdateRequest {
  enum class Change {
    kHold,    // The far end is put on hold (RFC 3264, 8.4).
    kResume,  // What was before the hold.
    kSdp,     // `sdp` is offered; its media is the client's from then on.
  };
  std::string call_id{};
  Change change = Change::kHold;
  std::string sdp{};
};

// What a client decides about a REFER of a far end; checked but for `refer_to`.
struct ReferDecision {
  std::string refer_id{};
  // The server carries it out.
  bool accept = false;
  // What the far end is told otherwise: 400 to 699.
  int status = 603;
  // Whom the server calls instead of the one that was asked for, in the words
  // of a client; empty: that one.
  std::string refer_to{};
  // The trunk that it calls by; empty: the configured one.
  std::string trunk{};
};

// How Refer-To is written once the call that is to be replaced is answered.
struct AwaitedTarget {
  std::string refer_to{};  // Empty: where that call's far end is reached.
  std::vector<SipHeader> headers{};
  TargetPolicy targets{};
};

// A transfer as it will be carried out.
struct TransferPlan {
  // Empty where the request was only to be validated.
  std::string transfer_id;
  // Empty outside any call.
  std::string call_id;
  std::string sip_call_id;
  // Header values.
  std::string refer_to;
  std::string referred_by;
  std::vector<SipHeader> headers;
  // From and Referred-By name nobody.
  bool anonymous = false;
  // The consultation call of an attended transfer.
  std::string replaces_call_id{};
  // That call is not answered yet, so that `refer_to` lacks Replaces.
  std::optional<AwaitedTarget> awaited{};
  bool no_subscription = false;
  std::string request_id{};
};

// Told of everything that happens to calls and transfers.
//
// Threads: called on the engine's thread only, one call at a time. An
// implementation must return at once: it must not block and must not wait for
// another thread. It must NOT call back into the engine.
class EngineObserver {
 public:
  virtual ~EngineObserver() = default;

  virtual void OnCall(std::shared_ptr<const CallSnapshot> call,
                      CallChange change) = 0;

  // A transfer was taken on. Comes before its first event and before the
  // `done` of CallEngine::Refer().
  virtual void OnTransferStarted(const TransferPlan& plan, absl::Time time) = 0;

  // The next event of a transfer; a TransferResult is the last one. `phase` is
  // the transfer's after the event.
  virtual void OnTransferEvent(const std::string& transfer_id,
                               const TransferEvent& event, TransferPhase phase,
                               absl::Time time) = 0;

  // The registration at the trunk of that name changed.
  virtual void OnRegistration(const std::string& trunk,
                              const RegistrationChange& change) = 0;
};

// Holds calls and transfers them: the one door between server/ and sip/.
//
// Threads: thread-safe. Every method returns at once; `done` is called exactly
// once, on the engine's thread, and must return at once.
class CallEngine {
 public:
  using ReferDone =
      absl::AnyInvocable<void(absl::StatusOr<TransferPlan> result) &&>;
  using PlaceDone =
      absl::AnyInvocable<void(absl::StatusOr<std::string> call_id) &&>;
  using CallDone = absl::AnyInvocable<void(absl::Status result) &&>;
  using CancelDone = absl::AnyInvocable<void(CancelOutcome outcome) &&>;
  using Done = absl::AnyInvocable<void() &&>;

  virtual ~CallEngine() = default;

  // Starts a transfer, or only checks it (`validate_only`). Errors:
  // INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION (also for a consultation
  // call that is ending), ABORTED with the id of
  // the open transfer, or (REFER_IN_PROGRESS) while a REFER of the far end's
  // is, RESOURCE_EXHAUSTED, UNAVAILABLE; each with a reason (base/error.h).
  virtual void Refer(TransferRequest request, ReferDone done) = 0;

  // Stops a transfer of that call, or of none, as far as that can be done;
  // `done` after its result, if it got one by that. kTooLate also where there
  // is none.
  virtual void Cancel(std::string call_id, std::string transfer_id,
                      CancelDone done) = 0;

  // Places a call; `done` with its id before anything comes of it. Errors:
  // INVALID_ARGUMENT (UNKNOWN_TRUNK for one that is not configured, or leads
  // nowhere), RESOURCE_EXHAUSTED (TOO_MANY_CALLS), UNAVAILABLE
  // (DRAINING).
  virtual void Place(PlaceRequest request, PlaceDone done) = 0;

  // Each acts on an incoming call that is not answered yet. NOT_FOUND where
  // there is no such call, FAILED_PRECONDITION (CALL_NOT_INCOMING) where it has
  // been answered or has ended, or (CALL_BRIDGED) the other leg of a bridge
  // answers it, INVALID_ARGUMENT for a session description that does not fit
  // the offer.
  virtual void Progress(ProgressRequest request, CallDone done) = 0;
  // `sdp` empty: an inactive answer.
  virtual void Answer(std::string call_id, std::string sdp, CallDone done) = 0;
  virtual void Reject(RejectRequest request, CallDone done) = 0;

  // Changes the session of an answered call by a re-INVITE; `done` once the far
  // end has answered it. OK at once where there is nothing to change.
  // FAILED_PRECONDITION: not answered or ending (CALL_NOT_READY), or refused by
  // the far end (UPDATE_REJECTED), or a client's own description where the
  // other leg of a bridge has it (CALL_BRIDGED). ABORTED: a change
  // (UPDATE_IN_PROGRESS) or a transfer (TRANSFER_IN_PROGRESS,
  // REFER_IN_PROGRESS) is open.
  // INVALID_ARGUMENT (SDP_MISMATCH). UNAVAILABLE (CALL_LOST): no answer, or one
  // that says the call is gone; the call ends.
  virtual void Update(UpdateRequest request, CallDone done) = 0;

  // Decides about a REFER that waits for it. NOT_FOUND (REFER_NOT_FOUND) where
  // there is none of that id any more; INVALID_ARGUMENT about `refer_to` or
  // `trunk`.
  virtual void DecideRefer(ReferDecision decision, CallDone done) = 0;

  // Ends a call. NOT_FOUND where there is none; OK where it has ended already.
  virtual void HangUp(std::string call_id, CallDone done) = 0;

  // Takes on no more calls and transfers. `done` once no transfer is open.
  virtual void Drain(Done done) = 0;

  // Ends what is left: open transfers with SERVER_SHUTDOWN, calls with BYE, and
  // then registrations. `done` once all of it was answered, or after a few
  // seconds.
  virtual void Stop(Done done) = 0;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_CALL_CALL_ENGINE_H_
