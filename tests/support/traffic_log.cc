// SPDX-License-Identifier: Apache-2.0
#include "tests/support/traffic_log.h"

#include <iomanip>
#include <sstream>

#include "tests/support/sip_message.h"

namespace callcontrol::testing {

std::string TrafficLog::Rung(const Entry& entry) const {
  std::chrono::duration<double, std::milli> since =
      entry.time - entries_.front().time;
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << std::setw(9) << since.count()
      << " ms  ";
  if (entry.direction == Direction::kNone) {
    out << "   -- " << entry.text;
    return out.str();
  }
  out << (entry.direction == Direction::kOut ? "peer ---> " : "peer <--- ");
  auto message = SipMessage::Parse(entry.text);
  out << (message ? message->Summary() : entry.text.substr(0, 60));
  return out.str();
}

std::string TrafficLog::ToString() const {
  std::ostringstream out;
  for (const Entry& entry : entries_) out << Rung(entry) << "\n";
  for (const Entry& entry : entries_) {
    if (entry.direction == Direction::kNone) continue;
    out << "\n===" << Rung(entry) << "\n" << entry.text << "\n";
  }
  return out.str();
}

}  // namespace callcontrol::testing
