// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TRANSFER_NOTIFY_MATCH_H_
#define CALLCONTROL_SIP_TRANSFER_NOTIFY_MATCH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "sip/transfer/subscription_state.h"

namespace callcontrol::sip {

// A transfer of the dialog that a NOTIFY arrived on, as far as matching goes.
struct NotifyCandidate {
  // CSeq numbers of its REFERs.
  std::vector<std::uint32_t> refer_cseqs;
  // Its result is not known yet.
  bool open = false;
  bool strict = false;
};

struct NotifyMatch {
  // How the NOTIFY is answered: 200, 481 or 489.
  int answer = 481;
  // Index of the transfer that it belongs to; with 200 only.
  std::optional<std::size_t> transfer;
  // What had to be overlooked: EVENT_CASE, NO_EVENT, ID_MISMATCH; or empty.
  std::string_view warning;
};

// Finds the transfer that a NOTIFY on a live dialog belongs to (RFC 3515,
// 2.4.6; RFC 6665, 4.1.3), with the leniency that the field needs (protocol.md
// 47 to 50): a 481 makes some far ends hang up the call, so while a transfer of
// the dialog is open or was lately, a NOTIFY that can only mean it is taken.
//
// `event`: the Event header; nullopt where there was none or it was unreadable.
// `candidates`: oldest first.
NotifyMatch MatchNotify(const std::optional<EventHeader>& event,
                        const std::vector<NotifyCandidate>& candidates);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TRANSFER_NOTIFY_MATCH_H_
