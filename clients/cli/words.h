// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_WORDS_H_
#define CALLCONTROL_CLIENTS_CLI_WORDS_H_

#include <string>
#include <string_view>

#include "callcontrol/v1/call.pb.h"
#include "callcontrol/v1/hook.pb.h"
#include "callcontrol/v1/transfer.pb.h"

namespace callcontrol::cli {

// The protocol's names and numbers as sentences for people. Everything that is
// returned is one line and printable, whatever the server sent, unless it says
// otherwise.

// "486 Busy Here". An empty `reason` becomes the usual phrase.
std::string StatusText(int status, std::string_view reason);

// What became of a transfer and of its call: "failed: the target is busy (486
// Busy Here); the call is still up".
std::string VerdictSentence(const v1::TransferResult& result);

// "we hung up the original call"; empty where the server did not say.
std::string CallClause(v1::CallClearedBy cleared_by);

// 0 for success, 1 for failure, 3 for unknown.
int ExitCodeOf(const v1::TransferResult& result);

// One event of a transfer, as a line of a log.
std::string EventLine(const v1::ReferEvent& event);

// The headers of a REFER that would be sent, one per line.
std::string PlanText(const v1::ReferSent& plan);

// One change of a call, as a line of a log.
std::string CallEventLine(const v1::CallEvent& event);

// The enums without their prefixes.
std::string StateToken(v1::CallState state);
std::string StateToken(v1::TransferState state);
std::string DirectionToken(v1::CallDirection direction);
std::string OutcomeToken(v1::TransferOutcome outcome);
std::string CancelToken(v1::CancelOutcome outcome);
std::string VerdictToken(v1::TransferVerdict verdict);
std::string StateToken(v1::HookDeliveryState state);
std::string KindToken(v1::HookKind kind);

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_WORDS_H_
