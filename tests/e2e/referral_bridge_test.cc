// SPDX-License-Identifier: Apache-2.0
//
// REFERs of the far ends of a bridge. In the ladders the referrer is on the
// left, its partner in the middle, the target on the right, and the server
// between each.
#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include "tests/support/referrer.h"
#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

std::string CallerSdp() { return SdpOffer({41000}); }
std::string PartnerSdp(int version = 1) {
  return Cat(SdpOffer({42000}, version), "a=x-of:partner\r\n");
}
std::string TargetSdp() { return Cat(SdpOffer({45000}), "a=x-of:target\r\n"); }

class ReferralBridgeTest : public ::testing::Test {
 protected:
  ReferralBridgeTest()
      : server_(TestConfig(
            "calls { inbound_refer { mode: INBOUND_REFER_MODE_EXECUTE "
            "targets: \"*\" } }")) {
    server_.Reload(TestConfig(Cat(
        "calls { inbound_refer { mode: INBOUND_REFER_MODE_EXECUTE "
        "targets: \"*\" } }"
        R"(routes { to: "target@*" bridge { to: "sip:target@127.0.0.1:)",
        target_.port(), R"(" } } routes { bridge { to: "sip:bob@127.0.0.1:)",
        partner_.port(), R"(" } })")));
    server_.AwaitLog("reloaded routes=2 trunks=0");
  }

  std::string Target() const {
    return Cat("<sip:carol@127.0.0.1:", target_.port(), ">");
  }

  // The referrer calls its partner.
  void Connect() {
    const SipMessage invite = referrer_.StartInvite({.sdp = CallerSdp()});
    partner_.AcceptCall(partner_.Expect("INVITE"), PartnerSdp());
    referrer_.Ack(referrer_.AwaitAnswer(invite));
  }

  // re-INVITE --->, with that description
  //           <--- 200
  static void TakeOffer(ScriptedPeer& peer, std::string_view offer,
                        std::string_view answer) {
    const SipMessage invite = peer.Expect("INVITE");
    EXPECT_EQ(MediaOf(invite.body()), MediaOf(offer));
    peer.Answer(invite, 200, "", {}, answer);
    peer.Expect("ACK");
  }

  // Without the o= line, which is each session's own.
  static std::string MediaOf(std::string_view sdp) {
    std::string media;
    for (size_t begin = 0; begin < sdp.size();) {
      const size_t end = std::min(sdp.find('\n', begin), sdp.size() - 1) + 1;
      const std::string_view line = sdp.substr(begin, end - begin);
      if (line.substr(0, 2) != "o=") media += line;
      begin = end;
    }
    return media;
  }

  static void Leave(ScriptedPeer& peer) {
    EXPECT_THAT(peer.Bye(), Answered(200));
  }

  // BYE of the partner, which is the target's end as well.
  void ExpectJoined() {
    Leave(partner_);
    target_.Answer(target_.Expect("BYE"), 200);
  }

  CallcontroldProcess server_;
  ReferClient client_{server_.grpc_port()};
  ScriptedPeer referrer_{server_.sip_port()};
  ScriptedPeer partner_{server_.sip_port()};
  ScriptedPeer target_{server_.sip_port()};
};

//  REFER --->
//                                   INVITE --->, the partner's session
//                                        <--- 200
//               re-INVITE --->, the target's
//                      <--- 200
//      <--- NOTIFY 200
//  BYE --->
TEST_F(ReferralBridgeTest, ThePartnerIsJoinedToTheTarget) {
  Shows({"R1", "R14"});
  Connect();
  ReferServer(referrer_, Target(), {{"Referred-By", "<sip:a@peer.example>"}});
  const SipMessage invite = target_.Expect("INVITE");
  EXPECT_EQ(MediaOf(invite.body()), MediaOf(PartnerSdp()));
  EXPECT_THAT(invite.Header("From"), HasSubstr("<sip:bob@127.0.0.1"));
  EXPECT_EQ(invite.Header("Referred-By"), "<sip:a@peer.example>");
  target_.AcceptCall(invite, TargetSdp());
  TakeOffer(partner_, TargetSdp(), PartnerSdp());
  TakeNotify(referrer_, "SIP/2.0 200 OK", kNoResource);
  Leave(referrer_);

  const v1::Call joined = client_.AwaitCall(target_.dialog().call_id);
  const v1::Call partner = client_.AwaitCall(partner_.dialog().call_id);
  EXPECT_EQ(joined.bridged_call_id(), partner.call_id());
  EXPECT_EQ(partner.bridged_call_id(), joined.call_id());
  ExpectJoined();
}

// The one that was called refers, and holds the caller before.
TEST_F(ReferralBridgeTest, TheCalledOneRefersAHeldCaller) {
  Connect();
  const SipMessage held = partner_.SendRequest([&] {
    SipMessage invite = partner_.NewRequest("INVITE");
    invite.Add("Contact", partner_.Contact());
    invite.SetBody("application/sdp",
                   Cat(SdpOffer({42000}, 2), "a=sendonly\r\n"));
    return invite;
  }());
  const std::string answer = Cat(CallerSdp(), "a=recvonly\r\n");
  const SipMessage offered = referrer_.Expect("INVITE");
  EXPECT_THAT(offered.body(), HasSubstr("a=sendonly"));
  referrer_.Answer(offered, 200, "", {}, answer);
  partner_.dialog().invite_cseq = held.CSeqNumber();
  partner_.Ack(partner_.AwaitAnswer(held));
  referrer_.Expect("ACK");

  ReferServer(partner_, Target());
  const SipMessage invite = target_.Expect("INVITE");
  // The hold was for the one who refers.
  EXPECT_THAT(invite.body(), HasSubstr("a=sendrecv"));
  target_.AcceptCall(invite, TargetSdp());
  TakeOffer(referrer_, TargetSdp(), CallerSdp());
  TakeNotify(partner_, "SIP/2.0 200 OK", kNoResource);
  Leave(partner_);
  Leave(referrer_);
  target_.Answer(target_.Expect("BYE"), 200);
}

TEST_F(ReferralBridgeTest, ADifferentAnswerReachesTheTarget) {
  Connect();
  ReferServer(referrer_, Target());
  target_.AcceptCall(target_.Expect("INVITE"), TargetSdp());
  const std::string moved = SdpOffer({42002}, 2);
  TakeOffer(partner_, TargetSdp(), moved);
  TakeOffer(target_, moved, TargetSdp());
  TakeNotify(referrer_, "SIP/2.0 200 OK", kNoResource);
  Leave(referrer_);
  ExpectJoined();
}

// And what the target answers to that, the partner.
TEST_F(ReferralBridgeTest, NewAnswersAreToldUntilBothAgree) {
  Connect();
  ReferServer(referrer_, Target());
  target_.AcceptCall(target_.Expect("INVITE"), TargetSdp());
  const std::string moved = SdpOffer({42002}, 2);
  TakeOffer(partner_, TargetSdp(), moved);
  const std::string rekeyed = SdpOffer({45002}, 2);
  TakeOffer(target_, moved, rekeyed);
  TakeOffer(partner_, rekeyed, moved);
  TakeNotify(referrer_, "SIP/2.0 200 OK", kNoResource);
  Leave(referrer_);
  ExpectJoined();
}

TEST_F(ReferralBridgeTest, TheReferrerMayLeaveAtOnce) {
  Shows({"R17"});
  Connect();
  ReferServer(referrer_, Target());
  const SipMessage invite = target_.Expect("INVITE");
  Leave(referrer_);
  target_.AcceptCall(invite, TargetSdp());
  TakeOffer(partner_, TargetSdp(), PartnerSdp());
  TakeNotify(referrer_, "SIP/2.0 200 OK", kNoResource);
  ExpectJoined();
}

TEST_F(ReferralBridgeTest, NobodyIsLeftWithThePartner) {
  Connect();
  ReferServer(referrer_, Target());
  const SipMessage invite = target_.Expect("INVITE");
  Leave(referrer_);
  target_.Answer(invite, 486);
  target_.Expect("ACK");
  TakeNotify(referrer_, "SIP/2.0 486 Busy Here", kNoResource);
  partner_.Answer(partner_.Expect("BYE"), 200);
}

TEST_F(ReferralBridgeTest, ABusyTargetLeavesTheBridgeAsItWas) {
  Connect();
  ReferServer(referrer_, Target());
  target_.Answer(target_.Expect("INVITE"), 486);
  target_.Expect("ACK");
  TakeNotify(referrer_, "SIP/2.0 486 Busy Here", kNoResource);
  Leave(referrer_);
  partner_.Answer(partner_.Expect("BYE"), 200);
}

//               <--- BYE
//      <--- NOTIFY 487, and then BYE
//                                   CANCEL --->
TEST_F(ReferralBridgeTest, ThePartnerHangsUpMeanwhile) {
  Shows({"R18"});
  Connect();
  ReferServer(referrer_, Target());
  const SipMessage invite = target_.Expect("INVITE");
  target_.Answer(invite, 180);
  TakeNotify(referrer_, "SIP/2.0 180 Ringing", "active");
  Leave(partner_);
  const SipMessage notify = referrer_.Expect("NOTIFY");
  EXPECT_EQ(notify.body(), "SIP/2.0 487 Request Terminated\r\n");
  referrer_.ExpectNothing(100ms);
  referrer_.Answer(notify, 200);
  referrer_.Answer(referrer_.Expect("BYE"), 200);
  target_.Answer(target_.Expect("CANCEL"), 200);
  target_.Answer(invite, 487);
  target_.Expect("ACK");
}

TEST_F(ReferralBridgeTest, ThePartnerRefusesTheTarget) {
  Connect();
  ReferServer(referrer_, Target());
  target_.AcceptCall(target_.Expect("INVITE"), TargetSdp());
  const SipMessage offered = partner_.Expect("INVITE");
  partner_.Answer(offered, 488);
  partner_.Expect("ACK");
  TakeNotify(referrer_, "SIP/2.0 488 Not Acceptable Here", kNoResource);
  target_.Answer(target_.Expect("BYE"), 200);
  Leave(referrer_);
  partner_.Answer(partner_.Expect("BYE"), 200);
}

// The target is gone when the partner has taken its session: the partner is
// given the referrer's again.
TEST_F(ReferralBridgeTest, TheTargetHangsUpTooEarly) {
  Connect();
  ReferServer(referrer_, Target());
  target_.AcceptCall(target_.Expect("INVITE"), TargetSdp());
  const SipMessage offered = partner_.Expect("INVITE");
  Leave(target_);
  TakeNotify(referrer_, "SIP/2.0 487 Request Terminated", kNoResource);
  partner_.Answer(offered, 200, "", {}, PartnerSdp());
  partner_.Expect("ACK");
  TakeOffer(partner_, CallerSdp(), PartnerSdp());
  Leave(referrer_);
  partner_.Answer(partner_.Expect("BYE"), 200);
}

TEST_F(ReferralBridgeTest, NobodyTakesAPlaceMeanwhile) {
  Connect();
  ReferServer(referrer_, Target());
  const SipMessage invite = target_.Expect("INVITE");
  for (ScriptedPeer* const leg : {&referrer_, &partner_}) {
    ScriptedPeer heir(server_.sip_port());
    const SipMessage replacing = heir.StartInvite(
        {.sdp = SdpOffer({46000}),
         .headers = {{"Replaces", ReplacesOf(leg->dialog())}}});
    EXPECT_THAT(heir.AwaitAnswer(replacing), Answered(491));
  }
  target_.Answer(invite, 486);
  target_.Expect("ACK");
  TakeNotify(referrer_, "SIP/2.0 486 Busy Here", kNoResource);
  Leave(referrer_);
  partner_.Answer(partner_.Expect("BYE"), 200);
}

// Nobody is there any more whom somebody could be called for.
TEST_F(ReferralBridgeTest, AfterASuccessNothingIsReferred) {
  Connect();
  ReferServer(referrer_, Target());
  target_.AcceptCall(target_.Expect("INVITE"), TargetSdp());
  TakeOffer(partner_, TargetSdp(), PartnerSdp());
  TakeNotify(referrer_, "SIP/2.0 200 OK", kNoResource);
  EXPECT_THAT(AnswerToRefer(referrer_, Target()), Answered(603));
  Leave(referrer_);
  ExpectJoined();
}

// The referrer has called both, and joins them.
//
//  REFER --->, Replaces: its call to the target
//                                   re-INVITE --->, the partner's session
//               re-INVITE --->, the target's
//      <--- BYE of that call, NOTIFY 200 in the other
class ConsultationTest : public ReferralBridgeTest {
 protected:
  explicit ConsultationTest(const std::string& consulting = ConsultingSdp(),
                            const std::string& target = TargetSdp()) {
    Connect();
    const SipMessage invite = consulting_.StartInvite(
        {.to = "sip:target@callcontrol.example", .sdp = consulting});
    target_.AcceptCall(target_.Expect("INVITE"), target);
    consulting_.Ack(consulting_.AwaitAnswer(invite));
  }

  static std::string ConsultingSdp() { return SdpOffer({41002}); }

  // Refer-To of the call to the target, as the referrer sees it.
  std::string Consultation() const {
    std::string replaces;
    for (const char c : ReplacesOf(consulting_.dialog())) {
      replaces += c == ';'   ? "%3B"
                  : c == '=' ? "%3D"
                  : c == '@' ? "%40"
                             : std::string(1, c);
    }
    return Cat("<", AddressOf(consulting_.dialog().remote_target),
               "?Replaces=", replaces, ">");
  }

  // The target has agreed, and so does the partner.
  void ExpectTakenOver() {
    TakeOffer(partner_, TargetSdp(), PartnerSdp());
    consulting_.Answer(consulting_.Expect("BYE"), 200);
    TakeNotify(referrer_, "SIP/2.0 200 OK", kNoResource);
    Leave(referrer_);
    ExpectJoined();
  }

  ScriptedPeer consulting_{server_.sip_port()};
};

TEST_F(ConsultationTest, TheTwoCallsAreJoined) {
  Shows({"R16"});
  ReferServer(referrer_, Consultation());
  TakeOffer(target_, PartnerSdp(), TargetSdp());
  ExpectTakenOver();
}

// The call to the target has video, that to the partner has none. An offer
// never has fewer m= lines than the session (RFC 3264, 8), an answer as many as
// its offer.
class VideoConsultationTest : public ConsultationTest {
 protected:
  VideoConsultationTest()
      : ConsultationTest(SdpOffer({41002, 41004}), SdpOffer({45000, 45002})) {}
};

TEST_F(VideoConsultationTest, TheVideoIsRefusedAndTheTwoAreJoined) {
  ReferServer(referrer_, Consultation());
  const std::string no_video = "m=video 0 RTP/AVP 96\r\n";
  TakeOffer(target_, Cat(PartnerSdp(), no_video), Cat(TargetSdp(), no_video));
  ExpectTakenOver();
}

// An offer that one asks for is made longer in its turn, and the answer cut.
TEST_F(VideoConsultationTest, AnOfferThatIsAskedForFitsTheSession) {
  ReferServer(referrer_, Consultation());
  const std::string no_video = "m=video 0 RTP/AVP 96\r\n";
  const std::string target = Cat(TargetSdp(), no_video);
  TakeOffer(target_, Cat(PartnerSdp(), no_video), target);
  TakeOffer(partner_, TargetSdp(), PartnerSdp());
  consulting_.Answer(consulting_.Expect("BYE"), 200);
  TakeNotify(referrer_, "SIP/2.0 200 OK", kNoResource);
  Leave(referrer_);

  const SipMessage invite = target_.SendRequest(target_.NewRequest("INVITE"));
  const SipMessage asked = partner_.Expect("INVITE");
  EXPECT_EQ(asked.body(), "");
  partner_.Answer(asked, 200, "", {}, PartnerSdp(2));
  const SipMessage offer = target_.AwaitAnswer(invite);
  EXPECT_THAT(offer, Answered(200));
  EXPECT_EQ(MediaOf(offer.body()), MediaOf(Cat(PartnerSdp(), no_video)));
  target_.Ack(offer, target);
  EXPECT_EQ(MediaOf(partner_.Expect("ACK").body()), MediaOf(TargetSdp()));
  ExpectJoined();
}

// Phones that hang both calls up once the REFER is accepted.
TEST_F(ConsultationTest, TheReferrerLeavesBothAtOnce) {
  Shows({"R17"});
  ReferServer(referrer_, Consultation());
  const SipMessage offered = target_.Expect("INVITE");
  Leave(consulting_);
  Leave(referrer_);
  target_.Answer(offered, 200, "", {}, TargetSdp());
  target_.Expect("ACK");
  TakeOffer(partner_, TargetSdp(), PartnerSdp());
  TakeNotify(referrer_, "SIP/2.0 200 OK", kNoResource);
  ExpectJoined();
}

TEST_F(ConsultationTest, TheReferrerLeavesBothForNothing) {
  ReferServer(referrer_, Consultation());
  const SipMessage offered = target_.Expect("INVITE");
  Leave(consulting_);
  Leave(referrer_);
  target_.Answer(offered, 488);
  target_.Expect("ACK");
  TakeNotify(referrer_, "SIP/2.0 488 Not Acceptable Here", kNoResource);
  for (ScriptedPeer* const left : {&target_, &partner_}) {
    left->Answer(left->Expect("BYE"), 200);
  }
}

// The target has agreed, and is given back what it had.
TEST_F(ConsultationTest, ThePartnerRefuses) {
  ReferServer(referrer_, Consultation());
  TakeOffer(target_, PartnerSdp(), TargetSdp());
  partner_.Answer(partner_.Expect("INVITE"), 488);
  partner_.Expect("ACK");
  TakeNotify(referrer_, "SIP/2.0 488 Not Acceptable Here", kNoResource);
  TakeOffer(target_, ConsultingSdp(), TargetSdp());
  Leave(consulting_);
  target_.Answer(target_.Expect("BYE"), 200);
  Leave(referrer_);
  partner_.Answer(partner_.Expect("BYE"), 200);
}

// What the partner answers to the referrer's own re-INVITE is not taken for the
// target's answer.
TEST_F(ConsultationTest, AHoldOfTheReferrersComesBetween) {
  ReferServer(referrer_, Consultation());
  const SipMessage offered = target_.Expect("INVITE");
  SipMessage hold = referrer_.NewRequest("INVITE");
  hold.Add("Contact", referrer_.Contact());
  hold.SetBody("application/sdp", Cat(SdpOffer({41000}, 2), "a=sendonly\r\n"));
  referrer_.SendRequest(hold);
  TakeOffer(partner_, hold.body(), Cat(PartnerSdp(), "a=recvonly\r\n"));
  referrer_.dialog().invite_cseq = hold.CSeqNumber();
  referrer_.Ack(referrer_.AwaitAnswer(hold));
  target_.Answer(offered, 200, "", {}, TargetSdp());
  target_.Expect("ACK");
  ExpectTakenOver();
}

// One REFER in each of its calls, of which each wants the other one.
TEST_F(ConsultationTest, TwoRefersThatWantTheSame) {
  Shows({"R22"});
  ReferServer(referrer_, Consultation());
  const SipMessage offered = target_.Expect("INVITE");
  EXPECT_THAT(AnswerToRefer(consulting_, Target()), Answered(603));
  target_.Answer(offered, 200, "", {}, TargetSdp());
  target_.Expect("ACK");
  ExpectTakenOver();
}

}  // namespace
}  // namespace callcontrol::testing
