// SPDX-License-Identifier: Apache-2.0
#include "server/call_store.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "server/newest_below.h"
#include "server/proto_mapping.h"

namespace callcontrol::server {

bool CallSelection::Includes(const sip::CallSnapshot& call,
                             v1::CallEventType type) const {
  if (type != v1::CALL_EVENT_TYPE_SNAPSHOT && types.any() && !types[type]) {
    return false;
  }
  if (!call_id.empty() && call.call_id != call_id) return false;
  if (tag.empty()) return true;
  const std::size_t equals = tag.find('=');
  const auto found = call.tags.find(tag.substr(0, equals));
  return found != call.tags.end() && (equals == std::string::npos ||
                                      found->second == tag.substr(equals + 1));
}

absl::StatusOr<CallSelection> ReadSelection(
    const v1::WatchCallsRequest& request) {
  CallSelection selection{.call_id = request.call_id(), .tag = request.tag()};
  for (const int type : request.types()) {
    if (!v1::CallEventType_IsValid(type) ||
        type == v1::CALL_EVENT_TYPE_UNSPECIFIED) {
      return InvalidField("types", "UNKNOWN_TYPE",
                          absl::StrCat("types must be values of CallEventType "
                                       "other than UNSPECIFIED, not ",
                                       type));
    }
    selection.types.set(static_cast<std::size_t>(type));
  }
  return selection;
}

bool CallWatch::Push(const CallSnapshotPtr& call, v1::CallEventType type,
                     absl::Time time) {
  if (!selection_.Includes(*call, type)) return false;
  MutexLock lock(mutex_);
  if (overrun_) return false;
  if (type != v1::CALL_EVENT_TYPE_SNAPSHOT && ++waiting_ > bound_) {
    overrun_ = true;
    changes_.clear();
    return true;
  }
  changes_.push_back({call, type, time});
  return true;
}

StreamSequencer<v1::CallEvent>::Source CallWatch::Read(
    std::shared_ptr<CallWatch> watch) {
  return [watch = std::move(watch)] { return watch->Next(); };
}

StreamItem<v1::CallEvent> CallWatch::Next() {
  MutexLock lock(mutex_);
  StreamItem<v1::CallEvent> item;
  if (overrun_) {
    item.end = MakeError(absl::StatusCode::kResourceExhausted,
                         {.reason = "WATCHER_TOO_SLOW"},
                         "calls change faster than this stream is read; watch "
                         "again, the snapshot makes up for what was missed");
    return item;
  }
  if (changes_.empty()) return item;
  const Change change = std::move(changes_.front());
  changes_.pop_front();
  if (change.type != v1::CALL_EVENT_TYPE_SNAPSHOT) --waiting_;
  auto event = std::make_shared<v1::CallEvent>();
  event->set_sequence(++last_sequence_);
  *event->mutable_time() = ToProto(change.time);
  event->set_type(change.type);
  *event->mutable_call() = ToProto(*change.call);
  if (change.call->pending_refer != nullptr) {
    *event->mutable_pending_refer() = ToProto(*change.call->pending_refer);
  }
  item.message = std::move(event);
  return item;
}

void CallWatch::SetReader(std::weak_ptr<StreamReader> reader) {
  MutexLock lock(mutex_);
  reader_ = std::move(reader);
}

void CallWatch::Wake() {
  std::shared_ptr<StreamReader> reader;
  {
    MutexLock lock(mutex_);
    reader = reader_.lock();
  }
  if (reader) reader->OnGrew();
}

void CallStore::OnCall(CallSnapshotPtr call, sip::CallChange change,
                       absl::Time now) {
  std::vector<std::shared_ptr<CallWatch>> watches;
  {
    MutexLock lock(mutex_);
    Sweep(now);
    const auto [number, added] =
        numbers_.try_emplace(call->call_id, last_number_ + 1);
    if (added) ++last_number_;
    calls_[number->second] = call;
    if (change == sip::CallChange::kEnded) {
      ended_.emplace_back(now, number->second);
    }
    std::erase_if(watches_, [](const auto& watch) { return watch.expired(); });
    for (const auto& weak : watches_) {
      auto watch = weak.lock();
      if (watch && watch->Push(call, ToProto(change), now)) {
        watches.push_back(std::move(watch));
      }
    }
  }
  for (const auto& watch : watches) watch->Wake();
}

CallSnapshotPtr CallStore::Find(const std::string& call_id, absl::Time now) {
  MutexLock lock(mutex_);
  Sweep(now);
  const auto number = numbers_.find(call_id);
  return number == numbers_.end() ? nullptr : calls_.at(number->second);
}

std::vector<std::pair<std::uint64_t, CallSnapshotPtr>> CallStore::List(
    std::uint64_t before, std::size_t most, absl::Time now) {
  MutexLock lock(mutex_);
  Sweep(now);
  return NewestBelow(calls_, before, most, std::identity());
}

std::shared_ptr<CallWatch> CallStore::Watch(CallSelection selection,
                                            absl::Time now) {
  const bool ended_too = selection.ended_too;
  auto watch =
      std::make_shared<CallWatch>(std::move(selection), limits_.watch_bound);
  MutexLock lock(mutex_);
  for (const auto& [number, call] : calls_) {
    if (call->phase != sip::CallPhase::kEnded || ended_too) {
      watch->Push(call, v1::CALL_EVENT_TYPE_SNAPSHOT, now);
    }
  }
  watches_.push_back(watch);
  return watch;
}

void CallStore::Sweep(absl::Time now) {
  while (!ended_.empty() && (ended_.size() > limits_.max_kept ||
                             now - ended_.front().first > limits_.retention)) {
    const auto call = calls_.find(ended_.front().second);
    numbers_.erase(call->second->call_id);
    calls_.erase(call);
    ended_.pop_front();
  }
}

}  // namespace callcontrol::server
