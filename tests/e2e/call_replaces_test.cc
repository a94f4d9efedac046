// SPDX-License-Identifier: Apache-2.0
//
// A new call that takes the place of one that is held here (RFC 3891): this
// server is the target of somebody's attended transfer.
//
//  transferor        callcontrold        transferee
//      | <==== call A ===> |                  |
//      |                   | <--- INVITE, Replaces: call A
//      |                   | ---- 200 ------> |
//      | <---- BYE ------- |                  |
#include <string>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::HasSubstr;

class CallReplacesTest : public ServerTest<CallReplacesTest> {
 protected:
  static InviteOptions Replacing(const std::string& replaces) {
    return {.from = "sip:transferee@peer.example",
            .sdp = SdpOffer(),
            .headers = {{"Require", "replaces"}, {"Replaces", replaces}}};
  }

  static int Status(const InviteOptions& invite) {
    ScriptedPeer peer(server().sip_port());
    return peer.AwaitAnswer(peer.StartInvite(invite)).status();
  }
};

TEST_F(CallReplacesTest, TheOldCallIsEndedWhenTheNewOneIsAnswered) {
  Shows({"78"});
  AnsweredCall old(server());
  EventStream<v1::CallEvent> calls = old.Watch();
  AnsweredCall fresh(server(), {}, Replacing(ReplacesOf(old.peer.dialog())));
  EXPECT_EQ(fresh.client.GetCall(fresh.id).replaces_call_id(), old.id);
  old.peer.Answer(old.peer.Expect("BYE"), 200);
  const v1::Call ended = old.AwaitEnded(calls);
  EXPECT_EQ(ended.ended_by(), v1::CALL_ENDED_BY_SERVER);
  EXPECT_THAT(ended.end_reason(), HasSubstr(fresh.id));
  fresh.ExpectAlive();
}

TEST_F(CallReplacesTest, ATransferOfTheOldCallEndsWithIt) {
  AnsweredCall old(server());
  TransferStream stream = old.AcceptedRefer();
  AnsweredCall fresh(server(), {}, Replacing(ReplacesOf(old.peer.dialog())));
  old.peer.Answer(old.peer.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_LOCAL_HANGUP));
  fresh.ExpectHangsUp();
}

TEST_F(CallReplacesTest, WhatNamesNoCallIsRefused) {
  Shows({"78"});
  AnsweredCall old(server());
  const PeerDialog& dialog = old.peer.dialog();
  const std::string to_tag = HeaderParameter(dialog.remote, "tag");
  const std::string from_tag = HeaderParameter(dialog.local, "tag");
  EXPECT_EQ(Status(Replacing("nobody@peer;to-tag=1;from-tag=2")), 481);
  EXPECT_EQ(Status(Replacing(Cat(dialog.call_id, ";to-tag=", from_tag,
                                 ";from-tag=", to_tag))),
            481)
      << "the tags are seen from here";
  EXPECT_EQ(Status(Replacing(Cat(dialog.call_id, ";to-tag=", to_tag))), 400);
  InviteOptions twice = Replacing(ReplacesOf(dialog));
  twice.headers.push_back({"Replaces", "a@b;to-tag=1;from-tag=2"});
  EXPECT_EQ(Status(twice), 400);
  old.ExpectAlive();
}

TEST_F(CallReplacesTest, OnlyAnEarlyDialogMayBeMeant) {
  Shows({"78"});
  AnsweredCall old(server());
  EXPECT_EQ(Status(Replacing(ReplacesOf(old.peer.dialog(), ";early-only"))),
            486);
  old.ExpectAlive();
}

TEST_F(CallReplacesTest, ACallThatHasEndedIsNotReplaced) {
  Shows({"78"});
  AnsweredCall old(server());
  // Its transfer's late NOTIFYs are still awaited.
  TransferStream stream = old.AcceptedRefer();
  EXPECT_THAT(old.peer.Notify("SIP/2.0 486 Busy Here", "terminated"),
              Answered(200));
  stream.RestUntilResult();
  const std::string replaces = ReplacesOf(old.peer.dialog());
  EXPECT_THAT(old.peer.Bye(), Answered(200));
  EXPECT_EQ(Status(Replacing(replaces)), 603);
}

}  // namespace
}  // namespace callcontrol::testing
