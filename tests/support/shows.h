// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_SHOWS_H_
#define CALLCONTROL_TESTS_SUPPORT_SHOWS_H_

#include <initializer_list>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace callcontrol::testing {

// Names the items of docs/conformance.md that a test asserts, as its first
// statement:
//
//   TEST_F(TransferNotifyTest, TheFirstFinalStatusWins) {
//     Shows({"69", "F8"});
//
// tests/conformance/conformance.py reads it in the source and makes the table
// of it; gtest writes it into its XML report.
inline void Shows(std::initializer_list<std::string_view> items) {
  std::string text;
  for (std::string_view item : items) {
    if (!text.empty()) text += ' ';
    text += item;
  }
  ::testing::Test::RecordProperty("protocol", text);
}

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_SHOWS_H_
