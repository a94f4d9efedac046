// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TRANSFER_TRANSFER_STATE_H_
#define CALLCONTROL_SIP_TRANSFER_TRANSFER_STATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sip/transfer/transfer_types.h"

namespace callcontrol::sip {

// The states of protocol.md 3.3.
enum class TransferPhase {
  kPrep,         // Waits for a leg that may be referred.
  kHolding,      // The far end is being put on hold.
  kSending,      // The next hop is being looked up; nothing left yet.
  kSent,         // The REFER is open.
  kSentNoLeg,    // The same, and the far end has hung up.
  kBackoff,      // Waits to send the REFER again (491, Retry-After).
  kAccepted,     // 2xx, and no NOTIFY yet.
  kProgress,     // 2xx and NOTIFYs.
  kSubWait,      // The subscription ended; a final status may still come.
  kUnmonitored,  // Nobody will tell any more; the leg is being dealt with.
  kLegLost,      // The leg is gone; a final status may still come.
  kProbing,      // The leg is suspect and was asked.
  kClearing,     // The target answered; the far end may send BYE first.
  kRestoring,    // Failed, and the hold of before is being undone.
  kByeing,       // Our BYE is out.
  kDone,         // The result was told; late NOTIFYs are absorbed.
  kGone,         // Nothing is left to do.
};

std::string_view ToString(TransferPhase phase);

enum class TransferTimer {
  kHold,               // T_hold
  kReady,              // T_ready
  kReferResponse,      // T_F
  kFirstNotify,        // T_N
  kFinalStatus,        // T_final
  kExpires,            // T_exp
  kRefresh,            // T_exp, with time left for a SUBSCRIBE
  kSubscriptionGrace,  // T_sub
  kUnconfirmed,        // T_unconf
  kByeGrace,           // T_bye
  kLost,               // T_lost
  kByeAnswer,          // T_byetx
  kProbe,
  kBackoff,  // T_491, T_retry
  kTail,     // T_tail
};
inline constexpr std::size_t kTransferTimers = 15;

// Everything a transfer's machine knows: a plain value, so that it can be
// compared, copied and written down.
struct TransferState {
  TransferPolicy policy;
  TransferPhase phase = TransferPhase::kPrep;
  // What the transfer will end with, in phases that carry one.
  TransferOutcome outcome = TransferOutcome::kInternalError;
  MonotonicTime created;
  std::array<std::optional<MonotonicTime>, kTransferTimers> deadlines;

  // The hold that was wanted is over, with whatever answer; and whether it is
  // this transfer that holds the far end.
  bool hold_tried = false;
  bool holds = false;

  // Of a transfer that awaits its target: the call to it was answered.
  bool target_answered = false;

  // Every CSeq number that a REFER of this transfer used (RFC 3515, 2.4.6).
  std::vector<std::uint32_t> refer_cseqs;
  ReferProgress progress = ReferProgress::kNotSent;
  // How often a REFER was sent again: after a 491, and for a Retry-After.
  std::size_t glares = 0;
  int retries = 0;
  int refer_status = 0;
  std::string refer_reason;

  // The subscription.
  int notifies = 0;
  std::uint32_t last_notify_cseq = 0;
  int last_notify_status = 0;
  bool last_notify_terminated = false;
  bool first_notify_passed = false;
  bool subscription_ended = false;
  std::string subscription_reason;
  // The second that NOTIFYs are being counted in, against floods.
  MonotonicTime flood_window;
  int flood_count = 0;

  // What the far end told of the call to the target.
  int last_status = 0;
  std::optional<SipStatus> final;

  // The leg.
  bool leg_up = true;
  ClearedBy cleared_by = ClearedBy::kNobody;
  std::optional<MonotonicTime> bye_time;
  int bye_status = 0;

  // For the result.
  std::string reason;
  std::string sip_reason;
  std::optional<std::chrono::seconds> retry_after;
  std::vector<std::string> contacts;
  // Codes of warnings that are told once.
  std::vector<std::string> warned;

  bool operator==(const TransferState&) const = default;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TRANSFER_TRANSFER_STATE_H_
