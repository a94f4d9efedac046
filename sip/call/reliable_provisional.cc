// SPDX-License-Identifier: Apache-2.0
#include "sip/call/reliable_provisional.h"

#include <algorithm>
#include <utility>

namespace callcontrol::sip {

ProvisionalOrder::Arrival ProvisionalOrder::OnResponse(std::uint32_t rseq) {
  if (last_ != 0 && rseq <= last_) return Arrival::kRepeated;
  if (last_ != 0 && rseq != last_ + 1) return Arrival::kTooEarly;
  last_ = rseq;
  return Arrival::kNext;
}

std::optional<ReliableResponses::Sending> ReliableResponses::OnProgress(
    ProgressRequest response, bool reliably, MonotonicTime now) {
  if (described_) response.sdp.clear();
  const bool possible =
      supported() && (terms_.offered || described_ || !response.sdp.empty());
  const bool required = terms_.support == ReliableSupport::kRequired;
  if (!possible && required) return std::nullopt;
  if (!possible || !(reliably || required)) {
    return Sending{std::move(response), std::nullopt};
  }
  if (unacknowledged_) {
    if (waiting_ && response.sdp.empty()) response.sdp = waiting_->sdp;
    waiting_ = std::move(response);
    return std::nullopt;
  }
  return SendReliably(std::move(response), now);
}

ReliableResponses::Sending ReliableResponses::SendReliably(
    ProgressRequest response, MonotonicTime now) {
  described_ = described_ || !response.sdp.empty();
  unacknowledged_ = Sending{std::move(response), next_rseq_++};
  interval_ = terms_.t1;
  repeat_ = now + interval_;
  give_up_ = now + 64 * terms_.t1;
  return *unacknowledged_;
}

bool ReliableResponses::OnPrack(const RAck& rack) {
  if (!unacknowledged_) return false;
  if (rack != RAck{*unacknowledged_->rseq, terms_.invite_cseq, "INVITE"}) {
    return false;
  }
  unacknowledged_.reset();
  repeat_.reset();
  give_up_.reset();
  return true;
}

std::optional<ReliableResponses::Sending> ReliableResponses::TakeWaiting(
    MonotonicTime now) {
  if (!waiting_ || unacknowledged_) return std::nullopt;
  return SendReliably(*std::exchange(waiting_, std::nullopt), now);
}

void ReliableResponses::OnFinal() {
  waiting_.reset();
  repeat_.reset();
  give_up_.reset();
}

std::optional<MonotonicTime> ReliableResponses::next() const {
  if (!repeat_ || !give_up_) return std::nullopt;
  return std::min(*repeat_, *give_up_);
}

ReliableResponses::Due ReliableResponses::OnTime(MonotonicTime now) {
  if (give_up_ && now >= *give_up_) {
    OnFinal();
    return Due::kGiveUp;
  }
  if (!repeat_ || now < *repeat_) return Due::kNothing;
  interval_ *= 2;
  repeat_ = now + interval_;
  return Due::kRepeat;
}

}  // namespace callcontrol::sip
