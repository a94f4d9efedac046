// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_PROGRESS_LINE_H_
#define CALLCONTROL_CLIENTS_CLI_PROGRESS_LINE_H_

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "callcontrol/v1/transfer.pb.h"
#include "clients/cli/environment.h"

namespace callcontrol::cli {

// A word and what the far end said: "ringing", "180 Ringing".
struct Progress {
  std::string word = "asking";
  std::string detail;

  bool operator==(const Progress&) const = default;
};

// Where a transfer stands after `event`, having stood at `before`.
Progress ProgressAfter(const Progress& before, const v1::ReferEvent& event);

// The line that moves while a transfer runs, without control characters and
// never wider than the terminal: "⠹ ringing  180 Ringing  3.2s".
std::string ProgressText(const Progress& progress, absl::Duration elapsed,
                         const TerminalInfo& terminal);

// What makes `line` take the place of the line that is shown: back to its
// start, then erase to the end.
std::string Rewrite(std::string_view line);

// The colours of callctl.
enum class Color { kNone, kGreen, kRed, kYellow };

// `text` in `color` where the terminal wants colours.
std::string Colored(std::string_view text, Color color,
                    const TerminalInfo& terminal);

// Green, red or yellow.
Color ColorOf(v1::TransferVerdict verdict);

// "✔", "✘" or "?"; ASCII where the terminal needs it.
std::string_view MarkOf(v1::TransferVerdict verdict,
                        const TerminalInfo& terminal);

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_PROGRESS_LINE_H_
