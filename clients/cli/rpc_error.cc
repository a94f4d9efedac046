// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/rpc_error.h"

#include <array>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "clients/cli/text.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace callcontrol::cli {
namespace {

constexpr std::string_view kDomain = "callcontrol.v1";
constexpr int kLongestMessage = 400;

std::string CodeName(grpc::StatusCode code) {
  constexpr std::array<std::string_view, 17> kNames = {"OK",
                                                       "CANCELLED",
                                                       "UNKNOWN",
                                                       "INVALID_ARGUMENT",
                                                       "DEADLINE_EXCEEDED",
                                                       "NOT_FOUND",
                                                       "ALREADY_EXISTS",
                                                       "PERMISSION_DENIED",
                                                       "RESOURCE_EXHAUSTED",
                                                       "FAILED_PRECONDITION",
                                                       "ABORTED",
                                                       "OUT_OF_RANGE",
                                                       "UNIMPLEMENTED",
                                                       "INTERNAL",
                                                       "UNAVAILABLE",
                                                       "DATA_LOSS",
                                                       "UNAUTHENTICATED"};
  const auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? std::string(kNames[index])
                               : absl::StrCat("code ", index);
}

// What to do about it.
std::string Advice(const ErrorFacts& facts) {
  if (facts.reason == "CALL_NOT_FOUND") return "; see callctl calls";
  if (facts.reason == "TRANSFER_NOT_FOUND") return "; see callctl transfers";
  if (facts.reason == "TRANSFER_IN_PROGRESS" && !facts.transfer_id.empty()) {
    return absl::StrCat("; see callctl show ", Printable(facts.transfer_id));
  }
  if (facts.reason == "WATCHER_TOO_SLOW") return "; start again";
  return "";
}

}  // namespace

ErrorFacts FactsOf(const grpc::Status& status) {
  ErrorFacts facts;
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return facts;
  for (const google::protobuf::Any& detail : details.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    if (detail.UnpackTo(&info) && info.domain() == kDomain) {
      facts.reason = info.reason();
      const auto id = info.metadata().find("transfer_id");
      if (id != info.metadata().end()) facts.transfer_id = id->second;
    } else if (detail.UnpackTo(&bad) && bad.field_violations_size() > 0) {
      facts.field = bad.field_violations(0).field();
    }
  }
  return facts;
}

bool IsConnectionTrouble(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::UNAVAILABLE:
      return FactsOf(status).reason.empty();
    default:
      return false;
  }
}

std::string ErrorLine(const grpc::Status& status, std::string_view server) {
  const ErrorFacts facts = FactsOf(status);
  std::string message =
      Clip(Printable(status.error_message()), kLongestMessage, "...");
  if (message.empty()) message = "the server refused without a word";
  if (!facts.field.empty() &&
      message.find(Printable(facts.field)) == std::string::npos) {
    message = absl::StrCat(Printable(facts.field), ": ", message);
  }
  std::string line = absl::StrCat(message, " (", CodeName(status.error_code()));
  if (!facts.reason.empty())
    absl::StrAppend(&line, ", ", Printable(facts.reason));
  absl::StrAppend(&line, ")");
  if (IsConnectionTrouble(status)) {
    absl::StrAppend(&line, "; the server is ", Printable(server));
  }
  return line + Advice(facts);
}

std::string UnreachableLine(std::string_view server) {
  return absl::StrCat(
      "no server answers at ", Printable(server),
      "; start it with callcontrold, or name another by --server=HOST:PORT or "
      "CALLCTL_SERVER (UNAVAILABLE)");
}

}  // namespace callcontrol::cli
