// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_TRAFFIC_LOG_H_
#define CALLCONTROL_TESTS_SUPPORT_TRAFFIC_LOG_H_

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace callcontrol::testing {

// Everything that one far end sent and received, printed as a ladder:
//
//      0.0 ms  peer ---> INVITE sip:service@…  (CSeq 1 INVITE)
//      0.9 ms  peer <--- 200 OK  (CSeq 1 INVITE)
//
// Threads: one thread.
class TrafficLog {
 public:
  void Sent(std::string_view text) { Note(Direction::kOut, text); }
  void Received(std::string_view text) { Note(Direction::kIn, text); }
  // A remark between the rungs.
  void Remark(std::string_view text) { Note(Direction::kNone, text); }

  // The ladder, then every message whole.
  std::string ToString() const;

 private:
  enum class Direction { kIn, kOut, kNone };
  struct Entry {
    Direction direction;
    std::chrono::steady_clock::time_point time;
    std::string text;
  };

  void Note(Direction direction, std::string_view text) {
    entries_.push_back(
        {direction, std::chrono::steady_clock::now(), std::string(text)});
  }
  std::string Rung(const Entry& entry) const;

  std::vector<Entry> entries_;
};

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_TRAFFIC_LOG_H_
