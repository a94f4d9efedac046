// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_REFERRER_H_
#define CALLCONTROL_TESTS_SUPPORT_REFERRER_H_

#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "tests/support/refer_matchers.h"
#include "tests/support/scripted_peer.h"
#include "tests/support/text.h"

// A far end that refers the server, and reads the NOTIFYs.
namespace callcontrol::testing {

// What ends a subscription whose outcome was told.
inline constexpr char kNoResource[] = "terminated;reason=noresource";

inline SipMessage NewRefer(ScriptedPeer& peer, std::string_view refer_to,
                           const SipHeaders& headers = {}) {
  SipMessage refer = peer.NewRequest("REFER");
  if (!refer_to.empty()) refer.Add("Refer-To", refer_to);
  refer.Add("Contact", peer.Contact());
  refer.AddAll(headers);
  return refer;
}

// The final answer to such a REFER.
inline SipMessage AnswerToRefer(ScriptedPeer& peer, std::string_view refer_to,
                                const SipHeaders& headers = {}) {
  return peer.AwaitAnswer(peer.SendRequest(NewRefer(peer, refer_to, headers)));
}

// The next NOTIFY, with that status line; answered. Returns it.
inline SipMessage TakeNotify(ScriptedPeer& peer, std::string_view status_line,
                             std::string_view state, int answer = 200) {
  SipMessage notify = peer.Expect("NOTIFY");
  EXPECT_EQ(notify.body(), Cat(status_line, "\r\n"));
  EXPECT_THAT(notify.Header("Subscription-State"),
              ::testing::StartsWith(std::string(state)));
  EXPECT_EQ(notify.Header("Content-Type"), "message/sipfrag;version=2.0");
  peer.Answer(notify, answer);
  return notify;
}

// REFER, 202, NOTIFY 100.
inline void ReferServer(ScriptedPeer& peer, std::string_view refer_to,
                        const SipHeaders& headers = {},
                        std::string_view state = "active;expires=") {
  EXPECT_THAT(AnswerToRefer(peer, refer_to, headers), Answered(202));
  TakeNotify(peer, "SIP/2.0 100 Trying", state);
}

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_REFERRER_H_
