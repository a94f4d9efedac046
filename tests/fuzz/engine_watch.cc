// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/engine_watch.h"

#include <initializer_list>
#include <string_view>
#include <variant>

#include "sip/transfer/display_text.h"
#include "tests/fuzz/property.h"

namespace callcontrol::fuzz {
namespace {

void RequireUtf8(std::initializer_list<std::string_view> texts) {
  for (const std::string_view text : texts) {
    Require(sip::IsValidUtf8(text), "what watchers are told is UTF-8");
  }
}

void RequireCode(int code) {
  Require(code == 0 || (code >= 100 && code <= 699), "a code is 100 to 699");
}

void Check(const sip::ReferSent&) {}

void Check(const sip::ReferAnswered& answered) {
  RequireUtf8({answered.status.reason});
  RequireCode(answered.status.code);
}

void Check(const sip::TransferStatus& status) {
  RequireUtf8({status.status.reason, status.subscription_state});
  RequireCode(status.status.code);
}

void Check(const sip::TransferWarning& warning) {
  RequireUtf8({warning.code, warning.text});
}

void Check(const sip::TransferResult& result) {
  RequireUtf8({result.reason, result.sip_reason, result.subscription_reason});
  for (const std::string& contact : result.contacts) RequireUtf8({contact});
  RequireCode(result.refer_status);
  RequireCode(result.last_status);
}

}  // namespace

void EngineWatch::OnCall(std::shared_ptr<const sip::CallSnapshot> call,
                         sip::CallChange change) {
  RequireUtf8({call->sip_call_id, call->local_uri, call->remote_uri,
               call->remote_target, call->local_sdp, call->remote_sdp,
               call->far_end.user_agent, call->end_reason});
  const std::lock_guard lock(mutex_);
  if (change == sip::CallChange::kEnded) {
    Require(calls_.erase(call->call_id) == 1, "a call ends once");
  } else {
    calls_[call->call_id] = call->sip_call_id;
  }
}

void EngineWatch::OnTransferStarted(const sip::TransferPlan& plan, absl::Time) {
  const std::lock_guard lock(mutex_);
  transfers_[plan.transfer_id] = std::chrono::steady_clock::now();
}

void EngineWatch::OnTransferEvent(const std::string& transfer_id,
                                  const sip::TransferEvent& event,
                                  sip::TransferPhase, absl::Time) {
  std::visit([](const auto& what) { Check(what); }, event);
  const std::lock_guard lock(mutex_);
  Require(transfers_.contains(transfer_id),
          "an event is of a transfer that has no result yet");
  if (std::holds_alternative<sip::TransferResult>(event)) {
    transfers_.erase(transfer_id);
  }
}

std::string EngineWatch::IdOf(const std::string& sip_call_id) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, name] : calls_) {
    if (name == sip_call_id) return id;
  }
  return "";
}

std::vector<std::string> EngineWatch::live_calls() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, sip_call_id] : calls_) ids.push_back(id);
  return ids;
}

void EngineWatch::RequireNoneOpenFor(std::chrono::seconds limit) const {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  for (const auto& [id, started] : transfers_) {
    Require(now - started < limit, "every transfer gets its result");
  }
}

}  // namespace callcontrol::fuzz
