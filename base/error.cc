// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include "absl/strings/cord.h"

namespace callcontrol {
namespace {

// Payload keys are URLs by absl's convention; these never leave the process.
constexpr char kReasonKey[] = "callcontrol/reason";
constexpr char kFieldKey[] = "callcontrol/field";
constexpr char kTransferKey[] = "callcontrol/transfer_id";

std::string Payload(const absl::Status& status, const char* key) {
  const auto payload = status.GetPayload(key);
  return payload ? std::string(*payload) : std::string();
}

void Attach(const char* key, const std::string& value, absl::Status& status) {
  if (!value.empty()) status.SetPayload(key, absl::Cord(value));
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, ErrorDetail detail,
                       std::string_view message) {
  absl::Status status(code, {message.data(), message.size()});
  Attach(kReasonKey, detail.reason, status);
  Attach(kFieldKey, detail.field, status);
  Attach(kTransferKey, detail.transfer_id, status);
  return status;
}

absl::Status InvalidField(std::string_view field, std::string_view reason,
                          std::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   {.reason = std::string(reason), .field = std::string(field)},
                   message);
}

ErrorDetail DetailOf(const absl::Status& status) {
  return {.reason = Payload(status, kReasonKey),
          .field = Payload(status, kFieldKey),
          .transfer_id = Payload(status, kTransferKey)};
}

}  // namespace callcontrol
