// SPDX-License-Identifier: Apache-2.0
#include "server/hooks/hook_queue.h"

#include <algorithm>
#include <cassert>

#include "absl/strings/str_cat.h"

namespace callcontrol::server {
namespace {

using std::chrono::milliseconds;

// What a delivery takes besides its strings: nodes of maps, and a row.
constexpr std::size_t kOverhead = 512;
constexpr std::size_t kFirstAllowance = 4;
constexpr std::size_t kMaxOrigins = 10'000;

std::size_t BytesOf(const HookDelivery& delivery) {
  return kOverhead + delivery.url.size() + delivery.body.size() +
         delivery.call_id.size() + delivery.sip_call_id.size() +
         delivery.origin.size() + 2 * delivery.transfer_id.size();
}

bool Arrived(const HookAttempt& attempt) {
  return attempt.http_status >= 200 && attempt.http_status < 300;
}

bool MayHelpAgain(const HookAttempt& attempt) {
  const int status = attempt.http_status;
  if (status == 0) return !attempt.permanent;
  return status == 408 || status == 429 || status >= 500;
}

}  // namespace

milliseconds RetryPause(const HookLimits& limits, int attempts,
                        std::optional<std::chrono::seconds> retry_after,
                        double jitter) {
  milliseconds pause = limits.first_retry;
  for (int i = 1; i < attempts && pause < limits.longest_retry; ++i) pause *= 2;
  pause = std::min(pause, limits.longest_retry);
  pause = pause / 2 + milliseconds(static_cast<milliseconds::rep>(
                          jitter * static_cast<double>(pause.count()) / 2));
  if (retry_after && *retry_after > pause) {
    // Nobody may park a delivery here for a year.
    pause = std::min<milliseconds>(*retry_after, limits.longest_retry);
  }
  return pause;
}

void HookQueue::Add(HookDelivery delivery, bool stored, HookTime now) {
  if (numbers_.contains(delivery.id)) return;
  TrimDead(BytesOf(delivery));
  const bool has_room = HasRoom(delivery);
  Entry& entry = Insert(std::move(delivery), milliseconds(0), now);
  if (!has_room) {
    entry.delivery.last_error = "not sent: too many deliveries wait already";
    Bury(last_number_);
    return;
  }
  if (!stored) entry.not_before += limits_.save_wait;
  Store(entry);
  Enqueue(last_number_, now);
}

void HookQueue::Restore(HookDelivery delivery, milliseconds age, HookTime now) {
  if (numbers_.contains(delivery.id)) return;
  const Entry& entry = Insert(std::move(delivery), age, now);
  if (entry.delivery.dead) {
    dead_.insert(last_number_);
    TrimDead();
  } else {
    Enqueue(last_number_, now);
  }
}

void HookQueue::OnStored(const std::string& id, HookTime now) {
  const auto number = numbers_.find(id);
  if (number == numbers_.end()) return;
  Entry& entry = entries_.at(number->second);
  // Whatever it waits for by now, it isn't the disk.
  if (entry.delivery.attempts > 0 || entry.not_before <= now) return;
  entry.not_before = now;
  const LaneKey key{entry.delivery.transfer_id, entry.delivery.kind};
  if (lanes_.at(key).queue.front() == number->second) Schedule(key, now);
}

void HookQueue::OnStoreTrouble(HookTime now) {
  for (auto& [number, entry] : entries_) {
    if (entry.delivery.attempts == 0) OnStored(entry.delivery.id, now);
  }
}

const HookDelivery* HookQueue::StartNext(HookTime now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Schedule(LaneKey(timers_.begin()->second), now);
  }
  if (sending_ >= limits_.max_at_once) return nullptr;
  const bool silent = turns_.empty();
  std::deque<std::string>& turns = silent ? silent_turns_ : turns_;
  if (turns.empty() ||
      (silent && silent_attempts_.size() >=
                     std::max<std::size_t>(1, limits_.max_at_once / 2))) {
    return nullptr;
  }
  const std::string name = turns.front();
  turns.pop_front();
  Origin& origin = origins_.at(name);
  origin.has_turn = false;
  Lane& lane = lanes_.at(origin.ready.front());
  origin.ready.pop_front();
  lane.state = Lane::State::kSending;
  ++origin.sending;
  ++sending_;
  if (silent) silent_attempts_.insert(lane.queue.front());
  GiveTurn(name, origin);
  Entry& entry = entries_.at(lane.queue.front());
  entry.sending = true;
  ++entry.delivery.attempts;
  return &entry.delivery;
}

void HookQueue::OnAttempt(const std::string& id, const HookAttempt& attempt,
                          double jitter, HookTime now) {
  const std::uint64_t number = numbers_.at(id);
  Entry& entry = entries_.at(number);
  assert(entry.sending);
  entry.sending = false;
  --sending_;
  const std::string name = entry.delivery.origin;
  Origin& origin = origins_.at(name);
  --origin.sending;
  silent_attempts_.erase(number);
  Learn(attempt.http_status != 0, name, origin);
  GiveTurn(name, origin);

  const LaneKey key{entry.delivery.transfer_id, entry.delivery.kind};
  lanes_.at(key).state = Lane::State::kWaiting;
  entry.delivery.last_status = attempt.http_status;
  entry.delivery.last_error = attempt.http_status == 0
                                  ? attempt.error
                                  : absl::StrCat("HTTP ", attempt.http_status);
  const bool tired = entry.delivery.attempts >= limits_.max_attempts ||
                     now - entry.born >= limits_.max_age;
  if (Arrived(attempt)) {
    Remove(number);
    PopHead(key, now);
  } else if (MayHelpAgain(attempt) && !tired) {
    entry.not_before = now + RetryPause(limits_, entry.delivery.attempts,
                                        attempt.retry_after, jitter);
    Store(entry);
    Schedule(key, now);
  } else {
    CountPending(entry, false);
    Bury(number);
    PopHead(key, now);
  }
  ForgetIdleOrigins();
}

bool HookQueue::Retry(const std::string& id, HookTime now) {
  const auto found = numbers_.find(id);
  if (found == numbers_.end()) return false;
  const std::uint64_t number = found->second;
  Entry& entry = entries_.at(number);
  if (entry.sending) return true;
  const LaneKey key{entry.delivery.transfer_id, entry.delivery.kind};
  entry.not_before = now;
  if (entry.delivery.dead) {
    entry.delivery.dead = false;
    entry.delivery.attempts = 0;
    entry.born = now;
    dead_.erase(number);
    Store(entry);
    Enqueue(number, now);
  } else if (lanes_.at(key).queue.front() == number) {
    Schedule(key, now);
  }
  return true;
}

std::optional<HookTime> HookQueue::NextWake() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first;
}

std::vector<HookChange> HookQueue::TakeChanges() {
  return std::exchange(changes_, {});
}

const HookQueue::Entry* HookQueue::Find(const std::string& id) const {
  const auto number = numbers_.find(id);
  return number == numbers_.end() ? nullptr : &entries_.at(number->second);
}

// ---- Lanes --------------------------------------------------------------

HookQueue::Entry& HookQueue::Insert(HookDelivery delivery, milliseconds age,
                                    HookTime now) {
  const std::uint64_t number = ++last_number_;
  numbers_.emplace(delivery.id, number);
  Entry& entry = entries_[number];
  entry.bytes = BytesOf(delivery);
  entry.delivery = std::move(delivery);
  entry.not_before = now;
  entry.born = now - age;
  entry.added = now;
  bytes_ += entry.bytes;
  return entry;
}

void HookQueue::Enqueue(std::uint64_t number, HookTime now) {
  const Entry& entry_of_number = entries_.at(number);
  CountPending(entry_of_number, true);
  const HookDelivery& delivery = entry_of_number.delivery;
  const LaneKey key{delivery.transfer_id, delivery.kind};
  std::deque<std::uint64_t>& queue = lanes_[key].queue;
  // In the order of the events, also when a dead one comes back; but never in
  // front of one that is being sent. From behind, where a new one belongs.
  auto place = queue.end();
  const auto gives_way = [&](std::uint64_t other) {
    const Entry& entry = entries_.at(other);
    return !entry.sending && entry.delivery.sequence > delivery.sequence;
  };
  while (place != queue.begin() && gives_way(*(place - 1))) --place;
  const bool is_head = place == queue.begin();
  queue.insert(place, number);
  if (is_head) Schedule(key, now);
}

HookTime HookQueue::DueOf(const LaneKey& key, const Entry& head) const {
  if (key.second != HookKind::kAction ||
      !lanes_.contains({key.first, HookKind::kEvent})) {
    return head.not_before;
  }
  return std::max(head.not_before, head.added + limits_.action_wait);
}

void HookQueue::Schedule(const LaneKey& key, HookTime now) {
  Lane& lane = lanes_.at(key);
  if (lane.state == Lane::State::kSending) return;
  LeaveState(key, lane);
  const Entry& head = entries_.at(lane.queue.front());
  const HookTime due = DueOf(key, head);
  if (due > now) {
    lane.state = Lane::State::kWaiting;
    lane.due = due;
    timers_.insert({due, key});
    return;
  }
  lane.state = Lane::State::kReady;
  Origin& origin = OriginOf(head.delivery.origin);
  origin.ready.push_back(key);
  GiveTurn(head.delivery.origin, origin);
}

// What a lane waits in no longer holds it.
void HookQueue::LeaveState(const LaneKey& key, Lane& lane) {
  if (lane.state == Lane::State::kWaiting) {
    timers_.erase({lane.due, key});
    return;
  }
  // A ready lane whose head changes: rare, so the search may cost.
  for (auto& [name, origin] : origins_) std::erase(origin.ready, key);
  for (std::deque<std::string>* turns : {&turns_, &silent_turns_}) {
    std::erase_if(*turns, [this](const std::string& name) {
      Origin& origin = origins_.at(name);
      if (!origin.ready.empty()) return false;
      origin.has_turn = false;
      return true;
    });
  }
}

HookQueue::Origin& HookQueue::OriginOf(const std::string& name) {
  const auto [place, is_new] = origins_.try_emplace(name);
  if (is_new) {
    place->second.allowance = std::min(kFirstAllowance, limits_.max_per_host);
  }
  return place->second;
}

void HookQueue::GiveTurn(const std::string& name, Origin& origin) {
  if (origin.has_turn || origin.ready.empty() ||
      origin.sending >= origin.allowance) {
    return;
  }
  origin.has_turn = true;
  (origin.silent ? silent_turns_ : turns_).push_back(name);
}

void HookQueue::Learn(bool answered, const std::string& name, Origin& origin) {
  if (answered && origin.silent && origin.has_turn) {
    std::erase(silent_turns_, name);
    origin.has_turn = false;
  }
  origin.silent = !answered;
  origin.allowance = answered
                         ? std::min(2 * origin.allowance, limits_.max_per_host)
                         : std::max<std::size_t>(1, origin.allowance / 2);
}

void HookQueue::ForgetIdleOrigins() {
  // Kept while they are few, because of what was learned of them.
  if (origins_.size() <= kMaxOrigins) return;
  std::erase_if(origins_, [](const auto& entry) {
    return entry.second.ready.empty() && entry.second.sending == 0;
  });
}

void HookQueue::PopHead(const LaneKey& key, HookTime now) {
  Lane& lane = lanes_.at(key);
  lane.queue.pop_front();
  if (!lane.queue.empty()) {
    Schedule(key, now);
    return;
  }
  lanes_.erase(key);
  const LaneKey action{key.first, HookKind::kAction};
  if (key.second != HookKind::kEvent) return;
  const auto waiting = lanes_.find(action);
  if (waiting != lanes_.end() &&
      waiting->second.state == Lane::State::kWaiting) {
    Schedule(action, now);
  }
}

// ---- Bounds -------------------------------------------------------------

bool HookQueue::HasRoom(const HookDelivery& delivery) const {
  const std::size_t more = delivery.kind == HookKind::kAction ? 2 : 1;
  const auto of_origin = pending_of_.find(delivery.origin);
  const std::size_t share = limits_.max_pending - limits_.max_pending / 4;
  return pending() < more * limits_.max_pending &&
         (of_origin == pending_of_.end() || of_origin->second < more * share) &&
         bytes_ + BytesOf(delivery) <= more * limits_.max_bytes;
}

void HookQueue::CountPending(const Entry& entry, bool more) {
  std::size_t& count = pending_of_[entry.delivery.origin];
  count = more ? count + 1 : count - 1;
  if (count == 0) pending_of_.erase(entry.delivery.origin);
}

void HookQueue::StoreAll() {
  for (const auto& [number, entry] : entries_) Store(entry);
}

void HookQueue::Remove(std::uint64_t number) {
  const auto entry = entries_.find(number);
  if (!entry->second.delivery.dead) CountPending(entry->second, false);
  bytes_ -= entry->second.bytes;
  changes_.emplace_back(HookRemoved{entry->second.delivery.id});
  numbers_.erase(entry->second.delivery.id);
  entries_.erase(entry);
}

void HookQueue::Bury(std::uint64_t number) {
  Entry& entry = entries_.at(number);
  entry.delivery.dead = true;
  dead_.insert(number);
  Store(entry);
  TrimDead(0, number);
}

void HookQueue::TrimDead(std::size_t more, std::uint64_t spared) {
  auto oldest = dead_.begin();
  while (oldest != dead_.end() && (dead_.size() > limits_.max_dead_letters ||
                                   bytes_ + more > limits_.max_bytes)) {
    if (*oldest == spared) {
      ++oldest;
      continue;
    }
    Remove(*oldest);
    oldest = dead_.erase(oldest);
  }
}

}  // namespace callcontrol::server
