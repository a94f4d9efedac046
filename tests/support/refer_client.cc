// SPDX-License-Identifier: Apache-2.0
#include "tests/support/refer_client.h"

#include <stdexcept>

#include "google/rpc/status.pb.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

template <typename Detail>
Detail DetailOf(const grpc::Status& status) {
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  for (const auto& any : details.details()) {
    Detail detail;
    if (any.UnpackTo(&detail)) return detail;
  }
  return {};
}

void ThrowUnlessOk(const grpc::Status& status, std::string_view rpc) {
  if (status.ok()) return;
  throw std::runtime_error(
      Cat(rpc, " failed: ", status.error_code(), " ", status.error_message()));
}

}  // namespace

std::unique_ptr<grpc::ClientContext> Deadline(
    std::chrono::milliseconds patience) {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + patience);
  return context;
}

google::rpc::ErrorInfo ErrorInfoOf(const grpc::Status& status) {
  return DetailOf<google::rpc::ErrorInfo>(status);
}

google::rpc::BadRequest BadRequestOf(const grpc::Status& status) {
  return DetailOf<google::rpc::BadRequest>(status);
}

v1::Call AwaitState(EventStream<v1::CallEvent>& calls,
                    std::string_view sip_call_id, v1::CallState state) {
  while (true) {
    v1::CallEvent event = calls.Next();
    if (event.call().sip_call_id() == sip_call_id &&
        event.call().state() == state) {
      return event.call();
    }
  }
}

std::vector<v1::ReferEvent> TransferStream::RestUntilResult() {
  std::vector<v1::ReferEvent> events;
  do {
    events.push_back(Next());
  } while (!events.back().has_result());
  return events;
}

v1::TransferResult TransferStream::Result() {
  v1::ReferEvent event = Next();
  if (!event.has_result()) {
    throw std::runtime_error(
        Cat("expected a result and got ", event.ShortDebugString()));
  }
  if (auto more = TryNext()) {
    throw std::runtime_error(
        Cat("an event after the result: ", more->ShortDebugString()));
  }
  ThrowUnlessOk(Finish(), "the stream");
  return event.result();
}

ReferClient::ReferClient(uint16_t grpc_port) {
  // A connection of its own: without this, channels share one.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  channel_ =
      grpc::CreateCustomChannel(Cat("127.0.0.1:", grpc_port),
                                grpc::InsecureChannelCredentials(), arguments);
  stub_ = v1::CallControl::NewStub(channel_);
}

TransferStream ReferClient::Refer(const v1::ReferRequest& request,
                                  std::chrono::milliseconds deadline) {
  auto context = std::make_unique<grpc::ClientContext>();
  if (deadline.count() > 0) context = Deadline(deadline);
  return {std::move(context), [&](auto* rpc, auto* queue, void* tag) {
            return stub_->AsyncRefer(rpc, request, queue, tag);
          }};
}

TransferStream ReferClient::Refer(std::string_view call_id,
                                  std::string_view refer_to, const Edit& edit) {
  v1::ReferRequest request;
  request.set_call_id(std::string(call_id));
  request.set_refer_to(std::string(refer_to));
  if (edit) edit(request);
  return Refer(request);
}

grpc::Status ReferClient::ReferRefused(const v1::ReferRequest& request) {
  TransferStream stream = Refer(request);
  if (auto event = stream.TryNext()) {
    throw std::runtime_error(
        Cat("expected a refusal and got ", event->ShortDebugString()));
  }
  return stream.Finish();
}

TransferStream ReferClient::WatchTransfer(std::string_view transfer_id,
                                          int64_t after_sequence) {
  v1::WatchTransferRequest request;
  request.set_transfer_id(std::string(transfer_id));
  request.set_after_sequence(after_sequence);
  return {std::make_unique<grpc::ClientContext>(),
          [&](auto* rpc, auto* queue, void* tag) {
            return stub_->AsyncWatchTransfer(rpc, request, queue, tag);
          }};
}

std::vector<v1::ReferEvent> ReferClient::ReplayOf(
    std::string_view transfer_id) {
  TransferStream stream = WatchTransfer(transfer_id);
  std::vector<v1::ReferEvent> events;
  while (auto event = stream.TryNext()) events.push_back(*event);
  ThrowUnlessOk(stream.Finish(), "WatchTransfer");
  return events;
}

v1::Transfer ReferClient::GetTransfer(std::string_view transfer_id) {
  v1::GetTransferRequest request;
  request.set_transfer_id(std::string(transfer_id));
  v1::Transfer transfer;
  auto context = Deadline();
  ThrowUnlessOk(stub_->GetTransfer(context.get(), request, &transfer),
                "GetTransfer");
  return transfer;
}

EventStream<v1::CallEvent> ReferClient::PlaceCall(
    const v1::PlaceCallRequest& request) {
  return {std::make_unique<grpc::ClientContext>(),
          [&](auto* rpc, auto* queue, void* tag) {
            return stub_->AsyncPlaceCall(rpc, request, queue, tag);
          }};
}

EventStream<v1::CallEvent> ReferClient::WatchCalls(std::string_view call_id) {
  v1::WatchCallsRequest request;
  request.set_call_id(std::string(call_id));
  return {std::make_unique<grpc::ClientContext>(),
          [&](auto* rpc, auto* queue, void* tag) {
            return stub_->AsyncWatchCalls(rpc, request, queue, tag);
          }};
}

v1::Call ReferClient::AwaitCall(std::string_view sip_call_id,
                                v1::CallState state) {
  EventStream<v1::CallEvent> calls = WatchCalls();
  return AwaitState(calls, sip_call_id, state);
}

v1::Call ReferClient::GetCall(std::string_view call_id) {
  v1::GetCallRequest request;
  request.set_call_id(std::string(call_id));
  v1::Call call;
  auto context = Deadline();
  ThrowUnlessOk(stub_->GetCall(context.get(), request, &call), "GetCall");
  return call;
}

v1::Call ReferClient::HangUp(std::string_view call_id) {
  v1::HangUpCallRequest request;
  request.set_call_id(std::string(call_id));
  v1::Call call;
  auto context = Deadline();
  ThrowUnlessOk(stub_->HangUpCall(context.get(), request, &call), "HangUpCall");
  return call;
}

v1::Call ReferClient::AnswerCall(std::string_view call_id) {
  v1::AnswerCallRequest request;
  request.set_call_id(std::string(call_id));
  v1::Call call;
  auto context = Deadline();
  ThrowUnlessOk(stub_->AnswerCall(context.get(), request, &call), "AnswerCall");
  return call;
}

v1::Transfer ReferClient::CancelTransfer(std::string_view transfer_id) {
  v1::CancelTransferRequest request;
  request.set_transfer_id(std::string(transfer_id));
  v1::Transfer transfer;
  auto context = Deadline();
  ThrowUnlessOk(stub_->CancelTransfer(context.get(), request, &transfer),
                "CancelTransfer");
  return transfer;
}

}  // namespace callcontrol::testing
