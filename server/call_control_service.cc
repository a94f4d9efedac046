// SPDX-License-Identifier: Apache-2.0
#include "server/call_control_service.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/error.h"
#include "server/list_filter.h"
#include "server/newest_below.h"
#include "server/proto_mapping.h"
#include "server/status_mapping.h"
#include "server/stream_reactor.h"

namespace callcontrol::server {
namespace {

grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context,
                                 const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

absl::Status NoSuchTransfer(const std::string& id) {
  return MakeError(absl::StatusCode::kNotFound,
                   {.reason = "TRANSFER_NOT_FOUND"},
                   absl::StrCat("no transfer \"", id,
                                "\", or it ended too long ago to be kept"));
}

absl::Status NoSuchCall(const std::string& id) {
  return MakeError(absl::StatusCode::kNotFound, {.reason = "CALL_NOT_FOUND"},
                   absl::StrCat("no call \"", id,
                                "\", or it ended too long ago to be kept"));
}

absl::Status NoSuchDelivery(const std::string& id) {
  return MakeError(absl::StatusCode::kNotFound,
                   {.reason = "HOOK_DELIVERY_NOT_FOUND"},
                   absl::StrCat("no delivery \"", id,
                                "\": it has arrived, or is no longer kept"));
}

absl::Status Draining() {
  return MakeError(absl::StatusCode::kUnavailable, {.reason = "DRAINING"},
                   "the server is stopping");
}

// The client's metadata of that name; empty where there is none.
std::string_view Metadata(const grpc::CallbackServerContext& context,
                          const char* name) {
  const auto& metadata = context.client_metadata();
  const auto entry = metadata.find(name);
  if (entry == metadata.end()) return "";
  return {entry->second.data(), entry->second.size()};
}

// Answers a request that is only to be checked by one `planned` event.
void Validate(sip::CallEngine& engine, sip::TransferRequest request,
              std::shared_ptr<StreamReactor<v1::ReferEvent>> reactor) {
  engine.Refer(
      std::move(request), [reactor](absl::StatusOr<sip::TransferPlan> plan) {
        if (!plan.ok()) {
          reactor->Fail(plan.status());
          return;
        }
        reactor->Attach([event = std::make_shared<const v1::ReferEvent>(
                             PlannedEvent(*plan, absl::Now()))] {
          return StreamItem<v1::ReferEvent>{event, absl::OkStatus()};
        });
      });
}

// Ends with the event that tells that a call was answered, or is over.
StreamSequencer<v1::CallEvent>::Source UntilSettled(
    StreamSequencer<v1::CallEvent>::Source source) {
  return [source = std::move(source)]() mutable {
    StreamItem<v1::CallEvent> item = source();
    if (item.message != nullptr &&
        (item.message->call().state() == v1::CALL_STATE_ANSWERED ||
         item.message->call().state() == v1::CALL_STATE_ENDED)) {
      item.end = absl::OkStatus();
    }
    return item;
  };
}

// How many items a list takes from a store in one go, while whoever else needs
// the store waits: the SIP thread above all.
constexpr std::size_t kBatch = 256;

// Fills one page of a list. `next` has the items with numbers below what it is
// handed, newest first, none at the end; `convert` makes a message of one that
// is wanted, and nullopt of another; `add` appends to the response.
template <typename Next, typename Convert, typename Add>
std::string FillPage(const Page& page, Next next, Convert convert, Add add) {
  std::size_t count = 0;
  std::uint64_t last = 0;
  for (auto items = next(page.before); !items.empty();
       items = next(items.back().first)) {
    for (const auto& [number, item] : items) {
      auto message = convert(*item);
      if (!message) continue;
      if (count == page.size) return PageToken(last);
      add(*std::move(message));
      ++count;
      last = number;
    }
  }
  return "";
}

}  // namespace

// ---- Transfers ----------------------------------------------------------

grpc::ServerWriteReactor<v1::ReferEvent>* CallControlService::Refer(
    grpc::CallbackServerContext* context, const v1::ReferRequest* request) {
  auto reactor = StreamReactor<v1::ReferEvent>::Make();
  absl::StatusOr<sip::TransferRequest> transfer = FromProto(*request);
  if (!transfer.ok()) {
    reactor->Fail(transfer.status());
    return reactor.get();
  }
  absl::StatusOr<HookTargets> targets =
      hooks_.Targets(*request, Metadata(*context, "traceparent"));
  if (!targets.ok()) {
    reactor->Fail(targets.status());
    return reactor.get();
  }
  if (transfer->validate_only) {
    Validate(engine_, *std::move(transfer), reactor);
    return reactor.get();
  }
  const std::string request_id = transfer->request_id;
  if (!request_id.empty()) {
    const absl::StatusOr<bool> is_first = request_ids_.Claim(
        request_id, FingerprintOf(*request),
        [this, reactor](absl::StatusOr<std::string> transfer_id) {
          if (transfer_id.ok()) {
            Replay(*transfer_id, reactor);
          } else {
            reactor->Fail(transfer_id.status());
          }
        });
    if (!is_first.ok()) reactor->Fail(is_first.status());
    if (!is_first.value_or(false)) return reactor.get();
  }
  engine_.Refer(*std::move(transfer),
                [this, reactor, request_id, targets = *std::move(targets)](
                    absl::StatusOr<sip::TransferPlan> plan) mutable {
                  if (!plan.ok()) {
                    reactor->Fail(plan.status());
                    if (!request_id.empty()) {
                      request_ids_.Settle(request_id, plan.status());
                    }
                    return;
                  }
                  Replay(plan->transfer_id, reactor);
                  hooks_.Follow(transfers_.Find(plan->transfer_id, absl::Now()),
                                std::move(targets));
                  if (!request_id.empty()) {
                    request_ids_.Settle(request_id, plan->transfer_id);
                  }
                });
  return reactor.get();
}

void CallControlService::Replay(
    const std::string& transfer_id,
    const std::shared_ptr<StreamReactor<v1::ReferEvent>>& reactor) {
  const auto log = transfers_.Find(transfer_id, absl::Now());
  if (log == nullptr) {
    reactor->Fail(NoSuchTransfer(transfer_id));
    return;
  }
  log->AddReader(reactor);
  reactor->Attach(TransferLog::Read(log, 0));
}

grpc::ServerWriteReactor<v1::ReferEvent>* CallControlService::WatchTransfer(
    grpc::CallbackServerContext*, const v1::WatchTransferRequest* request) {
  auto reactor = StreamReactor<v1::ReferEvent>::Make();
  const auto log = transfers_.Find(request->transfer_id(), absl::Now());
  if (request->after_sequence() < 0) {
    reactor->Fail(InvalidField("after_sequence", "OUT_OF_RANGE",
                               "after_sequence must not be negative"));
  } else if (log == nullptr) {
    reactor->Fail(NoSuchTransfer(request->transfer_id()));
  } else {
    log->AddReader(reactor);
    reactor->Attach(TransferLog::Read(log, request->after_sequence()));
  }
  return reactor.get();
}

grpc::ServerUnaryReactor* CallControlService::GetTransfer(
    grpc::CallbackServerContext* context, const v1::GetTransferRequest* request,
    v1::Transfer* response) {
  const auto log = transfers_.Find(request->transfer_id(), absl::Now());
  if (log == nullptr) {
    return Finish(context, NoSuchTransfer(request->transfer_id()));
  }
  *response = log->Snapshot();
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* CallControlService::ListTransfers(
    grpc::CallbackServerContext* context,
    const v1::ListTransfersRequest* request,
    v1::ListTransfersResponse* response) {
  const auto page = ReadPage(request->page_size(), request->page_token());
  if (!page.ok()) return Finish(context, page.status());
  const auto conditions = ReadTransferFilter(request->filter());
  if (!conditions.ok()) return Finish(context, conditions.status());
  response->set_next_page_token(FillPage(
      *page,
      [&](std::uint64_t before) {
        return transfers_.List(before, kBatch, absl::Now());
      },
      [&](const TransferLog& log) {
        return log.SnapshotIf([&](const v1::Transfer& transfer) {
          return Matches(transfer, *conditions);
        });
      },
      [&](v1::Transfer transfer) {
        *response->add_transfers() = std::move(transfer);
      }));
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* CallControlService::CancelTransfer(
    grpc::CallbackServerContext* context,
    const v1::CancelTransferRequest* request, v1::Transfer* response) {
  const auto log = transfers_.Find(request->transfer_id(), absl::Now());
  if (log == nullptr) {
    return Finish(context, NoSuchTransfer(request->transfer_id()));
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  engine_.Cancel(log->Snapshot().call_id(), request->transfer_id(),
                 [reactor, log, response](sip::CancelOutcome outcome) {
                   *response = log->Snapshot();
                   response->set_cancel_outcome(ToProto(outcome));
                   reactor->Finish(grpc::Status::OK);
                 });
  return reactor;
}

// ---- Calls --------------------------------------------------------------

grpc::ServerWriteReactor<v1::CallEvent>* CallControlService::WatchCalls(
    grpc::CallbackServerContext*, const v1::WatchCallsRequest* request) {
  auto reactor = StreamReactor<v1::CallEvent>::Make();
  absl::StatusOr<CallSelection> selection = ReadSelection(*request);
  if (!selection.ok()) {
    reactor->Fail(selection.status());
    return reactor.get();
  }
  const auto watch = calls_.Watch(*std::move(selection), absl::Now());
  watch->SetReader(reactor);
  reactor->Attach(CallWatch::Read(watch));
  return reactor.get();
}

grpc::ServerUnaryReactor* CallControlService::ListCalls(
    grpc::CallbackServerContext* context, const v1::ListCallsRequest* request,
    v1::ListCallsResponse* response) {
  const auto page = ReadPage(request->page_size(), request->page_token());
  if (!page.ok()) return Finish(context, page.status());
  const auto conditions = ReadCallFilter(request->filter());
  if (!conditions.ok()) return Finish(context, conditions.status());
  response->set_next_page_token(FillPage(
      *page,
      [&](std::uint64_t before) {
        return calls_.List(before, kBatch, absl::Now());
      },
      [&](const sip::CallSnapshot& call) {
        return Matches(call, *conditions) ? std::optional(ToProto(call))
                                          : std::nullopt;
      },
      [&](v1::Call call) { *response->add_calls() = std::move(call); }));
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* CallControlService::GetCall(
    grpc::CallbackServerContext* context, const v1::GetCallRequest* request,
    v1::Call* response) {
  const auto call = calls_.Find(request->call_id(), absl::Now());
  if (call == nullptr) return Finish(context, NoSuchCall(request->call_id()));
  *response = ToProto(*call);
  return Finish(context, absl::OkStatus());
}

grpc::ServerWriteReactor<v1::CallEvent>* CallControlService::PlaceCall(
    grpc::CallbackServerContext*, const v1::PlaceCallRequest* request) {
  auto reactor = StreamReactor<v1::CallEvent>::Make();
  absl::StatusOr<sip::PlaceRequest> place = FromProto(*request);
  if (!place.ok()) {
    reactor->Fail(place.status());
    return reactor.get();
  }
  const std::string request_id = request->request_id();
  if (!request_id.empty()) {
    const absl::StatusOr<bool> is_first = placed_ids_.Claim(
        request_id, FingerprintOf(*request),
        [this, reactor](const absl::StatusOr<std::string>& call_id) {
          FollowPlaced(call_id, reactor);
        });
    if (!is_first.ok()) {
      // Of a call: there is no transfer to name.
      reactor->Fail(
          MakeError(is_first.status().code(),
                    {.reason = "REQUEST_ID_REUSED", .field = "request_id"},
                    std::string(is_first.status().message())));
    }
    if (!is_first.value_or(false)) return reactor.get();
  }
  engine_.Place(
      *std::move(place),
      [this, reactor, request_id](const absl::StatusOr<std::string>& call_id) {
        FollowPlaced(call_id, reactor);
        if (!request_id.empty()) {
          placed_ids_.Settle(request_id, call_id);
        }
      });
  return reactor.get();
}

void CallControlService::FollowPlaced(
    const absl::StatusOr<std::string>& call_id,
    const std::shared_ptr<StreamReactor<v1::CallEvent>>& reactor) {
  if (!call_id.ok()) {
    reactor->Fail(call_id.status());
    return;
  }
  const auto watch =
      calls_.Watch({.call_id = *call_id, .ended_too = true}, absl::Now());
  watch->SetReader(reactor);
  reactor->Attach(UntilSettled(CallWatch::Read(watch)));
}

sip::CallEngine::CallDone CallControlService::AnswerWithCall(
    grpc::ServerUnaryReactor* reactor, const std::string& call_id,
    v1::Call* response) {
  return [this, reactor, call_id, response](const absl::Status& status) {
    const auto call = calls_.Find(call_id, absl::Now());
    if (status.ok() && call != nullptr) *response = ToProto(*call);
    reactor->Finish(ToGrpc(status));
  };
}

grpc::ServerUnaryReactor* CallControlService::ProgressCall(
    grpc::CallbackServerContext* context,
    const v1::ProgressCallRequest* request, v1::Call* response) {
  auto progress = FromProto(*request);
  if (!progress.ok()) return Finish(context, progress.status());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  engine_.Progress(*std::move(progress),
                   AnswerWithCall(reactor, request->call_id(), response));
  return reactor;
}

grpc::ServerUnaryReactor* CallControlService::AnswerCall(
    grpc::CallbackServerContext* context, const v1::AnswerCallRequest* request,
    v1::Call* response) {
  if (absl::Status status = CheckSdp(request->sdp()); !status.ok()) {
    return Finish(context, status);
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  engine_.Answer(request->call_id(), request->sdp(),
                 AnswerWithCall(reactor, request->call_id(), response));
  return reactor;
}

grpc::ServerUnaryReactor* CallControlService::RejectCall(
    grpc::CallbackServerContext* context, const v1::RejectCallRequest* request,
    v1::Call* response) {
  auto rejection = FromProto(*request);
  if (!rejection.ok()) return Finish(context, rejection.status());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  engine_.Reject(*std::move(rejection),
                 AnswerWithCall(reactor, request->call_id(), response));
  return reactor;
}

grpc::ServerUnaryReactor* CallControlService::UpdateCall(
    grpc::CallbackServerContext* context, const v1::UpdateCallRequest* request,
    v1::Call* response) {
  auto update = FromProto(*request);
  if (!update.ok()) return Finish(context, update.status());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  engine_.Update(*std::move(update),
                 AnswerWithCall(reactor, request->call_id(), response));
  return reactor;
}

grpc::ServerUnaryReactor* CallControlService::HangUpCall(
    grpc::CallbackServerContext* context, const v1::HangUpCallRequest* request,
    v1::Call* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  engine_.HangUp(
      request->call_id(),
      [this, reactor, response, id = request->call_id()](const absl::Status&) {
        // A call that the engine no longer holds may have ended a moment ago.
        const auto call = calls_.Find(id, absl::Now());
        if (call != nullptr) *response = ToProto(*call);
        reactor->Finish(
            ToGrpc(call != nullptr ? absl::OkStatus() : NoSuchCall(id)));
      });
  return reactor;
}

grpc::ServerUnaryReactor* CallControlService::DecideRefer(
    grpc::CallbackServerContext* context, const v1::DecideReferRequest* request,
    v1::DecideReferResponse*) {
  auto decision = FromProto(*request);
  if (!decision.ok()) return Finish(context, decision.status());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  engine_.DecideRefer(*std::move(decision),
                      [reactor](const absl::Status& status) {
                        reactor->Finish(ToGrpc(status));
                      });
  return reactor;
}

// ---- Webhooks -----------------------------------------------------------

grpc::ServerUnaryReactor* CallControlService::ListHookDeliveries(
    grpc::CallbackServerContext* context,
    const v1::ListHookDeliveriesRequest* request,
    v1::ListHookDeliveriesResponse* response) {
  const auto page = ReadPage(request->page_size(), request->page_token());
  if (!page.ok()) return Finish(context, page.status());
  const auto conditions = ReadHookFilter(request->filter());
  if (!conditions.ok()) return Finish(context, conditions.status());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const bool asked = hooks_.Ask([reactor, response, page = *page,
                                 conditions = *conditions](HookQueue& queue,
                                                           HookTime now) {
    const auto below = [&queue](std::uint64_t before) {
      return NewestBelow(queue.entries(), before, kBatch,
                         [](const HookQueue::Entry& entry) { return &entry; });
    };
    response->set_next_page_token(FillPage(
        page, below,
        [&, time = absl::Now()](const HookQueue::Entry& entry) {
          std::optional delivery = ToProto(entry, now, time);
          if (!Matches(*delivery, conditions)) delivery.reset();
          return delivery;
        },
        [&](v1::HookDelivery delivery) {
          *response->add_deliveries() = std::move(delivery);
        }));
    reactor->Finish(grpc::Status::OK);
  });
  if (!asked) reactor->Finish(ToGrpc(Draining()));
  return reactor;
}

grpc::ServerUnaryReactor* CallControlService::RetryHookDelivery(
    grpc::CallbackServerContext* context,
    const v1::RetryHookDeliveryRequest* request, v1::HookDelivery* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const bool asked =
      hooks_.Ask([reactor, response, id = request->delivery_id()](
                     HookQueue& queue, HookTime now) {
        const bool found = queue.Retry(id, now);
        if (found) *response = ToProto(*queue.Find(id), now, absl::Now());
        reactor->Finish(ToGrpc(found ? absl::OkStatus() : NoSuchDelivery(id)));
      });
  if (!asked) reactor->Finish(ToGrpc(Draining()));
  return reactor;
}

}  // namespace callcontrol::server
