// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_FUZZ_FUZZ_INPUT_H_
#define CALLCONTROL_TESTS_FUZZ_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

// How inputs with more than one part are written, so that seeds are text:
//
//   sip:alice@b.example
//   --
//   secure
//
// A part may hold any bytes, line ends included, but not the line "--".
namespace callcontrol::fuzz {

class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }

  // Removes and returns the next part; empty where there is none left.
  std::string_view Part() {
    constexpr std::string_view kEnd = "\n--\n";
    const std::string_view part = rest_.substr(0, rest_.find(kEnd));
    rest_.remove_prefix(std::min(part.size() + kEnd.size(), rest_.size()));
    return part;
  }

  // What has not been taken.
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// Removes and returns what stands before the first `end` in `text`.
inline std::string_view TakeUntil(std::string_view& text, char end) {
  const std::string_view taken = text.substr(0, text.find(end));
  text.remove_prefix(std::min(taken.size() + 1, text.size()));
  return taken;
}

}  // namespace callcontrol::fuzz

#endif  // CALLCONTROL_TESTS_FUZZ_FUZZ_INPUT_H_
