// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/ladder_paper.h"

#include <vector>

#include "clients/cli/text.h"

namespace callcontrol::cli {
namespace {

// The times, then lifelines at columns 10, 44 and 78.
constexpr int kTimeColumns = 9;
constexpr int kBetween = 33;
constexpr int kWidth = 79;

}  // namespace

LadderPaper::LadderPaper(bool ascii, bool three_lifelines)
    : ascii_(ascii), three_(three_lifelines) {}

void LadderPaper::Put(std::string line) {
  while (!line.empty() && line.back() == ' ') line.pop_back();
  text_ += line + "\n";
}

void LadderPaper::Line(std::string_view text, int indent) {
  const std::string blanks(static_cast<std::size_t>(indent), ' ');
  const std::vector<std::string> lines = Wrap(text, kWidth - indent);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    Put(i == 0 ? lines[i] : blanks + lines[i]);
  }
}

void LadderPaper::Blank() { text_ += "\n"; }

void LadderPaper::Heading() {
  // Each name is centred above its lifeline, but the last ends with it.
  Put(PadRight("", 4) + PadRight("callcontrold", 37) + PadRight("far end", 32) +
      (three_ ? "target" : ""));
  Put(PadRight("", 4) + PadRight("(transferor)", 34) + "(transferee)");
}

std::string LadderPaper::Arrow(std::string_view label, Toward toward) const {
  return DrawArrow(label, toward, ascii_ ? "-" : "─");
}

std::string LadderPaper::DottedArrow(std::string_view label,
                                     Toward toward) const {
  return DrawArrow(label, toward, ascii_ ? "." : "┄");
}

std::string LadderPaper::DrawArrow(std::string_view label, Toward toward,
                                   std::string_view stroke) const {
  // At least one stroke, a blank at either side of the label, and the head.
  const std::string words = Clip(label, kBetween - 6, ascii_ ? "~" : "…");
  const int strokes = kBetween - 1 - DisplayWidth(words) - 2;
  std::string before;
  std::string after;
  for (int i = 0; i < strokes; ++i) {
    (i < strokes / 2 ? before : after) += stroke;
  }
  const std::string_view head =
      toward == Toward::kRight ? (ascii_ ? ">" : "►") : (ascii_ ? "<" : "◄");
  std::string arrow = before + " " + words + " " + after;
  return toward == Toward::kRight ? arrow + std::string(head)
                                  : std::string(head) + arrow;
}

void LadderPaper::PutRow(std::string_view time, std::string_view left,
                         std::string_view right, std::string_view bar) {
  const int missing = kTimeColumns - DisplayWidth(time);
  std::string line = PadRight("", missing) + std::string(time) + " ";
  line += std::string(bar) + PadRight(left, kBetween) + std::string(bar);
  line += PadRight(right, kBetween);
  if (three_) line += bar;
  Put(std::move(line));
}

void LadderPaper::Row(std::string_view time, std::string_view left,
                      std::string_view right) {
  PutRow(time, left, right, ascii_ ? "|" : "│");
}

void LadderPaper::Note(std::string_view time, std::string_view text) {
  bool first = true;
  for (const std::string& line : Wrap(text, kBetween - 3)) {
    Row(first ? time : "", "", (first ? " " : "   ") + line);
    first = false;
  }
}

void LadderPaper::Gap() { PutRow("", "", "", ascii_ ? ":" : "┊"); }

}  // namespace callcontrol::cli
