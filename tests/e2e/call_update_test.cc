// SPDX-License-Identifier: Apache-2.0
//
// Sessions that this side changes: UpdateCall, and the hold around a transfer.
// The server is on the left of the ladders, the far end on the right.
#include <chrono>
#include <future>
#include <string>

#include "tests/support/server_test.h"

namespace callcontrol::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

// What a far end answers a hold with.
std::string HeldAnswer() { return SdpOffer({40000}, 2) + "a=recvonly\r\n"; }

// An UpdateCall() that waits for the far end meanwhile.
class PendingUpdate {
 public:
  PendingUpdate(ReferClient& client, const v1::UpdateCallRequest& request)
      : done_(std::async(std::launch::async, [&client, request, this] {
          auto context = Deadline();
          return client.stub().UpdateCall(context.get(), request, &call_);
        })) {}

  grpc::Status Status() { return done_.get(); }
  // The call, once Status() is OK.
  const v1::Call& call() const { return call_; }

 private:
  v1::Call call_;
  std::future<grpc::Status> done_;
};

class CallUpdateTest : public ServerTest<CallUpdateTest> {
 protected:
  static v1::UpdateCallRequest Hold(const std::string& id) {
    v1::UpdateCallRequest request;
    request.set_call_id(id);
    request.set_hold(true);
    return request;
  }
  static v1::UpdateCallRequest Resume(const std::string& id) {
    v1::UpdateCallRequest request;
    request.set_call_id(id);
    request.set_resume(true);
    return request;
  }
  static v1::UpdateCallRequest Offer(const std::string& id,
                                     const std::string& sdp) {
    v1::UpdateCallRequest request;
    request.set_call_id(id);
    request.set_sdp(sdp);
    return request;
  }

  // Puts the call on hold: INVITE, 200, ACK.
  static void BringOnHold(AnsweredCall& call) {
    PendingUpdate hold(call.client, Hold(call.id));
    call.peer.Answer(call.peer.Expect("INVITE"), 200, "", {}, HeldAnswer());
    call.peer.Expect("ACK");
    EXPECT_TRUE(hold.Status().ok());
  }

  static grpc::Status Refused(AnsweredCall& call,
                              const v1::UpdateCallRequest& request) {
    return PendingUpdate(call.client, request).Status();
  }
};

//  INVITE (sendonly, o= +1) --->
//                          <--- 200 (recvonly)
//  ACK --->
//  INVITE (as before, o= +2) --->
//                          <--- 200
//  ACK --->
TEST_F(CallUpdateTest, AFarEndIsPutOnHoldAndTakenOff) {
  Shows({"92"});
  AnsweredCall call(server());
  const v1::Call before = call.client.GetCall(call.id);
  EXPECT_THAT(before.local_sdp(), HasSubstr(" 1 IN IP4"));

  PendingUpdate hold(call.client, Hold(call.id));
  SipMessage invite = call.peer.Expect("INVITE");
  EXPECT_EQ(invite.Header("Content-Type"), "application/sdp");
  EXPECT_THAT(invite.body(), HasSubstr("a=sendonly"));
  EXPECT_THAT(invite.body(), Not(HasSubstr("a=inactive")));
  EXPECT_THAT(invite.body(), HasSubstr(" 2 IN IP4"));
  EXPECT_FALSE(invite.Header("Contact").empty());
  call.peer.Answer(invite, 200, "", {}, HeldAnswer());
  SipMessage ack = call.peer.Expect("ACK");
  EXPECT_EQ(ack.CSeqNumber(), invite.CSeqNumber());
  EXPECT_NE(ack.Branch(), invite.Branch());
  ASSERT_TRUE(hold.Status().ok());
  EXPECT_TRUE(hold.call().on_hold());
  EXPECT_EQ(hold.call().local_sdp(), invite.body());
  EXPECT_EQ(hold.call().remote_sdp(), HeldAnswer());

  PendingUpdate resume(call.client, Resume(call.id));
  SipMessage second = call.peer.Expect("INVITE");
  EXPECT_EQ(second.CSeqNumber(), invite.CSeqNumber() + 1);
  EXPECT_THAT(second.body(), HasSubstr("a=inactive"));
  EXPECT_THAT(second.body(), HasSubstr(" 3 IN IP4"));
  call.peer.Answer(second, 200, "", {}, SdpOffer({40000}, 3));
  call.peer.Expect("ACK");
  ASSERT_TRUE(resume.Status().ok());
  EXPECT_FALSE(resume.call().on_hold());
  call.ExpectAlive();
}

TEST_F(CallUpdateTest, WhatIsSoAlreadyIsLeftAlone) {
  AnsweredCall call(server());
  EXPECT_TRUE(PendingUpdate(call.client, Resume(call.id)).Status().ok());
  BringOnHold(call);
  EXPECT_TRUE(PendingUpdate(call.client, Hold(call.id)).Status().ok());
  call.peer.ExpectNothing(50ms);
  call.ExpectHangsUp();
}

TEST_F(CallUpdateTest, AClientsOwnSessionIsOfferedAsItIs) {
  AnsweredCall call(server());
  const std::string media =
      "v=0\r\no=media 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\n"
      "t=0 0\r\nm=audio 30000 RTP/AVP 0\r\n";
  PendingUpdate offer(call.client, Offer(call.id, media));
  SipMessage invite = call.peer.Expect("INVITE");
  EXPECT_EQ(invite.body(), media);
  call.peer.Answer(invite, 200, "", {}, SdpOffer({40000}, 2));
  call.peer.Expect("ACK");
  ASSERT_TRUE(offer.Status().ok());
  EXPECT_EQ(offer.call().local_sdp(), media);

  // From now on a hold keeps to the client's description.
  PendingUpdate hold(call.client, Hold(call.id));
  invite = call.peer.Expect("INVITE");
  EXPECT_THAT(invite.body(), HasSubstr("o=media 1 2 IN IP4 127.0.0.9"));
  EXPECT_THAT(invite.body(),
              HasSubstr("m=audio 30000 RTP/AVP 0\r\na=sendonly\r\n"));
  call.peer.Answer(invite, 200, "", {}, HeldAnswer());
  call.peer.Expect("ACK");
  EXPECT_TRUE(hold.Status().ok());
  call.ExpectHangsUp();
}

TEST_F(CallUpdateTest, AnOfferWithTooFewStreamsIsRefusedHere) {
  Shows({"92"});
  AnsweredCall call(server(), {}, {.sdp = SdpOffer({40000, 40002})});
  EXPECT_REFUSED(Refused(call, Offer(call.id, SdpOffer())), INVALID_ARGUMENT,
                 "SDP_MISMATCH");
  call.peer.ExpectNothing(50ms);
  call.ExpectHangsUp();
}

TEST_F(CallUpdateTest, ARefusalLeavesTheSessionAsItWas) {
  AnsweredCall call(server());
  const std::string before = call.client.GetCall(call.id).local_sdp();
  PendingUpdate hold(call.client, Hold(call.id));
  call.peer.Answer(call.peer.Expect("INVITE"), 488, "Not Acceptable Here");
  call.peer.Expect("ACK");
  const grpc::Status status = hold.Status();
  EXPECT_REFUSED(status, FAILED_PRECONDITION, "UPDATE_REJECTED");
  EXPECT_THAT(status.error_message(), HasSubstr("488 Not Acceptable Here"));
  EXPECT_EQ(call.client.GetCall(call.id).local_sdp(), before);
  EXPECT_FALSE(call.client.GetCall(call.id).on_hold());
  call.ExpectAlive();
}

//  INVITE --->
//        <--- INVITE          491 --->
//        <--- 491
//        <--- INVITE          200 --->
//  ... 0 to 2 s ...
//  INVITE --->
//        <--- 200
TEST_F(CallUpdateTest, TwoOffersThatMeetAreToldApart) {
  Shows({"90", "93"});
  AnsweredCall call(server());
  PendingUpdate hold(call.client, Hold(call.id));
  const SipMessage first = call.peer.Expect("INVITE");
  EXPECT_THAT(call.peer.ReInvite(SdpOffer({40000}, 2)), Answered(491));
  EXPECT_THAT(call.peer.Update(SdpOffer({40000}, 2)), Answered(491));
  call.peer.Answer(first, 491);
  call.peer.Expect("ACK");
  EXPECT_THAT(call.peer.ReInvite(SdpOffer({40000}, 3)), Answered(200));
  const SipMessage again = call.peer.Expect("INVITE", 2500ms);
  EXPECT_EQ(again.CSeqNumber(), first.CSeqNumber() + 1);
  call.peer.Answer(again, 200, "", {}, HeldAnswer());
  call.peer.Expect("ACK");
  EXPECT_TRUE(hold.Status().ok());
  call.ExpectHangsUp();
}

TEST_F(CallUpdateTest, AFarEndThatDoesNotKnowTheCallEndsIt) {
  AnsweredCall call(server());
  PendingUpdate hold(call.client, Hold(call.id));
  call.peer.Answer(call.peer.Expect("INVITE"), 481);
  call.peer.Expect("ACK");
  call.peer.Answer(call.peer.Expect("BYE"), 481);
  EXPECT_REFUSED(hold.Status(), UNAVAILABLE, "CALL_LOST");
}

TEST_F(CallUpdateTest, AFarEndThatHangsUpEndsTheWaiting) {
  AnsweredCall call(server());
  PendingUpdate hold(call.client, Hold(call.id));
  call.peer.Expect("INVITE");
  EXPECT_THAT(call.peer.Bye(), Answered(200));
  EXPECT_REFUSED(hold.Status(), UNAVAILABLE, "CALL_LOST");
}

TEST_F(CallUpdateTest, AHangUpDoesNotWaitForTheAnswer) {
  AnsweredCall call(server());
  PendingUpdate hold(call.client, Hold(call.id));
  const SipMessage invite = call.peer.Expect("INVITE");
  call.client.HangUp(call.id);
  const SipMessage bye = call.peer.Expect("BYE", 500ms);
  call.peer.Answer(invite, 487);
  call.peer.Expect("ACK");
  call.peer.Answer(bye, 200);
  EXPECT_REFUSED(hold.Status(), UNAVAILABLE, "CALL_LOST");
}

// On a call that this side placed, whose back-off is long.
//
//  INVITE (hold) --->   <--- 491
//  BYE --->
//  ... 2.1 to 4 s ...
//  no INVITE any more
TEST_F(CallUpdateTest, NoOfferLeavesAfterOurBye) {
  ScriptedPeer peer(server().sip_port());
  ReferClient client(server().grpc_port());
  v1::PlaceCallRequest request;
  request.set_to(Cat("sip:bob@127.0.0.1:", peer.port()));
  EventStream<v1::CallEvent> stream = client.PlaceCall(request);
  const std::string id = stream.Next().call().call_id();
  peer.AcceptCall(peer.Expect("INVITE"), SdpOffer());
  while (stream.Next().type() != v1::CALL_EVENT_TYPE_ANSWERED) continue;
  PendingUpdate hold(client, Hold(id));
  peer.Answer(peer.Expect("INVITE"), 491);
  peer.Expect("ACK");
  client.HangUp(id);
  const SipMessage bye = peer.Expect("BYE");
  EXPECT_REFUSED(hold.Status(), UNAVAILABLE, "CALL_LOST");
  peer.ExpectNothing(20ms);
  peer.Answer(bye, 200);
}

TEST_F(CallUpdateTest, TheAckComesAgainWithTheAnswer) {
  Shows({"87"});
  AnsweredCall call(server());
  PendingUpdate hold(call.client, Hold(call.id));
  const SipMessage invite = call.peer.Expect("INVITE");
  call.peer.Answer(invite, 200, "", {}, HeldAnswer());
  call.peer.Expect("ACK");
  ASSERT_TRUE(hold.Status().ok());
  call.peer.Answer(invite, 200, "", {}, HeldAnswer());
  call.ExpectHangsUp();
  // An INVITE that the server sent again brings one more 200.
  EXPECT_EQ(call.peer.retransmissions("ACK"),
            1 + call.peer.retransmissions("INVITE"));
}

TEST_F(CallUpdateTest, OneChangeAtATime) {
  AnsweredCall call(server());
  PendingUpdate hold(call.client, Hold(call.id));
  const SipMessage invite = call.peer.Expect("INVITE");
  EXPECT_REFUSED(Refused(call, Resume(call.id)), ABORTED, "UPDATE_IN_PROGRESS");
  call.peer.Answer(invite, 200, "", {}, HeldAnswer());
  call.peer.Expect("ACK");
  EXPECT_TRUE(hold.Status().ok());

  TransferStream stream = call.AcceptedRefer();
  EXPECT_REFUSED(Refused(call, Resume(call.id)), ABORTED,
                 "TRANSFER_IN_PROGRESS");
  call.ExpectHangsUp();
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_LOCAL_HANGUP);
}

TEST_F(CallUpdateTest, WhatCannotBeChangedIsSaid) {
  AnsweredCall call(server());
  v1::UpdateCallRequest request;
  request.set_call_id(call.id);
  EXPECT_REFUSED(Refused(call, request), INVALID_ARGUMENT, "CHANGE_REQUIRED");
  EXPECT_REFUSED(Refused(call, Offer(call.id, "nonsense")), INVALID_ARGUMENT,
                 "BAD_SDP");
  EXPECT_REFUSED(Refused(call, Hold("c-none-1")), NOT_FOUND, "CALL_NOT_FOUND");
  call.ExpectHangsUp();
}

// A Refer() that comes while a change is open waits for its ACK.
TEST_F(CallUpdateTest, AReferWaitsForTheAck) {
  Shows({"6"});
  AnsweredCall call(server());
  PendingUpdate hold(call.client, Hold(call.id));
  const SipMessage invite = call.peer.Expect("INVITE");
  TransferStream stream = call.Refer();
  call.peer.ExpectNothing(100ms);
  call.peer.Answer(invite, 200, "", {}, HeldAnswer());
  call.peer.Expect("ACK");
  call.peer.Answer(call.peer.Expect("REFER"), 603);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
  EXPECT_TRUE(hold.Status().ok());
  call.ExpectHangsUp();
}

// ---- The hold around a transfer ---------------------------------------------

void HoldFirst(v1::ReferRequest& request) { request.set_hold_first(true); }

//  INVITE (sendonly) --->
//                   <--- 200
//  ACK ---> REFER --->
//                   <--- 202, NOTIFY 200
//  BYE --->
TEST_F(CallUpdateTest, ATransferHoldsTheFarEndFirst) {
  Shows({"75"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer("sip:carol@target.example", HoldFirst);
  const SipMessage invite = call.peer.Expect("INVITE");
  EXPECT_THAT(invite.body(), HasSubstr("a=sendonly"));
  call.peer.ExpectNothing(50ms);
  call.peer.Answer(invite, 200, "", {}, HeldAnswer());
  call.peer.Expect("ACK");
  call.peer.Answer(call.peer.Expect("REFER"), 202);
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", "terminated"), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

//  ...              <--- NOTIFY 486
//  INVITE (as before) --->
//                   <--- 200
//  ACK --->
TEST_F(CallUpdateTest, AFailedTransferTakesTheFarEndOffHold) {
  Shows({"74", "75"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer("sip:carol@target.example", HoldFirst);
  call.peer.Answer(call.peer.Expect("INVITE"), 200, "", {}, HeldAnswer());
  call.peer.Expect("ACK");
  call.peer.Answer(call.peer.Expect("REFER"), 202);
  EXPECT_THAT(call.peer.Notify("SIP/2.0 486 Busy Here", "terminated"),
              Answered(200));
  const SipMessage resume = call.peer.Expect("INVITE");
  EXPECT_THAT(resume.body(), HasSubstr("a=inactive"));
  EXPECT_THAT(resume.body(), HasSubstr(" 3 IN IP4"));
  call.peer.Answer(resume, 200, "", {}, SdpOffer({40000}, 3));
  call.peer.Expect("ACK");
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TARGET_FAILED));
  EXPECT_FALSE(call.client.GetCall(call.id).on_hold());
  call.ExpectAlive();
}

TEST_F(CallUpdateTest, ARefusedHoldEndsTheTransferUnsent) {
  Shows({"75", "F34"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer("sip:carol@target.example", HoldFirst);
  call.peer.Answer(call.peer.Expect("INVITE"), 488);
  call.peer.Expect("ACK");
  const v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_HOLD_FAILED);
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_FAILURE);
  EXPECT_THAT(result.reason(), HasSubstr("488"));
  call.ExpectAlive();
}

// A hold that comes about after it was given up is undone.
TEST_F(CallUpdateTest, AHoldThatComesTooLateIsUndone) {
  Shows({"75", "F34"});
  CallcontroldProcess impatient(
      TestConfig("transfers { hold_limit { seconds: 1 } }"));
  AnsweredCall call(impatient);
  TransferStream stream = call.Refer("sip:carol@target.example", HoldFirst);
  const SipMessage invite = call.peer.Expect("INVITE");
  call.peer.Answer(invite, 180);
  call.peer.Answer(call.peer.Expect("CANCEL"), 200);
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_HOLD_FAILED);
  call.peer.Answer(invite, 200, "", {}, HeldAnswer());
  call.peer.Expect("ACK");
  const SipMessage resume = call.peer.Expect("INVITE");
  EXPECT_THAT(resume.body(), HasSubstr("a=inactive"));
  call.peer.Answer(resume, 200, "", {}, SdpOffer({40000}, 3));
  call.peer.Expect("ACK");
  call.ExpectAlive();
}

}  // namespace
}  // namespace callcontrol::testing
