// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_TEXT_H_
#define CALLCONTROL_TESTS_SUPPORT_TEXT_H_

#include <algorithm>
#include <cctype>
#include <sstream>
#include <string>
#include <string_view>

namespace callcontrol::testing {

// Everything in a row, as operator<< writes it.
template <typename... Parts>
std::string Cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

inline bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) {
                      return std::tolower(x) == std::tolower(y);
                    });
}

inline std::string Trim(std::string_view text) {
  size_t first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return "";
  size_t last = text.find_last_not_of(" \t\r\n");
  return std::string(text.substr(first, last - first + 1));
}

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_TEXT_H_
