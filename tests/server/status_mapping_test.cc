// SPDX-License-Identifier: Apache-2.0
#include "server/status_mapping.h"

#include <string>

#include "base/error.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace callcontrol::server {
namespace {

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

// The detail of that type at `index`.
template <typename Detail>
Detail Unpack(const google::rpc::Status& status, int index) {
  Detail detail;
  EXPECT_LT(index, status.details_size());
  if (index < status.details_size()) {
    EXPECT_TRUE(status.details(index).UnpackTo(&detail));
  }
  return detail;
}

TEST(StatusMappingTest, SuccessIsSuccess) {
  const grpc::Status status = ToGrpc(absl::OkStatus());
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.error_details(), "");
}

TEST(StatusMappingTest, EveryCodeStaysTheSame) {
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status =
        ToGrpc(absl::Status(static_cast<absl::StatusCode>(code), "why"));
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
    EXPECT_EQ(status.error_message(), "why");
  }
  EXPECT_EQ(ToGrpc(absl::ResourceExhaustedError("")).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ToGrpc(absl::UnauthenticatedError("")).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
}

TEST(StatusMappingTest, AnErrorWithoutReasonHasNoDetails) {
  EXPECT_EQ(ToGrpc(absl::InternalError("of a library")).error_details(), "");
}

TEST(StatusMappingTest, AReasonBecomesErrorInfo) {
  const grpc::Status status =
      ToGrpc(MakeError(absl::StatusCode::kUnavailable, {.reason = "DRAINING"},
                       "the server is stopping"));

  const google::rpc::Status details = DetailsOf(status);
  EXPECT_EQ(details.code(), static_cast<int>(grpc::StatusCode::UNAVAILABLE));
  EXPECT_EQ(details.message(), "the server is stopping");
  ASSERT_EQ(details.details_size(), 1) << "no field, so no BadRequest";
  const auto info = Unpack<google::rpc::ErrorInfo>(details, 0);
  EXPECT_EQ(info.reason(), "DRAINING");
  EXPECT_EQ(info.domain(), "callcontrol.v1");
  EXPECT_TRUE(info.metadata().empty());
}

TEST(StatusMappingTest, AFieldBecomesABadRequest) {
  const grpc::Status status = ToGrpc(
      InvalidField("headers[\"Via\"]", "FORBIDDEN_HEADER", "not yours to set"));

  const google::rpc::Status details = DetailsOf(status);
  ASSERT_EQ(details.details_size(), 2);
  EXPECT_EQ(Unpack<google::rpc::ErrorInfo>(details, 0).reason(),
            "FORBIDDEN_HEADER");
  const auto bad = Unpack<google::rpc::BadRequest>(details, 1);
  ASSERT_EQ(bad.field_violations_size(), 1);
  EXPECT_EQ(bad.field_violations(0).field(), "headers[\"Via\"]");
  EXPECT_EQ(bad.field_violations(0).description(), "not yours to set");
}

TEST(StatusMappingTest, TheOpenTransferIsNamedInTheMetadata) {
  const grpc::Status status = ToGrpc(
      MakeError(absl::StatusCode::kAborted,
                {.reason = "TRANSFER_IN_PROGRESS", .transfer_id = "t-n1-42"},
                "one is open"));

  const auto info = Unpack<google::rpc::ErrorInfo>(DetailsOf(status), 0);
  ASSERT_EQ(info.metadata().count("transfer_id"), 1u);
  EXPECT_EQ(info.metadata().at("transfer_id"), "t-n1-42");
}

}  // namespace
}  // namespace callcontrol::server
