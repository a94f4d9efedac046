// SPDX-License-Identifier: Apache-2.0
#include "server/status_mapping.h"

#include <string>

#include "base/error.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace callcontrol::server {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  // The canonical codes have the same numbers on both sides.
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const std::string message(status.message());
  const ErrorDetail detail = DetailOf(status);
  if (detail.reason.empty()) return grpc::Status(code, message);

  google::rpc::ErrorInfo info;
  info.set_reason(detail.reason);
  info.set_domain("callcontrol.v1");
  if (!detail.transfer_id.empty()) {
    (*info.mutable_metadata())["transfer_id"] = detail.transfer_id;
  }
  google::rpc::Status details;
  details.set_code(static_cast<int>(code));
  details.set_message(message);
  details.add_details()->PackFrom(info);
  if (!detail.field.empty()) {
    google::rpc::BadRequest bad_request;
    auto* violation = bad_request.add_field_violations();
    violation->set_field(detail.field);
    violation->set_description(message);
    details.add_details()->PackFrom(bad_request);
  }
  return grpc::Status(code, message, details.SerializeAsString());
}

}  // namespace callcontrol::server
