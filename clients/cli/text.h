// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_TEXT_H_
#define CALLCONTROL_CLIENTS_CLI_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace callcontrol::cli {

// Text that a terminal shows and never obeys: control characters, characters
// that reorder a line and bytes that are not UTF-8 become visible escapes
// ("\x1b", "\n", "\u{202e}"). Whatever a server or a SIP peer wrote goes
// through here.
std::string Printable(std::string_view untrusted);

// The columns that printable UTF-8 takes.
int DisplayWidth(std::string_view text);

// `text` with blanks up to `width` columns; longer text as it is.
std::string PadRight(std::string_view text, int width);

// `text` cut to `width` columns, its end marked by `mark`. A width of 0 is no
// limit.
std::string Clip(std::string_view text, int width, std::string_view mark);

// The lines of `text`, broken at blanks to `width` columns; a longer word is
// cut. Never empty.
std::vector<std::string> Wrap(std::string_view text, int width);

absl::Time ToTime(const google::protobuf::Timestamp& time);
absl::Duration ToDuration(const google::protobuf::Duration& duration);

// "2024-05-01 12:00:00.123", UTC.
std::string DateAndTime(absl::Time time);
// "12:00:00.123", UTC.
std::string TimeOfDay(absl::Time time);
// "4.210": seconds and milliseconds.
std::string Seconds(absl::Duration duration);
// "3.2s", "1m05s", "2h03m": for people.
std::string Roughly(absl::Duration duration);

// `name` without `prefix`: "ANSWERED" for CALL_STATE_ANSWERED. A value that
// this program does not know has no name and is shown as its `number`.
std::string Token(std::string_view name, std::string_view prefix, int number);

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_TEXT_H_
