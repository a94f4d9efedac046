// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_BASE_ERROR_H_
#define CALLCONTROL_BASE_ERROR_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace callcontrol {

// What a client can act on beside the code and the text of an error. Travels
// inside an absl::Status, so that pure code needs no protobuf to say it; the
// gRPC edge turns it into google.rpc details.
struct ErrorDetail {
  // Stable, upper-case token, such as "FORBIDDEN_HEADER". Never empty.
  std::string reason{};
  // The request's field, as the client wrote it ("headers[\"Via\"]"). Empty
  // where no single field is to blame.
  std::string field{};
  // The transfer that the error speaks of. Empty where there is none.
  std::string transfer_id{};

  bool operator==(const ErrorDetail&) const = default;
};

// An error with its detail attached. `message` is one sentence for a person:
// what was wrong and what would be right.
absl::Status MakeError(absl::StatusCode code, ErrorDetail detail,
                       std::string_view message);

// INVALID_ARGUMENT about one field.
absl::Status InvalidField(std::string_view field, std::string_view reason,
                          std::string_view message);

// The detail of `status`; empty members where none was attached.
ErrorDetail DetailOf(const absl::Status& status);

}  // namespace callcontrol

#endif  // CALLCONTROL_BASE_ERROR_H_
