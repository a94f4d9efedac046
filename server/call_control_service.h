// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_CALL_CONTROL_SERVICE_H_
#define CALLCONTROL_SERVER_CALL_CONTROL_SERVICE_H_

#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "callcontrol/v1/call_control.grpc.pb.h"
#include "server/call_store.h"
#include "server/hooks/hook_dispatcher.h"
#include "server/request_ids.h"
#include "server/stream_reactor.h"
#include "server/transfer_store.h"
#include "sip/call/call_engine.h"

namespace callcontrol::server {

// Serves callcontrol.v1.CallControl: checks requests, asks the engine, reads
// the stores. Its only state is which request ids were used.
//
// Ownership: engine, stores and hooks must outlive the service and its RPCs.
// Threads: gRPC's; no handler blocks. Errors: as call_control.proto says.
// Time: the wall clock, for retention.
class CallControlService final : public v1::CallControl::CallbackService {
 public:
  CallControlService(sip::CallEngine& engine, CallStore& calls,
                     TransferStore& transfers, HookDispatcher& hooks)
      : engine_(engine),
        calls_(calls),
        transfers_(transfers),
        hooks_(hooks),
        request_ids_([&transfers](const std::string& transfer_id) {
          return transfers.Find(transfer_id, absl::Now()) != nullptr;
        }),
        placed_ids_([&calls](const std::string& call_id) {
          return calls.Find(call_id, absl::Now()) != nullptr;
        }) {}

  // ---- Transfers ----
  grpc::ServerWriteReactor<v1::ReferEvent>* Refer(
      grpc::CallbackServerContext* context,
      const v1::ReferRequest* request) override;
  grpc::ServerWriteReactor<v1::ReferEvent>* WatchTransfer(
      grpc::CallbackServerContext* context,
      const v1::WatchTransferRequest* request) override;
  grpc::ServerUnaryReactor* GetTransfer(grpc::CallbackServerContext* context,
                                        const v1::GetTransferRequest* request,
                                        v1::Transfer* response) override;
  grpc::ServerUnaryReactor* ListTransfers(
      grpc::CallbackServerContext* context,
      const v1::ListTransfersRequest* request,
      v1::ListTransfersResponse* response) override;
  grpc::ServerUnaryReactor* CancelTransfer(
      grpc::CallbackServerContext* context,
      const v1::CancelTransferRequest* request,
      v1::Transfer* response) override;

  // ---- Calls ----
  grpc::ServerWriteReactor<v1::CallEvent>* WatchCalls(
      grpc::CallbackServerContext* context,
      const v1::WatchCallsRequest* request) override;
  grpc::ServerUnaryReactor* ListCalls(grpc::CallbackServerContext* context,
                                      const v1::ListCallsRequest* request,
                                      v1::ListCallsResponse* response) override;
  grpc::ServerUnaryReactor* GetCall(grpc::CallbackServerContext* context,
                                    const v1::GetCallRequest* request,
                                    v1::Call* response) override;
  grpc::ServerWriteReactor<v1::CallEvent>* PlaceCall(
      grpc::CallbackServerContext* context,
      const v1::PlaceCallRequest* request) override;
  grpc::ServerUnaryReactor* ProgressCall(grpc::CallbackServerContext* context,
                                         const v1::ProgressCallRequest* request,
                                         v1::Call* response) override;
  grpc::ServerUnaryReactor* AnswerCall(grpc::CallbackServerContext* context,
                                       const v1::AnswerCallRequest* request,
                                       v1::Call* response) override;
  grpc::ServerUnaryReactor* RejectCall(grpc::CallbackServerContext* context,
                                       const v1::RejectCallRequest* request,
                                       v1::Call* response) override;
  grpc::ServerUnaryReactor* UpdateCall(grpc::CallbackServerContext* context,
                                       const v1::UpdateCallRequest* request,
                                       v1::Call* response) override;
  grpc::ServerUnaryReactor* HangUpCall(grpc::CallbackServerContext* context,
                                       const v1::HangUpCallRequest* request,
                                       v1::Call* response) override;

  grpc::ServerUnaryReactor* DecideRefer(
      grpc::CallbackServerContext* context,
      const v1::DecideReferRequest* request,
      v1::DecideReferResponse* response) override;

  // ---- Webhooks ----
  grpc::ServerUnaryReactor* ListHookDeliveries(
      grpc::CallbackServerContext* context,
      const v1::ListHookDeliveriesRequest* request,
      v1::ListHookDeliveriesResponse* response) override;
  grpc::ServerUnaryReactor* RetryHookDelivery(
      grpc::CallbackServerContext* context,
      const v1::RetryHookDeliveryRequest* request,
      v1::HookDelivery* response) override;

 private:
  // Lets `reactor` read a transfer from its first event, or fails it.
  void Replay(const std::string& transfer_id,
              const std::shared_ptr<StreamReactor<v1::ReferEvent>>& reactor);

  // Lets `reactor` follow a call that was placed until it is answered or over,
  // or fails it.
  void FollowPlaced(
      const absl::StatusOr<std::string>& call_id,
      const std::shared_ptr<StreamReactor<v1::CallEvent>>& reactor);

  // What follows a decision about a call: the call as it is then, or the error.
  sip::CallEngine::CallDone AnswerWithCall(grpc::ServerUnaryReactor* reactor,
                                           const std::string& call_id,
                                           v1::Call* response);

  sip::CallEngine& engine_;
  CallStore& calls_;
  TransferStore& transfers_;
  HookDispatcher& hooks_;
  RequestIds request_ids_;
  RequestIds placed_ids_;
};

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_CALL_CONTROL_SERVICE_H_
