// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/target_dialog.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using ::testing::Eq;
using ::testing::Optional;

// RFC 5589, figure 1.
constexpr char kExample[] =
    "592435881734450904;local-tag=9m2n3wq;remote-tag=763231";

TEST(TargetDialogTest, IsWrittenAsTheRfcShowsIt) {
  EXPECT_EQ(FormatTargetDialog({"592435881734450904", "9m2n3wq", "763231"}),
            kExample);
}

TEST(TargetDialogTest, WhatIsWrittenIsRead) {
  const TargetDialog dialog{"a84b4c76e66710@pc33.example", "l1", "r1"};
  EXPECT_THAT(ReadTargetDialog(FormatTargetDialog(dialog)),
              Optional(Eq(dialog)));
}

TEST(TargetDialogTest, BlanksCaseAndOtherParametersDoNotMatter) {
  EXPECT_THAT(ReadTargetDialog(
                  R"( c1 ; Remote-Tag = r ;x="a;local-tag=q";LOCAL-TAG=l)"),
              Optional(Eq(TargetDialog{"c1", "l", "r"})));
}

class BadTargetDialogTest : public ::testing::TestWithParam<const char*> {};

TEST_P(BadTargetDialogTest, IsNone) {
  EXPECT_EQ(ReadTargetDialog(GetParam()), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadTargetDialogTest,
    ::testing::Values("", ";local-tag=l;remote-tag=r", "c1", "c1;local-tag=l",
                      "c1;remote-tag=r", "c1;local-tag=;remote-tag=r",
                      "c1;local-tag;remote-tag=r",
                      "c 1;local-tag=l;remote-tag=r",
                      "a@b@c;local-tag=l;remote-tag=r",
                      "c1;local-tag=l;local-tag=m;remote-tag=r",
                      "c1;local-tag=l;remote-tag=r;remote-tag=r",
                      "c1;local-tag=\"l m\";remote-tag=r",
                      "c1,c2;local-tag=l;remote-tag=r"));

}  // namespace
}  // namespace callcontrol::sip
