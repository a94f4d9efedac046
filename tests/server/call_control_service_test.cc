// SPDX-License-Identifier: Apache-2.0
#include "server/call_control_service.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "server/event_recorder.h"
#include "tests/support/fake_call_engine.h"

namespace callcontrol::server {
namespace {

using grpc::StatusCode;
using sip::TransferPhase;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// ---- What the engine tells ----------------------------------------------

sip::TransferPlan Plan(const std::string& transfer_id,
                       const std::string& call_id = "c-1") {
  return {.transfer_id = transfer_id,
          .call_id = call_id,
          .sip_call_id = "a@h",
          .refer_to = "<sip:carol@example.com>",
          .referred_by = "<sip:bob@example.com>",
          .headers = {}};
}

sip::TransferEvent Answered(int code) {
  return sip::ReferAnswered{{code, "told"}};
}

sip::TransferEvent Progress(int code) {
  sip::TransferStatus status;
  status.status.code = code;
  status.subscription_state = "active";
  return status;
}

sip::TransferEvent Succeeded() {
  sip::TransferResult result;
  result.verdict = sip::TransferVerdict::kSuccess;
  result.outcome = sip::TransferOutcome::kTransferred;
  result.refer_status = 202;
  result.final_status = 200;
  return result;
}

sip::TransferEvent Failed(int code) {
  sip::TransferResult result;
  result.verdict = sip::TransferVerdict::kFailure;
  result.outcome = sip::TransferOutcome::kTargetFailed;
  result.refer_status = 202;
  result.final_status = code;
  return result;
}

sip::CallSnapshot Call(const std::string& call_id, sip::CallPhase phase) {
  sip::CallSnapshot call;
  call.call_id = call_id;
  call.sip_call_id = absl::StrCat(call_id, "@h");
  call.phase = phase;
  return call;
}

// ---- What the client reads ----------------------------------------------

// Anything that takes longer is stuck.
void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(20));
}

// The client's end of a server stream. Goes by cancelling what is left of it.
template <typename Event>
class Stream {
 public:
  template <typename Start>
  explicit Stream(Start start)
      : context_(std::make_unique<grpc::ClientContext>()) {
    SetDeadline(*context_);
    reader_ = start(context_.get());
  }
  Stream(Stream&&) noexcept = default;
  ~Stream() {
    if (reader_ == nullptr || finished_) return;
    context_->TryCancel();
    reader_->Finish();
  }

  Event Next() {
    Event event;
    EXPECT_TRUE(reader_->Read(&event)) << "the stream ended early";
    return event;
  }

  // The status; nothing may be left to read.
  grpc::Status End() {
    Event more;
    EXPECT_FALSE(reader_->Read(&more)) << more.ShortDebugString();
    finished_ = true;
    return reader_->Finish();
  }

  // The status, whatever there was to read before it.
  grpc::Status SkipToEnd() {
    Event skipped;
    while (reader_->Read(&skipped)) {
    }
    finished_ = true;
    return reader_->Finish();
  }

  void Cancel() { context_->TryCancel(); }

 private:
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReader<Event>> reader_;
  bool finished_ = false;
};

// The details of an error as a client would decode them.
struct Details {
  google::rpc::ErrorInfo info;
  google::rpc::BadRequest bad_request;
};

Details DetailsOf(const grpc::Status& status) {
  google::rpc::Status packed;
  EXPECT_TRUE(packed.ParseFromString(status.error_details()));
  EXPECT_EQ(packed.code(), static_cast<int>(status.error_code()));
  EXPECT_EQ(packed.message(), status.error_message());
  Details details;
  for (const google::protobuf::Any& any : packed.details()) {
    EXPECT_TRUE(any.UnpackTo(&details.info) ||
                any.UnpackTo(&details.bad_request))
        << any.type_url();
  }
  return details;
}

// An error with this code and ErrorInfo's reason.
MATCHER_P2(IsError, code, reason, "") {
  const Details details = DetailsOf(arg);
  *result_listener << arg.error_code() << " " << details.info.reason() << ": "
                   << arg.error_message();
  return arg.error_code() == code && details.info.reason() == reason &&
         details.info.domain() == "callcontrol.v1";
}

// The same, with a BadRequest about this field.
MATCHER_P3(IsErrorAbout, code, reason, field, "") {
  const Details details = DetailsOf(arg);
  const google::rpc::BadRequest& bad = details.bad_request;
  *result_listener << arg.error_code() << " " << details.info.reason() << ": "
                   << arg.error_message() << " " << bad.ShortDebugString();
  return arg.error_code() == code && details.info.reason() == reason &&
         bad.field_violations_size() == 1 &&
         bad.field_violations(0).field() == field &&
         !bad.field_violations(0).description().empty();
}

// A real server with the real service over a fake engine, and one client.
class CallControlServiceTest : public ::testing::Test {
 protected:
  CallControlServiceTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::CallControl::NewStub(
        server_->InProcessChannel(grpc::ChannelArguments()));
  }
  ~CallControlServiceTest() override {
    server_->Shutdown(std::chrono::system_clock::now());
  }

  Stream<v1::ReferEvent> Refer(const v1::ReferRequest& request) {
    return Stream<v1::ReferEvent>([&](grpc::ClientContext* context) {
      return stub_->Refer(context, request);
    });
  }

  // A transfer of a call that the engine has taken on.
  Stream<v1::ReferEvent> ReferAccepted(const std::string& transfer_id) {
    Stream<v1::ReferEvent> stream = Refer(GoodRequest());
    engine_.AwaitRefer();
    engine_.Accept(Plan(transfer_id));
    return stream;
  }

  Stream<v1::ReferEvent> WatchTransfer(const std::string& id,
                                       std::int64_t after_sequence = 0) {
    v1::WatchTransferRequest request;
    request.set_transfer_id(id);
    request.set_after_sequence(after_sequence);
    return Stream<v1::ReferEvent>([&](grpc::ClientContext* context) {
      return stub_->WatchTransfer(context, request);
    });
  }

  Stream<v1::CallEvent> WatchCalls(const v1::WatchCallsRequest& request = {}) {
    return Stream<v1::CallEvent>([&](grpc::ClientContext* context) {
      return stub_->WatchCalls(context, request);
    });
  }

  // A unary RPC: its status, and its answer in `response`.
  template <typename Request, typename Response>
  grpc::Status Ask(grpc::Status (v1::CallControl::Stub::*rpc)(
                       grpc::ClientContext*, const Request&, Response*),
                   const Request& request, Response* response) {
    grpc::ClientContext context;
    SetDeadline(context);
    return (stub_.get()->*rpc)(&context, request, response);
  }

  grpc::Status GetTransfer(const std::string& id, v1::Transfer* transfer) {
    v1::GetTransferRequest request;
    request.set_transfer_id(id);
    return Ask(&v1::CallControl::Stub::GetTransfer, request, transfer);
  }

  grpc::Status GetCall(const std::string& id, v1::Call* call) {
    v1::GetCallRequest request;
    request.set_call_id(id);
    return Ask(&v1::CallControl::Stub::GetCall, request, call);
  }

  grpc::Status ListTransfers(const v1::ListTransfersRequest& request,
                             v1::ListTransfersResponse* response) {
    return Ask(&v1::CallControl::Stub::ListTransfers, request, response);
  }

  // The ids of a page, and the token of the next in `token`.
  std::vector<std::string> TransferIds(const std::string& filter,
                                       std::int32_t size = 0,
                                       std::string* token = nullptr) {
    v1::ListTransfersRequest request;
    request.set_filter(filter);
    request.set_page_size(size);
    if (token != nullptr) request.set_page_token(*token);
    v1::ListTransfersResponse response;
    const grpc::Status status = ListTransfers(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    if (token != nullptr) *token = response.next_page_token();
    std::vector<std::string> ids;
    for (const v1::Transfer& transfer : response.transfers()) {
      ids.push_back(transfer.transfer_id());
    }
    return ids;
  }

  std::vector<std::string> CallIds(const std::string& filter,
                                   std::int32_t size = 0,
                                   std::string* token = nullptr) {
    v1::ListCallsRequest request;
    request.set_filter(filter);
    request.set_page_size(size);
    if (token != nullptr) request.set_page_token(*token);
    v1::ListCallsResponse response;
    const grpc::Status status =
        Ask(&v1::CallControl::Stub::ListCalls, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    if (token != nullptr) *token = response.next_page_token();
    std::vector<std::string> ids;
    for (const v1::Call& call : response.calls()) ids.push_back(call.call_id());
    return ids;
  }

  static v1::ReferRequest GoodRequest() {
    v1::ReferRequest request;
    request.set_call_id("c-1");
    request.set_refer_to("sip:carol@example.com");
    return request;
  }

  static constexpr std::size_t kWatchBound = 16;

  CallStore calls_{{.retention = absl::Hours(1),
                    .max_kept = 100,
                    .watch_bound = kWatchBound}};
  TransferStore transfers_{{.retention = absl::Hours(1), .max_kept = 100}};
  EventRecorder recorder_{calls_, transfers_};
  sip::FakeCallEngine engine_{recorder_};
  HookDispatcher hooks_{{}, *HookGuard::Make({})};
  CallControlService service_{engine_, calls_, transfers_, hooks_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::CallControl::Stub> stub_;
};

// ---- Refer --------------------------------------------------------------

TEST_F(CallControlServiceTest, StreamsEveryStepAndEndsWithTheResult) {
  v1::ReferRequest request = GoodRequest();
  request.set_referred_by("1001");
  request.set_strict(true);
  Stream<v1::ReferEvent> stream = Refer(request);

  const sip::TransferRequest asked = engine_.AwaitRefer();
  EXPECT_EQ(asked.call_id, "c-1");
  EXPECT_EQ(asked.refer_to, "sip:carol@example.com");
  EXPECT_EQ(asked.referred_by, "1001");
  EXPECT_TRUE(asked.strict);

  engine_.Accept(Plan("t-1"));
  //  REFER ->
  engine_.Tell("t-1", sip::ReferSent{.cseq = 2}, TransferPhase::kSent);
  //                        <- 202
  engine_.Tell("t-1", Answered(202), TransferPhase::kAccepted);
  //                        <- NOTIFY 180
  engine_.Tell("t-1", Progress(180), TransferPhase::kProgress);
  engine_.Tell("t-1", sip::TransferWarning{"EVENT_CASE", "odd"},
               TransferPhase::kProgress);
  //                        <- NOTIFY 200
  engine_.Tell("t-1", Succeeded(), TransferPhase::kDone);

  const v1::ReferEvent sent = stream.Next();
  EXPECT_EQ(sent.transfer_id(), "t-1");
  EXPECT_EQ(sent.call_id(), "c-1");
  EXPECT_EQ(sent.sequence(), 1);
  EXPECT_EQ(sent.refer_sent().refer_to(), "<sip:carol@example.com>");
  EXPECT_EQ(sent.refer_sent().cseq(), 2);
  EXPECT_EQ(stream.Next().refer_response().refer_status(), 202);
  EXPECT_EQ(stream.Next().transfer_status().call_status(), 180);
  EXPECT_EQ(stream.Next().warning().code(), "EVENT_CASE");
  const v1::ReferEvent last = stream.Next();
  EXPECT_EQ(last.sequence(), 5);
  EXPECT_EQ(last.result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  EXPECT_EQ(last.result().final_referred_call_status(), 200);
  EXPECT_TRUE(stream.End().ok());
}

TEST_F(CallControlServiceTest, CancellingTellsWhatItCouldDo) {
  Stream<v1::ReferEvent> stream = ReferAccepted("t-1");
  engine_.cancel_outcome = sip::CancelOutcome::kUnsubscribed;
  grpc::ClientContext context;
  SetDeadline(context);
  v1::CancelTransferRequest request;
  request.set_transfer_id("t-1");
  v1::Transfer transfer;
  ASSERT_TRUE(stub_->CancelTransfer(&context, request, &transfer).ok());
  EXPECT_EQ(transfer.transfer_id(), "t-1");
  EXPECT_EQ(transfer.cancel_outcome(), v1::CANCEL_OUTCOME_UNSUBSCRIBED);
  EXPECT_THAT(engine_.cancels, ElementsAre(::testing::Pair("c-1", "t-1")));
}

TEST_F(CallControlServiceTest, OnlyATransferThatIsKnownCanBeCancelled) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::CancelTransferRequest request;
  request.set_transfer_id("t-9");
  v1::Transfer transfer;
  EXPECT_THAT(stub_->CancelTransfer(&context, request, &transfer),
              IsError(StatusCode::NOT_FOUND, "TRANSFER_NOT_FOUND"));
  EXPECT_THAT(engine_.cancels, IsEmpty());
}

TEST_F(CallControlServiceTest, EventsComeWhileTheTransferRuns) {
  Stream<v1::ReferEvent> stream = ReferAccepted("t-1");
  engine_.Tell("t-1", Answered(202), TransferPhase::kAccepted);
  EXPECT_EQ(stream.Next().sequence(), 1);
  engine_.Tell("t-1", Progress(180), TransferPhase::kProgress);
  EXPECT_EQ(stream.Next().sequence(), 2);
  engine_.Tell("t-1", Succeeded(), TransferPhase::kDone);
  EXPECT_EQ(stream.Next().sequence(), 3);
  EXPECT_TRUE(stream.End().ok());
}

TEST_F(CallControlServiceTest, AFailedTransferIsAResultAndNotAnRpcError) {
  Stream<v1::ReferEvent> stream = ReferAccepted("t-1");
  engine_.Tell("t-1", Failed(486), TransferPhase::kDone);
  const v1::TransferResult result = stream.Next().result();
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_FAILURE);
  EXPECT_EQ(result.final_referred_call_status(), 486);
  EXPECT_TRUE(stream.End().ok());
}

TEST_F(CallControlServiceTest, AMalformedRequestNamesItsField) {
  v1::ReferRequest request = GoodRequest();
  request.mutable_limits()->mutable_final_status()->set_seconds(-1);
  EXPECT_THAT(Refer(request).End(),
              IsErrorAbout(StatusCode::INVALID_ARGUMENT, "OUT_OF_RANGE",
                           "limits.final_status"));
  request.Clear();
  EXPECT_THAT(Refer(request).End(), IsErrorAbout(StatusCode::INVALID_ARGUMENT,
                                                 "PARTY_REQUIRED", "party"));
  EXPECT_FALSE(engine_.WasAskedToRefer());
}

TEST_F(CallControlServiceTest, ATransferOutsideAnyCallNamesNone) {
  v1::ReferRequest request = GoodRequest();
  request.set_uri("sip:bob@example.com");
  Stream<v1::ReferEvent> stream = Refer(request);
  const sip::TransferRequest asked = engine_.AwaitRefer();
  EXPECT_EQ(asked.uri, "sip:bob@example.com");
  EXPECT_EQ(asked.call_id, "");
  sip::TransferPlan plan = Plan("t-1");
  plan.call_id.clear();
  engine_.Accept(plan);
  engine_.Tell("t-1", Succeeded(), TransferPhase::kDone);
  EXPECT_EQ(stream.Next().call_id(), "");
  EXPECT_TRUE(stream.End().ok());
}

TEST_F(CallControlServiceTest, WhatTheEngineRefusesIsAnRpcError) {
  Stream<v1::ReferEvent> stream = Refer(GoodRequest());
  engine_.AwaitRefer();
  engine_.Refuse(InvalidField("headers[\"Via\"]", "FORBIDDEN_HEADER",
                              "this server writes Via itself"));
  const grpc::Status status = stream.End();
  EXPECT_THAT(status, IsErrorAbout(StatusCode::INVALID_ARGUMENT,
                                   "FORBIDDEN_HEADER", "headers[\"Via\"]"));
  EXPECT_EQ(status.error_message(), "this server writes Via itself");
}

TEST_F(CallControlServiceTest, TheOpenTransferIsNamed) {
  Stream<v1::ReferEvent> stream = Refer(GoodRequest());
  engine_.AwaitRefer();
  engine_.Refuse(
      MakeError(absl::StatusCode::kAborted,
                {.reason = "TRANSFER_IN_PROGRESS", .transfer_id = "t-0"},
                "a transfer of this call is open"));
  const grpc::Status status = stream.End();
  EXPECT_THAT(status, IsError(StatusCode::ABORTED, "TRANSFER_IN_PROGRESS"));
  EXPECT_EQ(DetailsOf(status).info.metadata().at("transfer_id"), "t-0");
}

TEST_F(CallControlServiceTest, ARequestMayOnlyBeChecked) {
  v1::ReferRequest request = GoodRequest();
  request.set_validate_only(true);
  Stream<v1::ReferEvent> stream = Refer(request);
  EXPECT_TRUE(engine_.AwaitRefer().validate_only);
  engine_.Plan(Plan(""));

  const v1::ReferEvent event = stream.Next();
  EXPECT_EQ(event.transfer_id(), "");
  EXPECT_EQ(event.planned().refer_to(), "<sip:carol@example.com>");
  EXPECT_EQ(event.planned().referred_by(), "<sip:bob@example.com>");
  EXPECT_TRUE(stream.End().ok());
  EXPECT_THAT(TransferIds(""), IsEmpty()) << "there is no such transfer";
}

TEST_F(CallControlServiceTest, ARequestThatIsOnlyCheckedMayBeBad) {
  v1::ReferRequest request = GoodRequest();
  request.set_validate_only(true);
  Stream<v1::ReferEvent> stream = Refer(request);
  engine_.AwaitRefer();
  engine_.Refuse(MakeError(absl::StatusCode::kNotFound,
                           {.reason = "CALL_NOT_FOUND"}, "no such call"));
  EXPECT_THAT(stream.End(), IsError(StatusCode::NOT_FOUND, "CALL_NOT_FOUND"));
}

// ---- Clients that go ----------------------------------------------------

TEST_F(CallControlServiceTest, ATransferOutlivesItsClient) {
  Stream<v1::ReferEvent> stream = ReferAccepted("t-1");
  engine_.Tell("t-1", Answered(202), TransferPhase::kAccepted);
  EXPECT_EQ(stream.Next().refer_response().refer_status(), 202);

  stream.Cancel();
  EXPECT_EQ(stream.SkipToEnd().error_code(), StatusCode::CANCELLED);
  engine_.Tell("t-1", Progress(180), TransferPhase::kProgress);

  Stream<v1::ReferEvent> watcher = WatchTransfer("t-1", 1);
  EXPECT_EQ(watcher.Next().transfer_status().call_status(), 180);
  engine_.Tell("t-1", Succeeded(), TransferPhase::kDone);
  EXPECT_EQ(watcher.Next().result().verdict(), v1::TRANSFER_VERDICT_SUCCESS);
  EXPECT_TRUE(watcher.End().ok());
}

TEST_F(CallControlServiceTest, AClientMayGoBeforeTheEngineHasDecided) {
  Stream<v1::ReferEvent> stream = Refer(GoodRequest());
  engine_.AwaitRefer();
  stream.Cancel();
  EXPECT_EQ(stream.SkipToEnd().error_code(), StatusCode::CANCELLED);

  engine_.Accept(Plan("t-1"));
  engine_.Tell("t-1", Succeeded(), TransferPhase::kDone);

  Stream<v1::ReferEvent> watcher = WatchTransfer("t-1");
  EXPECT_TRUE(watcher.Next().has_result());
  EXPECT_TRUE(watcher.End().ok());
}

TEST_F(CallControlServiceTest, AClientMayGoBeforeItIsRefused) {
  Stream<v1::ReferEvent> stream = Refer(GoodRequest());
  engine_.AwaitRefer();
  stream.Cancel();
  EXPECT_EQ(stream.SkipToEnd().error_code(), StatusCode::CANCELLED);
  engine_.Refuse(absl::UnavailableError("draining"));
}

TEST_F(CallControlServiceTest, ASlowClientReadsEverythingLater) {
  Stream<v1::ReferEvent> stream = ReferAccepted("t-1");
  for (int i = 0; i < 500; ++i) {
    engine_.Tell("t-1", Progress(180), TransferPhase::kProgress);
  }
  engine_.Tell("t-1", Succeeded(), TransferPhase::kDone);
  for (int i = 1; i <= 501; ++i) EXPECT_EQ(stream.Next().sequence(), i);
  EXPECT_TRUE(stream.End().ok());
}

// ---- WatchTransfer ------------------------------------------------------

TEST_F(CallControlServiceTest, AWatcherMayBeginInTheMiddleAndFollow) {
  Stream<v1::ReferEvent> stream = ReferAccepted("t-1");
  for (const int code : {100, 180, 183}) {
    engine_.Tell("t-1", Progress(code), TransferPhase::kProgress);
  }
  Stream<v1::ReferEvent> all = WatchTransfer("t-1");
  Stream<v1::ReferEvent> rest = WatchTransfer("t-1", 2);
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(all.Next().sequence(), i);
  EXPECT_EQ(rest.Next().sequence(), 3);

  engine_.Tell("t-1", Failed(603), TransferPhase::kDone);

  EXPECT_EQ(all.Next().result().final_referred_call_status(), 603);
  EXPECT_EQ(rest.Next().result().final_referred_call_status(), 603);
  EXPECT_TRUE(all.End().ok());
  EXPECT_TRUE(rest.End().ok());
  EXPECT_TRUE(stream.SkipToEnd().ok());
}

TEST_F(CallControlServiceTest, AWatcherAfterTheEndReplays) {
  Stream<v1::ReferEvent> stream = ReferAccepted("t-1");
  engine_.Tell("t-1", Answered(202), TransferPhase::kAccepted);
  engine_.Tell("t-1", Succeeded(), TransferPhase::kDone);

  Stream<v1::ReferEvent> watcher = WatchTransfer("t-1");
  EXPECT_EQ(watcher.Next().refer_response().refer_status(), 202);
  EXPECT_TRUE(watcher.Next().has_result());
  EXPECT_TRUE(watcher.End().ok());
  EXPECT_TRUE(WatchTransfer("t-1", 2).End().ok()) << "has read everything";
}

TEST_F(CallControlServiceTest, AWatcherMayAskForNonsense) {
  EXPECT_THAT(WatchTransfer("t-9").End(),
              IsError(StatusCode::NOT_FOUND, "TRANSFER_NOT_FOUND"));
  EXPECT_THAT(WatchTransfer("").End(),
              IsError(StatusCode::NOT_FOUND, "TRANSFER_NOT_FOUND"));
  Stream<v1::ReferEvent> stream = ReferAccepted("t-1");
  EXPECT_THAT(WatchTransfer("t-1", -1).End(),
              IsErrorAbout(StatusCode::INVALID_ARGUMENT, "OUT_OF_RANGE",
                           "after_sequence"));
}

// ---- GetTransfer, ListTransfers -----------------------------------------

TEST_F(CallControlServiceTest, ATransferCanBeLookedAt) {
  Stream<v1::ReferEvent> stream = ReferAccepted("t-1");
  engine_.Tell("t-1", Progress(180), TransferPhase::kProgress);
  v1::Transfer transfer;
  ASSERT_TRUE(GetTransfer("t-1", &transfer).ok());
  EXPECT_EQ(transfer.state(), v1::TRANSFER_STATE_PROGRESSING);
  EXPECT_EQ(transfer.last_sequence(), 1);
  EXPECT_FALSE(transfer.has_result());

  engine_.Tell("t-1", Failed(486), TransferPhase::kDone);
  ASSERT_TRUE(GetTransfer("t-1", &transfer).ok());
  EXPECT_EQ(transfer.state(), v1::TRANSFER_STATE_ENDED);
  EXPECT_EQ(transfer.result().final_referred_call_status(), 486);
}

TEST_F(CallControlServiceTest, AnUnknownTransferIsNotFound) {
  v1::Transfer transfer;
  const grpc::Status status = GetTransfer("t-9", &transfer);
  EXPECT_THAT(status, IsError(StatusCode::NOT_FOUND, "TRANSFER_NOT_FOUND"));
  EXPECT_THAT(status.error_message(), HasSubstr("t-9"));
}

TEST_F(CallControlServiceTest, TransfersAreListedByFilterAndPage) {
  // Five transfers, of which t-2 and t-4 have failed.
  const absl::Time now = absl::Now();
  for (int i = 1; i <= 5; ++i) {
    const std::string id = absl::StrCat("t-", i);
    recorder_.OnTransferStarted(Plan(id, absl::StrCat("c-", i)), now);
    if (i % 2 == 0) engine_.Tell(id, Failed(486), TransferPhase::kDone);
  }

  EXPECT_THAT(TransferIds(""), ElementsAre("t-5", "t-4", "t-3", "t-2", "t-1"));
  EXPECT_THAT(TransferIds("state = RUNNING"), ElementsAre("t-5", "t-3", "t-1"));
  EXPECT_THAT(TransferIds("verdict = FAILURE AND call_id = c-2"),
              ElementsAre("t-2"));
  EXPECT_THAT(TransferIds("outcome = TRANSFERRED"), IsEmpty());

  std::string token;
  EXPECT_THAT(TransferIds("", 2, &token), ElementsAre("t-5", "t-4"));
  EXPECT_THAT(TransferIds("", 2, &token), ElementsAre("t-3", "t-2"));
  EXPECT_THAT(TransferIds("", 2, &token), ElementsAre("t-1"));
  EXPECT_EQ(token, "");

  // A page counts what matches, and a last page that is full is the last one.
  EXPECT_THAT(TransferIds("state = RUNNING", 2, &token),
              ElementsAre("t-5", "t-3"));
  EXPECT_NE(token, "");
  EXPECT_THAT(TransferIds("state = RUNNING", 2, &token), ElementsAre("t-1"));
  EXPECT_EQ(token, "");
  EXPECT_THAT(TransferIds("state = ENDED", 2, &token),
              ElementsAre("t-4", "t-2"));
  EXPECT_EQ(token, "");
}

TEST_F(CallControlServiceTest, AListMayBeAskedForNonsense) {
  v1::ListTransfersResponse none;
  v1::ListTransfersRequest request;
  request.set_filter("colour = red");
  EXPECT_THAT(
      ListTransfers(request, &none),
      IsErrorAbout(StatusCode::INVALID_ARGUMENT, "BAD_FILTER", "filter"));
  request.Clear();
  request.set_page_size(1001);
  EXPECT_THAT(
      ListTransfers(request, &none),
      IsErrorAbout(StatusCode::INVALID_ARGUMENT, "BAD_PAGE", "page_size"));
  request.Clear();
  request.set_page_token("x");
  EXPECT_THAT(
      ListTransfers(request, &none),
      IsErrorAbout(StatusCode::INVALID_ARGUMENT, "BAD_PAGE", "page_token"));

  v1::ListCallsResponse no_calls;
  v1::ListCallsRequest calls;
  calls.set_filter("outcome = TRANSFERRED");
  EXPECT_THAT(
      Ask(&v1::CallControl::Stub::ListCalls, calls, &no_calls),
      IsErrorAbout(StatusCode::INVALID_ARGUMENT, "BAD_FILTER", "filter"));
  calls.Clear();
  calls.set_page_size(-1);
  EXPECT_THAT(
      Ask(&v1::CallControl::Stub::ListCalls, calls, &no_calls),
      IsErrorAbout(StatusCode::INVALID_ARGUMENT, "BAD_PAGE", "page_size"));
}

// ---- GetCall, ListCalls -------------------------------------------------

TEST_F(CallControlServiceTest, ACallCanBeLookedAt) {
  engine_.Tell(Call("c-1", sip::CallPhase::kRinging),
               sip::CallChange::kRinging);
  v1::Call call;
  ASSERT_TRUE(GetCall("c-1", &call).ok());
  EXPECT_EQ(call.state(), v1::CALL_STATE_RINGING);
  EXPECT_EQ(call.sip_call_id(), "c-1@h");
  EXPECT_THAT(GetCall("c-9", &call),
              IsError(StatusCode::NOT_FOUND, "CALL_NOT_FOUND"));
}

TEST_F(CallControlServiceTest, CallsAreListedByFilterAndPage) {
  for (const char* id : {"c-1", "c-2", "c-3"}) {
    engine_.Tell(Call(id, sip::CallPhase::kAnswered),
                 sip::CallChange::kAnswered);
  }
  engine_.Tell(Call("c-2", sip::CallPhase::kEnded), sip::CallChange::kEnded);

  EXPECT_THAT(CallIds(""), ElementsAre("c-3", "c-2", "c-1"));
  EXPECT_THAT(CallIds("state = LIVE"), ElementsAre("c-3", "c-1"));
  EXPECT_THAT(CallIds("state = ENDED"), ElementsAre("c-2"));
  EXPECT_THAT(CallIds("sip_call_id = c-1@h AND direction = INBOUND"),
              ElementsAre("c-1"));
  std::string token;
  EXPECT_THAT(CallIds("", 2, &token), ElementsAre("c-3", "c-2"));
  EXPECT_THAT(CallIds("", 2, &token), ElementsAre("c-1"));
  EXPECT_EQ(token, "");
}

TEST_F(CallControlServiceTest, OneCallAmongManyIsFound) {
  // More than the store hands out in one go, the oldest first.
  constexpr int kCalls = 1000;
  for (int i = 0; i < kCalls; ++i) {
    engine_.Tell(Call(absl::StrCat("c-", i), sip::CallPhase::kAnswered),
                 sip::CallChange::kAnswered);
  }
  EXPECT_THAT(CallIds("sip_call_id = c-0@h"), ElementsAre("c-0"));
  EXPECT_THAT(CallIds("sip_call_id = nobody@h"), IsEmpty());
  std::string in_one_go;
  EXPECT_THAT(CallIds("", 256, &in_one_go), SizeIs(256));
  EXPECT_EQ(CallIds("", 1, &in_one_go).front(), "c-743");
  std::string token;
  EXPECT_THAT(CallIds("", kCalls - 1, &token), SizeIs(kCalls - 1));
  EXPECT_THAT(CallIds("", kCalls, &token), ElementsAre("c-0"));
  EXPECT_EQ(token, "");
}

// ---- HangUpCall ---------------------------------------------------------

class HangUpCallTest : public CallControlServiceTest {
 protected:
  // Starts the RPC; the test then plays the engine.
  std::future<grpc::Status> HangUp(const std::string& id) {
    return std::async(std::launch::async, [this, id] {
      v1::HangUpCallRequest request;
      request.set_call_id(id);
      return Ask(&v1::CallControl::Stub::HangUpCall, request, &call_);
    });
  }

  v1::Call call_;  // The answer, once the RPC has ended.
};

TEST_F(HangUpCallTest, ReturnsTheCallAsItIsThen) {
  engine_.Tell(Call("c-1", sip::CallPhase::kAnswered),
               sip::CallChange::kAnswered);
  std::future<grpc::Status> status = HangUp("c-1");
  EXPECT_EQ(engine_.AwaitHangUp(), "c-1");
  //                        <- BYE
  engine_.Tell(Call("c-1", sip::CallPhase::kEnding), sip::CallChange::kUpdated);
  engine_.FinishHangUp(absl::OkStatus());
  EXPECT_TRUE(status.get().ok());
  EXPECT_EQ(call_.state(), v1::CALL_STATE_ENDING);
}

TEST_F(HangUpCallTest, ReturnsACallThatHasEndedAlready) {
  engine_.Tell(Call("c-1", sip::CallPhase::kEnded), sip::CallChange::kEnded);
  std::future<grpc::Status> status = HangUp("c-1");
  engine_.AwaitHangUp();
  engine_.FinishHangUp(MakeError(absl::StatusCode::kNotFound,
                                 {.reason = "CALL_NOT_FOUND"}, "it is gone"));
  EXPECT_TRUE(status.get().ok());
  EXPECT_EQ(call_.state(), v1::CALL_STATE_ENDED);
}

TEST_F(HangUpCallTest, AnUnknownCallIsNotFound) {
  std::future<grpc::Status> status = HangUp("c-9");
  engine_.AwaitHangUp();
  engine_.FinishHangUp(MakeError(absl::StatusCode::kNotFound,
                                 {.reason = "CALL_NOT_FOUND"}, "never was"));
  EXPECT_THAT(status.get(), IsError(StatusCode::NOT_FOUND, "CALL_NOT_FOUND"));
}

// ---- WatchCalls ---------------------------------------------------------

TEST_F(CallControlServiceTest, CallsAreWatchedFromASnapshotOn) {
  engine_.Tell(Call("c-1", sip::CallPhase::kAnswered),
               sip::CallChange::kAnswered);
  Stream<v1::CallEvent> watcher = WatchCalls();
  const v1::CallEvent snapshot = watcher.Next();
  EXPECT_EQ(snapshot.type(), v1::CALL_EVENT_TYPE_SNAPSHOT);
  EXPECT_EQ(snapshot.call().call_id(), "c-1");
  EXPECT_EQ(snapshot.sequence(), 1);

  engine_.Tell(Call("c-2", sip::CallPhase::kIncoming),
               sip::CallChange::kIncoming);
  engine_.Tell(Call("c-1", sip::CallPhase::kEnded), sip::CallChange::kEnded);

  const v1::CallEvent incoming = watcher.Next();
  EXPECT_EQ(incoming.type(), v1::CALL_EVENT_TYPE_INCOMING);
  EXPECT_EQ(incoming.call().call_id(), "c-2");
  const v1::CallEvent ended = watcher.Next();
  EXPECT_EQ(ended.type(), v1::CALL_EVENT_TYPE_ENDED);
  EXPECT_EQ(ended.call().state(), v1::CALL_STATE_ENDED);
  EXPECT_EQ(ended.sequence(), 3);
  watcher.Cancel();
  EXPECT_EQ(watcher.SkipToEnd().error_code(), StatusCode::CANCELLED);
}

TEST_F(CallControlServiceTest, OneCallMayBeWatched) {
  for (const char* id : {"c-1", "c-2"}) {
    engine_.Tell(Call(id, sip::CallPhase::kIncoming),
                 sip::CallChange::kIncoming);
  }
  v1::WatchCallsRequest request;
  request.set_call_id("c-2");
  Stream<v1::CallEvent> watcher = WatchCalls(request);
  EXPECT_EQ(watcher.Next().call().call_id(), "c-2");
  for (const char* id : {"c-1", "c-2"}) {
    engine_.Tell(Call(id, sip::CallPhase::kEnded), sip::CallChange::kEnded);
  }
  EXPECT_EQ(watcher.Next().call().call_id(), "c-2");
}

TEST_F(CallControlServiceTest, AWatcherOfCallsThatIsTooSlowIsEnded) {
  engine_.Tell(Call("c-1", sip::CallPhase::kAnswered),
               sip::CallChange::kAnswered);
  Stream<v1::CallEvent> watcher = WatchCalls();
  watcher.Next();  // It watches now, and then reads no more.
  for (std::size_t i = 0; i < 10 * kWatchBound; ++i) {
    engine_.Tell(Call("c-1", sip::CallPhase::kAnswered),
                 sip::CallChange::kUpdated);
  }
  EXPECT_THAT(watcher.SkipToEnd(),
              IsError(StatusCode::RESOURCE_EXHAUSTED, "WATCHER_TOO_SLOW"));

  // The snapshot makes up for it.
  EXPECT_EQ(WatchCalls().Next().type(), v1::CALL_EVENT_TYPE_SNAPSHOT);
}

TEST_F(CallControlServiceTest, CallsAreWatchedByTag) {
  sip::CallSnapshot tagged = Call("c-1", sip::CallPhase::kAnswered);
  tagged.tags = {{"queue", "sales"}};
  engine_.Tell(Call("c-0", sip::CallPhase::kAnswered),
               sip::CallChange::kAnswered);
  engine_.Tell(tagged, sip::CallChange::kAnswered);
  v1::WatchCallsRequest request;
  request.set_tag("queue=sales");
  const v1::CallEvent event = WatchCalls(request).Next();
  EXPECT_EQ(event.call().call_id(), "c-1");
  EXPECT_EQ(event.call().tags().at("queue"), "sales");
}

TEST_F(CallControlServiceTest, CallsAreWatchedByTheTypeOfChange) {
  v1::WatchCallsRequest request;
  request.add_types(v1::CALL_EVENT_TYPE_ANSWERED);
  engine_.Tell(Call("c-0", sip::CallPhase::kIncoming),
               sip::CallChange::kIncoming);
  Stream<v1::CallEvent> watcher = WatchCalls(request);
  EXPECT_EQ(watcher.Next().type(), v1::CALL_EVENT_TYPE_SNAPSHOT);
  engine_.Tell(Call("c-1", sip::CallPhase::kIncoming),
               sip::CallChange::kIncoming);
  engine_.Tell(Call("c-1", sip::CallPhase::kAnswered),
               sip::CallChange::kAnswered);
  const v1::CallEvent event = watcher.Next();
  EXPECT_EQ(event.type(), v1::CALL_EVENT_TYPE_ANSWERED);
  EXPECT_EQ(event.sequence(), 2);

  request.add_types(v1::CALL_EVENT_TYPE_UNSPECIFIED);
  EXPECT_THAT(WatchCalls(request).End(),
              IsError(StatusCode::INVALID_ARGUMENT, "UNKNOWN_TYPE"));
}

// ---- Request ids --------------------------------------------------------

TEST_F(CallControlServiceTest, TheSameRequestIdJoinsTheTransfer) {
  v1::ReferRequest request = GoodRequest();
  request.set_request_id("r-1");
  Stream<v1::ReferEvent> first = Refer(request);
  const sip::TransferRequest asked = engine_.AwaitRefer();
  EXPECT_EQ(asked.request_id, "r-1");
  // It comes while nobody knows yet whether the first is taken on.
  Stream<v1::ReferEvent> second = Refer(request);
  sip::TransferPlan plan = Plan("t-1");
  plan.request_id = "r-1";
  engine_.Accept(plan);
  engine_.Tell("t-1", Answered(202), TransferPhase::kAccepted);
  engine_.Tell("t-1", Succeeded(), TransferPhase::kDone);
  EXPECT_EQ(first.Next().sequence(), 1);
  EXPECT_EQ(second.Next().sequence(), 1);
  EXPECT_TRUE(second.Next().has_result());
  EXPECT_TRUE(second.End().ok());
  EXPECT_FALSE(engine_.WasAskedToRefer());
  v1::Transfer transfer;
  EXPECT_TRUE(GetTransfer("t-1", &transfer).ok());
  EXPECT_EQ(transfer.request_id(), "r-1");
}

TEST_F(CallControlServiceTest, ARefusedRequestFreesItsId) {
  v1::ReferRequest request = GoodRequest();
  request.set_request_id("r-1");
  Stream<v1::ReferEvent> first = Refer(request);
  engine_.AwaitRefer();
  engine_.Refuse(MakeError(absl::StatusCode::kNotFound,
                           {.reason = "CALL_NOT_FOUND"}, "no such call"));
  EXPECT_THAT(first.End(), IsError(StatusCode::NOT_FOUND, "CALL_NOT_FOUND"));
  Stream<v1::ReferEvent> again = Refer(request);
  engine_.AwaitRefer();
  engine_.Accept(Plan("t-2"));
  engine_.Tell("t-2", Succeeded(), TransferPhase::kDone);
  EXPECT_TRUE(again.Next().has_result());
}

// ---- Incoming calls -----------------------------------------------------

TEST_F(CallControlServiceTest, APlacedCallIsFollowedUntilItIsAnswered) {
  v1::PlaceCallRequest request;
  request.set_to("sip:bob@example.com");
  Stream<v1::CallEvent> stream([&](grpc::ClientContext* context) {
    return stub_->PlaceCall(context, request);
  });
  EXPECT_EQ(stream.Next().call().state(), v1::CALL_STATE_CALLING);
  ASSERT_EQ(engine_.placed.size(), 1U);
  EXPECT_EQ(engine_.placed[0].to, "sip:bob@example.com");
  EXPECT_EQ(engine_.placed[0].ring_limit, std::chrono::minutes(3));
  engine_.Tell(Call("c-placed-1", sip::CallPhase::kAnswered),
               sip::CallChange::kAnswered);
  EXPECT_EQ(stream.Next().type(), v1::CALL_EVENT_TYPE_ANSWERED);
  EXPECT_TRUE(stream.End().ok());
}

TEST_F(CallControlServiceTest, DecisionsReachTheEngineAndTheCallComesBack) {
  engine_.Tell(Call("c-1", sip::CallPhase::kIncoming),
               sip::CallChange::kIncoming);
  v1::Call call;
  v1::ProgressCallRequest progress;
  progress.set_call_id("c-1");
  progress.set_status(183);
  progress.set_reason("Listen");
  progress.set_sdp("v=0\r\n");
  EXPECT_TRUE(Ask(&v1::CallControl::Stub::ProgressCall, progress, &call).ok());
  EXPECT_EQ(call.call_id(), "c-1");
  ASSERT_EQ(engine_.progresses.size(), 1U);
  EXPECT_EQ(engine_.progresses[0].call_id, "c-1");
  EXPECT_EQ(engine_.progresses[0].status, 183);
  EXPECT_EQ(engine_.progresses[0].phrase, "Listen");
  EXPECT_EQ(engine_.progresses[0].sdp, "v=0\r\n");

  v1::AnswerCallRequest answer;
  answer.set_call_id("c-1");
  EXPECT_TRUE(Ask(&v1::CallControl::Stub::AnswerCall, answer, &call).ok());
  EXPECT_THAT(engine_.answers,
              ElementsAre(std::pair<std::string, std::string>("c-1", "")));

  v1::UpdateCallRequest update;
  update.set_call_id("c-1");
  EXPECT_THAT(
      Ask(&v1::CallControl::Stub::UpdateCall, update, &call),
      IsErrorAbout(StatusCode::INVALID_ARGUMENT, "CHANGE_REQUIRED", "change"));
  update.set_resume(true);
  EXPECT_TRUE(Ask(&v1::CallControl::Stub::UpdateCall, update, &call).ok());
  update.set_sdp("v=0\r\n");
  EXPECT_TRUE(Ask(&v1::CallControl::Stub::UpdateCall, update, &call).ok());
  ASSERT_EQ(engine_.updates.size(), 2U);
  EXPECT_EQ(engine_.updates[0].change, sip::UpdateRequest::Change::kResume);
  EXPECT_EQ(engine_.updates[1].change, sip::UpdateRequest::Change::kSdp);

  v1::RejectCallRequest rejection;
  rejection.set_call_id("c-1");
  rejection.set_status(302);
  rejection.add_contacts("sip:a@b.example");
  EXPECT_TRUE(Ask(&v1::CallControl::Stub::RejectCall, rejection, &call).ok());
  ASSERT_EQ(engine_.rejections.size(), 1U);
  EXPECT_EQ(engine_.rejections[0].status, 302);
  EXPECT_THAT(engine_.rejections[0].contacts, ElementsAre("sip:a@b.example"));
}

TEST_F(CallControlServiceTest, WhatTheEngineSaysOfADecisionIsTheRpcs) {
  engine_.decision =
      MakeError(absl::StatusCode::kFailedPrecondition,
                {.reason = "CALL_NOT_INCOMING"}, "it has been answered");
  v1::Call call;
  v1::AnswerCallRequest answer;
  answer.set_call_id("c-1");
  EXPECT_THAT(Ask(&v1::CallControl::Stub::AnswerCall, answer, &call),
              IsError(StatusCode::FAILED_PRECONDITION, "CALL_NOT_INCOMING"));
}

TEST_F(CallControlServiceTest, AMalformedDecisionIsRefusedByField) {
  v1::Call call;
  v1::ProgressCallRequest progress;
  progress.set_call_id("c-1");
  progress.set_status(200);
  EXPECT_THAT(
      Ask(&v1::CallControl::Stub::ProgressCall, progress, &call),
      IsErrorAbout(StatusCode::INVALID_ARGUMENT, "OUT_OF_RANGE", "status"));
  v1::AnswerCallRequest answer;
  answer.set_call_id("c-1");
  answer.set_sdp("hello");
  EXPECT_THAT(Ask(&v1::CallControl::Stub::AnswerCall, answer, &call),
              IsErrorAbout(StatusCode::INVALID_ARGUMENT, "BAD_SDP", "sdp"));
  v1::RejectCallRequest rejection;
  rejection.set_call_id("c-1");
  rejection.set_status(486);
  rejection.set_reason("a\nb");
  EXPECT_THAT(Ask(&v1::CallControl::Stub::RejectCall, rejection, &call),
              IsErrorAbout(StatusCode::INVALID_ARGUMENT, "BAD_CHAR", "reason"));
  EXPECT_TRUE(engine_.progresses.empty() && engine_.answers.empty() &&
              engine_.rejections.empty());
}

// ---- Webhooks -----------------------------------------------------------

TEST_F(CallControlServiceTest, AHookThatIsRefusedIsSaidBeforeAnythingIsSent) {
  v1::ReferRequest request = GoodRequest();
  request.set_action_hook("/action");
  EXPECT_THAT(Refer(request).End(), IsErrorAbout(StatusCode::INVALID_ARGUMENT,
                                                 "NO_BASE_URL", "action_hook"));
  request = GoodRequest();
  request.set_event_hook("http://127.0.0.1/");
  EXPECT_THAT(Refer(request).End(), IsErrorAbout(StatusCode::INVALID_ARGUMENT,
                                                 "HOOK_REFUSED", "event_hook"));
  EXPECT_FALSE(engine_.WasAskedToRefer());
}

// Two dead letters that were restored, as an operator would find them.
class HookRpcTest : public CallControlServiceTest {
 protected:
  HookRpcTest() {
    EXPECT_TRUE(hooks_.Ask([](HookQueue& queue, HookTime now) {
      for (const char* id : {"h-1", "h-2"}) {
        HookDelivery delivery;
        delivery.id = id;
        delivery.transfer_id = std::string("t") + (id + 1);
        delivery.dead = true;
        delivery.url = delivery.origin = "http://127.0.0.1:1";
        queue.Restore(delivery, std::chrono::milliseconds(0), now);
      }
    }));
  }

  v1::ListHookDeliveriesResponse List(const std::string& filter,
                                      int page_size = 0,
                                      const std::string& page_token = "") {
    v1::ListHookDeliveriesRequest request;
    request.set_filter(filter);
    request.set_page_size(page_size);
    request.set_page_token(page_token);
    v1::ListHookDeliveriesResponse response;
    const grpc::Status status =
        Ask(&v1::CallControl::Stub::ListHookDeliveries, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  grpc::Status Retry(const std::string& id, v1::HookDelivery* response) {
    v1::RetryHookDeliveryRequest request;
    request.set_delivery_id(id);
    return Ask(&v1::CallControl::Stub::RetryHookDelivery, request, response);
  }
};

TEST_F(HookRpcTest, AreListedNewestFirstPageByPage) {
  v1::ListHookDeliveriesResponse page = List("", 1);
  ASSERT_EQ(page.deliveries_size(), 1);
  EXPECT_EQ(page.deliveries(0).delivery_id(), "h-2");
  page = List("", 1, page.next_page_token());
  ASSERT_EQ(page.deliveries_size(), 1);
  EXPECT_EQ(page.deliveries(0).delivery_id(), "h-1");
  EXPECT_EQ(page.next_page_token(), "");
  EXPECT_EQ(List("transfer_id = t-2").deliveries_size(), 1);
  EXPECT_EQ(List("state = PENDING").deliveries_size(), 0);
}

TEST_F(HookRpcTest, AListThatIsAskedForWronglySaysSo) {
  v1::ListHookDeliveriesRequest request;
  request.set_filter("colour = red");
  v1::ListHookDeliveriesResponse response;
  EXPECT_THAT(
      Ask(&v1::CallControl::Stub::ListHookDeliveries, request, &response),
      IsErrorAbout(StatusCode::INVALID_ARGUMENT, "BAD_FILTER", "filter"));
  request.Clear();
  request.set_page_size(-1);
  EXPECT_THAT(
      Ask(&v1::CallControl::Stub::ListHookDeliveries, request, &response),
      IsErrorAbout(StatusCode::INVALID_ARGUMENT, "BAD_PAGE", "page_size"));
}

TEST_F(HookRpcTest, ADeadLetterIsRevivedAndAStrangerIsNotFound) {
  v1::HookDelivery delivery;
  EXPECT_TRUE(Retry("h-1", &delivery).ok());
  EXPECT_EQ(delivery.delivery_id(), "h-1");
  EXPECT_NE(delivery.state(), v1::HOOK_DELIVERY_STATE_DEAD);
  EXPECT_THAT(Retry("h-9", &delivery),
              IsError(StatusCode::NOT_FOUND, "HOOK_DELIVERY_NOT_FOUND"));
}

TEST_F(HookRpcTest, AServerThatStopsSaysSo) {
  hooks_.Stop(std::chrono::milliseconds(0));
  v1::HookDelivery delivery;
  EXPECT_THAT(Retry("h-1", &delivery),
              IsError(StatusCode::UNAVAILABLE, "DRAINING"));
  v1::ListHookDeliveriesResponse response;
  EXPECT_THAT(Ask(&v1::CallControl::Stub::ListHookDeliveries,
                  v1::ListHookDeliveriesRequest(), &response),
              IsError(StatusCode::UNAVAILABLE, "DRAINING"));
}

// ---- REFERs of far ends --------------------------------------------------

TEST_F(CallControlServiceTest, DecideReferHandsTheDecisionOn) {
  v1::DecideReferRequest request;
  request.set_refer_id("r-1");
  request.set_accept(true);
  request.set_refer_to("bob");
  request.set_trunk("out");
  v1::DecideReferResponse response;
  {
    grpc::ClientContext context;
    SetDeadline(context);
    EXPECT_TRUE(stub_->DecideRefer(&context, request, &response).ok());
  }
  ASSERT_EQ(engine_.refer_decisions.size(), 1U);
  EXPECT_EQ(engine_.refer_decisions[0].refer_id, "r-1");
  EXPECT_TRUE(engine_.refer_decisions[0].accept);
  EXPECT_EQ(engine_.refer_decisions[0].refer_to, "bob");
  EXPECT_EQ(engine_.refer_decisions[0].trunk, "out");

  request.set_status(486);
  grpc::ClientContext context;
  SetDeadline(context);
  EXPECT_THAT(stub_->DecideRefer(&context, request, &response),
              IsError(StatusCode::INVALID_ARGUMENT, "OUT_OF_RANGE"));
  EXPECT_EQ(engine_.refer_decisions.size(), 1U);
}

}  // namespace
}  // namespace callcontrol::server
