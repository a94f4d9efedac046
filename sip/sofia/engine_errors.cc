// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/engine_errors.h"

#include "absl/strings/str_cat.h"
#include "base/error.h"

namespace callcontrol::sip {

absl::Status NoSuchCall(std::string_view id) {
  return MakeError(
      absl::StatusCode::kNotFound, {.reason = "CALL_NOT_FOUND"},
      absl::StrCat("no live call \"", absl::string_view(id.data(), id.size()),
                   "\"; ListCalls shows those there are"));
}

absl::Status NoSuchTrunk(std::string_view name) {
  return InvalidField(
      "trunk", "UNKNOWN_TRUNK",
      absl::StrCat("no trunk \"", absl::string_view(name.data(), name.size()),
                   "\" with an address is configured"));
}

absl::Status TooMuch() {
  return MakeError(
      absl::StatusCode::kResourceExhausted, {.reason = "OVERLOADED"},
      "the server cannot keep up and takes on nothing new for now; "
      "try again in a few seconds, or elsewhere");
}

}  // namespace callcontrol::sip
