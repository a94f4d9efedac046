// SPDX-License-Identifier: Apache-2.0

// callctl refer.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/event_stream.h"
#include "clients/cli/refer_report.h"
#include "clients/cli/rpc_error.h"
#include "clients/cli/session.h"
#include "clients/cli/text.h"
#include "clients/cli/words.h"

namespace callcontrol::cli {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(200);
constexpr absl::Duration kLongestPause = absl::Seconds(2);

void SetDuration(std::optional<absl::Duration> from,
                 google::protobuf::Duration* to) {
  const absl::Duration duration = from.value_or(absl::ZeroDuration());
  to->set_seconds(absl::ToInt64Seconds(duration));
  to->set_nanos(static_cast<std::int32_t>(
      absl::ToInt64Nanoseconds(duration - absl::Seconds(to->seconds()))));
}

v1::ReferRequest MakeRequest(const Arguments& arguments) {
  v1::ReferRequest request;
  if (IsCallId(arguments.call)) {
    request.set_call_id(arguments.call);
  } else {
    request.set_sip_call_id(arguments.call);
  }
  if (arguments.attended) {
    request.set_replaces_call_id(arguments.target);
  } else {
    request.set_refer_to(arguments.target);
  }
  request.set_referred_by(arguments.referred_by);
  SetIdentity(arguments, request);
  for (const auto& [name, value] : arguments.headers) {
    v1::SipHeader* const header = request.add_more_headers();
    header->set_name(name);
    header->set_value(value);
  }
  for (const auto& [name, value] : arguments.target_headers) {
    (*request.mutable_target_headers())[name] = value;
  }
  if (arguments.refer_limit.has_value()) {
    SetDuration(arguments.refer_limit,
                request.mutable_limits()->mutable_refer_response());
  }
  if (arguments.notify_limit.has_value()) {
    SetDuration(arguments.notify_limit,
                request.mutable_limits()->mutable_first_notify());
  }
  if (arguments.final_limit.has_value()) {
    SetDuration(arguments.final_limit,
                request.mutable_limits()->mutable_final_status());
  }
  request.set_strict(arguments.strict);
  request.set_hold_first(arguments.hold_first);
  request.set_validate_only(arguments.validate_only);
  return request;
}

// One `callctl refer`: starts the transfer and follows it to its result, over
// as many connections as it takes.
//
// Ownership: borrows the session. Threads: one thread. Errors: told on the
// session's `err`; Run() returns the exit code. Time: pauses between tries by
// the environment's clock.
class ReferRun {
 public:
  explicit ReferRun(const Session& session)
      : session_(session),
        report_(session.environment, session.arguments.json, session.out) {}

  int Run() {
    grpc::Status status = Begin();
    if (exit_code_.has_value()) return *exit_code_;
    if (interrupted()) return GiveUp("stopped watching");
    if (transfer_id_.empty()) return FailAtStart(status);
    return Reattach(std::move(status));
  }

 private:
  using Stream = EventStream<v1::ReferEvent>;

  bool interrupted() const { return session_.environment.interrupted(); }

  grpc::Status Begin() {
    const v1::ReferRequest request = MakeRequest(session_.arguments);
    Stream stream(
        [&](grpc::ClientContext* context, grpc::CompletionQueue* queue,
            void* tag) {
          return session_.stub.AsyncRefer(context, request, queue, tag);
        },
        session_.StreamDeadline());
    return Follow(stream);
  }

  grpc::Status WatchOn() {
    v1::WatchTransferRequest request;
    request.set_transfer_id(transfer_id_);
    request.set_after_sequence(last_sequence_);
    Stream stream(
        [&](grpc::ClientContext* context, grpc::CompletionQueue* queue,
            void* tag) {
          return session_.stub.AsyncWatchTransfer(context, request, queue, tag);
        },
        session_.StreamDeadline());
    return Follow(stream);
  }

  // Reads a stream until it ends, the transfer does or the user interrupts.
  grpc::Status Follow(Stream& stream) {
    v1::ReferEvent event;
    while (!exit_code_.has_value() && !interrupted()) {
      report_.OnTick();
      const Got got = stream.Next(&event, kTick);
      if (got == Got::kEnd) return stream.status();
      if (got == Got::kEvent) OnEvent(event);
    }
    return grpc::Status::OK;
  }

  void OnEvent(const v1::ReferEvent& event) {
    if (event.has_planned()) {
      exit_code_ = kExitOk;
    } else if (event.sequence() <= last_sequence_) {
      return;
    }
    transfer_id_ = event.transfer_id();
    last_sequence_ = event.sequence();
    report_.OnEvent(event);
    if (event.has_result()) exit_code_ = ExitCodeOf(event.result());
  }

  // The stream broke in the middle of a transfer, which goes on without us.
  int Reattach(grpc::Status status) {
    absl::Duration pause = kFirstPause;
    absl::Time until = Now() + session_.arguments.reattach;
    while (!TimeIsUp(status) && Now() + pause <= until) {
      Note(absl::StrCat("the connection to ",
                        Printable(session_.arguments.server),
                        " broke; looking for the transfer again"));
      session_.environment.sleep(pause);
      if (interrupted()) break;
      const std::int64_t before = last_sequence_;
      status = WatchOn();
      if (exit_code_.has_value()) return *exit_code_;
      if (!status.ok() && !IsConnectionTrouble(status)) break;
      pause = std::min(pause * 2, kLongestPause);
      if (last_sequence_ != before) {
        pause = kFirstPause;
        until = Now() + session_.arguments.reattach;
      }
    }
    if (interrupted()) return GiveUp("stopped watching");
    return GiveUp(TimeIsUp(status) ? "stopped watching, the time is up"
                                   : "lost the transfer: " + Reason(status));
  }

  absl::Time Now() const { return session_.environment.now(); }

  bool TimeIsUp(const grpc::Status& status) const {
    return session_.arguments.timeout.has_value() &&
           status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  }

  std::string Reason(const grpc::Status& status) const {
    return status.ok() ? "the server ended the stream without a result"
                       : ErrorLine(status, session_.arguments.server);
  }

  // Once per command: the user need not see every try.
  void Note(std::string_view line) {
    if (std::exchange(noted_, true)) return;
    report_.Clear();
    session_.err << "callctl: " << line << std::endl;
  }

  int FailAtStart(const grpc::Status& status) {
    if (!status.ok() && !IsConnectionTrouble(status)) {
      report_.Clear();
      return session_.Fail(status);
    }
    return GiveUp("no word from the server: " + Reason(status));
  }

  // Nobody knows how the transfer ends; says how to look again.
  int GiveUp(std::string_view why) {
    report_.Clear();
    session_.err << "callctl: " << why;
    if (transfer_id_.empty()) {
      session_.err << "; a transfer may have begun, see callctl transfers";
    } else {
      session_.err << "; it goes on by itself, see callctl show "
                   << Printable(transfer_id_);
    }
    session_.err << std::endl;
    return kExitUnknown;
  }

  const Session& session_;
  ReferReport report_;
  std::string transfer_id_;
  std::int64_t last_sequence_ = 0;
  std::optional<int> exit_code_;
  bool noted_ = false;
};

}  // namespace

int RunRefer(const Session& session) { return ReferRun(session).Run(); }

}  // namespace callcontrol::cli
