// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_LADDER_PAPER_H_
#define CALLCONTROL_CLIENTS_CLI_LADDER_PAPER_H_

#include <string>
#include <string_view>

namespace callcontrol::cli {

// Where an arrow points.
enum class Toward { kRight, kLeft };

// The sheet that a ladder is drawn on: 79 columns with the times at the left
// and two or three lifelines. Knows nothing of transfers.
//
// Ownership: a plain value. Threads: thread-compatible. Errors: none; a label
// that is too long for its place is cut. Labels are printable text.
class LadderPaper {
 public:
  LadderPaper(bool ascii, bool three_lifelines);

  // A line of its own over the whole width, wrapped; the second and later lines
  // begin with `indent` blanks.
  void Line(std::string_view text, int indent);
  void Blank();

  // The names above the lifelines.
  void Heading();

  // The pieces of a row; Row() puts them down.
  std::string Arrow(std::string_view label, Toward toward) const;
  std::string DottedArrow(std::string_view label, Toward toward) const;
  // `time` may be empty, and so may `left` and `right`.
  void Row(std::string_view time, std::string_view left,
           std::string_view right);
  // A note at the right of the second lifeline, as many rows as it needs.
  void Note(std::string_view time, std::string_view text);
  // A row that says that time went by.
  void Gap();

  const std::string& text() const { return text_; }

 private:
  std::string DrawArrow(std::string_view label, Toward toward,
                        std::string_view stroke) const;
  void PutRow(std::string_view time, std::string_view left,
              std::string_view right, std::string_view bar);
  void Put(std::string line);

  const bool ascii_;
  const bool three_;
  std::string text_;
};

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_LADDER_PAPER_H_
