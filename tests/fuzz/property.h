// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_FUZZ_PROPERTY_H_
#define CALLCONTROL_TESTS_FUZZ_PROPERTY_H_

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "absl/status/status.h"
#include "base/error.h"

// What a fuzzer says about the code that it runs.
namespace callcontrol::fuzz {

// Ends the process where `holds` is false; libFuzzer then keeps the input.
// `promise` is what should have held.
inline void Require(bool holds, std::string_view promise) {
  if (holds) return;
  std::fprintf(stderr, "FUZZER: not kept: %.*s\n",
               static_cast<int>(promise.size()), promise.data());
  std::abort();
}

// A refusal of what a client wrote tells the client what was wrong.
inline void RequireHelpful(const absl::Status& refusal) {
  Require(refusal.code() == absl::StatusCode::kInvalidArgument,
          "a refusal is INVALID_ARGUMENT");
  Require(!refusal.message().empty(), "a refusal has a text");
  Require(!DetailOf(refusal).reason.empty(), "a refusal has a reason");
}

// Whether `text` can stand in a header without starting another one.
inline bool IsOneLine(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  }
  return true;
}

}  // namespace callcontrol::fuzz

#endif  // CALLCONTROL_TESTS_FUZZ_PROPERTY_H_
