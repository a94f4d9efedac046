// SPDX-License-Identifier: Apache-2.0
//
// To which transfer a NOTIFY belongs, and whose it is not.
#include <chrono>
#include <string>
#include <vector>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

constexpr char kActive[] = "active;expires=60";
constexpr char kDone[] = "terminated;reason=noresource";
constexpr char kTrying[] = "SIP/2.0 100 Trying";
constexpr char kRinging[] = "SIP/2.0 180 Ringing";
constexpr char kOk[] = "SIP/2.0 200 OK";
constexpr char kBusy[] = "SIP/2.0 486 Busy Here";

class NotifyIdentityTest : public ServerTest<NotifyIdentityTest> {
 protected:
  static NotifyOptions WithId(int64_t id) {
    return {.event = Cat("refer;id=", id)};
  }

  static void FinishWell(AnsweredCall& call, TransferStream& stream) {
    EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
    EXPECT_THAT(stream.Next(), Status(200));
    call.peer.Answer(call.peer.Expect("BYE"), 200);
    EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  }
};

//  REFER --->
//        <--- 407
//  REFER (CSeq + 1) --->
//        <--- 202
//        <--- NOTIFY with the id of the first, then of the second
TEST_F(NotifyIdentityTest, TheIdOfTheReferBeforeTheChallengeIsRight) {
  Shows({"49", "F13"});
  AnsweredCall call(server());
  TransferStream stream =
      call.Refer("sip:carol@target.example", [](v1::ReferRequest& request) {
        request.mutable_credentials()->set_username("bob");
        request.mutable_credentials()->set_password("s3cret");
      });
  const SipMessage first = call.peer.Expect("REFER");
  call.peer.Answer(
      first, 407, "Proxy Authentication Required",
      {{"Proxy-Authenticate", "Digest realm=\"pbx\", nonce=\"n1\""}});
  call.peer.Answer(call.peer.Expect("REFER"), 202);
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(stream.Next(), ReferAnswered(407));
  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(stream.Next(), ReferAnswered(202));
  EXPECT_THAT(call.peer.Notify(kRinging, kActive, WithId(first.CSeqNumber())),
              Answered(200));
  // Without any warning.
  EXPECT_THAT(stream.Next(), Status(180));
  FinishWell(call, stream);
}

TEST_F(NotifyIdentityTest, WrongIdsAreTakenWithOneWarning) {
  Shows({"49", "F13"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify(kTrying, kActive, WithId(0)), Answered(200));
  EXPECT_THAT((std::vector{stream.Next(), stream.Next()}),
              UnorderedElementsAre(Warned("ID_MISMATCH"), Status(100)));
  // 1, and the CSeq of the NOTIFY itself.
  for (int64_t id : {int64_t{1}, call.peer.dialog().cseq + 1}) {
    EXPECT_THAT(call.peer.Notify(kRinging, kActive, WithId(id)), Answered(200));
    EXPECT_THAT(stream.Next(), Status(180));
  }
  FinishWell(call, stream);
}

//  REFER 1 --->   <--- 202, NOTIFY 486
//  REFER 2 --->   <--- 202
//        <--- NOTIFYs 180, 200 of REFER 1: absorbed
//        <--- NOTIFYs without id: of REFER 2
TEST_F(NotifyIdentityTest, LateNotifysOfTheFirstReferAreNotOfTheSecond) {
  Shows({"17", "49", "F32"});
  AnsweredCall call(server());
  TransferStream first = call.AcceptedRefer();
  const int64_t first_id = call.peer.refer_cseq();
  EXPECT_THAT(call.peer.Notify(kBusy, kActive), Answered(200));
  EXPECT_THAT(first.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TARGET_FAILED));

  TransferStream second = call.AcceptedRefer();
  for (const char* late : {kRinging, kOk, kBusy}) {
    EXPECT_THAT(call.peer.Notify(late, kDone, WithId(first_id)), Answered(200));
  }
  EXPECT_TRUE(second.Silent(50ms));
  EXPECT_THAT(call.peer.Notify(kRinging, kActive, {.event = "refer"}),
              Answered(200));
  EXPECT_THAT(second.Next(), Status(180));
  FinishWell(call, second);
}

// The first REFER was refused, and its NOTIFYs come all the same.
TEST_F(NotifyIdentityTest, NotifysOfARefusedReferAreNotOfTheNext) {
  Shows({"49", "F32"});
  AnsweredCall call(server());
  const int64_t refused = call.DeclinedRefer("sip:a@b.example").CSeqNumber();
  TransferStream second = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify(kOk, kDone, WithId(refused)), Answered(200));
  EXPECT_TRUE(second.Silent(50ms));
  FinishWell(call, second);
}

// A REFER that was repeated made a stateless far end call twice.
TEST_F(NotifyIdentityTest, TwoSeriesOfNotifysHaveOneOutcome) {
  Shows({"69", "F8", "F45"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  for (const char* line : {kTrying, kTrying, kRinging, kRinging}) {
    EXPECT_THAT(call.peer.Notify(line, kActive), Answered(200));
    EXPECT_EQ(stream.Next().transfer_status().event(), "transfer-status");
  }
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  EXPECT_THAT(call.peer.Notify(kBusy, kDone), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult(),
              ElementsAre(Status(200), Warned("EXTRA_FINAL"),
                          Ended(v1::TRANSFER_OUTCOME_TRANSFERRED)));
}

TEST_F(NotifyIdentityTest, ANotifyInADialogOfItsOwnIsNobodys) {
  Shows({"47", "F44"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  SipMessage stray =
      call.peer.NewStrangerRequest("NOTIFY", call.peer.dialog().remote_target);
  stray.Add("Event", Cat("refer;id=", call.peer.refer_cseq()));
  stray.Add("Subscription-State", kDone);
  stray.SetBody("message/sipfrag", Cat(kOk, "\r\n"));
  EXPECT_THAT(call.peer.AwaitAnswer(call.peer.SendRequest(stray)),
              Answered(481));
  EXPECT_TRUE(stream.Silent(50ms));
  FinishWell(call, stream);
}

// A Max-Forward that is none, a From with parameters outside its brackets, and
// the Via of the REFER.
TEST_F(NotifyIdentityTest, OddHeadersAreSurvived) {
  Shows({"F40"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  const SipMessage refer = call.peer.Expect("REFER");
  call.peer.Answer(refer, 202);
  SipMessage odd =
      call.peer.NewNotify(kRinging, kActive, {.branch = refer.Branch()});
  odd.Remove("Max-Forwards").Add("Max-Forward", "70");
  const std::string tag = HeaderParameter(odd.Header("From"), "tag");
  odd.Set("From", Cat("<sip:caller@peer.example>;transport=udp;tag=", tag));
  EXPECT_THAT(call.peer.AwaitAnswer(call.peer.SendRequest(odd)), Answered(200));
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  const auto events = stream.RestUntilResult();
  EXPECT_THAT(events, Contains(Status(180)));
  EXPECT_THAT(events.back(), Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

}  // namespace
}  // namespace callcontrol::testing
