// SPDX-License-Identifier: Apache-2.0
//
// NOTIFYs that are off the standard in ways that the field has: understood with
// a warning, or refused where the client asked for `strict`.
#include <chrono>
#include <string>
#include <vector>

#include "tests/support/server_test.h"

namespace callcontrol::testing {
namespace {

using ::testing::Contains;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

constexpr char kActive[] = "active;expires=60";
constexpr char kDone[] = "terminated;reason=noresource";
constexpr char kRinging[] = "SIP/2.0 180 Ringing";
constexpr char kOk[] = "SIP/2.0 200 OK";

struct OddEvent {
  std::string name;
  // The value of Event; "" for none.
  std::string event;
  std::string warning;
};

void PrintTo(const OddEvent& odd, std::ostream* out) { *out << odd.name; }

class OddEventTest : public ServerTest<OddEventTest>,
                     public ::testing::WithParamInterface<OddEvent> {};

TEST_P(OddEventTest, IsUnderstoodWithAWarning) {
  Shows({"48", "49", "70", "F11", "F12", "F13", "F42"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify(kRinging, kActive, {.event = GetParam().event}),
              Answered(200));
  EXPECT_THAT((std::vector{stream.Next(), stream.Next()}),
              UnorderedElementsAre(Warned(GetParam().warning), Status(180)));
  EXPECT_THAT(call.peer.Notify(kOk, kDone, {.event = GetParam().event}),
              Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  std::vector<v1::ReferEvent> rest = stream.RestUntilResult();
  EXPECT_THAT(rest, Contains(Status(200)));
  EXPECT_THAT(rest.back(), Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_P(OddEventTest, IsRefusedWhereTheClientIsStrict) {
  Shows({"47"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer(
      [](v1::ReferRequest& request) { request.set_strict(true); });
  EXPECT_THAT(call.peer.Notify(kOk, kDone, {.event = GetParam().event}),
              Answered(481));
  // It was not the final status: progress is told as before.
  EXPECT_THAT(call.peer.Notify(kRinging, kActive), Answered(200));
  std::vector<v1::ReferEvent> events;
  do {
    events.push_back(stream.Next());
  } while (!events.back().has_transfer_status());
  EXPECT_THAT(events.back(), Status(180));
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
}

INSTANTIATE_TEST_SUITE_P(
    Field, OddEventTest,
    ::testing::Values(OddEvent{"CapitalRefer", "Refer", "EVENT_CASE"},
                      OddEvent{"NoEvent", "", "NO_EVENT"},
                      OddEvent{"WrongId", "refer;id=4294967", "ID_MISMATCH"}),
    [](const auto& test) { return test.param.name; });

class TransferLeniencyTest : public ServerTest<TransferLeniencyTest> {};

TEST_F(TransferLeniencyTest, AnEventWithoutIdIsQuiteUsual) {
  Shows({"49"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer(
      [](v1::ReferRequest& request) { request.set_strict(true); });
  EXPECT_THAT(call.peer.Notify(kRinging, kActive, {.event = "refer"}),
              Answered(200));
  EXPECT_THAT(stream.Next(), Status(180));
  // The parameter's name has no case (protocol.md, #49).
  std::string id = "refer;ID=" + std::to_string(call.peer.refer_cseq());
  EXPECT_THAT(call.peer.Notify(kOk, kDone, {.event = id}), Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
}

TEST_F(TransferLeniencyTest, TheCompactFormOfEventIsUnderstood) {
  Shows({"48"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  SipMessage notify = call.peer.NewNotify(kRinging, kActive, {.event = ""});
  notify.Add("o", "refer");
  EXPECT_THAT(call.peer.AwaitAnswer(call.peer.SendRequest(notify)),
              Answered(200));
  EXPECT_THAT(stream.Next(), Status(180));
  call.ExpectHangsUp();
  stream.RestUntilResult();
}

TEST_F(TransferLeniencyTest, WithoutSubscriptionStateTheBodyDecides) {
  Shows({"51", "F11"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  //        <--- NOTIFY 180: active (protocol.md, #51)
  EXPECT_THAT(call.peer.Notify(kRinging, ""), Answered(200));
  EXPECT_THAT(
      (std::vector{stream.Next(), stream.Next()}),
      UnorderedElementsAre(Warned("NO_SUBSCRIPTION_STATE"), Status(180)));
  //        <--- NOTIFY 200: terminated
  EXPECT_THAT(call.peer.Notify(kOk, ""), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  std::vector<v1::ReferEvent> rest = stream.RestUntilResult();
  EXPECT_THAT(rest, Contains(Status(200)));
  EXPECT_THAT(rest.back(), Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

// The least that the field sends: jambonz's own test peer (protocol.md, F11).
TEST_F(TransferLeniencyTest, NeitherEventNorStateNorContentTypeNorLineEnd) {
  Shows({"48", "51", "F11"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  SipMessage notify = call.peer.NewNotify("", "", {.event = ""});
  notify.SetBody("", kOk);
  EXPECT_THAT(call.peer.AwaitAnswer(call.peer.SendRequest(notify)),
              Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  std::vector<v1::ReferEvent> rest = stream.RestUntilResult();
  EXPECT_THAT(rest, Contains(Status(200)));
  EXPECT_THAT(rest.back(), Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(TransferLeniencyTest, AnUnreadableBodyChangesNothing) {
  Shows({"67", "70", "F11", "F42"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  for (const char* body :
       {"200 OK", "SIP/2.0 20 OK", "SIP/2.0 700 High", "SIP/3.0 200 OK",
        "INVITE sip:alice@example.com SIP/2.0", "HTTP/1.1 200 OK"}) {
    EXPECT_THAT(call.peer.Notify(body, kActive), Answered(200));
    EXPECT_THAT(stream.Next(), Warned("NOTIFY_UNPARSED")) << body;
  }
  EXPECT_THAT(call.peer.Notify("call connected", kActive,
                               {.content_type = "text/plain"}),
              Answered(200));
  std::vector<v1::ReferEvent> events;
  do {
    events.push_back(stream.Next());
    EXPECT_TRUE(events.back().has_warning());
  } while (events.back().warning().code() != "NOTIFY_UNPARSED");
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
}

TEST_F(TransferLeniencyTest, AReasonPhraseOfAnyBytesIsTold) {
  Shows({"108"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify("SIP/2.0 480 Nicht verf\xfcgbar", kDone),
              Answered(200));
  v1::ReferEvent event = stream.Next();
  EXPECT_THAT(event, Status(480));
  EXPECT_EQ(event.transfer_status().reason(), "Nicht verf\xEF\xBF\xBDgbar");
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TARGET_FAILED);
  call.ExpectHangsUp();
}

TEST_F(TransferLeniencyTest, ATerminatedNotifyWithoutBodyEndsTheSubscription) {
  Shows({"57", "F10"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify("", "terminated;reason=timeout"), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_ACCEPTED_UNCONFIRMED);
  EXPECT_EQ(result.subscription_reason(), "timeout");
  EXPECT_EQ(result.last_call_status(), 0);
}

TEST_F(TransferLeniencyTest, StrictEndsWithoutAFirstNotify) {
  Shows({"46"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer([](v1::ReferRequest& request) {
    request.set_strict(true);
    request.mutable_limits()->mutable_first_notify()->set_seconds(1);
  });
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_ACCEPTED_NO_NOTIFY);
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_UNKNOWN);
}

TEST_F(TransferLeniencyTest, AProvisionalAnswerToTheReferIsOnlyAWarning) {
  Shows({"33", "F43"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  EXPECT_THAT(stream.Next(), ReferSent());
  //        <--- 183 instead of NOTIFY (protocol.md, F43)
  call.peer.Answer(refer, 100);
  call.peer.Answer(refer, 183, "Session Progress");
  EXPECT_THAT(stream.Next(), Warned("UNEXPECTED_PROVISIONAL"));
  call.peer.Answer(refer, 603);
  EXPECT_THAT(stream.Next(), ReferAnswered(603));
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_REFER_DECLINED);
  call.ExpectHangsUp();
}

TEST_F(TransferLeniencyTest, AFarEndThatDoesNotAllowReferIsAskedAllTheSame) {
  Shows({"12"});
  AnsweredCall call(server(), {}, {.allow = "INVITE, ACK, BYE"});
  EXPECT_FALSE(call.client.GetCall(call.id).far_end().allows_refer());
  TransferStream stream = call.Refer();
  call.peer.Answer(call.peer.Expect("REFER"), 603);
  std::vector<v1::ReferEvent> events = stream.RestUntilResult();
  EXPECT_THAT(events, Contains(Warned("REFER_NOT_ADVERTISED")));
  EXPECT_THAT(events.back(), Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
  call.ExpectHangsUp();
}

}  // namespace
}  // namespace callcontrol::testing
