// SPDX-License-Identifier: Apache-2.0
#include "server/transfer_store.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <variant>

#include "server/newest_below.h"
#include "server/proto_mapping.h"

namespace callcontrol::server {

TransferLog::TransferLog(const sip::TransferPlan& plan, absl::Time time)
    : plan_(plan) {
  transfer_.set_transfer_id(plan.transfer_id);
  transfer_.set_call_id(plan.call_id);
  transfer_.set_sip_call_id(plan.sip_call_id);
  transfer_.set_request_id(plan.request_id);
  transfer_.set_refer_to(plan.refer_to);
  transfer_.set_referred_by(plan.referred_by);
  transfer_.set_state(v1::TRANSFER_STATE_PREPARING);
  *transfer_.mutable_create_time() = ToProto(time);
}

void TransferLog::Append(const sip::TransferEvent& event,
                         sip::TransferPhase phase, absl::Time time) {
  auto message = std::make_shared<v1::ReferEvent>();
  FillEvent(event, plan_, time, *message);
  message->set_transfer_id(plan_.transfer_id);
  message->set_call_id(plan_.call_id);
  *message->mutable_time() = ToProto(time);

  std::vector<std::weak_ptr<StreamReader>> readers;
  {
    MutexLock lock(mutex_);
    message->set_sequence(static_cast<std::int64_t>(events_.size()) + 1);
    transfer_.set_last_sequence(message->sequence());
    transfer_.set_state(ToProto(phase));
    if (message->has_refer_sent()) {
      // It may have been planned for a target that had not answered yet.
      transfer_.set_refer_to(message->refer_sent().refer_to());
    }
    if (message->has_result()) {
      *transfer_.mutable_result() = message->result();
      *transfer_.mutable_end_time() = message->time();
    }
    events_.push_back(std::move(message));
    std::erase_if(readers_,
                  [](const auto& reader) { return reader.expired(); });
    readers = readers_;
  }
  for (const std::weak_ptr<StreamReader>& weak : readers) {
    if (const std::shared_ptr<StreamReader> reader = weak.lock()) {
      reader->OnGrew();
    }
  }
}

StreamSequencer<v1::ReferEvent>::Source TransferLog::Read(
    std::shared_ptr<TransferLog> log, std::int64_t after_sequence) {
  // Past the end of any log: the stream waits for what is new, as it should.
  const std::int64_t after = std::min<std::int64_t>(after_sequence, 1 << 30);
  return [log = std::move(log), next = after + 1]() mutable {
    StreamItem<v1::ReferEvent> item = log->ItemAt(next);
    if (item.message) ++next;
    return item;
  };
}

StreamItem<v1::ReferEvent> TransferLog::ItemAt(std::int64_t sequence) const {
  MutexLock lock(mutex_);
  StreamItem<v1::ReferEvent> item;
  if (sequence <= static_cast<std::int64_t>(events_.size())) {
    item.message = events_[static_cast<std::size_t>(sequence - 1)];
    if (item.message->has_result()) item.end = absl::OkStatus();
  } else if (transfer_.has_result()) {
    item.end = absl::OkStatus();
  }
  return item;
}

void TransferLog::AddReader(std::weak_ptr<StreamReader> reader) {
  MutexLock lock(mutex_);
  readers_.push_back(std::move(reader));
}

v1::Transfer TransferLog::Snapshot() const {
  MutexLock lock(mutex_);
  return transfer_;
}

std::optional<v1::Transfer> TransferLog::SnapshotIf(
    absl::FunctionRef<bool(const v1::Transfer&)> wanted) const {
  MutexLock lock(mutex_);
  if (!wanted(transfer_)) return std::nullopt;
  return transfer_;
}

void TransferStore::Add(const sip::TransferPlan& plan, absl::Time time) {
  MutexLock lock(mutex_);
  Sweep(time);
  const std::uint64_t number = ++last_number_;
  logs_.emplace(number, std::make_shared<TransferLog>(plan, time));
  numbers_.emplace(plan.transfer_id, number);
}

void TransferStore::Append(const std::string& transfer_id,
                           const sip::TransferEvent& event,
                           sip::TransferPhase phase, absl::Time time) {
  std::shared_ptr<TransferLog> log;
  {
    MutexLock lock(mutex_);
    const auto number = numbers_.find(transfer_id);
    if (number == numbers_.end()) return;
    log = logs_.at(number->second);
    if (std::holds_alternative<sip::TransferResult>(event)) {
      ended_.emplace_back(time, number->second);
    }
  }
  log->Append(event, phase, time);
}

std::shared_ptr<TransferLog> TransferStore::Find(const std::string& transfer_id,
                                                 absl::Time now) {
  MutexLock lock(mutex_);
  Sweep(now);
  const auto number = numbers_.find(transfer_id);
  return number == numbers_.end() ? nullptr : logs_.at(number->second);
}

std::vector<std::pair<std::uint64_t, std::shared_ptr<TransferLog>>>
TransferStore::List(std::uint64_t before, std::size_t most, absl::Time now) {
  MutexLock lock(mutex_);
  Sweep(now);
  return NewestBelow(logs_, before, most, std::identity());
}

void TransferStore::Sweep(absl::Time now) {
  while (!ended_.empty() && (ended_.size() > limits_.max_kept ||
                             now - ended_.front().first > limits_.retention)) {
    const auto log = logs_.find(ended_.front().second);
    numbers_.erase(log->second->transfer_id());
    logs_.erase(log);
    ended_.pop_front();
  }
}

}  // namespace callcontrol::server
