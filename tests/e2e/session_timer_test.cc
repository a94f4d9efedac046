// SPDX-License-Identifier: Apache-2.0
//
// Session timers (RFC 4028) in both roles, with intervals as short as a header
// can say. The server is on the left of the ladders.
#include <chrono>
#include <string>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr char kShortTimers[] = R"pb(
  calls {
    session_interval { seconds: 2 }
    least_session_interval { seconds: 2 }
  }
)pb";
// Longer than half the interval.
constexpr auto kHalf = 1800ms;

InviteOptions Asking(const std::string& interval, const std::string& allow) {
  return {.sdp = SdpOffer(),
          .allow = allow,
          .headers = {{"Supported", "timer"}, {"Session-Expires", interval}}};
}

class SessionTimerTest : public ::testing::Test {
 protected:
  CallcontroldProcess server_{TestConfig(kShortTimers)};
};

TEST_F(SessionTimerTest, ACallerThatAsksGetsItsTimer) {
  Shows({"94"});
  ScriptedPeer peer(server_.sip_port());
  const SipMessage ok =
      peer.Invite(Asking("90;refresher=uac", "INVITE, UPDATE, BYE"));
  EXPECT_EQ(ok.Header("Session-Expires"), "90;refresher=uac");
  EXPECT_EQ(ok.Header("Require"), "timer");
  EXPECT_THAT(ok.Header("Supported"), HasSubstr("timer"));
  EXPECT_THAT(peer.Bye(), Answered(200));
}

TEST_F(SessionTimerTest, ACallerThatKnowsOfNoTimerGetsNone) {
  ScriptedPeer peer(server_.sip_port());
  const SipMessage ok = peer.Invite({.sdp = SdpOffer()});
  EXPECT_EQ(ok.Header("Session-Expires"), "");
  EXPECT_EQ(ok.Header("Require"), "");
  EXPECT_THAT(peer.Bye(), Answered(200));
}

//         <--- INVITE, Session-Expires: 1
//  422, Min-SE: 2 --->
TEST_F(SessionTimerTest, AnIntervalThatIsTooShortIsRefused) {
  Shows({"94"});
  ScriptedPeer peer(server_.sip_port());
  const SipMessage refused =
      peer.AwaitAnswer(peer.StartInvite(Asking("1", "INVITE, BYE")));
  EXPECT_THAT(refused, Answered(422));
  EXPECT_EQ(refused.Header("Min-SE"), "2");
}

//  UPDATE, Session-Expires: 2;refresher=uac --->   after 1 s
//         <--- 200
TEST_F(SessionTimerTest, TheServerRefreshesByUpdate) {
  Shows({"11", "94"});
  AnsweredCall call(server_, {},
                    Asking("2;refresher=uas", "INVITE, UPDATE, REFER"));
  for (int i = 0; i < 2; ++i) {
    const SipMessage refresh = call.peer.Expect("UPDATE", kHalf);
    EXPECT_EQ(refresh.Header("Session-Expires"), "2;refresher=uac");
    EXPECT_THAT(refresh.Header("Supported"), HasSubstr("timer"));
    EXPECT_THAT(refresh.Header("Allow"),
                AllOf(HasSubstr("NOTIFY"), Not(HasSubstr("REFER"))));
    EXPECT_EQ(refresh.body(), "");
    call.peer.Answer(refresh, 200, "",
                     {{"Session-Expires", "2;refresher=uac"}});
  }
  call.ExpectHangsUp();
}

// What it says of this side is what the 200 said (RFC 3261, 13.2.1).
TEST(SessionRefreshTest, AnUpdateTellsWhatIsServed) {
  Shows({"11", "94"});
  CallcontroldProcess server(
      TestConfig(Cat(kShortTimers,
                     "calls { inbound_refer { mode: "
                     "INBOUND_REFER_MODE_DELEGATE } }")));
  ScriptedPeer peer(server.sip_port());
  const SipMessage ok = peer.AwaitAnswer(
      peer.StartInvite(Asking("2;refresher=uas", "INVITE, UPDATE, REFER")));
  peer.Ack(ok);
  const SipMessage refresh = peer.Expect("UPDATE", kHalf);
  EXPECT_THAT(refresh.Header("Allow"), HasSubstr("REFER"));
  EXPECT_EQ(refresh.Header("Allow"), ok.Header("Allow"));
  EXPECT_EQ(refresh.Header("Supported"), ok.Header("Supported"));
  peer.Answer(refresh, 200);
}

// A far end that does not allow UPDATE is offered the session again.
TEST_F(SessionTimerTest, TheServerRefreshesByReInvite) {
  Shows({"94"});
  AnsweredCall call(server_, {}, Asking("2;refresher=uas", "INVITE, BYE"));
  const std::string session = call.client.GetCall(call.id).local_sdp();
  EventStream<v1::CallEvent> calls = call.Watch();
  const SipMessage refresh = call.peer.Expect("INVITE", kHalf);
  EXPECT_EQ(refresh.body(), session) << "the same, version and all";
  call.peer.Answer(refresh, 200, "", {{"Session-Expires", "2;refresher=uac"}},
                   SdpOffer());
  call.peer.Expect("ACK");
  // Nothing changed, so nothing is told.
  call.ExpectHangsUp();
  EXPECT_EQ(calls.Next().call().state(), v1::CALL_STATE_ENDING);
}

TEST_F(SessionTimerTest, AnUpdateThatIsNotAllowedIsAReInvite) {
  AnsweredCall call(server_, {},
                    Asking("2;refresher=uas", "INVITE, UPDATE, REFER"));
  call.peer.Answer(call.peer.Expect("UPDATE", kHalf), 405);
  const SipMessage refresh = call.peer.Expect("INVITE");
  call.peer.Answer(refresh, 200, "", {{"Session-Expires", "2;refresher=uac"}},
                   SdpOffer());
  call.peer.Expect("ACK");
  call.ExpectHangsUp();
}

//  UPDATE --->   <--- 481: BYE
TEST_F(SessionTimerTest, AFarEndThatDoesNotKnowTheCallEndsIt) {
  Shows({"94"});
  AnsweredCall call(server_, {},
                    Asking("2;refresher=uas", "INVITE, UPDATE, REFER"));
  EventStream<v1::CallEvent> calls = call.Watch();
  call.peer.Answer(call.peer.Expect("UPDATE", kHalf), 481);
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  const v1::Call ended = call.AwaitEnded(calls);
  EXPECT_EQ(ended.ended_by(), v1::CALL_ENDED_BY_SERVER);
  EXPECT_THAT(ended.end_reason(), HasSubstr("refresh"));
}

TEST_F(SessionTimerTest, ARefusedRefreshIsTriedAgain) {
  AnsweredCall call(server_, {},
                    Asking("2;refresher=uas", "INVITE, UPDATE, REFER"));
  call.peer.Answer(call.peer.Expect("UPDATE", kHalf), 500);
  // 2 s - 2 s / 3 leave no time for another one: the call ends.
  call.peer.Answer(call.peer.Expect("BYE", kHalf), 200);
}

//  UPDATE --->   <--- 401   UPDATE, with Authorization --->   each time anew
TEST_F(SessionTimerTest, EveryRefreshMayBeChallenged) {
  CallcontroldProcess server(TestConfig(Cat(kShortTimers, R"pb(
    trunks {
      name: "pbx"
      source_networks: "127.0.0.1"
      username: "bob"
      password { text: "s3cret" }
    }
  )pb")));
  AnsweredCall call(server, {}, Asking("2;refresher=uas", "INVITE, UPDATE"));
  for (const char* nonce : {"n1", "n2", "n3"}) {
    const SipMessage refresh = call.peer.Expect("UPDATE", kHalf);
    EXPECT_FALSE(refresh.Has("Authorization")) << nonce;
    call.peer.Answer(refresh, 401, "",
                     {{"WWW-Authenticate",
                       Cat(R"(Digest realm="pbx", nonce=")", nonce, "\"")}});
    const SipMessage again = call.peer.Expect("UPDATE");
    EXPECT_THAT(again.Header("Authorization"), HasSubstr(nonce));
    call.peer.Answer(again, 200, "", {{"Session-Expires", "2;refresher=uac"}});
  }
  call.ExpectHangsUp();
}

// The far end's own offer came in between: what is offered again is the session
// as it is then (RFC 3264, 8).
//
//  INVITE (refresh) --->   <--- 491   <--- INVITE, another stream
TEST_F(SessionTimerTest, ARefreshThatMetAnOfferOffersTheNewSession) {
  AnsweredCall call(server_, {}, Asking("4;refresher=uas", "INVITE, BYE"));
  call.peer.Answer(call.peer.Expect("INVITE", 2500ms), 491);
  call.peer.Expect("ACK");
  const SipMessage ok = call.peer.ReInvite(SdpOffer({40000, 40002}, 2));
  EXPECT_THAT(ok, Answered(200));
  const SipMessage again = call.peer.Expect("INVITE", 2500ms);
  EXPECT_EQ(again.body(), ok.body());
  call.peer.Answer(again, 200, "", {{"Session-Expires", "4;refresher=uac"}},
                   SdpOffer({40000, 40002}, 2));
  call.peer.Expect("ACK");
  call.ExpectHangsUp();
}

// A failed transfer takes the far end off hold behind a refresh that is open.
TEST_F(SessionTimerTest, TheEndOfAHoldWaitsForARefresh) {
  AnsweredCall call(server_, {}, Asking("2;refresher=uas", "INVITE, REFER"));
  TransferStream stream = call.Refer(
      "sip:carol@target.example",
      [](v1::ReferRequest& request) { request.set_hold_first(true); });
  const auto accept = [&](const SipMessage& invite) {
    call.peer.Answer(invite, 200, "", {{"Session-Expires", "2;refresher=uac"}},
                     SdpOffer());
    call.peer.Expect("ACK");
  };
  accept(call.peer.Expect("INVITE"));
  call.peer.Answer(call.peer.Expect("REFER"), 202);
  const SipMessage refresh = call.peer.Expect("INVITE", kHalf);
  EXPECT_THAT(refresh.body(), HasSubstr("a=sendonly"));
  EXPECT_THAT(call.peer.Notify("SIP/2.0 486 Busy Here", "terminated"),
              Answered(200));
  accept(refresh);
  const SipMessage resume = call.peer.Expect("INVITE");
  EXPECT_THAT(resume.body(), HasSubstr("a=inactive"));
  accept(resume);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TARGET_FAILED));
  EXPECT_FALSE(call.client.GetCall(call.id).on_hold());
  call.ExpectHangsUp();
}

// Who does not refresh hangs up in time.
TEST_F(SessionTimerTest, ACallerThatStopsRefreshingIsHungUp) {
  Shows({"94"});
  AnsweredCall call(server_, {},
                    Asking("2;refresher=uac", "INVITE, UPDATE, REFER"));
  EventStream<v1::CallEvent> calls = call.Watch();
  //         <--- UPDATE: the time begins anew
  SipMessage refresh = call.peer.NewRequest("UPDATE");
  refresh.Add("Supported", "timer");
  refresh.Add("Session-Expires", "2;refresher=uac");
  const SipMessage ok = call.peer.AwaitAnswer(call.peer.SendRequest(refresh));
  EXPECT_THAT(ok, Answered(200));
  EXPECT_EQ(ok.Header("Session-Expires"), "2;refresher=uac");
  call.peer.Answer(call.peer.Expect("BYE", 2500ms), 200);
  EXPECT_THAT(call.AwaitEnded(calls).end_reason(), HasSubstr("not refreshed"));
}

// REFER and NOTIFY refresh nothing (RFC 4028, 7.1); the timer goes on.
TEST_F(SessionTimerTest, ATransferThatTakesLongIsRefreshedMeanwhile) {
  Shows({"94", "F33"});
  AnsweredCall call(server_, {},
                    Asking("2;refresher=uas", "INVITE, UPDATE, REFER"));
  TransferStream stream = call.AcceptedRefer();
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(call.peer.Notify("SIP/2.0 180 Ringing", "active;expires=60"),
                Answered(200));
    EXPECT_THAT(stream.Next(), Status(180));
    call.peer.Answer(call.peer.Expect("UPDATE", kHalf), 200, "",
                     {{"Session-Expires", "2;refresher=uac"}});
  }
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", "terminated"), Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
}

TEST_F(SessionTimerTest, ASessionThatRunsOutDuringATransferIsALostLeg) {
  Shows({"94", "F33"});
  AnsweredCall call(server_, {},
                    Asking("2;refresher=uas", "INVITE, UPDATE, REFER"));
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify("SIP/2.0 180 Ringing", "active;expires=60"),
              Answered(200));
  call.peer.Answer(call.peer.Expect("UPDATE", kHalf), 481);
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  const v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_LEG_LOST);
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_UNKNOWN);
}

// ---- Calls that this side places -------------------------------------------

//  INVITE, Session-Expires: 2 --->
//         <--- 422, Min-SE: 90
//  INVITE, Session-Expires: 90, Min-SE: 90 --->
TEST_F(SessionTimerTest, APlacedCallTakesTheLeastThatItIsTold) {
  Shows({"94"});
  ScriptedPeer peer(server_.sip_port());
  ReferClient client(server_.grpc_port());
  v1::PlaceCallRequest request;
  request.set_to(Cat("sip:bob@127.0.0.1:", peer.port()));
  EventStream<v1::CallEvent> stream = client.PlaceCall(request);
  const SipMessage invite = peer.Expect("INVITE");
  EXPECT_EQ(invite.Header("Session-Expires"), "2");
  EXPECT_THAT(invite.Header("Supported"), HasSubstr("timer"));
  peer.Answer(invite, 422, "", {{"Min-SE", "90"}});
  peer.Expect("ACK");
  const SipMessage again = peer.Expect("INVITE");
  EXPECT_EQ(again.Header("Session-Expires"), "90");
  EXPECT_EQ(again.Header("Min-SE"), "90");
  EXPECT_EQ(again.Header("Call-ID"), invite.Header("Call-ID"));
  peer.AcceptCall(again, SdpOffer());
  v1::CallEvent event = stream.Next();
  while (event.type() != v1::CALL_EVENT_TYPE_ANSWERED) event = stream.Next();
  client.HangUp(event.call().call_id());
  peer.Answer(peer.Expect("BYE"), 200);
}

//  INVITE --->   <--- 422, and each time more
TEST_F(SessionTimerTest, AFarEndThatKeepsRaisingTheLeastIsGivenUp) {
  ScriptedPeer peer(server_.sip_port());
  ReferClient client(server_.grpc_port());
  v1::PlaceCallRequest request;
  request.set_to(Cat("sip:bob@127.0.0.1:", peer.port()));
  EventStream<v1::CallEvent> stream = client.PlaceCall(request);
  for (int least = 90; least < 93; ++least) {
    peer.Answer(peer.Expect("INVITE"), 422, "", {{"Min-SE", Cat(least)}});
    peer.Expect("ACK");
  }
  v1::CallEvent event = stream.Next();
  while (event.type() != v1::CALL_EVENT_TYPE_ENDED) event = stream.Next();
  EXPECT_EQ(event.call().end_status(), 422);
}

}  // namespace
}  // namespace callcontrol::testing
