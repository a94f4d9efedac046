// SPDX-License-Identifier: Apache-2.0
//
// REFERs and INVITEs with Replaces that come in: none of them is followed.
#include <chrono>
#include <string>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::ElementsAre;
using namespace std::chrono_literals;

class InboundReferTest : public ServerTest<InboundReferTest> {
 protected:
  static SipMessage ReferOf(ScriptedPeer& peer) {
    SipMessage refer = peer.NewRequest("REFER");
    refer.Add("Refer-To", "<sip:premium@toll.example>");
    refer.Add("Contact", peer.Contact());
    return refer;
  }
};

TEST_F(InboundReferTest, AnUnknownExtensionIsNamed) {
  Shows({"R4"});
  AnsweredCall call(server());
  SipMessage refer = ReferOf(call.peer);
  refer.Add("Require", "explicitsub");
  const SipMessage refused =
      call.peer.AwaitAnswer(call.peer.SendRequest(refer));
  EXPECT_THAT(refused, Answered(420));
  EXPECT_THAT(refused.Values("Unsupported"), ElementsAre("explicitsub"));
  call.ExpectAlive();
}

TEST_F(InboundReferTest, ARefusalComesAtOnceAndLeavesTheCallAlone) {
  Shows({"R1", "R6", "R25"});
  AnsweredCall call(server());
  const auto asked = std::chrono::steady_clock::now();
  const SipMessage refused =
      call.peer.AwaitAnswer(call.peer.SendRequest(ReferOf(call.peer)));
  EXPECT_THAT(refused, Answered(405));
  EXPECT_LE(refused.received_at - asked, 500ms);
  call.ExpectAlive();
}

// A REFER of the far end while ours is open: each its own.
TEST_F(InboundReferTest, ReferralsThatCrossDoNotMix) {
  Shows({"R1"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  const SipMessage ours = call.peer.Expect("REFER");
  EXPECT_THAT(call.peer.AwaitAnswer(call.peer.SendRequest(ReferOf(call.peer))),
              Answered(405));
  call.peer.Answer(ours, 202);
  EXPECT_THAT(
      call.peer.Notify("SIP/2.0 200 OK", "terminated;reason=noresource"),
      Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

}  // namespace
}  // namespace callcontrol::testing
