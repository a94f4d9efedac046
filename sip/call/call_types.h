// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_CALL_CALL_TYPES_H_
#define CALLCONTROL_SIP_CALL_CALL_TYPES_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "sip/call/identity.h"

namespace callcontrol::sip {

enum class CallDirection { kInbound, kOutbound };

// Where a call stands, as its watchers see it.
enum class CallPhase {
  kIncoming,  // Theirs.
  kCalling,   // Ours, and nothing but 100 came.
  kRinging,
  kAnswered,
  kEnding,
  kEnded,
};

enum class CallEndedBy { kNobody, kServer, kFarEnd };

// What the far end advertised about itself in Allow, Supported and Contact.
struct FarEnd {
  bool allows_refer = true;
  bool allows_update = false;
  bool supports_replaces = false;
  bool supports_norefersub = false;
  bool supports_target_dialog = false;
  bool contact_is_gruu = false;
  std::string user_agent;

  bool operator==(const FarEnd&) const = default;
};

// A REFER of the far end that waits for a client's decision. Text is fit for
// people.
struct PendingRefer {
  std::string refer_id{};
  std::string refer_to{};  // An addr-spec without headers.
  // The dialog that the target's call is to replace (RFC 3891); empty: none.
  std::string replaces{};
  std::string referred_by{};  // Empty: none.
  absl::Time deadline{};

  bool operator==(const PendingRefer&) const = default;
};

// A call as its watchers see it. Text that a peer sent is valid UTF-8 here.
struct CallSnapshot {
  std::string call_id;
  std::string sip_call_id;
  CallDirection direction = CallDirection::kInbound;
  CallPhase phase = CallPhase::kIncoming;
  std::string local_uri;
  std::string remote_uri;
  std::string remote_target;
  // The configured trunk; empty for none.
  std::string trunk;
  // Of an incoming call: who a trusted trunk says that the caller is
  // (addr-specs, RFC 3325), and what the caller asked to be withheld (RFC
  // 3323).
  std::vector<std::string> asserted_identity;
  Privacy privacy;
  std::string local_sdp;
  std::string remote_sdp;
  FarEnd far_end;
  std::vector<std::string> transfer_ids;
  // The call that this one takes the place of (RFC 3891); empty for none.
  std::string replaces_call_id;
  // The other leg, where this call is one of a bridge; also after its end.
  std::string bridged_call_id;
  // The call whose far end had this one placed, by REFER; empty for none.
  std::string referring_call_id;
  // Null for none. Shared by the snapshots that show it: most calls have none.
  std::shared_ptr<const PendingRefer> pending_refer;
  // This side has put the far end on hold.
  bool on_hold = false;
  // The application's own.
  std::map<std::string, std::string> tags;
  absl::Time create_time;
  std::optional<absl::Time> answer_time;
  std::optional<absl::Time> end_time;
  int end_status = 0;
  std::string end_reason;
  CallEndedBy ended_by = CallEndedBy::kNobody;

  bool operator==(const CallSnapshot&) const = default;
};

// What changed when a snapshot was made.
enum class CallChange {
  kIncoming,
  kCalling,
  kRinging,
  kAnswered,
  kUpdated,
  kTransferring,
  kReferRequested,
  kEnded,
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_CALL_CALL_TYPES_H_
