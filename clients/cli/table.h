// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_TABLE_H_
#define CALLCONTROL_CLIENTS_CLI_TABLE_H_

#include <string>
#include <vector>

namespace callcontrol::cli {

// Rows of text in aligned columns.
//
// Ownership: a plain value. Threads: thread-compatible. Errors: none; cells may
// be anything and are made printable.
class Table {
 public:
  explicit Table(std::vector<std::string> heading);

  // A row with fewer cells than the heading ends early; cells beyond it are
  // left out. An empty cell is shown as "-".
  void AddRow(const std::vector<std::string>& cells);

  // The heading and the rows, one per line. Lines are cut to `width` columns
  // with `mark` at the cut; 0 is no limit.
  std::string Render(int width, const std::string& mark) const;

  bool empty() const { return rows_.size() == 1; }

 private:
  // The heading first.
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_TABLE_H_
