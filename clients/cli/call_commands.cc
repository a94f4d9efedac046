// SPDX-License-Identifier: Apache-2.0

// callctl calls, watch, call, answer, reject, hold, resume, hangup, accept and
// decline.
#include <optional>

#include "absl/strings/str_cat.h"
#include "clients/cli/event_stream.h"
#include "clients/cli/item_list.h"
#include "clients/cli/session.h"
#include "clients/cli/table.h"
#include "clients/cli/text.h"
#include "clients/cli/words.h"

namespace callcontrol::cli {
namespace {

// Since when a call is what it is: up, or over.
std::string Since(const v1::Call& call, absl::Time now) {
  const bool answered = call.has_answer_time();
  const absl::Time from =
      ToTime(answered ? call.answer_time() : call.create_time());
  return Roughly((call.has_end_time() ? ToTime(call.end_time()) : now) - from);
}

void AddCall(const v1::Call& call, absl::Time now, Table& table) {
  table.AddRow({call.call_id(), StateToken(call.state()),
                DirectionToken(call.direction()), Since(call, now),
                call.remote_uri(), call.local_uri(),
                call.transfer_ids().empty()
                    ? ""
                    : call.transfer_ids(call.transfer_ids_size() - 1)});
}

// The call that the user named by its id or by its SIP Call-ID.
grpc::Status FindCall(const Session& session, v1::Call* call) {
  grpc::ClientContext context;
  session.Limit(context);
  const std::string& name = session.arguments.call;
  if (IsCallId(name)) {
    v1::GetCallRequest request;
    request.set_call_id(name);
    return session.stub.GetCall(&context, request, call);
  }
  v1::ListCallsRequest request;
  request.set_filter(absl::StrCat("sip_call_id = ", name));
  v1::ListCallsResponse response;
  grpc::Status status = session.stub.ListCalls(&context, request, &response);
  if (!status.ok()) return status;
  if (response.calls().empty()) {
    return {grpc::StatusCode::NOT_FOUND,
            absl::StrCat("no call with the SIP Call-ID \"", name,
                         "\"; see callctl calls")};
  }
  *call = response.calls(0);
  return status;
}

// Asks by `rpc` for something about the call that the user named, and prints
// what became of it. Returns an exit code.
template <typename Request, typename Rpc>
int Decide(const Session& session, Request request, Rpc rpc) {
  request.set_call_id(session.arguments.call);
  if (!IsCallId(session.arguments.call)) {
    v1::Call found;
    const grpc::Status status = FindCall(session, &found);
    if (!status.ok()) return session.Fail(status);
    request.set_call_id(found.call_id());
  }
  grpc::ClientContext context;
  session.Limit(context);
  v1::Call call;
  const grpc::Status status = rpc(&context, request, &call);
  if (!status.ok()) return session.Fail(status);
  if (session.arguments.json) {
    session.PrintJson(call);
  } else {
    session.out << Printable(call.call_id()) << " " << StateToken(call.state())
                << std::endl;
  }
  return kExitOk;
}

// Decides about the REFER that the user named. Returns an exit code.
int DecideRefer(const Session& session, v1::DecideReferRequest request) {
  request.set_refer_id(session.arguments.refer);
  grpc::ClientContext context;
  session.Limit(context);
  v1::DecideReferResponse response;
  const grpc::Status status =
      session.stub.DecideRefer(&context, request, &response);
  return status.ok() ? kExitOk : session.Fail(status);
}

// Prints changes until the stream ends, the user stops it or, with `one_call`,
// the call has ended; `last`, where it is given, is the last state seen.
// Returns the stream's status; OK if it was stopped.
grpc::Status Follow(const Session& session, bool one_call,
                    EventStream<v1::CallEvent>& stream,
                    v1::CallState* last = nullptr) {
  v1::CallEvent event;
  while (!session.environment.interrupted()) {
    const Got got = stream.Next(&event, kTick);
    if (got == Got::kEnd) return stream.status();
    if (got == Got::kNothing) continue;
    if (last != nullptr) *last = event.call().state();
    if (session.arguments.json) {
      session.PrintJson(event);
    } else {
      session.out << CallEventLine(event) << std::endl;
    }
    if (one_call && event.call().state() == v1::CALL_STATE_ENDED) break;
  }
  return grpc::Status::OK;
}

}  // namespace

int RunCalls(const Session& session) {
  v1::ListCallsRequest request;
  if (!session.arguments.all) request.set_filter("state = LIVE");
  return PrintItems<v1::ListCallsResponse>(
      session, request,
      [&](auto&&... words) { return session.stub.ListCalls(words...); },
      [](const auto& response) -> const auto& { return response.calls(); },
      AddCall,
      Table({"CALL", "STATE", "DIRECTION", "FOR", "FAR END", "THIS SIDE",
             "LAST TRANSFER"}),
      "no calls");
}

int RunWatch(const Session& session) {
  v1::WatchCallsRequest request;
  const bool one_call = !session.arguments.call.empty();
  if (one_call) {
    // A watcher of a call that is not there would wait for ever.
    v1::Call call;
    const grpc::Status status = FindCall(session, &call);
    if (!status.ok()) return session.Fail(status);
    if (call.state() == v1::CALL_STATE_ENDED) {
      return session.Fail(absl::StrCat("the call has ended already: ",
                                       Printable(call.call_id())));
    }
    request.set_call_id(call.call_id());
  }
  EventStream<v1::CallEvent> stream(
      [&](grpc::ClientContext* context, grpc::CompletionQueue* queue,
          void* tag) {
        return session.stub.AsyncWatchCalls(context, request, queue, tag);
      },
      session.StreamDeadline());
  const grpc::Status status = Follow(session, one_call, stream);
  const bool time_is_up =
      status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED &&
      session.arguments.timeout.has_value();
  return status.ok() || time_is_up ? kExitOk : session.Fail(status);
}

int RunCall(const Session& session) {
  v1::PlaceCallRequest request;
  request.set_to(session.arguments.target);
  request.set_from(session.arguments.from);
  request.set_trunk(session.arguments.trunk);
  SetIdentity(session.arguments, request);
  if (session.arguments.ring_limit) {
    request.mutable_timeout()->set_seconds(
        absl::ToInt64Seconds(*session.arguments.ring_limit));
  }
  EventStream<v1::CallEvent> stream(
      [&](grpc::ClientContext* context, grpc::CompletionQueue* queue,
          void* tag) {
        return session.stub.AsyncPlaceCall(context, request, queue, tag);
      },
      session.StreamDeadline());
  v1::CallState state = v1::CALL_STATE_UNSPECIFIED;
  const grpc::Status status = Follow(session, false, stream, &state);
  if (!status.ok()) return session.Fail(status);
  return state == v1::CALL_STATE_ANSWERED ? kExitOk : kExitFailure;
}

int RunAnswer(const Session& session) {
  return Decide(session, v1::AnswerCallRequest(), [&](auto&&... words) {
    return session.stub.AnswerCall(words...);
  });
}

int RunReject(const Session& session) {
  v1::RejectCallRequest request;
  request.set_status(session.arguments.status);
  request.set_reason(session.arguments.reason);
  return Decide(session, request, [&](auto&&... words) {
    return session.stub.RejectCall(words...);
  });
}

int RunHold(const Session& session) {
  v1::UpdateCallRequest request;
  request.set_hold(true);
  return Decide(session, request, [&](auto&&... words) {
    return session.stub.UpdateCall(words...);
  });
}

int RunResume(const Session& session) {
  v1::UpdateCallRequest request;
  request.set_resume(true);
  return Decide(session, request, [&](auto&&... words) {
    return session.stub.UpdateCall(words...);
  });
}

int RunAccept(const Session& session) {
  v1::DecideReferRequest request;
  request.set_accept(true);
  request.set_refer_to(session.arguments.target);
  return DecideRefer(session, request);
}

int RunDecline(const Session& session) {
  v1::DecideReferRequest request;
  request.set_status(session.arguments.status);
  return DecideRefer(session, request);
}

int RunHangUp(const Session& session) {
  return Decide(session, v1::HangUpCallRequest(), [&](auto&&... words) {
    return session.stub.HangUpCall(words...);
  });
}

}  // namespace callcontrol::cli
