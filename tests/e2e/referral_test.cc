// SPDX-License-Identifier: Apache-2.0
//
// REFERs of far ends in calls of one leg: who may refer, who decides, and what
// is reported. In the ladders the referrer is on the left, the target on the
// right, and the server between them.
#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "tests/support/referrer.h"
#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

std::string InboundRefer(std::string_view mode, std::string_view more) {
  return TestConfig(Cat("calls { inbound_refer { mode: INBOUND_REFER_MODE_",
                        mode, " ", more, " } }"));
}

class ReferralTest : public ::testing::Test {
 protected:
  explicit ReferralTest(std::string_view mode = "EXECUTE",
                        std::string_view more = R"(targets: "*@127.0.0.1:*" )"
                                                "bye_wait { nanos: 300000000 }")
      : server_(InboundRefer(mode, more)) {}

  std::string Target(std::string_view user = "carol") const {
    return Cat("<sip:", user, "@127.0.0.1:", target_.port(), ">");
  }
  ScriptedPeer& referrer() { return call_.peer; }

  // The call that the REFER led to is up.
  void AcceptTarget() {
    target_.AcceptCall(target_.Expect("INVITE"), SdpOffer({45000}));
  }

  // BYE of the referrer.
  void Leave() { EXPECT_THAT(referrer().Bye(), Answered(200)); }

  CallcontroldProcess server_;
  AnsweredCall call_{server_};
  ScriptedPeer target_{server_.sip_port()};
};

// Its call is the referrer's business until it is answered.
TEST_F(ReferralTest, ATargetThatRingsIsNobodyElsesConsultation) {
  AnsweredCall other(server_);
  ReferServer(referrer(), Target());
  const SipMessage invite = target_.Expect("INVITE");
  target_.Answer(invite, 180);
  const v1::Call rings =
      other.client.AwaitCall(invite.CallId(), v1::CALL_STATE_RINGING);
  EXPECT_REFUSED(
      other.ReferRefused("",
                         [&](v1::ReferRequest& request) {
                           request.set_replaces_call_id(rings.call_id());
                         }),
      ABORTED, "REFER_IN_PROGRESS");
  TakeNotify(referrer(), "SIP/2.0 180 Ringing", "active");
  target_.Answer(invite, 486);
  target_.Expect("ACK");
  TakeNotify(referrer(), "SIP/2.0 486 Busy Here", kNoResource);
  call_.ExpectHangsUp();
  other.ExpectHangsUp();
}

//  REFER --->
//       <--- 202, NOTIFY 100
//                INVITE --->
//                      <--- 200
//       <--- NOTIFY 200
//  BYE --->
TEST_F(ReferralTest, TheTargetIsCalled) {
  Shows({"R5", "R6", "R8", "R10", "R11", "R14"});
  const std::string referred_by =
      R"("Alice" <sip:alice@peer.example>;cid="20398823.2UWQ@peer.example")";
  const SipMessage refer = referrer().SendRequest(
      NewRefer(referrer(), Target(), {{"Referred-By", referred_by}}));
  const SipMessage accepted = referrer().AwaitAnswer(refer);
  EXPECT_THAT(accepted, Answered(202));
  EXPECT_TRUE(accepted.Has("Contact"));
  const SipMessage trying =
      TakeNotify(referrer(), "SIP/2.0 100 Trying", "active;expires=24");
  const std::string event = Cat("refer;id=", refer.CSeqNumber());
  EXPECT_EQ(trying.Header("Event"), event);

  const SipMessage invite = target_.Expect("INVITE");
  EXPECT_EQ(invite.Header("Referred-By"), referred_by);
  EXPECT_THAT(invite.Header("From"),
              HasSubstr("sip:service@callcontrol.example"));
  target_.AcceptCall(invite, SdpOffer({45000}));
  const SipMessage done = TakeNotify(referrer(), "SIP/2.0 200 OK", kNoResource);
  EXPECT_EQ(done.Header("Event"), event);
  Leave();

  const v1::Call placed = call_.client.AwaitCall(target_.dialog().call_id);
  EXPECT_EQ(placed.referring_call_id(), call_.id);
  EXPECT_THAT(target_.Bye(), Answered(200));
}

TEST_F(ReferralTest, WithoutReferredByNoneIsInvented) {
  Shows({"R14"});
  ReferServer(referrer(), Target());
  const SipMessage invite = target_.Expect("INVITE");
  EXPECT_FALSE(invite.Has("Referred-By"));
  target_.AcceptCall(invite, SdpOffer({45000}));
  TakeNotify(referrer(), "SIP/2.0 200 OK", kNoResource);
  Leave();
  EXPECT_THAT(target_.Bye(), Answered(200));
}

// What the target says reaches the referrer as a status line, once a second at
// most.
TEST_F(ReferralTest, ProgressAndRefusalAreReported) {
  Shows({"R9", "R11", "R16"});
  ReferServer(referrer(), Target());
  const SipMessage invite = target_.Expect("INVITE");
  target_.Answer(invite, 180, "Ringing Loud", {{"Contact", target_.Contact()}});
  target_.Answer(invite, 183, "", {{"Contact", target_.Contact()}});
  const SipMessage progress =
      TakeNotify(referrer(), "SIP/2.0 183 Session Progress", "active;expires=");
  target_.Answer(invite, 302, "Gone There",
                 {{"Contact", "<sip:secret@else.example>"}});
  target_.Expect("ACK");
  const SipMessage done =
      TakeNotify(referrer(), "SIP/2.0 302 Moved Temporarily", kNoResource);
  EXPECT_THAT(done.ToString(), Not(HasSubstr("secret")));
  call_.ExpectAlive();
}

//  BYE --->, right after the 202 (RFC 5589, 6)
TEST_F(ReferralTest, TheReferrerMayLeaveAtOnce) {
  Shows({"R17"});
  ReferServer(referrer(), Target());
  Leave();
  AcceptTarget();
  TakeNotify(referrer(), "SIP/2.0 200 OK", kNoResource);
  EXPECT_THAT(target_.Bye(), Answered(200));
}

TEST_F(ReferralTest, AReferrerThatStaysIsHungUpInTheEnd) {
  Shows({"R18"});
  ReferServer(referrer(), Target());
  AcceptTarget();
  const SipMessage done = referrer().Expect("NOTIFY");
  // The BYE waits for the answer, and then for the far end's own.
  referrer().ExpectNothing(100ms);
  const auto told = std::chrono::steady_clock::now();
  referrer().Answer(done, 200);
  const SipMessage bye = referrer().Expect("BYE");
  EXPECT_GE(bye.received_at - told, 250ms);
  referrer().Answer(bye, 200);
  EXPECT_THAT(target_.Bye(), Answered(200));
}

TEST_F(ReferralTest, BadAndForbiddenTargetsAreRefused) {
  Shows({"R2", "R3", "R15", "R24", "R25"});
  const std::string here = Cat("<sip:x@127.0.0.1:", server_.sip_port(), ">");
  for (const auto& [refer_to, status] :
       {std::pair<std::string, int>{"", 400},
        {"<sip:a@127.0.0.1>, <sip:b@127.0.0.1>", 400},
        {"<sip:a b@127.0.0.1>", 400},
        {Cat("<sip:a@127.0.0.1:", target_.port(), "?Replaces=nonsense>"), 400},
        {"<mailto:a@127.0.0.1>", 603},
        {"<sip:a@127.0.0.1;method=BYE>", 603},
        {"<sip:a@toll.example>", 403},
        {"<sip:a@127.0.0.1:25;maddr=127.0.0.9>", 403},
        {here, 403}}) {
    EXPECT_THAT(AnswerToRefer(referrer(), refer_to), Answered(status))
        << refer_to;
  }
  SipMessage two = NewRefer(referrer(), Target());
  two.Add("r", Target("dave"));
  EXPECT_THAT(referrer().AwaitAnswer(referrer().SendRequest(two)),
              Answered(400));
  call_.ExpectAlive();
}

// The URI's dangerous headers stay behind, its parameters do not.
TEST_F(ReferralTest, TheInviteIsBuiltFromTheUri) {
  Shows({"R15", "R16"});
  const std::string uri = Cat("sip:carol@127.0.0.1:", target_.port(),
                              ";x-opaque=a.b-c;method=INVITE");
  ReferServer(referrer(),
              Cat("<", uri,
                  "?Replaces=1%40x%3Bto-tag%3Da%3Bfrom-tag%3Db"
                  "&Require=replaces&X-Account=7%3B8&From=sip%3Aevil%40x"
                  "&Route=%3Csip%3Aevil.example%3E&body=v%3D0>"));
  const SipMessage invite = target_.Expect("INVITE");
  EXPECT_EQ(invite.uri(),
            Cat("sip:carol@127.0.0.1:", target_.port(), ";x-opaque=a.b-c"));
  EXPECT_EQ(invite.Header("Replaces"), "1@x;to-tag=a;from-tag=b");
  EXPECT_EQ(invite.Header("Require"), "replaces");
  EXPECT_EQ(invite.Header("X-Account"), "7;8");
  EXPECT_FALSE(invite.Has("Route"));
  EXPECT_THAT(invite.Header("From"), Not(HasSubstr("evil")));
  target_.Answer(invite, 481);
  target_.Expect("ACK");
  TakeNotify(referrer(), "SIP/2.0 481 Call/Transaction Does Not Exist",
             kNoResource);
  call_.ExpectAlive();
}

TEST_F(ReferralTest, NoSubscriptionIsGranted) {
  Shows({"R7"});
  const SipMessage accepted =
      AnswerToRefer(referrer(), Target(),
                    {{"Refer-Sub", "false"}, {"Require", "norefersub"}});
  EXPECT_THAT(accepted, Answered(202));
  EXPECT_EQ(accepted.Header("Refer-Sub"), "false");
  EXPECT_THAT(accepted.Values("Supported"), ::testing::Contains("norefersub"));
  AcceptTarget();
  referrer().Answer(referrer().Expect("BYE"), 200);
  EXPECT_THAT(target_.Bye(), Answered(200));
}

TEST_F(ReferralTest, OneAtATime) {
  Shows({"R22"});
  ReferServer(referrer(), Target());
  const SipMessage invite = target_.Expect("INVITE");
  EXPECT_THAT(AnswerToRefer(referrer(), Target("dave")), Answered(603));
  target_.Answer(invite, 486);
  target_.Expect("ACK");
  TakeNotify(referrer(), "SIP/2.0 486 Busy Here", kNoResource);
  // The next is another subscription.
  const SipMessage refer =
      referrer().SendRequest(NewRefer(referrer(), Target("dave")));
  EXPECT_THAT(referrer().AwaitAnswer(refer), Answered(202));
  EXPECT_EQ(
      TakeNotify(referrer(), "SIP/2.0 100 Trying", "active").Header("Event"),
      Cat("refer;id=", refer.CSeqNumber()));
  AcceptTarget();
  TakeNotify(referrer(), "SIP/2.0 200 OK", kNoResource);
  Leave();
  EXPECT_THAT(target_.Bye(), Answered(200));
}

// Ours and theirs: the one that came first is the only one.
TEST_F(ReferralTest, OneInEitherDirection) {
  Shows({"R22"});
  TransferStream stream = call_.Refer();
  const SipMessage ours = referrer().Expect("REFER");
  EXPECT_THAT(AnswerToRefer(referrer(), Target()), Answered(603));
  referrer().Answer(ours, 603);
  stream.RestUntilResult();

  ReferServer(referrer(), Target());
  const SipMessage invite = target_.Expect("INVITE");
  EXPECT_REFUSED(call_.ReferRefused("sip:dave@target.example"), ABORTED,
                 "REFER_IN_PROGRESS");
  target_.Answer(invite, 486);
  target_.Expect("ACK");
  TakeNotify(referrer(), "SIP/2.0 486 Busy Here", kNoResource);
  call_.ExpectAlive();
}

// re-INVITE --->
//           <--- 200, whose ACK is not there yet
// REFER --->
TEST_F(ReferralTest, AnInviteThatIsOpenComesFirst) {
  Shows({"R22"});
  SipMessage invite = referrer().NewRequest("INVITE");
  invite.Add("Contact", referrer().Contact());
  invite.SetBody("application/sdp", SdpOffer({40000}, 2));
  const SipMessage ok = referrer().AwaitAnswer(referrer().SendRequest(invite));
  EXPECT_THAT(AnswerToRefer(referrer(), Target()), Answered(491));
  referrer().dialog().invite_cseq = invite.CSeqNumber();
  referrer().Ack(ok);
  ReferServer(referrer(), Target());
  AcceptTarget();
  TakeNotify(referrer(), "SIP/2.0 200 OK", kNoResource);
  Leave();
  EXPECT_THAT(target_.Bye(), Answered(200));
}

TEST_F(ReferralTest, ItsSubscriptionIsRefreshedAndEnded) {
  Shows({"R12"});
  ReferServer(referrer(), Target());
  const SipMessage invite = target_.Expect("INVITE");
  const auto subscribe = [&](std::string_view event, std::string_view expires) {
    SipMessage request = referrer().NewRequest("SUBSCRIBE");
    request.AddAll({{"Event", std::string(event)},
                    {"Expires", std::string(expires)},
                    {"Contact", referrer().Contact()}});
    return referrer().AwaitAnswer(referrer().SendRequest(request));
  };
  EXPECT_THAT(subscribe("presence", "60"), Answered(489));
  EXPECT_THAT(subscribe("refer;id=4711", "60"), Answered(403));
  const SipMessage refreshed = subscribe("refer", "60");
  EXPECT_THAT(refreshed, Answered(200));
  EXPECT_EQ(refreshed.Header("Expires"), "60");
  TakeNotify(referrer(), "SIP/2.0 100 Trying", "active;expires=60");
  EXPECT_THAT(subscribe("refer", "0"), Answered(200));
  TakeNotify(referrer(), "SIP/2.0 100 Trying", "terminated;reason=timeout");
  EXPECT_THAT(subscribe("refer", "60"), Answered(403));
  // The call goes on.
  target_.AcceptCall(invite, SdpOffer({45000}));
  referrer().Answer(referrer().Expect("BYE"), 200);
  EXPECT_THAT(target_.Bye(), Answered(200));
}

TEST_F(ReferralTest, ANotifyThatIsRefusedEndsItsSubscriptionOnly) {
  Shows({"R13"});
  EXPECT_THAT(AnswerToRefer(referrer(), Target()), Answered(202));
  TakeNotify(referrer(), "SIP/2.0 100 Trying", "active", 481);
  const SipMessage invite = target_.Expect("INVITE");
  target_.Answer(invite, 486);
  target_.Expect("ACK");
  referrer().ExpectNothing(100ms);
  call_.ExpectAlive();
}

TEST_F(ReferralTest, ItIsInAllow) {
  EXPECT_THAT(referrer().Options().Header("Allow"), HasSubstr("REFER"));
  call_.ExpectHangsUp();
}

// A stranger's request to have somebody called (RFC 3515, 5.2).
TEST_F(ReferralTest, OutsideACallNobodyRefers) {
  Shows({"R12", "R19", "R20"});
  SipMessage refer = target_.NewStrangerRequest("REFER");
  refer.Add("Refer-To", Target());
  refer.Add("Target-Dialog", "x@y;local-tag=a;remote-tag=b");
  refer.Add("Contact", target_.Contact());
  EXPECT_THAT(target_.AwaitAnswer(target_.SendRequest(refer)), Answered(403));
  SipMessage subscribe = target_.NewStrangerRequest("SUBSCRIBE");
  subscribe.AddAll({{"Event", "refer"}, {"Contact", target_.Contact()}});
  EXPECT_THAT(target_.AwaitAnswer(target_.SendRequest(subscribe)),
              Answered(403));
  call_.ExpectHangsUp();
}

TEST_F(ReferralTest, ASilentTargetIsGivenUp) {
  ReferServer(referrer(), Target());
  target_.Expect("INVITE");
  TakeNotify(referrer(), "SIP/2.0 408 Request Timeout", kNoResource);
  call_.ExpectAlive();
}

TEST_F(ReferralTest, TheServerStopsMeanwhile) {
  ReferServer(referrer(), Target());
  const SipMessage invite = target_.Expect("INVITE");
  target_.Answer(invite, 180);
  TakeNotify(referrer(), "SIP/2.0 180 Ringing", "active");
  server_.Terminate();
  TakeNotify(referrer(), "SIP/2.0 503 Service Unavailable", kNoResource);
  referrer().Answer(referrer().Expect("BYE"), 200);
  target_.Answer(target_.Expect("CANCEL"), 200);
  target_.Answer(invite, 487);
  target_.Expect("ACK");
  EXPECT_EQ(server_.Wait(), 0);
}

class BriefReferralTest : public ReferralTest {
 protected:
  BriefReferralTest()
      : ReferralTest("EXECUTE",
                     "targets: \"*\" ring_limit { seconds: 1 } "
                     "accept_status: 200") {}
};

TEST_F(BriefReferralTest, ATargetThatRingsOnIsGivenUp) {
  Shows({"R5", "R23"});
  EXPECT_THAT(AnswerToRefer(referrer(), Target()), Answered(200));
  TakeNotify(referrer(), "SIP/2.0 100 Trying", "active;expires=6");
  const SipMessage invite = target_.Expect("INVITE");
  target_.Answer(invite, 180);
  target_.Answer(target_.Expect("CANCEL"), 200);
  target_.Answer(invite, 487);
  target_.Expect("ACK");
  SipMessage notify = referrer().Expect("NOTIFY");
  if (notify.body() == "SIP/2.0 180 Ringing\r\n") {
    referrer().Answer(notify, 200);
    notify = referrer().Expect("NOTIFY");
  }
  EXPECT_EQ(notify.body(), "SIP/2.0 408 Request Timeout\r\n");
  referrer().Answer(notify, 200);
  call_.ExpectAlive();
}

class DecliningReferralTest : public ReferralTest {
 protected:
  DecliningReferralTest() : ReferralTest("DECLINE", "") {}
};

TEST_F(DecliningReferralTest, EveryReferIs603) {
  Shows({"R1"});
  EXPECT_THAT(AnswerToRefer(referrer(), Target()), Answered(603));
  EXPECT_THAT(referrer().Options().Header("Allow"), HasSubstr("REFER"));
  call_.ExpectHangsUp();
}

class DelegatingReferralTest : public ReferralTest {
 protected:
  DelegatingReferralTest()
      : ReferralTest("DELEGATE", "decision_limit { seconds: 1 }") {}

  // REFER, which waits for a client.
  v1::PendingRefer Ask(std::string_view refer_to,
                       const SipHeaders& headers = {}) {
    ReferServer(referrer(), refer_to, headers, "pending;expires=");
    const v1::CallEvent event = calls_.Next();
    EXPECT_EQ(event.type(), v1::CALL_EVENT_TYPE_REFER_REQUESTED);
    EXPECT_EQ(event.call().call_id(), call_.id);
    return event.pending_refer();
  }

  grpc::Status Decide(
      const std::string& refer_id, bool accept,
      const std::function<void(v1::DecideReferRequest&)>& edit = nullptr) {
    v1::DecideReferRequest request;
    request.set_refer_id(refer_id);
    request.set_accept(accept);
    if (edit) edit(request);
    v1::DecideReferResponse response;
    return call_.client.stub().DecideRefer(Deadline().get(), request,
                                           &response);
  }

  EventStream<v1::CallEvent> calls_ = call_.Watch();
};

TEST_F(DelegatingReferralTest, AClientAccepts) {
  Shows({"R1", "R8"});
  const v1::PendingRefer refer =
      Ask(Cat("<sip:carol@127.0.0.1:", target_.port(),
              "?Replaces=1%40x%3Bto-tag%3Da%3Bfrom-tag%3Db>"),
          {{"Referred-By", "<sip:alice@peer.example>"}});
  EXPECT_EQ(refer.refer_to(), Cat("sip:carol@127.0.0.1:", target_.port()));
  EXPECT_EQ(refer.replaces(), "1@x;to-tag=a;from-tag=b");
  EXPECT_EQ(refer.referred_by(), "<sip:alice@peer.example>");
  EXPECT_TRUE(refer.has_deadline());
  // Whoever begins to watch now sees it as well.
  EventStream<v1::CallEvent> late = call_.client.WatchCalls(call_.id);
  EXPECT_EQ(late.Next().pending_refer().refer_id(), refer.refer_id());

  EXPECT_TRUE(Decide(refer.refer_id(), true).ok());
  EXPECT_FALSE(calls_.Next().has_pending_refer());
  const SipMessage invite = target_.Expect("INVITE");
  EXPECT_EQ(invite.Header("Replaces"), "1@x;to-tag=a;from-tag=b");
  TakeNotify(referrer(), "SIP/2.0 100 Trying", "active;expires=");
  target_.AcceptCall(invite, SdpOffer({45000}));
  TakeNotify(referrer(), "SIP/2.0 200 OK", kNoResource);
  EXPECT_REFUSED(Decide(refer.refer_id(), true), NOT_FOUND, "REFER_NOT_FOUND");
  Leave();
  EXPECT_THAT(target_.Bye(), Answered(200));
}

TEST_F(DelegatingReferralTest, AClientSendsItElsewhere) {
  const v1::PendingRefer refer = Ask("<sip:4711@nowhere.example>");
  EXPECT_TRUE(Decide(refer.refer_id(), true, [&](auto& request) {
                request.set_refer_to(Cat("dora@127.0.0.1:", target_.port()));
              }).ok());
  const SipMessage invite = target_.Expect("INVITE");
  EXPECT_THAT(invite.uri(), StartsWith("sip:dora@"));
  target_.AcceptCall(invite, SdpOffer({45000}));
  referrer().AllowUnread();
  EXPECT_THAT(target_.Bye(), Answered(200));
}

TEST_F(DelegatingReferralTest, AClientDeclines) {
  const v1::PendingRefer refer = Ask(Target());
  EXPECT_TRUE(Decide(refer.refer_id(), false, [](auto& request) {
                request.set_status(480);
              }).ok());
  TakeNotify(referrer(), "SIP/2.0 480 Temporarily Unavailable", kNoResource);
  call_.ExpectAlive();
}

// The REFER is decided all the same.
TEST_F(DelegatingReferralTest, TheReferrerDoesNotWait) {
  const v1::PendingRefer refer = Ask(Target());
  Leave();
  EXPECT_TRUE(Decide(refer.refer_id(), false).ok());
  TakeNotify(referrer(), "SIP/2.0 603 Decline", kNoResource);
  EXPECT_REFUSED(Decide(refer.refer_id(), false), NOT_FOUND, "REFER_NOT_FOUND");
}

TEST_F(DelegatingReferralTest, NobodyDecides) {
  Shows({"R1"});
  Ask(Target());
  TakeNotify(referrer(), "SIP/2.0 603 Decline", kNoResource);
  EXPECT_FALSE(calls_.Next().has_pending_refer());
  call_.ExpectAlive();
}

TEST_F(DelegatingReferralTest, BadDecisionsChangeNothing) {
  const v1::PendingRefer refer = Ask(Target());
  EXPECT_REFUSED(Decide("r-none", true), NOT_FOUND, "REFER_NOT_FOUND");
  EXPECT_REFUSED(Decide("", true), INVALID_ARGUMENT, "EMPTY");
  EXPECT_REFUSED(Decide(refer.refer_id(), true,
                        [](auto& request) { request.set_trunk("none"); }),
                 INVALID_ARGUMENT, "UNKNOWN_TRUNK");
  EXPECT_REFUSED(Decide(refer.refer_id(), true,
                        [](auto& request) { request.set_refer_to("<sip:"); }),
                 INVALID_ARGUMENT, "BAD_URI");
  EXPECT_REFUSED(Decide(refer.refer_id(), false,
                        [](auto& request) { request.set_status(200); }),
                 INVALID_ARGUMENT, "OUT_OF_RANGE");
  EXPECT_TRUE(Decide(refer.refer_id(), false).ok());
  TakeNotify(referrer(), "SIP/2.0 603 Decline", kNoResource);
  call_.ExpectAlive();
}

}  // namespace
}  // namespace callcontrol::testing
