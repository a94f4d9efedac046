// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_CLIENTS_CLI_FAKE_CALL_CONTROL_H_
#define CALLCONTROL_TESTS_CLIENTS_CLI_FAKE_CALL_CONTROL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "callcontrol/v1/call_control.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace callcontrol::cli {

// An RPC error as callcontrold makes them.
inline grpc::Status MakeRpcError(grpc::StatusCode code,
                                 const std::string& message,
                                 const std::string& reason,
                                 const std::string& transfer_id = "") {
  google::rpc::ErrorInfo info;
  info.set_domain("callcontrol.v1");
  info.set_reason(reason);
  if (!transfer_id.empty()) {
    (*info.mutable_metadata())["transfer_id"] = transfer_id;
  }
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(info);
  return {code, message, details.SerializeAsString()};
}

// What one RPC of a stream sends, and how it ends.
template <class Event>
struct Script {
  std::vector<Event> events;
  grpc::Status end = grpc::Status::OK;
};

// callcontrold as the tests of callctl want it: says what it was told to say
// and remembers what it was asked.
//
// Ownership: owns its scripts. Threads: scripts are set before an RPC and
// requests read after it; one RPC at a time. Errors: an RPC without a script
// ends UNIMPLEMENTED.
class FakeCallControl final : public v1::CallControl::Service {
 public:
  std::deque<Script<v1::ReferEvent>> refers;
  std::deque<Script<v1::ReferEvent>> watches;
  std::deque<Script<v1::CallEvent>> call_watches;
  // Pages, in order.
  std::deque<v1::ListCallsResponse> calls;
  std::deque<v1::ListTransfersResponse> transfers;
  std::deque<v1::ListHookDeliveriesResponse> hooks;
  v1::HookDelivery hook;
  v1::Call call;
  v1::Transfer transfer;
  // What the unary RPCs end with.
  grpc::Status unary_end = grpc::Status::OK;

  v1::ReferRequest refer_request;
  std::vector<v1::WatchTransferRequest> watch_requests;
  v1::WatchCallsRequest watch_calls_request;
  std::vector<v1::ListCallsRequest> list_calls_requests;
  v1::ListTransfersRequest list_transfers_request;
  v1::AnswerCallRequest answer_request;
  v1::RejectCallRequest reject_request;
  v1::PlaceCallRequest place_request;
  v1::UpdateCallRequest update_request;
  v1::HangUpCallRequest hang_up_request;
  v1::DecideReferRequest refer_decision;
  v1::CancelTransferRequest cancel_request;
  v1::ListHookDeliveriesRequest list_hooks_request;
  v1::RetryHookDeliveryRequest retry_hook_request;

  grpc::Status Refer(grpc::ServerContext* /*context*/,
                     const v1::ReferRequest* request,
                     grpc::ServerWriter<v1::ReferEvent>* writer) override {
    refer_request = *request;
    return Play(refers, *writer);
  }
  grpc::Status WatchTransfer(
      grpc::ServerContext* /*context*/, const v1::WatchTransferRequest* request,
      grpc::ServerWriter<v1::ReferEvent>* writer) override {
    watch_requests.push_back(*request);
    return Play(watches, *writer);
  }
  grpc::Status WatchCalls(grpc::ServerContext* /*context*/,
                          const v1::WatchCallsRequest* request,
                          grpc::ServerWriter<v1::CallEvent>* writer) override {
    watch_calls_request = *request;
    return Play(call_watches, *writer);
  }
  grpc::Status CancelTransfer(grpc::ServerContext* /*context*/,
                              const v1::CancelTransferRequest* request,
                              v1::Transfer* response) override {
    cancel_request = *request;
    *response = transfer;
    return unary_end;
  }
  grpc::Status ListCalls(grpc::ServerContext* /*context*/,
                         const v1::ListCallsRequest* request,
                         v1::ListCallsResponse* response) override {
    list_calls_requests.push_back(*request);
    return Page(calls, response);
  }
  grpc::Status ListTransfers(grpc::ServerContext* /*context*/,
                             const v1::ListTransfersRequest* request,
                             v1::ListTransfersResponse* response) override {
    list_transfers_request = *request;
    return Page(transfers, response);
  }
  grpc::Status GetCall(grpc::ServerContext* /*context*/,
                       const v1::GetCallRequest* /*request*/,
                       v1::Call* response) override {
    *response = call;
    return unary_end;
  }
  grpc::Status AnswerCall(grpc::ServerContext* /*context*/,
                          const v1::AnswerCallRequest* request,
                          v1::Call* response) override {
    answer_request = *request;
    *response = call;
    return unary_end;
  }
  grpc::Status RejectCall(grpc::ServerContext* /*context*/,
                          const v1::RejectCallRequest* request,
                          v1::Call* response) override {
    reject_request = *request;
    *response = call;
    return unary_end;
  }
  grpc::Status PlaceCall(grpc::ServerContext* /*context*/,
                         const v1::PlaceCallRequest* request,
                         grpc::ServerWriter<v1::CallEvent>* writer) override {
    place_request = *request;
    return Play(call_watches, *writer);
  }
  grpc::Status UpdateCall(grpc::ServerContext* /*context*/,
                          const v1::UpdateCallRequest* request,
                          v1::Call* response) override {
    update_request = *request;
    *response = call;
    return unary_end;
  }
  grpc::Status DecideRefer(grpc::ServerContext* /*context*/,
                           const v1::DecideReferRequest* request,
                           v1::DecideReferResponse* /*response*/) override {
    refer_decision = *request;
    return unary_end;
  }
  grpc::Status HangUpCall(grpc::ServerContext* /*context*/,
                          const v1::HangUpCallRequest* request,
                          v1::Call* response) override {
    hang_up_request = *request;
    *response = call;
    return unary_end;
  }
  grpc::Status GetTransfer(grpc::ServerContext* /*context*/,
                           const v1::GetTransferRequest* /*request*/,
                           v1::Transfer* response) override {
    *response = transfer;
    return unary_end;
  }
  grpc::Status ListHookDeliveries(
      grpc::ServerContext* /*context*/,
      const v1::ListHookDeliveriesRequest* request,
      v1::ListHookDeliveriesResponse* response) override {
    list_hooks_request = *request;
    return Page(hooks, response);
  }
  grpc::Status RetryHookDelivery(grpc::ServerContext* /*context*/,
                                 const v1::RetryHookDeliveryRequest* request,
                                 v1::HookDelivery* response) override {
    retry_hook_request = *request;
    *response = hook;
    return unary_end;
  }

 private:
  template <class Event>
  static grpc::Status Play(std::deque<Script<Event>>& scripts,
                           grpc::ServerWriter<Event>& writer) {
    if (scripts.empty()) return {grpc::StatusCode::UNIMPLEMENTED, "no script"};
    const Script<Event> script = std::move(scripts.front());
    scripts.pop_front();
    for (const Event& event : script.events) writer.Write(event);
    return script.end;
  }

  template <class Response>
  grpc::Status Page(std::deque<Response>& pages, Response* response) const {
    if (pages.empty()) return unary_end;
    *response = std::move(pages.front());
    pages.pop_front();
    return unary_end;
  }
};

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_TESTS_CLIENTS_CLI_FAKE_CALL_CONTROL_H_
