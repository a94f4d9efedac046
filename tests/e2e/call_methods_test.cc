// SPDX-License-Identifier: Apache-2.0
//
// Requests that the server answers by itself, and those that it refuses.
#include <chrono>
#include <string>
#include <vector>

#include "tests/support/server_test.h"

namespace callcontrol::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;
using namespace std::chrono_literals;

class CallMethodsTest : public ServerTest<CallMethodsTest> {
 protected:
  ScriptedPeer peer_{server().sip_port()};

  SipMessage Ask(const SipMessage& request) {
    return peer_.AwaitAnswer(peer_.SendRequest(request));
  }
};

void ExpectCapabilities(const SipMessage& ok) {
  EXPECT_THAT(ok, Answered(200));
  std::vector<std::string> allow = ok.Values("Allow");
  for (const char* method : {"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS",
                             "NOTIFY", "UPDATE", "PRACK"}) {
    EXPECT_THAT(allow, Contains(method));
  }
  // reliability.md, decision 5.
  EXPECT_THAT(allow, Not(Contains("REFER")));
  // Only what is processed (protocol.md, #11, #91).
  EXPECT_THAT(ok.Values("Supported"),
              ElementsAre("100rel", "replaces", "timer"));
}

TEST_F(CallMethodsTest, OptionsOutsideADialogTellsWhatTheServerCanDo) {
  Shows({"11", "91"});
  SipMessage ok = Ask(peer_.NewStrangerRequest("OPTIONS"));
  ExpectCapabilities(ok);
  EXPECT_FALSE(ok.ToTag().empty());
}

TEST_F(CallMethodsTest, OptionsInsideADialogTellsTheSame) {
  Shows({"11", "91"});
  peer_.Invite();
  ExpectCapabilities(peer_.Options());
  EXPECT_THAT(peer_.Bye(), Answered(200));
}

TEST_F(CallMethodsTest, TheAnswerToAnInviteTellsTheSame) {
  ExpectCapabilities(peer_.Invite());
  EXPECT_THAT(peer_.Bye(), Answered(200));
}

TEST_F(CallMethodsTest, AReferFromAStrangerIsRefusedAndNotFollowed) {
  Shows({"R1", "R24", "R25"});
  //        <--- REFER   405 --->, and no NOTIFY (reliability.md, finding 3)
  SipMessage refer = peer_.NewStrangerRequest("REFER");
  refer.Add("Refer-To", "<sip:premium@toll.example>");
  SipMessage refused = Ask(refer);
  EXPECT_THAT(refused, Answered(405));
  EXPECT_THAT(refused.Values("Allow"), Not(Contains("REFER")));
  peer_.ExpectNothing(300ms);
}

TEST_F(CallMethodsTest, AReferInsideACallIsRefusedAndNotFollowed) {
  Shows({"R1", "R24", "R25"});
  peer_.Invite();
  SipMessage refer = peer_.NewRequest("REFER");
  refer.Add("Refer-To", "<sip:premium@toll.example>");
  refer.Add("Contact", peer_.Contact());
  EXPECT_THAT(Ask(refer), Answered(405));
  peer_.ExpectNothing(300ms);
  EXPECT_THAT(peer_.Bye(), Answered(200));
}

TEST_F(CallMethodsTest, MethodsThatAreNotServedAreNotAllowed) {
  for (const char* method :
       {"SUBSCRIBE", "REGISTER", "PUBLISH", "MESSAGE", "INFO"}) {
    SipMessage request = peer_.NewStrangerRequest(method);
    if (std::string(method) == "SUBSCRIBE") request.Add("Event", "presence");
    SipMessage refused = Ask(request);
    EXPECT_THAT(refused, Answered(405)) << method;
    EXPECT_THAT(refused.Values("Allow"), Contains("INVITE")) << method;
  }
}

TEST_F(CallMethodsTest, AnUnknownMethodIsNotImplemented) {
  EXPECT_THAT(Ask(peer_.NewStrangerRequest("FOOBAR")), Answered(501));
}

TEST_F(CallMethodsTest, RequestsInsideNoDialogHaveNone) {
  Shows({"47"});
  for (const char* method : {"BYE", "NOTIFY", "UPDATE", "INVITE"}) {
    SipMessage request = peer_.NewStrangerRequest(method);
    request.Set("To", "<sip:service@callcontrol.example>;tag=none");
    if (std::string(method) == "NOTIFY") {
      request.Add("Event", "refer");
      request.Add("Subscription-State", "active");
      request.SetBody("message/sipfrag", "SIP/2.0 200 OK\r\n");
    }
    EXPECT_THAT(Ask(request), Answered(481)) << method;
  }
  // The same without any To tag.
  for (const char* method : {"BYE", "NOTIFY", "UPDATE"}) {
    SipMessage request = peer_.NewStrangerRequest(method);
    if (std::string(method) == "NOTIFY") {
      request.Add("Event", "refer");
      request.Add("Subscription-State", "active");
    }
    EXPECT_THAT(Ask(request), Answered(481)) << method;
  }
}

TEST_F(CallMethodsTest, AnAckAndACancelOfNothingAreHarmless) {
  SipMessage ack = peer_.NewStrangerRequest("ACK");
  peer_.Send(ack.ToString());
  EXPECT_THAT(Ask(peer_.NewStrangerRequest("CANCEL")), Answered(481));
  EXPECT_THAT(Ask(peer_.NewStrangerRequest("OPTIONS")), Answered(200));
}

TEST_F(CallMethodsTest, AnotherEventPackageIsABadEvent) {
  Shows({"50"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  for (const char* event : {"presence", "keep-alive", "talk"}) {
    EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", "active;expires=60",
                                 {.event = event}),
                Answered(489))
        << event;
  }
  EXPECT_TRUE(stream.Silent(50ms));
  call.ExpectHangsUp();
  stream.RestUntilResult();
}

TEST_F(CallMethodsTest, AnUnknownExtensionIsNamed) {
  Shows({"91"});
  //        <--- INVITE, Require: foo   420 ---> (RFC 3261, 8.2.2.3)
  SipMessage invite = peer_.StartInvite(
      {.sdp = SdpOffer(), .headers = {{"Require", "foo, 100rel, timer, bar"}}});
  SipMessage refused = peer_.AwaitAnswer(invite);
  EXPECT_THAT(refused, Answered(420));
  EXPECT_THAT(refused.Values("Unsupported"), ElementsAre("foo", "bar"));
  peer_.ExpectNothing(100ms);
}

TEST_F(CallMethodsTest, ACSeqThatGoesBackIsRefused) {
  Shows({"60"});
  AnsweredCall call(server());
  EXPECT_THAT(call.peer.Options(), Answered(200));
  EXPECT_THAT(call.peer.Options(), Answered(200));
  for (const char* method : {"OPTIONS", "UPDATE", "INVITE", "BYE"}) {
    SipMessage old = call.peer.NewRequest(method);
    old.Set("CSeq", std::string("1 ") + method);
    EXPECT_THAT(call.peer.AwaitAnswer(call.peer.SendRequest(old)),
                Answered(500))
        << method;
  }
  EXPECT_EQ(call.client.GetCall(call.id).state(), v1::CALL_STATE_ANSWERED);
  // A gap is fine (RFC 3261, 12.2.2).
  call.peer.dialog().cseq += 1000;
  call.ExpectAlive();
}

TEST_F(CallMethodsTest, TheServerNamesItself) {
  EXPECT_THAT(Ask(peer_.NewStrangerRequest("OPTIONS")).Header("Server"),
              ::testing::StartsWith("callcontrol/"));
  AnsweredCall call(server());
  call.client.HangUp(call.id);
  SipMessage bye = call.peer.Expect("BYE");
  EXPECT_THAT(bye.Header("User-Agent"), ::testing::StartsWith("callcontrol/"));
  call.peer.Answer(bye, 200);
}

}  // namespace
}  // namespace callcontrol::testing
