// SPDX-License-Identifier: Apache-2.0
#include "sip/call/bridge.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sip/call/sdp_hold.h"

namespace callcontrol::sip {
namespace {

using ::testing::HasSubstr;

TEST(PassesHeaderTest, ByNameAndByBeginning) {
  const std::vector<std::string> passes = {"User-to-User", "X-*"};
  EXPECT_TRUE(PassesHeader("user-TO-user", passes));
  EXPECT_TRUE(PassesHeader("x-tenant", passes));
  EXPECT_TRUE(PassesHeader("X-", passes));
  EXPECT_FALSE(PassesHeader("X", passes));
  EXPECT_FALSE(PassesHeader("User-to-User2", passes));
  EXPECT_FALSE(PassesHeader("Subject", passes));
  EXPECT_FALSE(PassesHeader("Subject", {}));
}

TEST(RelayedRefusalTest, WhatTheTargetSaysPasses) {
  for (const int code : {302, 404, 408, 480, 486, 487, 488, 491, 600, 603}) {
    const SipStatus relayed = RelayedRefusal({code, "Its Own Words"});
    EXPECT_EQ(relayed.code, code);
    EXPECT_EQ(relayed.reason, "Its Own Words");
  }
}

TEST(RelayedRefusalTest, WhatIsBetweenNeighboursDoesNot) {
  for (const int code : {401, 407}) {
    EXPECT_EQ(RelayedRefusal({code, "x"}).code, 403);
  }
  for (const int code : {420, 421, 422, 481, 494, 503}) {
    EXPECT_EQ(RelayedRefusal({code, "x"}).code, 500);
  }
  EXPECT_THAT(RelayedRefusal({503, "x"}).reason, HasSubstr("503"));
}

// 481 and 408 would end the dialog that they are sent in (RFC 5057, 5.1).
TEST(RelayedDialogRefusalTest, EndsNoDialog) {
  for (const int code : {408, 481, 302, 503}) {
    EXPECT_EQ(RelayedDialogRefusal({code, "x"}).code, 500);
  }
  for (const int code : {469, 488, 491, 606}) {
    EXPECT_EQ(RelayedDialogRefusal({code, "x"}).code, code);
  }
}

constexpr char kRest[] = "s=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

std::string Sdp(const std::string& origin) {
  return "v=0\r\no=" + origin + "\r\n" + kRest;
}

TEST(ContinueSessionTest, AsItIsWhereItGoesOn) {
  const std::string first = Sdp("a 1 1 IN IP4 192.0.2.1");
  const std::string second = Sdp("a 1 7 IN IP4 192.0.2.1");
  EXPECT_EQ(ContinueSession(second, first), second);
  EXPECT_EQ(ContinueSession(first, first), first);
  EXPECT_EQ(ContinueSession(first, ""), first);
  EXPECT_EQ(ContinueSession("", first), "");
  EXPECT_EQ(ContinueSession("o=nonsense", first), "o=nonsense");
  EXPECT_EQ(ContinueSession(first, "o=nonsense"), first);
}

TEST(ContinueSessionTest, TheVersionRisesWhereItWouldNot) {
  const std::string held = Sdp("a 1 3 IN IP4 192.0.2.1") + "a=sendonly\r\n";
  EXPECT_EQ(ContinueSession(Sdp("a 1 2 IN IP4 192.0.2.1"), held),
            Sdp("a 1 4 IN IP4 192.0.2.1"));
  EXPECT_EQ(ContinueSession(Sdp("a 1 3 IN IP4 192.0.2.1"), held),
            Sdp("a 1 4 IN IP4 192.0.2.1"));
}

// The other side has another party now.
TEST(ContinueSessionTest, AnotherOriginTakesTheOldOnesPlace) {
  EXPECT_EQ(ContinueSession(Sdp("b 9 90 IN IP6 2001:db8::9"),
                            Sdp("a 1 1 IN IP4 192.0.2.1")),
            Sdp("a 1 2 IN IP4 192.0.2.1"));
}

TEST(ContinueSessionTest, LineEndsStayAsTheyAre) {
  EXPECT_EQ(
      ContinueSession("v=0\no=b 1 1 IN IP4 b\ns=-\n", Sdp("a 1 1 IN IP4 a")),
      "v=0\no=a 1 2 IN IP4 a\ns=-\n");
}

}  // namespace
}  // namespace callcontrol::sip
