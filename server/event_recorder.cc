// SPDX-License-Identifier: Apache-2.0
#include "server/event_recorder.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/log.h"

namespace callcontrol::server {
namespace {

std::string_view Name(sip::ClearedBy by) {
  switch (by) {
    case sip::ClearedBy::kNobody:
      return "nobody";
    case sip::ClearedBy::kServer:
      return "server";
    case sip::ClearedBy::kFarEnd:
      return "far_end";
  }
  return "?";
}

void LogOutcome(const v1::Transfer& transfer,
                const sip::TransferResult& result) {
  Log(Severity::kInfo, "transfer_ended",
      {{"transfer_id", transfer.transfer_id()},
       {"call_id", transfer.call_id()},
       {"sip_call_id", transfer.sip_call_id()},
       {"verdict", std::string(sip::ToString(result.verdict))},
       {"outcome", std::string(sip::ToString(result.outcome))},
       {"refer_status", absl::StrCat(result.refer_status)},
       {"final_status",
        result.final_status ? absl::StrCat(*result.final_status) : "none"},
       {"cleared_by", std::string(Name(result.cleared_by))},
       {"duration_ms", absl::StrCat(result.duration.count())},
       {"reason", result.reason}});
}

}  // namespace

void EventRecorder::OnCall(std::shared_ptr<const sip::CallSnapshot> call,
                           sip::CallChange change) {
  if (change == sip::CallChange::kIncoming ||
      change == sip::CallChange::kCalling) {
    Log(Severity::kDebug, "call_began",
        {{"call_id", call->call_id}, {"sip_call_id", call->sip_call_id}});
  } else if (change == sip::CallChange::kEnded) {
    Log(Severity::kDebug, "call_ended",
        {{"call_id", call->call_id},
         {"sip_call_id", call->sip_call_id},
         {"ended_by",
          call->ended_by == sip::CallEndedBy::kFarEnd ? "far_end" : "server"},
         {"end_status", absl::StrCat(call->end_status)},
         {"reason", call->end_reason}});
  }
  calls_.OnCall(std::move(call), change, absl::Now());
}

void EventRecorder::OnTransferStarted(const sip::TransferPlan& plan,
                                      absl::Time time) {
  transfers_.Add(plan, time);
}

void EventRecorder::OnTransferEvent(const std::string& transfer_id,
                                    const sip::TransferEvent& event,
                                    sip::TransferPhase phase, absl::Time time) {
  if (const auto* result = std::get_if<sip::TransferResult>(&event)) {
    if (const auto log = transfers_.Find(transfer_id, time)) {
      LogOutcome(log->Snapshot(), *result);
    }
  }
  transfers_.Append(transfer_id, event, phase, time);
}

void EventRecorder::OnRegistration(const std::string& trunk,
                                   const sip::RegistrationChange& change) {
  using Kind = sip::RegistrationChange::Kind;
  LogFields fields = {{"trunk", trunk}};
  const auto add_status = [&] {
    fields.emplace_back("status", absl::StrCat(change.status.code));
    fields.emplace_back("reason", change.status.reason);
  };
  switch (change.kind) {
    case Kind::kRegistered:
      fields.emplace_back("expires_s", absl::StrCat(change.granted.count()));
      if (!change.status.reason.empty()) add_status();
      Log(Severity::kInfo, "trunk_registered", fields);
      return;
    case Kind::kFailed:
      add_status();
      Log(Severity::kWarning, "trunk_registration_failed", fields);
      return;
    case Kind::kLost:
      Log(Severity::kWarning, "trunk_registration_lost", fields);
      return;
    case Kind::kUnregistered:
      add_status();
      Log(Severity::kInfo, "trunk_unregistered", fields);
      return;
  }
}

}  // namespace callcontrol::server
