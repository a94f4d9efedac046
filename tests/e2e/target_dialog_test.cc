// SPDX-License-Identifier: Apache-2.0
//
// REFERs outside the dialog that they are about, which Target-Dialog names (RFC
// 4538; RFC 7647, 4): ours to a far end whose Contact is a GRUU, and theirs.
#include <chrono>
#include <string>
#include <string_view>

#include "tests/support/referrer.h"
#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

// ---- Ours ---------------------------------------------------------------

std::string GruuOf(const ScriptedPeer& peer) {
  std::string gruu = peer.Contact("x7");
  gruu.insert(gruu.size() - 1, ";gr=urn:uuid:f81d4fae");
  return gruu;
}

class GruuTest : public ServerTest<GruuTest> {
 protected:
  explicit GruuTest(std::string_view supported = "replaces, tdialog",
                    CallcontroldProcess& by = server())
      : client_(by.grpc_port()), peer_(by.sip_port()) {
    peer_.Invite({.contact = GruuOf(peer_),
                  .headers = {{"Supported", std::string(supported)}}});
    id_ = client_.AwaitCall(peer_.dialog().call_id).call_id();
  }

  TransferStream Refer(const ReferClient::Edit& edit = nullptr) {
    return client_.Refer(id_, "sip:carol@target.example", edit);
  }

  // In the dialog that a NOTIFY of that tag begins, or is in.
  SipMessage Notify(const SipMessage& refer, int cseq,
                    std::string_view status_line, std::string_view state) {
    SipMessage notify = peer_.NewStrangerRequest("NOTIFY");
    notify.Set("From", "<sip:x7@127.0.0.1>;tag=notifier");
    notify.Set("To", refer.Header("From"));
    notify.Set("Call-ID", refer.Header("Call-ID"));
    notify.Set("CSeq", Cat(cseq, " NOTIFY"));
    notify.Add("Event", "refer");
    notify.Add("Subscription-State", state);
    notify.Set("Contact", GruuOf(peer_));
    notify.SetBody("message/sipfrag", Cat(status_line, "\r\n"));
    return peer_.AwaitAnswer(peer_.SendRequest(notify));
  }

  std::string GruuUri() const {
    const std::string gruu = GruuOf(peer_);
    return gruu.substr(1, gruu.size() - 2);
  }

  void ExpectHangsUp() {
    client_.HangUp(id_);
    peer_.Answer(peer_.Expect("BYE"), 200);
  }

  ReferClient client_;
  ScriptedPeer peer_;
  std::string id_;
};

//  REFER --->   to the GRUU, outside the dialog of the call
//       <--- 200, NOTIFY 180, NOTIFY 200
//  BYE --->     in the call's
TEST_F(GruuTest, IsReferredOutsideTheDialog) {
  Shows({"9", "81"});
  TransferStream stream = Refer();
  const SipMessage refer = peer_.Expect("REFER");
  EXPECT_EQ(refer.uri(), GruuUri());
  EXPECT_EQ(HeaderParameter(refer.Header("To"), "tag"), "");
  EXPECT_NE(refer.Header("Call-ID"), peer_.dialog().call_id);
  EXPECT_NE(HeaderParameter(refer.Header("From"), "tag"),
            HeaderParameter(peer_.dialog().remote, "tag"));
  EXPECT_THAT(refer.Header("From"),
              StartsWith("<sip:service@callcontrol.example>;tag="));
  // As the far end sees it.
  EXPECT_EQ(refer.Header("Target-Dialog"),
            Cat(peer_.dialog().call_id,
                ";local-tag=", HeaderParameter(peer_.dialog().local, "tag"),
                ";remote-tag=", HeaderParameter(peer_.dialog().remote, "tag")));
  EXPECT_EQ(refer.Header("Require"), "tdialog");
  EXPECT_EQ(refer.Header("Refer-To"), "<sip:carol@target.example>");
  const v1::ReferEvent sent = stream.Next();
  EXPECT_THAT(sent, ReferSent());
  EXPECT_EQ(sent.refer_sent().sip_call_id(), refer.Header("Call-ID"));
  peer_.Answer(refer, 200);
  EXPECT_THAT(Notify(refer, 7, "SIP/2.0 180 Ringing", "active;expires=60"),
              Answered(200));
  EXPECT_THAT(Notify(refer, 8, "SIP/2.0 200 OK", "terminated"), Answered(200));
  const SipMessage bye = peer_.Expect("BYE");
  EXPECT_EQ(bye.Header("Call-ID"), peer_.dialog().call_id);
  peer_.Answer(bye, 200);
  const auto events = stream.RestUntilResult();
  EXPECT_THAT(events.back(), Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
  EXPECT_THAT(events, Contains(Status(180)));
  EXPECT_THAT(events, Not(Contains(Warned("PEER_CONTACT_IS_GRUU"))));
  EXPECT_EQ(client_.GetTransfer(events.back().transfer_id()).sip_call_id(),
            peer_.dialog().call_id);
}

TEST_F(GruuTest, ARefusalLeavesTheCallAlone) {
  TransferStream stream = Refer();
  const SipMessage refer = peer_.Expect("REFER");
  EXPECT_TRUE(refer.Has("Target-Dialog"));
  peer_.Answer(refer, 403);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
  EXPECT_THAT(peer_.ReInvite(SdpOffer({40000}, 2)), Answered(200));
  ExpectHangsUp();
}

// protocol.md, 36: 420, and once more without.
TEST_F(GruuTest, WhoDoesNotKnowTheExtensionIsReferredInside) {
  Shows({"36"});
  TransferStream stream = Refer();
  const SipMessage outside = peer_.Expect("REFER");
  peer_.Answer(outside, 420, "", {{"Unsupported", "tdialog"}});
  const SipMessage inside = peer_.Expect("REFER");
  EXPECT_EQ(inside.Header("Call-ID"), peer_.dialog().call_id);
  EXPECT_FALSE(inside.Has("Target-Dialog"));
  EXPECT_FALSE(inside.Has("Require"));
  peer_.Answer(inside, 202);
  EXPECT_THAT(peer_.Notify("SIP/2.0 200 OK", "terminated"), Answered(200));
  peer_.Answer(peer_.Expect("BYE"), 200);
  const auto events = stream.RestUntilResult();
  EXPECT_THAT(events, Contains(Warned("PEER_CONTACT_IS_GRUU")));
  EXPECT_THAT(events.back(), Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

// What counts is the Contact when the REFER leaves.
TEST_F(GruuTest, AContactThatIsNoGruuAnyMoreIsReferredInside) {
  SipMessage update = peer_.NewRequest("UPDATE");
  update.Set("Contact", peer_.Contact());
  EXPECT_THAT(peer_.AwaitAnswer(peer_.SendRequest(update)), Answered(200));
  TransferStream stream = Refer();
  const SipMessage refer = peer_.Expect("REFER");
  EXPECT_EQ(refer.Header("Call-ID"), peer_.dialog().call_id);
  EXPECT_FALSE(refer.Has("Target-Dialog"));
  peer_.Answer(refer, 603);
  stream.RestUntilResult();
  ExpectHangsUp();
}

TEST_F(GruuTest, ARefusalOfSomethingElseIsFinal) {
  TransferStream stream = Refer();
  peer_.Answer(peer_.Expect("REFER"), 420, "", {{"Unsupported", "other"}});
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_NOT_SUPPORTED));
  ExpectHangsUp();
}

// The subscription is of another dialog, and outlives the call.
TEST_F(GruuTest, AFarEndThatHangsUpFirstMayStillReport) {
  Shows({"9"});
  TransferStream stream = Refer();
  const SipMessage refer = peer_.Expect("REFER");
  peer_.Answer(refer, 200);
  EXPECT_THAT(Notify(refer, 1, "SIP/2.0 100 Trying", "active"), Answered(200));
  EXPECT_THAT(peer_.Bye(), Answered(200));
  EXPECT_THAT(Notify(refer, 2, "SIP/2.0 200 OK", "terminated"), Answered(200));
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(GruuTest, ACancelledTransferIsUnsubscribedInItsOwnDialog) {
  TransferStream stream = Refer();
  const SipMessage refer = peer_.Expect("REFER");
  peer_.Answer(refer, 200);
  EXPECT_THAT(Notify(refer, 1, "SIP/2.0 100 Trying", "active"), Answered(200));
  client_.CancelTransfer(client_.GetCall(id_).transfer_ids(0));
  const SipMessage subscribe = peer_.Expect("SUBSCRIBE");
  EXPECT_EQ(subscribe.Header("Call-ID"), refer.Header("Call-ID"));
  EXPECT_EQ(HeaderParameter(subscribe.Header("To"), "tag"), "notifier");
  EXPECT_EQ(subscribe.Header("Expires"), "0");
  peer_.Answer(subscribe, 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_CANCELLED));
  ExpectHangsUp();
}

TEST_F(GruuTest, AChallengeIsAnsweredThere) {
  TransferStream stream = Refer([](v1::ReferRequest& request) {
    request.mutable_credentials()->set_username("user");
    request.mutable_credentials()->set_password("secret");
  });
  const SipMessage first = peer_.Expect("REFER");
  peer_.Answer(first, 401, "",
               {{"WWW-Authenticate",
                 R"(Digest realm="peer.example", nonce="n", algorithm=MD5)"}});
  const SipMessage second = peer_.Expect("REFER");
  EXPECT_EQ(second.Header("Call-ID"), first.Header("Call-ID"));
  EXPECT_EQ(second.Header("From"), first.Header("From"));
  EXPECT_EQ(second.CSeqNumber(), first.CSeqNumber() + 1);
  EXPECT_EQ(second.Header("Target-Dialog"), first.Header("Target-Dialog"));
  EXPECT_THAT(second.Header("Authorization"), HasSubstr(GruuUri()));
  peer_.Answer(second, 603);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
  ExpectHangsUp();
}

class PlacedGruuTest : public ServerTest<PlacedGruuTest> {};

TEST_F(PlacedGruuTest, TheTagsAreTheRecipientsWhoeverCalled) {
  Shows({"81"});
  ReferClient client(server().grpc_port());
  ScriptedPeer peer(server().sip_port());
  v1::PlaceCallRequest place;
  place.set_to(Cat("sip:bob@127.0.0.1:", peer.port()));
  auto placed = client.PlaceCall(place);
  const std::string id = placed.Next().call().call_id();
  const SipMessage called = peer.BeginCalled(peer.Expect("INVITE"), "bobs");
  peer.Answer(called, 200, "",
              {{"Contact", GruuOf(peer)}, {"Supported", "tdialog"}},
              SdpOffer());
  peer.Expect("ACK");
  EXPECT_EQ(placed.Next().type(), v1::CALL_EVENT_TYPE_ANSWERED);
  TransferStream stream = client.Refer(id, "sip:carol@target.example");
  const SipMessage refer = peer.Expect("REFER");
  EXPECT_EQ(refer.Header("Target-Dialog"),
            Cat(called.Header("Call-ID"), ";local-tag=bobs;remote-tag=",
                HeaderParameter(called.Header("From"), "tag")));
  peer.Answer(refer, 603);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
  client.HangUp(id);
  peer.Answer(peer.Expect("BYE"), 200);
}

TEST(InDialogReferTest, MayBeConfigured) {
  Shows({"9"});
  CallcontroldProcess server(
      TestConfig("transfers { in_dialog_refer: IN_DIALOG_REFER_ALWAYS }"));
  ScriptedPeer peer(server.sip_port());
  ReferClient client(server.grpc_port());
  peer.Invite({.contact = GruuOf(peer), .headers = {{"Supported", "tdialog"}}});
  const std::string id = client.AwaitCall(peer.dialog().call_id).call_id();
  TransferStream stream = client.Refer(id, "sip:carol@target.example");
  const SipMessage refer = peer.Expect("REFER");
  EXPECT_EQ(refer.Header("Call-ID"), peer.dialog().call_id);
  EXPECT_FALSE(refer.Has("Target-Dialog"));
  peer.Answer(refer, 603);
  EXPECT_THAT(stream.RestUntilResult(),
              Contains(Warned("PEER_CONTACT_IS_GRUU")));
  client.HangUp(id);
  peer.Answer(peer.Expect("BYE"), 200);
}

class TrunkGruuTest : public ::testing::Test {
 protected:
  // A call of trunk "pbx", whose far end has a GRUU.
  void Call(const std::string& address) {
    server_.Reload(TestConfig(Cat(R"(trunks { name: "pbx" )", address,
                                  R"(source_networks: "127.0.0.0/8" })")));
    server_.AwaitLog("reloaded routes=0 trunks=1");
    peer_.Invite(
        {.contact = "<sip:x7@pbx.invalid;gr=urn:uuid:f81d4fae>",
         .headers = {{"Supported", "tdialog"}, {"Record-Route", Route()}}});
    id_ = client_.AwaitCall(peer_.dialog().call_id).call_id();
  }
  std::string Route() const {
    return Cat("<sip:127.0.0.1:", peer_.port(), ";lr>");
  }
  // The REFER of a transfer, which is declined.
  SipMessage Refer() {
    TransferStream stream = client_.Refer(id_, "sip:carol@target.example");
    SipMessage refer = peer_.Expect("REFER");
    peer_.Answer(refer, 603);
    EXPECT_THAT(stream.RestUntilResult().back(),
                Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
    EXPECT_THAT(peer_.Bye(), Answered(200));
    return refer;
  }

  CallcontroldProcess server_;
  ScriptedPeer peer_{server_.sip_port()};
  ReferClient client_{server_.grpc_port()};
  std::string id_;
};

// The GRUU's domain is for the trunk to find.
TEST_F(TrunkGruuTest, IsReachedByTheTrunk) {
  Shows({"9"});
  Call(Cat(R"(address: "127.0.0.1:)", peer_.port(), R"(" )"));
  const SipMessage refer = Refer();
  EXPECT_EQ(refer.uri(), "sip:x7@pbx.invalid;gr=urn:uuid:f81d4fae");
  EXPECT_TRUE(refer.Has("Target-Dialog"));
  EXPECT_FALSE(refer.Has("Route"));
}

// Its credentials and identities are for nobody else.
TEST_F(TrunkGruuTest, OfATrunkWithoutAnAddressIsReferredInside) {
  Call("");
  const SipMessage refer = Refer();
  EXPECT_FALSE(refer.Has("Target-Dialog"));
  EXPECT_EQ(refer.Header("Route"), Route());
}

// ---- Theirs -------------------------------------------------------------

class ReferralOutsideTest : public ::testing::Test {
 protected:
  explicit ReferralOutsideTest(std::string_view mode = "EXECUTE")
      : server_(TestConfig(Cat("calls { inbound_refer { mode: "
                               "INBOUND_REFER_MODE_",
                               mode,
                               R"( targets: "*@127.0.0.1:*" )"
                               "bye_wait { nanos: 300000000 } } }"))) {}

  ScriptedPeer& referrer() { return call_.peer; }
  std::string TargetDialog() {
    return Cat(
        referrer().dialog().call_id,
        ";local-tag=", HeaderParameter(referrer().dialog().remote, "tag"),
        ";remote-tag=", HeaderParameter(referrer().dialog().local, "tag"));
  }
  // Empty `about`: without Target-Dialog.
  SipMessage NewOutsideRefer(std::string_view about) {
    SipMessage refer = referrer().NewStrangerRequest("REFER");
    refer.Add("Refer-To", Cat("<sip:carol@127.0.0.1:", target_.port(), ">"));
    if (!refer.Has("Contact")) refer.Add("Contact", referrer().Contact());
    if (!about.empty()) refer.Add("Target-Dialog", about);
    refer.Add("Require", "tdialog");
    return refer;
  }
  SipMessage AnswerTo(const SipMessage& request) {
    return referrer().AwaitAnswer(referrer().SendRequest(request));
  }
  // A request in the dialog of that REFER, which the server accepted.
  SipMessage InItsDialog(std::string_view method, const SipMessage& refer,
                         const SipMessage& accepted) {
    SipMessage request = referrer().NewStrangerRequest(method);
    request.Set("From", refer.Header("From"));
    request.Set("To", accepted.Header("To"));
    request.Set("Call-ID", refer.Header("Call-ID"));
    request.Set("CSeq", Cat(refer.CSeqNumber() + 1, " ", method));
    return request;
  }

  CallcontroldProcess server_;
  AnsweredCall call_{server_};
  ScriptedPeer target_{server_.sip_port()};
};

//  REFER --->   outside the dialog of the call
//       <--- 200, NOTIFY 100   in one of their own
//                INVITE --->
//                      <--- 200
//       <--- NOTIFY 200
//  BYE --->
TEST_F(ReferralOutsideTest, IsCarriedOutForTheCallThatItNames) {
  Shows({"R5", "R19", "R21"});
  const SipMessage refer = NewOutsideRefer(TargetDialog());
  const SipMessage accepted = AnswerTo(refer);
  EXPECT_THAT(accepted, Answered(200));
  EXPECT_TRUE(accepted.Has("Contact"));
  EXPECT_THAT(accepted.Values("Supported"), Contains("tdialog"));
  const std::string tag = HeaderParameter(accepted.Header("To"), "tag");
  EXPECT_NE(tag, "");
  const SipMessage trying =
      TakeNotify(referrer(), "SIP/2.0 100 Trying", "active;expires=");
  EXPECT_EQ(trying.Header("Call-ID"), refer.Header("Call-ID"));
  EXPECT_EQ(HeaderParameter(trying.Header("From"), "tag"), tag);
  EXPECT_EQ(HeaderParameter(trying.Header("To"), "tag"),
            HeaderParameter(refer.Header("From"), "tag"));
  target_.AcceptCall(target_.Expect("INVITE"), SdpOffer({45000}));
  const SipMessage done = TakeNotify(referrer(), "SIP/2.0 200 OK", kNoResource);
  EXPECT_EQ(done.Header("Call-ID"), refer.Header("Call-ID"));
  EXPECT_THAT(referrer().Bye(), Answered(200));
}

TEST_F(ReferralOutsideTest, ItsSubscriptionIsServedInItsOwnDialog) {
  Shows({"R19"});
  const SipMessage refer = NewOutsideRefer(TargetDialog());
  const SipMessage accepted = AnswerTo(refer);
  TakeNotify(referrer(), "SIP/2.0 100 Trying", "active;expires=");
  target_.Expect("INVITE");
  SipMessage subscribe = InItsDialog("SUBSCRIBE", refer, accepted);
  subscribe.Add("Event", "refer");
  subscribe.Add("Expires", "60");
  EXPECT_THAT(AnswerTo(subscribe), Answered(200));
  TakeNotify(referrer(), "SIP/2.0 100 Trying", "active;expires=");
  // Nothing else is in that dialog.
  SipMessage bye = InItsDialog("BYE", refer, accepted);
  bye.Set("CSeq", Cat(refer.CSeqNumber() + 2, " BYE"));
  EXPECT_THAT(AnswerTo(bye), Answered(481));
  call_.client.HangUp(call_.id);
  referrer().AllowUnread();
  target_.AllowUnread();
}

TEST_F(ReferralOutsideTest, WhatNamesNoCallOfOursIsRefused) {
  Shows({"R19", "R20"});
  const std::string good = TargetDialog();
  const std::string call_id = referrer().dialog().call_id;
  const std::string ours = HeaderParameter(referrer().dialog().remote, "tag");
  const std::string theirs = HeaderParameter(referrer().dialog().local, "tag");
  for (const std::string& about :
       {std::string(), Cat(call_id, ";local-tag=", ours),
        Cat(call_id, ";local-tag=", theirs, ";remote-tag=", ours),
        Cat(call_id, "x;local-tag=", ours, ";remote-tag=", theirs),
        Cat(call_id, ";local-tag=", ours, ";remote-tag=", theirs, "x"),
        std::string("nonsense")}) {
    EXPECT_THAT(AnswerTo(NewOutsideRefer(about)), Answered(403)) << about;
  }
  SipMessage twice = NewOutsideRefer(good);
  twice.Add("Target-Dialog", good);
  EXPECT_THAT(AnswerTo(twice), Answered(403));
  EXPECT_THAT(referrer().Bye(), Answered(200));
  EXPECT_THAT(AnswerTo(NewOutsideRefer(good)), Answered(403))
      << "the call is over";
}

TEST_F(ReferralOutsideTest, AnUnknownExtensionIsNamed) {
  Shows({"R4"});
  SipMessage refer = NewOutsideRefer(TargetDialog());
  refer.Set("Require", "tdialog, explicitsub");
  const SipMessage answer = AnswerTo(refer);
  EXPECT_THAT(answer, Answered(420));
  EXPECT_EQ(answer.Header("Unsupported"), "explicitsub");
  call_.ExpectHangsUp();
}

TEST_F(ReferralOutsideTest, WithoutASubscriptionThereIsNoNotify) {
  Shows({"R7"});
  SipMessage refer = NewOutsideRefer(TargetDialog());
  refer.Add("Refer-Sub", "false");
  const SipMessage accepted = AnswerTo(refer);
  EXPECT_THAT(accepted, Answered(200));
  EXPECT_EQ(accepted.Header("Refer-Sub"), "false");
  target_.AcceptCall(target_.Expect("INVITE"), SdpOffer({45000}));
  EXPECT_THAT(referrer().Bye(), Answered(200));
}

TEST_F(ReferralOutsideTest, TheExtensionIsAdvertisedWhereItIsServed) {
  Shows({"11"});
  const SipMessage options = referrer().Options();
  EXPECT_THAT(options.Values("Supported"),
              AllOf(Contains("tdialog"), Contains("norefersub")));
  call_.ExpectHangsUp();
}

// Who has learned the tags, by an attended transfer, is not the far end.
TEST_F(ReferralOutsideTest, WhoIsNotOfTheCallsTrunkIsRefused) {
  Shows({"R19"});
  server_.Reload(TestConfig(
      R"(trunks { name: "pbx" source_networks: "127.0.0.7" inbound_refer {
         mode: INBOUND_REFER_MODE_EXECUTE targets: "*" } })"));
  server_.AwaitLog("reloaded routes=0 trunks=1");
  AnsweredCall of_trunk(server_, {.address = "127.0.0.7"});
  const PeerDialog& dialog = of_trunk.peer.dialog();
  const SipMessage refer = NewOutsideRefer(
      Cat(dialog.call_id, ";local-tag=", HeaderParameter(dialog.remote, "tag"),
          ";remote-tag=", HeaderParameter(dialog.local, "tag")));
  EXPECT_THAT(AnswerTo(refer), Answered(403));
  call_.ExpectHangsUp();
  of_trunk.ExpectHangsUp();
}

class DecliningOutsideTest : public ReferralOutsideTest {
 protected:
  DecliningOutsideTest() : ReferralOutsideTest("DECLINE") {}
};

TEST_F(DecliningOutsideTest, NobodyRefers) {
  EXPECT_THAT(AnswerTo(NewOutsideRefer(TargetDialog())), Answered(603));
  call_.ExpectHangsUp();
}

class OffOutsideTest : public ReferralOutsideTest {
 protected:
  OffOutsideTest() : ReferralOutsideTest("OFF") {}
};

TEST_F(OffOutsideTest, TheMethodIsNotAllowed) {
  Shows({"R20"});
  SipMessage refer = NewOutsideRefer(TargetDialog());
  refer.Set("Require", "replaces");
  EXPECT_THAT(AnswerTo(refer), Answered(405));
  call_.ExpectHangsUp();
}

}  // namespace
}  // namespace callcontrol::testing
