// SPDX-License-Identifier: Apache-2.0

// callctl transfers, show and cancel.
#include <cstddef>
#include <vector>

#include "clients/cli/event_stream.h"
#include "clients/cli/item_list.h"
#include "clients/cli/ladder.h"
#include "clients/cli/session.h"
#include "clients/cli/table.h"
#include "clients/cli/text.h"
#include "clients/cli/words.h"

namespace callcontrol::cli {
namespace {

void AddTransfer(const v1::Transfer& transfer, absl::Time now, Table& table) {
  const absl::Time began = ToTime(transfer.create_time());
  const absl::Time ended =
      transfer.has_end_time() ? ToTime(transfer.end_time()) : now;
  const bool over = transfer.has_result();
  table.AddRow({transfer.transfer_id(), transfer.call_id(),
                over ? VerdictToken(transfer.result().verdict())
                     : StateToken(transfer.state()),
                over ? OutcomeToken(transfer.result().outcome()) : "",
                DateAndTime(began).substr(0, 19), Roughly(ended - began),
                transfer.refer_to()});
}

// The events of a transfer that is there already, the last of them
// `last_sequence`.
grpc::Status ReadLog(const Session& session, const v1::Transfer& transfer,
                     std::vector<v1::ReferEvent>* events) {
  if (transfer.last_sequence() == 0) return grpc::Status::OK;
  v1::WatchTransferRequest request;
  request.set_transfer_id(transfer.transfer_id());
  EventStream<v1::ReferEvent> stream(
      [&](grpc::ClientContext* context, grpc::CompletionQueue* queue,
          void* tag) {
        return session.stub.AsyncWatchTransfer(context, request, queue, tag);
      },
      session.deadline);
  v1::ReferEvent event;
  while (!session.environment.interrupted()) {
    const Got got = stream.Next(&event, kTick);
    if (got == Got::kEnd) return stream.status();
    if (got == Got::kNothing) continue;
    events->push_back(event);
    if (event.sequence() >= transfer.last_sequence()) break;
  }
  return grpc::Status::OK;
}

void PrintLogAsJson(const Session& session, const v1::Transfer& transfer,
                    const std::vector<v1::ReferEvent>& events) {
  session.out << "{\"transfer\":" << ToJson(transfer) << ",\"events\":[";
  for (std::size_t i = 0; i < events.size(); ++i) {
    session.out << (i == 0 ? "" : ",") << ToJson(events[i]);
  }
  session.out << "]}" << std::endl;
}

}  // namespace

int RunTransfers(const Session& session) {
  v1::ListTransfersRequest request;
  request.set_filter(session.arguments.filter);
  return PrintItems<v1::ListTransfersResponse>(
      session, request,
      [&](auto&&... words) { return session.stub.ListTransfers(words...); },
      [](const auto& response) -> const auto& { return response.transfers(); },
      AddTransfer,
      Table({"TRANSFER", "CALL", "STATE", "OUTCOME", "BEGAN (UTC)", "TOOK",
             "REFER-TO"}),
      "no transfers");
}

int RunShow(const Session& session) {
  v1::GetTransferRequest request;
  request.set_transfer_id(session.arguments.transfer);
  grpc::ClientContext context;
  session.Limit(context);
  v1::Transfer transfer;
  grpc::Status status = session.stub.GetTransfer(&context, request, &transfer);
  if (!status.ok()) return session.Fail(status);
  std::vector<v1::ReferEvent> events;
  status = ReadLog(session, transfer, &events);
  if (!status.ok()) return session.Fail(status);
  if (session.arguments.json) {
    PrintLogAsJson(session, transfer, events);
    return kExitOk;
  }
  const TerminalInfo& terminal = session.environment.terminal;
  const bool ascii =
      session.arguments.ascii || (terminal.live && !terminal.utf8);
  session.out << RenderLadder(transfer, events, ascii) << std::flush;
  return kExitOk;
}

int RunCancel(const Session& session) {
  v1::CancelTransferRequest request;
  request.set_transfer_id(session.arguments.transfer);
  grpc::ClientContext context;
  session.Limit(context);
  v1::Transfer transfer;
  const grpc::Status status =
      session.stub.CancelTransfer(&context, request, &transfer);
  if (!status.ok()) return session.Fail(status);
  session.out << (session.arguments.json
                      ? ToJson(transfer)
                      : absl::StrCat(Printable(transfer.transfer_id()), " ",
                                     CancelToken(transfer.cancel_outcome())))
              << std::endl;
  return transfer.cancel_outcome() == v1::CANCEL_OUTCOME_TOO_LATE ? kExitFailure
                                                                  : kExitOk;
}

}  // namespace callcontrol::cli
