// SPDX-License-Identifier: Apache-2.0
//
// Answers to REFER, BYE and the hold before a REFER that far ends give, and
// what follows. The server is on the left of the ladders.
#include <chrono>
#include <memory>
#include <string>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::Contains;
using namespace std::chrono_literals;

constexpr char kDone[] = "terminated;reason=noresource";
constexpr char kOk[] = "SIP/2.0 200 OK";

class ReferFlowTest : public ServerTest<ReferFlowTest> {
 protected:
  static v1::TransferOutcome FinishWell(AnsweredCall& call,
                                        TransferStream& stream) {
    EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
    call.peer.Answer(call.peer.Expect("BYE"), 200);
    return stream.RestUntilResult().back().result().outcome();
  }
};

//  REFER --->
//        <--- 202, and then 603 in the same transaction
TEST_F(ReferFlowTest, ASecondAnswerToTheReferChangesNothing) {
  Shows({"44"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  const SipMessage refer = call.peer.Expect("REFER");
  call.peer.Answer(refer, 202);
  call.peer.Answer(refer, 603);
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(stream.Next(), ReferAnswered(202));
  EXPECT_TRUE(stream.Silent(50ms));
  EXPECT_EQ(FinishWell(call, stream), v1::TRANSFER_OUTCOME_TRANSFERRED);
}

//  REFER --->, for 64*T1
//  OPTIONS --->
//        <--- 200: the call is there, the REFER is lost
//        <--- 202, NOTIFY 200: too late
TEST_F(ReferFlowTest, AnAnswerAfterTheResultIsAbsorbed) {
  Shows({"33", "44"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  const SipMessage refer = call.peer.Expect("REFER");
  call.peer.ExpectNothing(1400ms);
  const std::string id = stream.Next().transfer_id();
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_TIMEOUT));
  call.peer.Answer(refer, 202);
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  EXPECT_THAT(call.client.ReplayOf(id).back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_TIMEOUT));
  call.ExpectAlive();
}

// RFC 3261, 14.1: who owns the Call-ID waits 2.1 to 4 s.
//
//  INVITE, ACK, REFER --->
//        <--- 491
//        ... 2.1 to 4 s ...
//  REFER --->
TEST_F(ReferFlowTest, TheCallersReferGivesWayForLonger) {
  Shows({"41"});
  ScriptedPeer peer(server().sip_port());
  ReferClient client(server().grpc_port());
  v1::PlaceCallRequest request;
  request.set_to(Cat("sip:bob@127.0.0.1:", peer.port()));
  EventStream<v1::CallEvent> stream(std::make_unique<grpc::ClientContext>(),
                                    [&](auto* rpc, auto* queue, void* tag) {
                                      return client.stub().AsyncPlaceCall(
                                          rpc, request, queue, tag);
                                    });
  const std::string id = stream.Next().call().call_id();
  peer.AcceptCall(peer.Expect("INVITE"), SdpOffer());
  EXPECT_EQ(stream.Next().type(), v1::CALL_EVENT_TYPE_ANSWERED);

  TransferStream transfer = client.Refer(id, "sip:carol@target.example");
  const SipMessage met = peer.Expect("REFER");
  peer.Answer(met, 491);
  const SipMessage again = peer.Expect("REFER");
  EXPECT_GE(again.received_at - met.received_at, 2050ms);
  peer.Answer(again, 603);
  EXPECT_THAT(transfer.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
  client.HangUp(id);
  peer.Answer(peer.Expect("BYE"), 200);
}

//        <--- NOTIFY 200
//  BYE --->
//        <--- whatever
TEST_F(ReferFlowTest, WhateverTheAnswerToOurByeTheCallIsOver) {
  Shows({"84", "F21"});
  for (int status : {401, 403, 407, 408, 500, 503, 603}) {
    SCOPED_TRACE(status);
    AnsweredCall call(server());
    EventStream<v1::CallEvent> calls = call.Watch();
    TransferStream stream = call.AcceptedRefer();
    EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
    call.peer.Answer(call.peer.Expect("BYE"), status);
    const v1::TransferResult result = stream.RestUntilResult().back().result();
    EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
    EXPECT_EQ(result.bye_status(), status);
    call.AwaitEnded(calls);
    call.peer.ExpectNothing(50ms);
  }
}

// Neither before a REFER has left nor in a call that never had one.
TEST_F(ReferFlowTest, ANotifyWithoutAReferIsNobodys) {
  Shows({"47"});
  AnsweredCall call(server());
  for (const char* event : {"refer", "refer;id=1", "Refer", ""}) {
    EXPECT_THAT(call.peer.Notify(kOk, kDone, {.event = event}), Answered(481))
        << event;
  }
  TransferStream stream = call.AcceptedRefer();
  EXPECT_EQ(FinishWell(call, stream), v1::TRANSFER_OUTCOME_TRANSFERRED);
}

//  INVITE (sendonly) --->
//        <--- 488
//  ACK, REFER --->
TEST(ReferUnheldTest, ARefusedHoldMayBeGoneOverByConfiguration) {
  Shows({"75", "F34"});
  CallcontroldProcess server(TestConfig("transfers { refer_unheld: true }"));
  AnsweredCall call(server);
  TransferStream stream = call.Refer(
      "sip:carol@target.example",
      [](v1::ReferRequest& request) { request.set_hold_first(true); });
  call.peer.Answer(call.peer.Expect("INVITE"), 488);
  call.peer.Expect("ACK");
  call.peer.Answer(call.peer.Expect("REFER"), 202);
  EXPECT_THAT(call.peer.Notify("SIP/2.0 486 Busy Here", kDone), Answered(200));
  const auto events = stream.RestUntilResult();
  EXPECT_THAT(events, Contains(Warned("HOLD_FAILED")));
  EXPECT_THAT(events.back(), Ended(v1::TRANSFER_OUTCOME_TARGET_FAILED));
  // Nothing was held, so nothing is taken off hold.
  call.peer.ExpectNothing(50ms);
  call.ExpectAlive();
}

}  // namespace
}  // namespace callcontrol::testing
