// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_LADDER_H_
#define CALLCONTROL_CLIENTS_CLI_LADDER_H_

#include <string>
#include <vector>

#include "callcontrol/v1/transfer.pb.h"

namespace callcontrol::cli {

// Draws a transfer as a ladder, as an engineer would on paper: one lifeline for
// this server, one for the far end and, once statuses of it are reported, one
// for the target; one row per message, with seconds since the transfer began.
//
//     time  callcontrold                 far end                    target
//    0.000       │─────────── REFER ───────►│                          │
//    0.031       │◄───── 202 Accepted ──────│┄┄┄┄┄┄┄┄ INVITE ┄┄┄┄┄┄┄┄┄►│
//
// Solid arrows are messages that this server sent or received. Dotted ones are
// what the far end told of the target: when those messages flew is not known.
// Warnings stand as notes at the right of the far end.
//
// `events` are the log of `transfer`, in order; a log that stops before its
// `result` is drawn as far as it goes. Text of peers is made printable. No line
// is wider than 80 columns. `ascii`: no box characters.
std::string RenderLadder(const v1::Transfer& transfer,
                         const std::vector<v1::ReferEvent>& events, bool ascii);

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_LADDER_H_
