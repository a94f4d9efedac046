// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_HOOKS_HOOK_QUEUE_H_
#define CALLCONTROL_SERVER_HOOKS_HOOK_QUEUE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/hooks/hook_delivery.h"

namespace callcontrol::server {

// An instant of the monotonic clock.
using HookTime = std::chrono::steady_clock::time_point;

// config.proto's Hooks, in its words.
struct HookLimits {
  std::chrono::milliseconds action_wait{5'000};
  int max_attempts = 20;
  std::chrono::milliseconds max_age{std::chrono::hours(6)};
  std::chrono::milliseconds first_retry{1'000};
  std::chrono::milliseconds longest_retry{600'000};
  std::size_t max_pending = 50'000;
  std::size_t max_bytes = 67'108'864;
  std::size_t max_dead_letters = 10'000;
  std::size_t max_per_host = 32;
  std::size_t max_at_once = 256;
  // How long a new delivery waits to be on the disk before it is sent.
  std::chrono::milliseconds save_wait{1'000};
};

// The pause before the next attempt: doubled with each of the `attempts` made,
// half of it random (`jitter` from 0 to below 1), never less than what the
// receiver asked for, up to the longest one where that is longer.
std::chrono::milliseconds RetryPause(
    const HookLimits& limits, int attempts,
    std::optional<std::chrono::seconds> retry_after, double jitter);

// Which delivery is sent next, and what becomes of it.
//
//           Add()            StartNext()            2xx
//   (new) -------> pending ------------> sending ---------> (gone)
//                   ^   ^                   |  |
//           Retry() |   +-- connection, ----+  | others, or too often,
//                   |       408, 429, 5xx      | or too old
//                  dead <----------------------+
//
// The event hooks of a transfer are sent one after the other, each once the one
// before has arrived or was given up; its action hook follows the last of them,
// or `action_wait` after it was added, whichever is first. Transfers don't wait
// for each other, except that a host has only so many connections: hosts take
// turns. How many it has is learned: a few at first, twice as many with each
// answer, half as many after an attempt that nobody answered; and hosts that
// are silent have half of all connections at most between them. No host takes
// more than three quarters of the room for what waits.
//
// Ownership: a value. Threads: thread-compatible. Errors: none; what there is
// no room for becomes a dead letter. Time: handed in, monotonic.
class HookQueue {
 public:
  explicit HookQueue(const HookLimits& limits) : limits_(limits) {}

  // A new delivery. `stored`: it need not wait for OnStored().
  void Add(HookDelivery delivery, bool stored, HookTime now);

  // A delivery of an earlier life of the server, `age` old, dead ones included.
  // One that is known already is left alone.
  void Restore(HookDelivery delivery, std::chrono::milliseconds age,
               HookTime now);

  // The delivery is on the disk: it may be sent.
  void OnStored(const std::string& id, HookTime now);

  // The disk is no use: nobody waits for it any longer.
  void OnStoreTrouble(HookTime now);

  // The next delivery to send, marked as being sent, its attempt counted. Null
  // where none may be sent now. Valid until the next call.
  const HookDelivery* StartNext(HookTime now);

  // How that went.
  void OnAttempt(const std::string& id, const HookAttempt& attempt,
                 double jitter, HookTime now);

  // What an operator asks for: tried now, a dead one with all its attempts
  // anew. False where there is no such delivery.
  bool Retry(const std::string& id, HookTime now);

  // When StartNext() may have something that it does not have now; nullopt:
  // when a call changes that.
  std::optional<HookTime> NextWake() const;

  // Everything counts as changed: what was stored is lost.
  void StoreAll();

  // What has changed since the last call, for the store, in order.
  std::vector<HookChange> TakeChanges();

  // ---- For people ----

  struct Entry {
    HookDelivery delivery;
    bool sending = false;
    HookTime not_before{};
    HookTime born{};
    // When this process learned of it; `born` may be in an earlier one.
    HookTime added{};
    std::size_t bytes = 0;
  };
  // By number; numbers rise with every Add() and Restore().
  const std::map<std::uint64_t, Entry>& entries() const { return entries_; }
  const Entry* Find(const std::string& id) const;
  std::size_t pending() const { return entries_.size() - dead_.size(); }
  std::size_t dead() const { return dead_.size(); }
  std::size_t sending() const { return sending_; }

 private:
  using LaneKey = std::pair<std::string, HookKind>;
  // What is sent in order: the event hooks of one transfer, or its action hook.
  struct Lane {
    // Numbers, oldest first; never empty.
    std::deque<std::uint64_t> queue;
    enum class State { kWaiting, kReady, kSending } state = State::kWaiting;
    // Of kWaiting: where it stands in timers_.
    HookTime due{};
  };
  struct Origin {
    std::deque<LaneKey> ready;
    std::size_t sending = 0;
    // Attempts at once that it has earned.
    std::size_t allowance = 0;
    // The last attempt got no answer.
    bool silent = false;
    // Stands in turns_ or in silent_turns_.
    bool has_turn = false;
  };

  Entry& Insert(HookDelivery delivery, std::chrono::milliseconds age,
                HookTime now);
  void Enqueue(std::uint64_t number, HookTime now);
  // Looks anew when the head of a lane that isn't sending may go.
  void Schedule(const LaneKey& key, HookTime now);
  HookTime DueOf(const LaneKey& key, const Entry& head) const;
  void LeaveState(const LaneKey& key, Lane& lane);
  Origin& OriginOf(const std::string& name);
  void GiveTurn(const std::string& name, Origin& origin);
  // What an attempt said about its origin.
  void Learn(bool answered, const std::string& name, Origin& origin);
  void ForgetIdleOrigins();
  // The head has left its lane.
  void PopHead(const LaneKey& key, HookTime now);
  void Remove(std::uint64_t number);
  void CountPending(const Entry& entry, bool more);
  void Bury(std::uint64_t number);
  // Drops the oldest dead letters until they are few enough and `more` bytes
  // fit; never `spared`, so that one that has just died is seen.
  void TrimDead(std::size_t more = 0, std::uint64_t spared = 0);
  bool HasRoom(const HookDelivery& delivery) const;
  void Store(const Entry& entry) { changes_.emplace_back(entry.delivery); }

  const HookLimits limits_;
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, Entry> entries_;
  std::unordered_map<std::string, std::uint64_t> numbers_;
  std::set<std::uint64_t> dead_;
  std::size_t bytes_ = 0;
  std::size_t sending_ = 0;
  std::map<LaneKey, Lane> lanes_;
  std::set<std::pair<HookTime, LaneKey>> timers_;
  std::map<std::string, Origin> origins_;
  // How much waits for each, where anything does.
  std::unordered_map<std::string, std::size_t> pending_of_;
  // Origins with something ready and room for it, each once.
  std::deque<std::string> turns_;
  std::deque<std::string> silent_turns_;
  // Attempts under way that began while their origin was silent.
  std::set<std::uint64_t> silent_attempts_;
  std::vector<HookChange> changes_;
};

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_HOOKS_HOOK_QUEUE_H_
