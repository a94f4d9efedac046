// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/table.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "clients/cli/text.h"

namespace callcontrol::cli {

Table::Table(std::vector<std::string> heading) {
  rows_.push_back(std::move(heading));
}

void Table::AddRow(const std::vector<std::string>& cells) {
  std::vector<std::string> row;
  for (const std::string& cell : cells) {
    if (row.size() == rows_[0].size()) break;
    row.push_back(cell.empty() ? "-" : Printable(cell));
  }
  rows_.push_back(std::move(row));
}

std::string Table::Render(int width, const std::string& mark) const {
  std::vector<int> widths(rows_[0].size(), 0);
  for (const std::vector<std::string>& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i]));
    }
  }
  std::string text;
  for (const std::vector<std::string>& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      line += last ? row[i] : PadRight(row[i], widths[i]) + "  ";
    }
    text += Clip(line, width, mark) + "\n";
  }
  return text;
}

}  // namespace callcontrol::cli
