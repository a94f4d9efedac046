// SPDX-License-Identifier: Apache-2.0
//
// Where requests inside a dialog go: route sets, remote targets, transports
// (RFC 3261, 12 and 16.12).
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr char kDone[] = "terminated;reason=noresource";
constexpr char kOk[] = "SIP/2.0 200 OK";
// Nobody is there: a request that goes there is not seen by the peer.
constexpr char kElsewhere[] = "sip:caller@127.0.0.77:9";

class CallRoutingTest : public ServerTest<CallRoutingTest> {
 protected:
  // Plays the proxies and the caller behind them.
  ScriptedPeer peer_{server().sip_port()};
  ReferClient client_{server().grpc_port()};

  std::string Proxy(std::string_view name, std::string_view parameter) const {
    return Cat("<sip:", name, "@127.0.0.1:", peer_.port(), parameter, ">");
  }

  // A call through two proxies whose Contact is somewhere else.
  TransferStream ReferThrough(const std::vector<std::string>& record_route) {
    InviteOptions invite = {.contact = Cat("<", kElsewhere, ">")};
    for (const std::string& route : record_route) {
      invite.headers.emplace_back("Record-Route", route);
    }
    SipMessage ok = peer_.Invite(invite);
    // The 2xx copies them, in order (RFC 3261, 12.1.1).
    EXPECT_EQ(ok.Values("Record-Route"), SplitAll(record_route));
    id_ = client_.AwaitCall(peer_.dialog().call_id).call_id();
    return client_.Refer(id_, "sip:carol@target.example");
  }

  static std::vector<std::string> SplitAll(
      const std::vector<std::string>& lines) {
    std::vector<std::string> values;
    for (const std::string& line : lines) {
      for (std::string& value : SplitList(line)) values.push_back(value);
    }
    return values;
  }

  // Ends the transfer well; returns the BYE.
  SipMessage Succeed(TransferStream& stream, const SipMessage& refer) {
    peer_.Answer(refer, 202);
    EXPECT_THAT(peer_.Notify(kOk, kDone), Answered(200));
    SipMessage bye = peer_.Expect("BYE");
    peer_.Answer(bye, 200);
    EXPECT_THAT(stream.RestUntilResult().back(),
                Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
    return bye;
  }

  std::string id_;
};

TEST_F(CallRoutingTest, LooseRoutersStayInRoute) {
  Shows({"2", "86"});
  std::string first = Proxy("p1", ";lr");
  std::string second = Proxy("p2", ";lr");
  TransferStream stream = ReferThrough({first, second});
  SipMessage refer = peer_.Expect("REFER");
  EXPECT_EQ(refer.uri(), kElsewhere);
  EXPECT_THAT(refer.Values("Route"), ElementsAre(first, second));
  SipMessage bye = Succeed(stream, refer);
  EXPECT_EQ(bye.uri(), kElsewhere);
  EXPECT_THAT(bye.Values("Route"), ElementsAre(first, second));
}

TEST_F(CallRoutingTest, ARouteSetInOneLineIsTheSame) {
  Shows({"86"});
  std::string first = Proxy("p1", ";lr");
  std::string second = Proxy("p2", ";lr;x=1");
  TransferStream stream = ReferThrough({first + ", " + second});
  SipMessage refer = peer_.Expect("REFER");
  EXPECT_THAT(refer.Values("Route"), ElementsAre(first, second));
  Succeed(stream, refer);
}

TEST_F(CallRoutingTest, AStrictRouterTakesTheRequestUri) {
  Shows({"86"});
  std::string strict = Proxy("strict", "");
  std::string loose = Proxy("p2", ";lr");
  TransferStream stream = ReferThrough({strict, loose});
  //  RFC 3261, 12.2.1.1: its URI in the request line, the target last in Route
  SipMessage refer = peer_.Expect("REFER");
  EXPECT_EQ(Cat("<", refer.uri(), ">"), strict);
  EXPECT_THAT(refer.Values("Route"),
              ElementsAre(loose, Cat("<", kElsewhere, ">")));
  SipMessage bye = Succeed(stream, refer);
  EXPECT_EQ(Cat("<", bye.uri(), ">"), strict);
  EXPECT_THAT(bye.Values("Route"),
              ElementsAre(loose, Cat("<", kElsewhere, ">")));
}

TEST_F(CallRoutingTest, ATargetRefreshDoesNotTouchTheRouteSet) {
  Shows({"8", "86"});
  std::string proxy = Proxy("p1", ";lr");
  TransferStream stream = ReferThrough({proxy});
  SipMessage refer = peer_.Expect("REFER");
  peer_.dialog().contact = "<sip:moved@127.0.0.78:9>";
  SipMessage bye = Succeed(stream, refer);
  EXPECT_EQ(bye.uri(), "sip:moved@127.0.0.78:9");
  EXPECT_THAT(bye.Values("Route"), ElementsAre(proxy));
}

TEST_F(CallRoutingTest, TheContactOfTheAnswerToReferIsTheNewTarget) {
  Shows({"8"});
  ScriptedPeer moved(server().sip_port());
  AnsweredCall call(server());
  EventStream<v1::CallEvent> calls = call.Watch();
  TransferStream stream = call.Refer();
  //        <--- 202, Contact: another port (protocol.md, #8)
  call.peer.Answer(call.peer.Expect("REFER"), 202, "Accepted",
                   {{"Contact", moved.Contact("moved")}});
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(stream.Next(), ReferAnswered(202));
  EXPECT_EQ(Cat("<", AnsweredCall::AwaitUpdated(calls).remote_target(), ">"),
            moved.Contact("moved"));
  EXPECT_THAT(call.peer.Notify(kOk, kDone, {.contact = moved.Contact("moved")}),
              Answered(200));
  //  BYE ---> there
  SipMessage bye = moved.Expect("BYE");
  EXPECT_EQ(Cat("<", bye.uri(), ">"), moved.Contact("moved"));
  moved.Answer(bye, 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(CallRoutingTest, TheContactOfANotifyIsTheNewTarget) {
  Shows({"8"});
  ScriptedPeer moved(server().sip_port());
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify(kOk, kDone, {.contact = moved.Contact("moved")}),
              Answered(200));
  moved.Answer(moved.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(CallRoutingTest, TheContactOfAReInviteIsTheNewTarget) {
  ScriptedPeer moved(server().sip_port());
  AnsweredCall call(server());
  call.peer.dialog().contact = moved.Contact("moved");
  EXPECT_THAT(call.peer.ReInvite(SdpOffer({40002}, 2)), Answered(200));
  call.client.HangUp(call.id);
  moved.Answer(moved.Expect("BYE"), 200);
}

// The dialog goes on for the subscription (RFC 6665, 4.5.2).
TEST_F(CallRoutingTest, ASubscriptionThatOutlivesTheCallKeepsItsRoute) {
  Shows({"86"});
  const std::string proxy = Proxy("p1", ";lr");
  TransferStream stream = ReferThrough({proxy});
  const SipMessage refer = peer_.Expect("REFER");
  //        <--- NOTIFY, BYE, NOTIFY: the 202 is on its way
  EXPECT_THAT(peer_.Notify("SIP/2.0 100 Trying", "active;expires=60"),
              Answered(200));
  EXPECT_THAT(peer_.Bye(), Answered(200));
  EXPECT_THAT(peer_.Notify("SIP/2.0 180 Ringing", "active;expires=60"),
              Answered(200));
  client_.CancelTransfer(client_.GetCall(id_).transfer_ids(0));
  //  SUBSCRIBE, Expires: 0 --->
  const SipMessage unsubscribe = peer_.Expect("SUBSCRIBE");
  EXPECT_EQ(unsubscribe.uri(), kElsewhere);
  EXPECT_THAT(unsubscribe.Values("Route"), ElementsAre(proxy));
  peer_.Answer(unsubscribe, 200);
  peer_.Answer(refer, 202);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_CANCELLED));
}

TEST_F(CallRoutingTest, AFarEndThatMovesThereAndBackIsFound) {
  ScriptedPeer moved(server().sip_port());
  AnsweredCall call(server());
  const std::string home = call.peer.dialog().contact;
  const std::string away = moved.Contact("moved");
  int version = 2;
  for (const std::string& contact : {away, home, away, home}) {
    call.peer.dialog().contact = contact;
    EXPECT_THAT(call.peer.ReInvite(SdpOffer({40002}, version++)),
                Answered(200));
    EXPECT_EQ(Cat("<", call.client.GetCall(call.id).remote_target(), ">"),
              contact);
  }
  call.client.HangUp(call.id);
  call.peer.Answer(call.peer.Expect("BYE"), 200);
}

TEST_F(CallRoutingTest, AnAnswerWithoutContactChangesNothing) {
  Shows({"8"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  std::string contact = std::exchange(call.peer.dialog().contact, "");
  call.peer.Answer(refer, 202);
  call.peer.dialog().contact = contact;
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(CallRoutingTest, AnAnswerGoesBackToWhereTheRequestCameFrom) {
  Shows({"100"});
  // Its Via names a port where nobody is; rport (RFC 3581) is what counts.
  SipMessage options = peer_.NewStrangerRequest("OPTIONS");
  options.Set("Via", "SIP/2.0/UDP 127.0.0.77:9;branch=z9hG4bKrport1;rport");
  SipMessage answer = peer_.AwaitAnswer(peer_.SendRequest(options));
  EXPECT_THAT(answer, Answered(200));
  EXPECT_EQ(HeaderParameter(answer.Header("Via"), "rport"),
            std::to_string(peer_.port()));
  EXPECT_EQ(HeaderParameter(answer.Header("Via"), "received"), "127.0.0.1");
}

TEST_F(CallRoutingTest, ACallOverTcpIsTransferredOverTcp) {
  AnsweredCall call(server(), {.transport = Transport::kTcp});
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(refer.Header("Via"), ::testing::StartsWith("SIP/2.0/TCP "));
  EXPECT_THAT(refer.Header("Contact"), ::testing::HasSubstr("transport=tcp"));
  call.peer.Answer(refer, 202);
  EXPECT_THAT(call.peer.Notify("SIP/2.0 180 Ringing", "active;expires=60"),
              Answered(200));
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  SipMessage bye = call.peer.Expect("BYE");
  EXPECT_THAT(bye.Header("Via"), ::testing::StartsWith("SIP/2.0/TCP "));
  call.peer.Answer(bye, 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(CallRoutingTest, ACallOverTcpIsHungUpByTheFarEnd) {
  AnsweredCall call(server(), {.transport = Transport::kTcp});
  EventStream<v1::CallEvent> calls = call.Watch();
  EXPECT_THAT(call.peer.ReInvite(SdpOffer({40002}, 2)), Answered(200));
  EXPECT_THAT(call.peer.Bye(), Answered(200));
  EXPECT_EQ(call.AwaitEnded(calls).ended_by(), v1::CALL_ENDED_BY_FAR_END);
}

}  // namespace
}  // namespace callcontrol::testing
