// SPDX-License-Identifier: Apache-2.0
//
// Clients that cancel, time out, never read or come back: none of it changes
// anything on the wire, and the event log has it all.
#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/server_test.h"

namespace callcontrol::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;

constexpr char kActive[] = "active;expires=60";
constexpr char kDone[] = "terminated;reason=noresource";
constexpr char kOk[] = "SIP/2.0 200 OK";

class ClientTest : public ServerTest<ClientTest> {
 protected:
  // A transfer that is declined at once. Returns its id.
  static std::string DeclinedTransfer(AnsweredCall& call) {
    TransferStream stream = call.Refer();
    call.peer.Answer(call.peer.Expect("REFER"), 603);
    return stream.RestUntilResult().back().transfer_id();
  }
};

TEST_F(ClientTest, ACancelledStreamLeavesTheTransferAlone) {
  Shows({"16"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  v1::ReferEvent sent = stream.Next();
  stream.Cancel();
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::CANCELLED);
  // No CANCEL, no BYE: SIP has no message that withdraws a REFER.
  call.peer.ExpectNothing(100ms);
  call.peer.Answer(refer, 202);
  EXPECT_THAT(call.peer.Notify("SIP/2.0 180 Ringing", kActive), Answered(200));

  //  Another look: from the first event, and from the second.
  TransferStream whole = call.client.WatchTransfer(sent.transfer_id());
  TransferStream rest = call.client.WatchTransfer(sent.transfer_id(), 1);
  EXPECT_THAT(whole.Next(), ReferSent());
  for (TransferStream* watcher : {&whole, &rest}) {
    EXPECT_THAT(watcher->Next(), ReferAnswered(202));
    EXPECT_THAT(watcher->Next(), Status(180));
    EXPECT_TRUE(watcher->Silent(30ms));
  }
  //  Both follow.
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  for (TransferStream* watcher : {&whole, &rest}) {
    EXPECT_THAT(watcher->Next(), Status(200));
    EXPECT_EQ(watcher->Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  }
  ExpectWellFormed(call.client.ReplayOf(sent.transfer_id()));
}

TEST_F(ClientTest, AClientWhoseDeadlinePassesLosesNothing) {
  Shows({"16"});
  AnsweredCall call(server());
  v1::ReferRequest request;
  request.set_call_id(call.id);
  request.set_refer_to("sip:carol@target.example");
  TransferStream stream = call.client.Refer(request, 200ms);
  call.peer.Answer(call.peer.Expect("REFER"), 202);
  std::string id = stream.Next().transfer_id();
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  call.peer.ExpectNothing(100ms);
  EXPECT_EQ(call.client.GetTransfer(id).state(), v1::TRANSFER_STATE_ACCEPTED);
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  std::vector<v1::ReferEvent> events = call.client.ReplayOf(id);
  ExpectWellFormed(events);
  EXPECT_THAT(events, ElementsAre(ReferSent(), ReferAnswered(202), Status(200),
                                  Ended(v1::TRANSFER_OUTCOME_TRANSFERRED)));
}

TEST_F(ClientTest, AClientThatNeverReadsDelaysNobody) {
  Shows({"59"});
  AnsweredCall call(server());
  // Nothing is read from this stream before the end.
  TransferStream stream = call.Refer();
  call.peer.Answer(call.peer.Expect("REFER"), 202);
  constexpr int kNotifies = 40;
  for (int i = 0; i < kNotifies; ++i) {
    auto sent = std::chrono::steady_clock::now();
    SipMessage answer = call.peer.Notify("SIP/2.0 180 Ringing", kActive);
    EXPECT_THAT(answer, Answered(200));
    EXPECT_LE(answer.received_at - sent, 100ms);
    // Below 20 a second, where the server begins to leave some out
    // (protocol.md, #64).
    call.peer.ExpectNothing(60ms);
  }
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);

  std::vector<v1::ReferEvent> events = stream.RestUntilResult();
  ExpectWellFormed(events);
  EXPECT_THAT(events, SizeIs(kNotifies + 4));
  std::vector<v1::ReferEvent> log =
      call.client.ReplayOf(events[0].transfer_id());
  ASSERT_THAT(log, SizeIs(events.size()));
  for (size_t i = 0; i < log.size(); ++i) {
    EXPECT_EQ(log[i].ShortDebugString(), events[i].ShortDebugString());
  }
}

TEST_F(ClientTest, TwoWatchersAndTheClientSeeTheSame) {
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  std::vector<v1::ReferEvent> told = {stream.Next()};
  ReferClient other(server().grpc_port());
  TransferStream first = other.WatchTransfer(told[0].transfer_id());
  TransferStream second = other.WatchTransfer(told[0].transfer_id());
  call.peer.Answer(refer, 202);
  EXPECT_THAT(call.peer.Notify("SIP/2.0 180 Ringing", kActive), Answered(200));
  EXPECT_THAT(call.peer.Notify("SIP/2.0 486 Busy Here", kDone), Answered(200));
  for (v1::ReferEvent& event : stream.RestUntilResult()) told.push_back(event);
  EXPECT_FALSE(stream.TryNext());
  ExpectWellFormed(told);
  for (TransferStream* watcher : {&first, &second}) {
    for (const v1::ReferEvent& event : told) {
      EXPECT_EQ(watcher->Next().ShortDebugString(), event.ShortDebugString());
    }
    EXPECT_FALSE(watcher->TryNext());
    EXPECT_TRUE(watcher->Finish().ok());
  }
  call.ExpectHangsUp();
}

TEST_F(ClientTest, AReplayBeyondTheEndIsEmpty) {
  AnsweredCall call(server());
  std::string id = DeclinedTransfer(call);
  int64_t last = call.client.GetTransfer(id).last_sequence();
  TransferStream after = call.client.WatchTransfer(id, last);
  EXPECT_FALSE(after.TryNext());
  EXPECT_TRUE(after.Finish().ok());
  // As far beyond it as a client can ask.
  TransferStream far =
      call.client.WatchTransfer(id, std::numeric_limits<int64_t>::max());
  EXPECT_FALSE(far.TryNext());
  EXPECT_TRUE(far.Finish().ok());
  TransferStream end = call.client.WatchTransfer(id, last - 1);
  EXPECT_EQ(end.Result().outcome(), v1::TRANSFER_OUTCOME_REFER_DECLINED);
  call.ExpectHangsUp();
}

TEST_F(ClientTest, AnUnknownTransferIsNotFound) {
  ReferClient client(server().grpc_port());
  TransferStream stream = client.WatchTransfer("t-test-none");
  EXPECT_FALSE(stream.TryNext());
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ErrorInfoOf(stream.Finish()).reason(), "TRANSFER_NOT_FOUND");
  v1::GetTransferRequest request;
  request.set_transfer_id("t-test-none");
  v1::Transfer transfer;
  auto context = Deadline();
  grpc::Status status =
      client.stub().GetTransfer(context.get(), request, &transfer);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "TRANSFER_NOT_FOUND");
}

TEST_F(ClientTest, ATransferCanBeReadWhileItRuns) {
  AnsweredCall call(server());
  TransferStream stream = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  std::string id = stream.Next().transfer_id();
  EXPECT_THAT(id, ::testing::StartsWith("t-test-"));
  v1::Transfer sent = call.client.GetTransfer(id);
  EXPECT_EQ(sent.state(), v1::TRANSFER_STATE_REFER_SENT);
  EXPECT_EQ(sent.call_id(), call.id);
  EXPECT_EQ(sent.sip_call_id(), call.peer.dialog().call_id);
  EXPECT_EQ(sent.refer_to(), "<sip:carol@target.example>");
  EXPECT_EQ(sent.referred_by(), "<sip:caller@peer.example>");
  EXPECT_EQ(sent.last_sequence(), 1);
  EXPECT_TRUE(sent.has_create_time());
  EXPECT_FALSE(sent.has_end_time());
  EXPECT_FALSE(sent.has_result());

  call.peer.Answer(refer, 202);
  EXPECT_THAT(stream.Next(), ReferAnswered(202));
  EXPECT_EQ(call.client.GetTransfer(id).state(), v1::TRANSFER_STATE_ACCEPTED);
  EXPECT_THAT(call.peer.Notify("SIP/2.0 180 Ringing", kActive), Answered(200));
  EXPECT_THAT(stream.Next(), Status(180));
  EXPECT_EQ(call.client.GetTransfer(id).state(),
            v1::TRANSFER_STATE_PROGRESSING);
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  SipMessage bye = call.peer.Expect("BYE");
  EXPECT_EQ(call.client.GetTransfer(id).state(), v1::TRANSFER_STATE_CLEARING);
  call.peer.Answer(bye, 200);
  v1::TransferResult result = stream.Result();
  v1::Transfer ended = call.client.GetTransfer(id);
  EXPECT_EQ(ended.state(), v1::TRANSFER_STATE_ENDED);
  EXPECT_TRUE(ended.has_end_time());
  EXPECT_EQ(ended.result().ShortDebugString(), result.ShortDebugString());
}

class ListTransfersTest : public ClientTest {
 protected:
  v1::ListTransfersResponse List(const std::string& filter, int page_size = 0,
                                 const std::string& page_token = "") {
    v1::ListTransfersRequest request;
    request.set_filter(filter);
    request.set_page_size(page_size);
    request.set_page_token(page_token);
    v1::ListTransfersResponse response;
    auto context = Deadline();
    status_ = client_.stub().ListTransfers(context.get(), request, &response);
    return response;
  }

  static std::vector<std::string> Ids(const v1::ListTransfersResponse& page) {
    std::vector<std::string> ids;
    for (const v1::Transfer& transfer : page.transfers()) {
      ids.push_back(transfer.transfer_id());
    }
    return ids;
  }

  ReferClient client_{server().grpc_port()};
  grpc::Status status_;
};

TEST_F(ListTransfersTest, TransfersAreFilteredAndPaged) {
  AnsweredCall call(server());
  std::string first = DeclinedTransfer(call);
  std::string second = DeclinedTransfer(call);
  TransferStream open = call.AcceptedRefer();
  std::string third = call.client.GetCall(call.id).transfer_ids(2);
  const std::string of_call = "call_id = " + call.id;

  EXPECT_THAT(Ids(List(of_call)), ElementsAre(third, second, first));
  EXPECT_THAT(Ids(List("sip_call_id = " + call.peer.dialog().call_id)),
              ElementsAre(third, second, first));
  EXPECT_THAT(Ids(List(of_call + " AND state = RUNNING")), ElementsAre(third));
  EXPECT_THAT(Ids(List(of_call + " AND state = ACCEPTED")), ElementsAre(third));
  EXPECT_THAT(Ids(List(of_call + " AND state = ENDED")),
              ElementsAre(second, first));
  EXPECT_THAT(Ids(List(of_call + " AND outcome = REFER_DECLINED")),
              ElementsAre(second, first));
  EXPECT_THAT(
      Ids(List(of_call + " AND outcome = TRANSFER_OUTCOME_REFER_DECLINED")),
      ElementsAre(second, first));
  EXPECT_THAT(Ids(List(of_call + " AND verdict = SUCCESS")), IsEmpty());

  v1::ListTransfersResponse page = List(of_call, 2);
  EXPECT_THAT(Ids(page), ElementsAre(third, second));
  ASSERT_FALSE(page.next_page_token().empty());
  v1::ListTransfersResponse last = List(of_call, 2, page.next_page_token());
  EXPECT_THAT(Ids(last), ElementsAre(first));
  EXPECT_EQ(last.next_page_token(), "");
  call.ExpectHangsUp();
  open.RestUntilResult();
}

TEST_F(ListTransfersTest, AMalformedListIsRefused) {
  for (const char* filter :
       {"colour = red", "call_id", "state = SLEEPING", "call_id = a OR b"}) {
    List(filter);
    EXPECT_EQ(status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << filter;
    ASSERT_GE(BadRequestOf(status_).field_violations_size(), 1) << filter;
    EXPECT_EQ(BadRequestOf(status_).field_violations(0).field(), "filter");
  }
  List("", 10, "no token");
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  List("", -1);
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

// A server of its own, which forgets soon.
TEST(TransferRetentionTest, AnOldTransferIsForgotten) {
  CallcontroldProcess server(
      TestConfig("transfers { retention { nanos: 1 } max_kept: 1 }"));
  AnsweredCall call(server);
  std::vector<std::string> ids;
  for (int i = 0; i < 2; ++i) {
    TransferStream stream = call.Refer();
    call.peer.Answer(call.peer.Expect("REFER"), 603);
    ids.push_back(stream.RestUntilResult().back().transfer_id());
  }
  // Past the tail of 64*T1, in which late NOTIFYs are still absorbed.
  call.peer.ExpectNothing(1700ms);
  for (const std::string& id : ids) {
    TransferStream stream = call.client.WatchTransfer(id);
    EXPECT_FALSE(stream.TryNext());
    EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::NOT_FOUND);
  }
  call.ExpectHangsUp();
}

TEST(TransferLimitTest, TooManyOpenTransfersAreRefused) {
  CallcontroldProcess server(TestConfig("transfers { max_open: 1 }"));
  AnsweredCall first(server);
  AnsweredCall second(server);
  TransferStream open = first.AcceptedRefer();
  v1::ReferRequest request;
  request.set_call_id(second.id);
  request.set_refer_to("sip:carol@target.example");
  grpc::Status status = second.client.ReferRefused(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "TOO_MANY_TRANSFERS");
  EXPECT_THAT(first.peer.Notify("SIP/2.0 486 Busy Here", kDone), Answered(200));
  open.RestUntilResult();
  TransferStream next = second.Refer();
  second.peer.Answer(second.peer.Expect("REFER"), 603);
  next.RestUntilResult();
}

}  // namespace
}  // namespace callcontrol::testing
