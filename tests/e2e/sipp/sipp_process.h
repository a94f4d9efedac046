// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_E2E_SIPP_SIPP_PROCESS_H_
#define CALLCONTROL_TESTS_E2E_SIPP_SIPP_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/support/callcontrold_process.h"

namespace callcontrol::testing {

// The last line of one of SIPp's CSV files, by the names of its first line.
using SippRow = std::map<std::string, std::string>;

// SIPp as the far end of many calls: one process that runs a scenario of
// tests/sipp/ on a port that the kernel chose.
//
//   SippProcess far_end("caller_srvbye.xml", server.sip_port(), {"-m", "200"});
//   ...
//   EXPECT_EQ(far_end.Wait(), 0) << far_end.Errors();
//
// Killed, by its own pid only, and what it complained about is printed, when
// the object goes before Wait().
//
// Threads: one thread.
// Errors: throws std::runtime_error where SIPp can't be started or doesn't end.
class SippProcess {
 public:
  SippProcess(const std::string& scenario, uint16_t server_port,
              const std::vector<std::string>& more);
  ~SippProcess();
  SippProcess(const SippProcess&) = delete;
  SippProcess& operator=(const SippProcess&) = delete;

  // Waits for the end: 0 when every call ran through its scenario.
  int Wait(std::chrono::milliseconds patience = std::chrono::seconds(60));
  // Its final statistics (-trace_stat); to be asked after Wait().
  SippRow Statistics() const { return LastRow("statistics.csv"); }
  // Its final counts per message of the scenario (-trace_counts).
  SippRow MessageCounts() const;
  // What it complained about.
  std::string Errors() const;

 private:
  SippRow LastRow(const std::string& file) const;

  TempDir dir_;
  std::string counts_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  bool reaped_ = false;
};

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_E2E_SIPP_SIPP_PROCESS_H_
