// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TRANSFER_TRANSFER_TYPES_H_
#define CALLCONTROL_SIP_TRANSFER_TRANSFER_TYPES_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sip/transfer/sip_status.h"
#include "sip/transfer/sipfrag.h"
#include "sip/transfer/subscription_state.h"

namespace callcontrol::sip {

// An instant of the monotonic clock. Pure code is handed it and never reads it.
using MonotonicTime = std::chrono::steady_clock::time_point;
using Milliseconds = std::chrono::milliseconds;

// How a transfer ended. The names are api.md's; each is explained in
// transfer.proto.
enum class TransferOutcome {
  kTransferred,
  kAcceptedUnconfirmed,
  kAcceptedNoSubscription,
  kAcceptedNoNotify,
  kNoFinalStatus,
  kLegEndedUnconfirmed,
  kTargetFailed,
  kReferDeclined,
  kReferRejected,
  kReferNotSupported,
  kReferRedirected,
  kReferAuthFailed,
  kReferTimeout,
  kTransportFailed,
  kSubscriptionRejectedByPeer,
  kLegEndedBeforeRefer,
  kLegEndedDuringRefer,
  kLegLost,
  kHoldFailed,
  kLegNotReady,
  kLocalHangup,
  kServerShutdown,
  kInternalError,
  kCancelled,
};

// The name without the enum's prefix: "TRANSFERRED".
std::string_view ToString(TransferOutcome outcome);

enum class TransferVerdict { kSuccess, kFailure, kUnknown };

std::string_view ToString(TransferVerdict verdict);

// How far a REFER got. Decides what an outcome that came from this side, or
// from the loss of the leg, says about the transfer.
enum class ReferProgress { kNotSent, kSent, kAccepted };

// Success only for a reported 2xx; unknown wherever the transfer may still come
// about without anybody telling.
TransferVerdict VerdictOf(TransferOutcome outcome, ReferProgress progress);

// What this side does with the original call afterwards.
enum class LegAction { kHangUp, kWaitForPeer, kKeep };

enum class ClearedBy { kNobody, kServer, kFarEnd };

// What a client's cancelling of a transfer can do.
enum class CancelOutcome {
  kWithdrawn,     // No REFER is out: nothing will come of it.
  kUnsubscribed,  // Nobody listens any more; the far end may still transfer.
  kTooLate,       // The outcome is there, or the leg is being dealt with.
};

// Limits and policies of one transfer: protocol.md 3.1, in its words.
struct TransferPolicy {
  Milliseconds hold_limit{10'000};         // T_hold
  Milliseconds ready_limit{5'000};         // T_ready
  Milliseconds refer_response{32'000};     // T_F, 64*T1
  Milliseconds first_notify{32'000};       // T_N, 64*T1
  Milliseconds final_status{360'000};      // T_final
  Milliseconds subscription_grace{2'000};  // T_sub
  Milliseconds unconfirmed_wait{32'000};   // T_unconf
  Milliseconds bye_grace{500};             // T_bye
  Milliseconds lost_grace{2'000};          // T_lost
  Milliseconds bye_answer_wait{4'000};     // T_byetx
  // Answer to the OPTIONS that probes a suspect leg: long after the far end
  // itself said 481, one T1 after it said nothing at all for 64*T1, because the
  // result must not hang on a peer that is dead (docs/adr/0006).
  Milliseconds probe_wait{4'000};
  Milliseconds silent_probe_wait{500};
  // T_491 of each time, drawn by the holder (RFC 3261, 14.1).
  std::array<Milliseconds, 2> glare_backoffs{Milliseconds(1'000),
                                             Milliseconds(1'000)};
  // T_retry: the longest Retry-After of a refused REFER that is waited for
  // before it is sent once more (RFC 3261, 20.33). 0: it is never.
  Milliseconds retry_after_max{0};
  Milliseconds tail{32'000};  // T_tail

  // Unset: the default of protocol.md 3.2.
  std::optional<LegAction> on_success{};
  std::optional<LegAction> on_unconfirmed{};
  std::optional<LegAction> on_failure{};

  // The far end is put on hold before the REFER, and taken off where the
  // transfer fails.
  bool hold_first = false;
  // A hold that is refused ends nothing: the REFER leaves all the same.
  bool refer_unheld = false;

  // The subscription is refreshed by SUBSCRIBE (RFC 6665, 4.1.2.2).
  bool refresh = false;

  // The call that is to be replaced is not answered yet (RFC 5589, 7.6).
  bool awaits_target = false;

  // There is a call, whose far end is transferred. Without one there is nothing
  // to clear, to keep or to ask whether it still lives.
  bool has_leg = true;

  // No leniency with off-standard NOTIFYs; T_N ends the transfer.
  bool strict = false;

  bool operator==(const TransferPolicy&) const = default;
};

// ---- What goes in -------------------------------------------------------

// A final answer to the REFER.
struct ReferAnswer {
  SipStatus status;
  // "Refer-Sub: false" in a 2xx (RFC 4488, 4).
  bool no_subscription = false;
  // A 401 or 407 that the next REFER answers, or a 420 about what that one
  // leaves out.
  bool answerable = false;
  std::optional<std::chrono::seconds> retry_after{};
  // Of a 3xx, as addr-specs.
  std::vector<std::string> contacts{};
  // The Reason header (RFC 3326).
  std::string sip_reason{};
};

// A final answer to the SUBSCRIBE that refreshes the subscription; 408 where
// there was none.
struct RefreshAnswer {
  int status = 0;
  // The Expires of a 2xx.
  std::optional<std::chrono::seconds> expires{};
};

// A NOTIFY that belongs to the transfer (notify_match.h decides that).
struct ReferNotify {
  std::uint32_t cseq = 0;
  // Nullopt: none, or unreadable.
  std::optional<SubscriptionState> subscription;
  SipfragReading body;
};

// ---- What comes out -----------------------------------------------------

struct ReferSent {
  std::uint32_t cseq = 0;
  int attempt = 1;
  // Where these are other than was planned; else empty.
  std::string refer_to{};
  std::string sip_call_id{};
  bool operator==(const ReferSent&) const = default;
};

struct ReferAnswered {
  SipStatus status;
  bool operator==(const ReferAnswered&) const = default;
};

struct TransferStatus {
  SipStatus status;
  // The substate as the far end wrote it; empty where it told none.
  std::string subscription_state;
  bool final = false;
  std::uint32_t notify_cseq = 0;
  bool operator==(const TransferStatus&) const = default;
};

struct TransferWarning {
  // Stable upper-case token.
  std::string code;
  std::string text;
  bool operator==(const TransferWarning&) const = default;
};

struct TransferResult {
  TransferVerdict verdict = TransferVerdict::kUnknown;
  TransferOutcome outcome = TransferOutcome::kInternalError;
  int refer_status = 0;
  std::optional<int> final_status;
  int last_status = 0;
  std::string reason;
  std::optional<std::chrono::seconds> retry_after;
  std::string sip_reason;
  ClearedBy cleared_by = ClearedBy::kNobody;
  Milliseconds duration{};
  // How long before the result our BYE left or the far end's came.
  std::optional<Milliseconds> bye_age;
  int bye_status = 0;
  std::vector<std::string> contacts;
  std::string subscription_reason;
  bool operator==(const TransferResult&) const = default;
};

using TransferEvent = std::variant<ReferSent, ReferAnswered, TransferStatus,
                                   TransferWarning, TransferResult>;

// What the holder of the machine must do, in order.
enum class TransferAction {
  kAwaitLeg,     // Tell OnLegReady() once the leg may be referred.
  kHold,         // Then tell OnHoldAnswer().
  kAbandonHold,  // The hold is no longer waited for: undo it if it comes.
  kResume,       // Takes the far end off hold; then tell OnResumeAnswer().
  kSendRefer,    // Then tell OnReferSent() or OnSendFailed().
  kSendBye,      // Then tell OnByeAnswer().
  kSendProbe,    // In-dialog OPTIONS; then tell OnProbeAnswer().
  kRefresh,      // SUBSCRIBE; then tell OnRefreshAnswer().
  kUnsubscribe,  // SUBSCRIBE with Expires: 0; its answer is of no interest.
  kForget,       // Drop the record: late NOTIFYs are no longer absorbed.
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TRANSFER_TRANSFER_TYPES_H_
