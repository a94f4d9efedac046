// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_REFER_REPORT_H_
#define CALLCONTROL_CLIENTS_CLI_REFER_REPORT_H_

#include <ostream>
#include <string_view>

#include "absl/time/time.h"
#include "callcontrol/v1/transfer.pb.h"
#include "clients/cli/environment.h"
#include "clients/cli/progress_line.h"

namespace callcontrol::cli {

// Tells the user how a transfer goes: JSON, one line per event, or, on a
// terminal, one line that moves and then the verdict.
//
// Ownership: borrows the stream and the environment. Threads:
// thread-compatible. Errors: none. Time: the environment's, for the seconds on
// the moving line.
class ReferReport {
 public:
  ReferReport(const Environment& environment, bool json, std::ostream& out);
  // Leaves no half line behind.
  ~ReferReport();
  ReferReport(const ReferReport&) = delete;
  ReferReport& operator=(const ReferReport&) = delete;

  void OnEvent(const v1::ReferEvent& event);
  // Moves the spinner.
  void OnTick();
  // Takes the moving line away, so that something else can be printed.
  void Clear();

 private:
  void OnLiveEvent(const v1::ReferEvent& event);
  void PrintLine(std::string_view line);

  const Environment& environment_;
  const bool json_;
  const bool live_;
  std::ostream& out_;
  const absl::Time start_;
  Progress progress_;
  bool line_shown_ = false;
  bool over_ = false;
};

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_REFER_REPORT_H_
