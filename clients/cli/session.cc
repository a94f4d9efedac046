// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/session.h"

#include <google/protobuf/util/json_util.h>

#include "clients/cli/rpc_error.h"

namespace callcontrol::cli {

void Session::Limit(grpc::ClientContext& context) const {
  context.set_deadline(absl::ToChronoTime(deadline));
}

std::optional<absl::Time> Session::StreamDeadline() const {
  if (!arguments.timeout.has_value()) return std::nullopt;
  return deadline;
}

int Session::Fail(std::string_view line) const {
  err << "callctl: " << line << std::endl;
  return kExitFailure;
}

int Session::Fail(const grpc::Status& status) const {
  return Fail(ErrorLine(status, arguments.server));
}

void Session::PrintJson(const google::protobuf::Message& message) const {
  out << ToJson(message) << std::endl;
}

std::string ToJson(const google::protobuf::Message& message) {
  std::string json;
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &json);
  // Only a time outside the years 1 to 9999 cannot be written.
  return status.ok() ? json : "{}";
}

}  // namespace callcontrol::cli
