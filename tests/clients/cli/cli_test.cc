// SPDX-License-Identifier: Apache-2.0
#include <grpcpp/grpcpp.h>

#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "clients/cli/callctl.h"
#include "clients/cli/connection.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/clients/cli/fake_call_control.h"

namespace callcontrol::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

const grpc::Status kBroken(grpc::StatusCode::UNAVAILABLE, "Socket closed");

v1::ReferEvent Event(int sequence) {
  v1::ReferEvent event;
  event.set_transfer_id("t-a-1");
  event.set_call_id("c-a-1");
  event.set_sequence(sequence);
  return event;
}

v1::ReferEvent Sent(int sequence) {
  v1::ReferEvent event = Event(sequence);
  event.mutable_refer_sent()->set_refer_to("<sip:1000@example.com>");
  return event;
}

v1::ReferEvent Ringing(int sequence) {
  v1::ReferEvent event = Event(sequence);
  event.mutable_transfer_status()->set_call_status(180);
  return event;
}

v1::ReferEvent Result(int sequence, v1::TransferVerdict verdict,
                      v1::TransferOutcome outcome) {
  v1::ReferEvent event = Event(sequence);
  event.mutable_result()->set_verdict(verdict);
  event.mutable_result()->set_outcome(outcome);
  return event;
}

v1::ReferEvent Success(int sequence) {
  return Result(sequence, v1::TRANSFER_VERDICT_SUCCESS,
                v1::TRANSFER_OUTCOME_TRANSFERRED);
}

// callctl in this process, a real gRPC server with a fake service, and a clock
// that moves only when callctl sleeps.
class CliTest : public ::testing::Test {
 protected:
  CliTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    environment_.connect = [this](const std::string& server, absl::Time) {
      connected_to_ = server;
      return server_->InProcessChannel(grpc::ChannelArguments());
    };
    // Deadlines are made from this clock and kept by the real one.
    environment_.now = [this] { return start_ + slept_; };
    environment_.sleep = [this](absl::Duration pause) { slept_ += pause; };
    environment_.interrupted = [this] { return interrupted_; };
  }
  ~CliTest() override { server_->Shutdown(); }

  int Run(const std::vector<std::string>& args) {
    out_.str("");
    err_.str("");
    return RunCallctl(args, environment_, out_, err_);
  }

  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }

  FakeCallControl service_;
  std::unique_ptr<grpc::Server> server_;
  Environment environment_;
  std::string connected_to_;
  absl::Time start_ = absl::Now();
  absl::Duration slept_;
  bool interrupted_ = false;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(CliTest, ReferPrintsOneLinePerEventAndExitsByTheVerdict) {
  service_.refers.push_back({{Sent(1), Ringing(2), Success(3)}});
  EXPECT_EQ(Run({"refer", "c-a-1", "1000"}), 0);
  EXPECT_EQ(out(),
            "00:00:00.000 t-a-1 #1 refer_sent REFER to "
            "<sip:1000@example.com>\n"
            "00:00:00.000 t-a-1 #2 transfer_status 180 Ringing\n"
            "00:00:00.000 t-a-1 #3 result SUCCESS TRANSFERRED transferred: the "
            "target answered\n");
  EXPECT_THAT(err(), IsEmpty());

  service_.refers.push_back({{Result(1, v1::TRANSFER_VERDICT_FAILURE,
                                     v1::TRANSFER_OUTCOME_REFER_TIMEOUT)}});
  EXPECT_EQ(Run({"refer", "c-a-1", "1000"}), 1);
  service_.refers.push_back({{Result(1, v1::TRANSFER_VERDICT_UNKNOWN,
                                     v1::TRANSFER_OUTCOME_NO_FINAL_STATUS)}});
  EXPECT_EQ(Run({"refer", "c-a-1", "1000"}), 3);
}

TEST_F(CliTest, ReferSendsWhatItsFlagsSay) {
  service_.refers.push_back({{Success(1)}});
  Run({"refer", "c-a-1", "1000", "--referred_by=sip:me@x", "--header=X-A: 1",
       "--header=X-A: 2", "--target_header=Subject: hi", "--strict",
       "--final_limit=90.5s"});
  const v1::ReferRequest& request = service_.refer_request;
  EXPECT_EQ(request.call_id(), "c-a-1");
  EXPECT_EQ(request.refer_to(), "1000");
  EXPECT_EQ(request.referred_by(), "sip:me@x");
  ASSERT_THAT(request.more_headers(), SizeIs(2));
  EXPECT_EQ(request.more_headers(1).value(), "2");
  EXPECT_EQ(request.target_headers().at("Subject"), "hi");
  EXPECT_TRUE(request.strict());
  EXPECT_EQ(request.limits().final_status().seconds(), 90);
  EXPECT_EQ(request.limits().final_status().nanos(), 500000000);
  EXPECT_FALSE(request.limits().has_first_notify());
}

TEST_F(CliTest, ReferTakesASipCallId) {
  service_.refers.push_back({{Success(1)}});
  Run({"refer", "38482@atlanta", "1000"});
  EXPECT_EQ(service_.refer_request.sip_call_id(), "38482@atlanta");
}

TEST_F(CliTest, ReferJsonIsOneObjectPerLine) {
  service_.refers.push_back({{Ringing(1), Success(2)}});
  EXPECT_EQ(Run({"refer", "c-a-1", "1000", "--json"}), 0);
  EXPECT_EQ(out(),
            R"({"transferId":"t-a-1","sequence":"1","transferStatus":)"
            R"({"callStatus":180},"callId":"c-a-1"})"
            "\n"
            R"({"transferId":"t-a-1","sequence":"2","result":{"verdict":)"
            R"("TRANSFER_VERDICT_SUCCESS","outcome":)"
            R"("TRANSFER_OUTCOME_TRANSFERRED"},"callId":"c-a-1"})"
            "\n");
}

TEST_F(CliTest, AValidationPrintsTheHeadersAndSucceeds) {
  v1::ReferEvent planned = Event(0);
  planned.mutable_planned()->set_refer_to("<sip:1000@example.com>");
  v1::SipHeader& header = *planned.mutable_planned()->add_headers();
  header.set_name("X-A");
  header.set_value("1");
  service_.refers.push_back({{planned}});
  EXPECT_EQ(Run({"refer", "c-a-1", "1000", "--validate_only"}), 0);
  EXPECT_TRUE(service_.refer_request.validate_only());
  EXPECT_EQ(out(), "Refer-To: <sip:1000@example.com>\nX-A: 1\n");
}

TEST_F(CliTest, ATerminalSeesOneMovingLineAndThenTheVerdict) {
  environment_.terminal = {
      .live = true, .color = true, .utf8 = true, .width = 80};
  v1::ReferEvent warning = Event(3);
  warning.mutable_warning()->set_code("NO_EVENT");
  warning.mutable_warning()->set_text("odd\x1b[0m");
  service_.refers.push_back({{Sent(1), Ringing(2), warning, Success(4)}});
  EXPECT_EQ(Run({"refer", "c-a-1", "1000"}), 0);
  EXPECT_THAT(out(), HasSubstr("transfer t-a-1 of call c-a-1\n"));
  EXPECT_THAT(out(), HasSubstr("\r⠋ ringing  180 Ringing  0.0s\x1b[K"));
  EXPECT_THAT(out(), HasSubstr("\r\x1b[K\x1b[33m! NO_EVENT: odd\\x1b[0m"));
  EXPECT_THAT(out(),
              HasSubstr("\r\x1b[K\x1b[32m✔ transferred: the target answered"));
  EXPECT_EQ(out().back(), '\n');
}

TEST_F(CliTest, ATerminalWithoutColoursGetsNone) {
  environment_.terminal = {.live = true, .color = false, .width = 80};
  service_.refers.push_back({{Sent(1), Success(2)}});
  Run({"refer", "c-a-1", "1000"});
  EXPECT_THAT(out(), HasSubstr("✔ transferred"));
  EXPECT_THAT(out(), Not(HasSubstr("\x1b[3")));
}

TEST_F(CliTest, ABrokenStreamIsTakenUpAgainAfterTheLastEventSeen) {
  service_.refers.push_back({{Sent(1), Ringing(2)}, kBroken});
  service_.watches.push_back({{}, kBroken});
  service_.watches.push_back({{Ringing(2), Ringing(3)}, kBroken});
  service_.watches.push_back({{Success(4)}});
  EXPECT_EQ(Run({"refer", "c-a-1", "1000"}), 0);
  ASSERT_THAT(service_.watch_requests, SizeIs(3));
  EXPECT_EQ(service_.watch_requests[0].transfer_id(), "t-a-1");
  EXPECT_EQ(service_.watch_requests[0].after_sequence(), 2);
  EXPECT_EQ(service_.watch_requests[2].after_sequence(), 3);
  EXPECT_THAT(err(), HasSubstr("broke; looking for the transfer again"));
  const std::string text = out();
  EXPECT_EQ(text.find("#2 "), text.rfind("#2 ")) << "printed twice";
}

TEST_F(CliTest, AStreamThatEndsWithoutAResultIsTakenUpAgain) {
  service_.refers.push_back({{Sent(1)}});
  service_.watches.push_back({{Success(2)}});
  EXPECT_EQ(Run({"refer", "c-a-1", "1000"}), 0);
}

TEST_F(CliTest, GivesUpInTheEndAndSaysHowToLookAgain) {
  service_.refers.push_back({{Sent(1)}, kBroken});
  for (int i = 0; i < 20; ++i) service_.watches.push_back({{}, kBroken});
  EXPECT_EQ(Run({"refer", "c-a-1", "1000", "--reattach=5s"}), 3);
  EXPECT_LE(slept_, absl::Seconds(5));
  EXPECT_GE(slept_, absl::Seconds(3));
  EXPECT_THAT(err(), HasSubstr("it goes on by itself, see callctl show t-a-1"));
}

TEST_F(CliTest, ATransferThatTheServerForgotIsGivenUpAtOnce) {
  service_.refers.push_back({{Sent(1)}, kBroken});
  service_.watches.push_back(
      {{},
       MakeRpcError(grpc::StatusCode::NOT_FOUND, "no transfer \"t-a-1\"",
                    "TRANSFER_NOT_FOUND")});
  EXPECT_EQ(Run({"refer", "c-a-1", "1000"}), 3);
  EXPECT_THAT(err(), HasSubstr("TRANSFER_NOT_FOUND"));
  EXPECT_THAT(service_.watch_requests, SizeIs(1));
}

TEST_F(CliTest, AStreamThatBreaksBeforeAnyEventIsNoFailure) {
  service_.refers.push_back({{}, kBroken});
  EXPECT_EQ(Run({"refer", "c-a-1", "1000"}), 3);
  EXPECT_THAT(err(), HasSubstr("a transfer may have begun, see callctl trans"));
}

TEST_F(CliTest, CtrlCStopsTheWatchingOnly) {
  interrupted_ = true;
  service_.refers.push_back({{Sent(1)}, kBroken});
  EXPECT_EQ(Run({"refer", "c-a-1", "1000"}), 3);
  EXPECT_THAT(err(), HasSubstr("stopped watching"));
}

TEST_F(CliTest, AnRpcErrorIsOneLineThatCanBeActedOn) {
  service_.refers.push_back(
      {{},
       MakeRpcError(grpc::StatusCode::NOT_FOUND, "no call \"c-x-1\"\x1b[2J",
                    "CALL_NOT_FOUND")});
  EXPECT_EQ(Run({"refer", "c-x-1", "1000"}), 1);
  EXPECT_EQ(err(),
            "callctl: no call \"c-x-1\"\\x1b[2J (NOT_FOUND, CALL_NOT_FOUND); "
            "see callctl calls\n");
  EXPECT_THAT(out(), IsEmpty());

  service_.refers.push_back(
      {{},
       MakeRpcError(grpc::StatusCode::ABORTED, "a transfer is open",
                    "TRANSFER_IN_PROGRESS", "t-a-7")});
  EXPECT_EQ(Run({"refer", "c-x-1", "1000"}), 1);
  EXPECT_THAT(err(), HasSubstr("see callctl show t-a-7"));
}

TEST_F(CliTest, CallsIsATableOfAllPages) {
  v1::ListCallsResponse page;
  v1::Call& call = *page.add_calls();
  call.set_call_id("c-a-1");
  call.set_state(v1::CALL_STATE_ANSWERED);
  call.set_direction(v1::CALL_DIRECTION_INBOUND);
  call.set_remote_uri("sip:alice@x");
  call.set_local_uri("sip:ivr@y");
  call.mutable_create_time()->set_seconds(absl::ToUnixSeconds(start_) - 65);
  page.set_next_page_token("next");
  service_.calls.push_back(page);
  page.mutable_calls(0)->set_call_id("c-a-2");
  page.clear_next_page_token();
  service_.calls.push_back(page);
  EXPECT_EQ(Run({"calls"}), 0);
  EXPECT_THAT(out(), StartsWith("CALL   STATE     DIRECTION  FOR "));
  EXPECT_THAT(out(), HasSubstr("\nc-a-1  ANSWERED  INBOUND    1m0"));
  EXPECT_THAT(out(), HasSubstr("\nc-a-2  "));
  ASSERT_THAT(service_.list_calls_requests, SizeIs(2));
  EXPECT_EQ(service_.list_calls_requests[0].filter(), "state = LIVE");
  EXPECT_EQ(service_.list_calls_requests[1].page_token(), "next");
}

TEST_F(CliTest, CallsAsJsonAndAll) {
  v1::ListCallsResponse page;
  page.add_calls()->set_call_id("c-a-1");
  service_.calls.push_back(page);
  EXPECT_EQ(Run({"calls", "--all", "--json"}), 0);
  EXPECT_EQ(out(), "{\"callId\":\"c-a-1\"}\n");
  EXPECT_EQ(service_.list_calls_requests[0].filter(), "");
}

TEST_F(CliTest, WatchFollowsOneCallToItsEnd) {
  service_.call.set_call_id("c-a-1");
  v1::CallEvent event;
  event.set_type(v1::CALL_EVENT_TYPE_SNAPSHOT);
  event.mutable_call()->set_call_id("c-a-1");
  v1::CallEvent ended = event;
  ended.set_type(v1::CALL_EVENT_TYPE_ENDED);
  ended.mutable_call()->set_state(v1::CALL_STATE_ENDED);
  service_.call_watches.push_back({{event, ended}, kBroken});
  EXPECT_EQ(Run({"watch", "c-a-1"}), 0) << err();
  EXPECT_EQ(service_.watch_calls_request.call_id(), "c-a-1");
  EXPECT_THAT(out(), HasSubstr("SNAPSHOT"));
  EXPECT_THAT(out(), HasSubstr("ENDED           c-a-1"));
}

TEST_F(CliTest, HangUpFindsACallByItsSipCallId) {
  v1::ListCallsResponse page;
  page.add_calls()->set_call_id("c-a-1");
  service_.calls.push_back(page);
  service_.call.set_call_id("c-a-1");
  service_.call.set_state(v1::CALL_STATE_ENDING);
  EXPECT_EQ(Run({"hangup", "38482@atlanta"}), 0);
  EXPECT_EQ(service_.hang_up_request.call_id(), "c-a-1");
  EXPECT_EQ(service_.list_calls_requests[0].filter(),
            "sip_call_id = 38482@atlanta");
  EXPECT_EQ(out(), "c-a-1 ENDING\n");
  EXPECT_EQ(Run({"hangup", "none@atlanta"}), 1);
  EXPECT_THAT(err(), HasSubstr("no call with the SIP Call-ID"));
}

TEST_F(CliTest, CallFollowsACallUntilItIsAnsweredOrNot) {
  v1::CallEvent event;
  event.set_type(v1::CALL_EVENT_TYPE_RINGING);
  event.mutable_call()->set_call_id("c-a-1");
  event.mutable_call()->set_state(v1::CALL_STATE_RINGING);
  v1::CallEvent answered = event;
  answered.set_type(v1::CALL_EVENT_TYPE_ANSWERED);
  answered.mutable_call()->set_state(v1::CALL_STATE_ANSWERED);
  v1::CallEvent ended = event;
  ended.set_type(v1::CALL_EVENT_TYPE_ENDED);
  ended.mutable_call()->set_state(v1::CALL_STATE_ENDED);
  service_.call_watches.push_back({{event, answered}, grpc::Status::OK});
  service_.call_watches.push_back({{event, ended}, grpc::Status::OK});
  EXPECT_EQ(Run({"call", "sip:bob@b.example", "--ring_limit=20s"}), 0) << err();
  EXPECT_EQ(service_.place_request.to(), "sip:bob@b.example");
  EXPECT_EQ(service_.place_request.timeout().seconds(), 20);
  EXPECT_THAT(out(), HasSubstr("ANSWERED"));
  EXPECT_EQ(Run({"call", "sip:bob@b.example"}), 1);
}

TEST_F(CliTest, HoldAndResumeAskForTheChange) {
  service_.call.set_call_id("c-a-1");
  service_.call.set_state(v1::CALL_STATE_ANSWERED);
  EXPECT_EQ(Run({"hold", "c-a-1"}), 0);
  EXPECT_EQ(service_.update_request.call_id(), "c-a-1");
  EXPECT_TRUE(service_.update_request.hold());
  EXPECT_EQ(out(), "c-a-1 ANSWERED\n");
  EXPECT_EQ(Run({"resume", "c-a-1"}), 0);
  EXPECT_TRUE(service_.update_request.resume());
}

TEST_F(CliTest, AnswerAndRejectDecideAboutACall) {
  service_.call.set_call_id("c-a-1");
  service_.call.set_state(v1::CALL_STATE_ANSWERED);
  EXPECT_EQ(Run({"answer", "c-a-1"}), 0);
  EXPECT_EQ(service_.answer_request.call_id(), "c-a-1");
  EXPECT_EQ(service_.answer_request.sdp(), "");
  EXPECT_EQ(out(), "c-a-1 ANSWERED\n");
  EXPECT_EQ(Run({"reject", "c-a-1", "486", "--reason=Lunch"}), 0);
  EXPECT_EQ(service_.reject_request.status(), 486);
  EXPECT_EQ(service_.reject_request.reason(), "Lunch");
}

TEST_F(CliTest, AcceptAndDeclineDecideAboutARefer) {
  v1::CallEvent event;
  event.set_type(v1::CALL_EVENT_TYPE_REFER_REQUESTED);
  event.mutable_call()->set_call_id("c-a-1");
  event.mutable_pending_refer()->set_refer_id("r-a-1");
  event.mutable_pending_refer()->set_refer_to("sip:bob@b.example");
  service_.call_watches.push_back({{event}, grpc::Status::OK});
  EXPECT_EQ(Run({"watch"}), 0) << err();
  EXPECT_THAT(out(), HasSubstr(", wants sip:bob@b.example called: r-a-1"));

  EXPECT_EQ(Run({"accept", "r-a-1", "dora"}), 0) << err();
  EXPECT_EQ(service_.refer_decision.refer_id(), "r-a-1");
  EXPECT_TRUE(service_.refer_decision.accept());
  EXPECT_EQ(service_.refer_decision.refer_to(), "dora");
  EXPECT_EQ(Run({"decline", "r-a-1", "480"}), 0) << err();
  EXPECT_FALSE(service_.refer_decision.accept());
  EXPECT_EQ(service_.refer_decision.status(), 480);
}

TEST_F(CliTest, TransfersIsATable) {
  v1::ListTransfersResponse page;
  v1::Transfer& transfer = *page.add_transfers();
  transfer.set_transfer_id("t-a-1");
  *transfer.mutable_result() = Success(1).result();
  service_.transfers.push_back(page);
  EXPECT_EQ(Run({"transfers", "--filter=verdict = SUCCESS"}), 0);
  EXPECT_EQ(service_.list_transfers_request.filter(), "verdict = SUCCESS");
  EXPECT_THAT(out(), HasSubstr("t-a-1     -     SUCCESS  TRANSFERRED"));
}

TEST_F(CliTest, ShowOfARunningTransferStopsAtTheLastKnownEvent) {
  service_.transfer.set_transfer_id("t-a-1");
  service_.transfer.set_state(v1::TRANSFER_STATE_PROGRESSING);
  service_.transfer.set_last_sequence(2);
  service_.watches.push_back({{Sent(1), Ringing(2), Ringing(3)}, kBroken});
  EXPECT_EQ(Run({"show", "t-a-1"}), 0) << err();
  EXPECT_THAT(out(), HasSubstr("still running: PROGRESSING, 2 events so far"));
}

TEST_F(CliTest, CancelTellsWhatCouldBeDone) {
  service_.transfer.set_transfer_id("t-a-1");
  service_.transfer.set_cancel_outcome(v1::CANCEL_OUTCOME_UNSUBSCRIBED);
  EXPECT_EQ(Run({"cancel", "t-a-1"}), 0) << err();
  EXPECT_EQ(service_.cancel_request.transfer_id(), "t-a-1");
  EXPECT_EQ(out(), "t-a-1 UNSUBSCRIBED\n");
  service_.transfer.set_cancel_outcome(v1::CANCEL_OUTCOME_TOO_LATE);
  EXPECT_EQ(Run({"cancel", "t-a-1"}), 1);
}

TEST_F(CliTest, ShowAsJsonIsOneObject) {
  service_.transfer.set_transfer_id("t-a-1");
  service_.transfer.set_last_sequence(1);
  service_.watches.push_back({{Ringing(1)}});
  EXPECT_EQ(Run({"show", "t-a-1", "--json"}), 0);
  EXPECT_EQ(out(),
            R"({"transfer":{"transferId":"t-a-1","lastSequence":"1"},"events":)"
            R"([{"transferId":"t-a-1","sequence":"1","transferStatus":)"
            R"({"callStatus":180},"callId":"c-a-1"}]})"
            "\n");
}

TEST_F(CliTest, HooksIsATable) {
  v1::ListHookDeliveriesResponse page;
  v1::HookDelivery& delivery = *page.add_deliveries();
  delivery.set_delivery_id("h-a-1-6");
  delivery.set_kind(v1::HOOK_KIND_ACTION);
  delivery.set_state(v1::HOOK_DELIVERY_STATE_PENDING);
  delivery.set_attempts(3);
  delivery.set_last_error("HTTP 503");
  delivery.set_url("https://app.example/a");
  delivery.mutable_next_attempt_time()->set_seconds(
      absl::ToUnixSeconds(start_) + 3600);
  service_.hooks.push_back(page);
  EXPECT_EQ(Run({"hooks", "--filter=state = PENDING"}), 0);
  EXPECT_THAT(out(), StartsWith("DELIVERY  KIND    STATE    TRIES  BEGAN "));
  EXPECT_THAT(out(), HasSubstr("\nh-a-1-6   ACTION  PENDING  3 "));
  EXPECT_THAT(out(), HasSubstr("  HTTP 503    https://app.example/a\n"));
  EXPECT_THAT(out(), HasSubstr("  in "));
  EXPECT_EQ(service_.list_hooks_request.filter(), "state = PENDING");

  service_.hooks.emplace_back();
  EXPECT_EQ(Run({"hooks"}), 0);
  EXPECT_EQ(err(), "no undelivered hooks\n");
}

TEST_F(CliTest, HooksRetrySendsOneAgain) {
  service_.hook.set_delivery_id("h-a-1-6");
  service_.hook.set_state(v1::HOOK_DELIVERY_STATE_PENDING);
  EXPECT_EQ(Run({"hooks", "retry", "h-a-1-6"}), 0);
  EXPECT_EQ(service_.retry_hook_request.delivery_id(), "h-a-1-6");
  EXPECT_EQ(out(), "h-a-1-6 PENDING\n");
  service_.unary_end =
      MakeRpcError(grpc::StatusCode::NOT_FOUND, "no delivery \"h-a-1-6\"",
                   "HOOK_DELIVERY_NOT_FOUND");
  EXPECT_EQ(Run({"hooks", "retry", "h-a-1-6"}), 1);
  EXPECT_THAT(err(), HasSubstr("HOOK_DELIVERY_NOT_FOUND"));
}

TEST_F(CliTest, HooksListenNeedsNoServerAndEndsAtItsTimeout) {
  EXPECT_EQ(Run({"hooks", "listen", "0", "--timeout=1s"}), 0);
  EXPECT_THAT(out(), StartsWith("listening on http://127.0.0.1:"));
  EXPECT_EQ(connected_to_, "");
}

TEST_F(CliTest, WrongUsageIsExitTwo) {
  EXPECT_EQ(Run({"xfer"}), 2);
  EXPECT_THAT(err(), StartsWith("callctl: unknown command"));
  EXPECT_EQ(Run({"calls", "--nope"}), 2);
  EXPECT_EQ(Run({"refer", "--help"}), 0);
  EXPECT_THAT(out(), HasSubstr("Examples:"));
  EXPECT_EQ(connected_to_, "") << "needs no server";
}

TEST_F(CliTest, AServerThatIsNotThereIsNamed) {
  environment_.connect = ConnectTo;
  EXPECT_EQ(Run({"calls", "--server=unix:/nonexistent/callctl.sock"}), 1);
  EXPECT_THAT(err(), HasSubstr("unix:/nonexistent/callctl.sock"));
  EXPECT_THAT(err(), HasSubstr("callcontrold"));
}

}  // namespace
}  // namespace callcontrol::cli
