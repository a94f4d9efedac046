// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_REFER_CLIENT_H_
#define CALLCONTROL_TESTS_SUPPORT_REFER_CLIENT_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "callcontrol/v1/call_control.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/support/event_stream.h"

namespace callcontrol::testing {

// The events of one transfer.
class TransferStream : public EventStream<v1::ReferEvent> {
 public:
  using EventStream::EventStream;

  // Every event up to and with the result. Throws where the stream ends
  // without one.
  std::vector<v1::ReferEvent> RestUntilResult();
  // The result, which must be the next event; then the stream must end OK.
  v1::TransferResult Result();
};

// What a client does, over the generated stub and a connection of its own.
//
//   TransferStream stream = client.Refer(call_id, "sip:carol@target.example");
//   EXPECT_THAT(stream.Next(), ReferSent());
//
// Threads: one thread.
// Errors: what does not come within its deadline ends the test by an exception
// that gtest reports.
class ReferClient {
 public:
  using Edit = std::function<void(v1::ReferRequest&)>;

  explicit ReferClient(uint16_t grpc_port);

  v1::CallControl::Stub& stub() { return *stub_; }
  std::shared_ptr<grpc::Channel> channel() const { return channel_; }

  TransferStream Refer(const v1::ReferRequest& request,
                       std::chrono::milliseconds deadline = {});
  // `edit`, where there is one, changes the request before it leaves.
  TransferStream Refer(std::string_view call_id, std::string_view refer_to,
                       const Edit& edit = nullptr);
  // For a Refer() that must be refused: without any event, by this status.
  grpc::Status ReferRefused(const v1::ReferRequest& request);
  TransferStream WatchTransfer(std::string_view transfer_id,
                               int64_t after_sequence = 0);
  // Everything that is kept of an ended transfer.
  std::vector<v1::ReferEvent> ReplayOf(std::string_view transfer_id);
  v1::Transfer GetTransfer(std::string_view transfer_id);

  EventStream<v1::CallEvent> PlaceCall(const v1::PlaceCallRequest& request);
  EventStream<v1::CallEvent> WatchCalls(std::string_view call_id = "");
  // Waits, by WatchCalls(), for the call to be there in `state`, which must be
  // one of a live call: others are not in the snapshot.
  v1::Call AwaitCall(std::string_view sip_call_id,
                     v1::CallState state = v1::CALL_STATE_ANSWERED);
  v1::Call GetCall(std::string_view call_id);
  v1::Call HangUp(std::string_view call_id);
  v1::Call AnswerCall(std::string_view call_id);
  v1::Transfer CancelTransfer(std::string_view transfer_id);

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::CallControl::Stub> stub_;
};

// Reads `calls` until the call is in `state`.
v1::Call AwaitState(EventStream<v1::CallEvent>& calls,
                    std::string_view sip_call_id, v1::CallState state);

// A context whose RPC ends after `patience`.
std::unique_ptr<grpc::ClientContext> Deadline(
    std::chrono::milliseconds patience = std::chrono::seconds(10));

// The details of a failed RPC; empty messages where there are none.
google::rpc::ErrorInfo ErrorInfoOf(const grpc::Status& status);
google::rpc::BadRequest BadRequestOf(const grpc::Status& status);

// That an RPC was refused with this code, for this reason.
#define EXPECT_REFUSED(status, code, wanted)                 \
  do {                                                       \
    const grpc::Status refused = (status);                   \
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::code); \
    EXPECT_EQ(ErrorInfoOf(refused).reason(), wanted)         \
        << refused.error_message();                          \
  } while (false)

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_REFER_CLIENT_H_
