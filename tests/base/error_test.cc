// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <string>

#include "gtest/gtest.h"

namespace callcontrol {
namespace {

TEST(ErrorTest, CarriesCodeTextAndDetail) {
  const ErrorDetail detail{.reason = "TRANSFER_IN_PROGRESS",
                           .field = "call_id",
                           .transfer_id = "t-n1-42"};

  const absl::Status status =
      MakeError(absl::StatusCode::kAborted, detail, "one is open already");

  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message(), "one is open already");
  EXPECT_EQ(DetailOf(status), detail);
}

TEST(ErrorTest, WhatIsNotSaidStaysEmpty) {
  const absl::Status status = MakeError(absl::StatusCode::kUnavailable,
                                        {.reason = "DRAINING"}, "stopping");

  EXPECT_EQ(DetailOf(status), (ErrorDetail{.reason = "DRAINING"}));
}

TEST(ErrorTest, AnInvalidFieldIsNamedAsTheClientWroteIt) {
  const absl::Status status =
      InvalidField("headers[\"Via\"]", "FORBIDDEN_HEADER", "not yours to set");

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DetailOf(status), (ErrorDetail{.reason = "FORBIDDEN_HEADER",
                                           .field = "headers[\"Via\"]"}));
}

TEST(ErrorTest, AForeignStatusHasNoDetail) {
  EXPECT_EQ(DetailOf(absl::OkStatus()), ErrorDetail());
  EXPECT_EQ(DetailOf(absl::InternalError("of a library")), ErrorDetail());
}

TEST(ErrorTest, ACopyKeepsTheDetail) {
  absl::Status copy;
  {
    const absl::Status status = InvalidField("party", "PARTY_REQUIRED", "who?");
    copy = status;
  }
  EXPECT_EQ(DetailOf(copy).reason, "PARTY_REQUIRED");
}

TEST(ErrorTest, DetailsMayHoldAnyBytes) {
  const std::string odd("headers[\"\0\xff\"]", 13);
  EXPECT_EQ(DetailOf(InvalidField(odd, "BAD_NAME", "odd")).field, odd);
}

}  // namespace
}  // namespace callcontrol
