// SPDX-License-Identifier: Apache-2.0
#include "server/hooks/hook_dispatcher.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/log.h"
#include "server/stream_reader.h"
#include "server/stream_sequencer.h"

namespace callcontrol::server {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kNoHurry{60'000};
constexpr milliseconds kLogPause{1'000};

}  // namespace

// Reads one transfer's log for its hooks.
//
// Ownership: the dispatcher's, until the log's end; the log holds it weakly.
// Threads: OnGrew() from any, the rest on the dispatcher's.
class HookDispatcher::Follower final
    : public StreamReader,
      public std::enable_shared_from_this<Follower> {
 public:
  Follower(HookDispatcher& dispatcher, const std::shared_ptr<TransferLog>& log,
           HookTargets targets)
      : dispatcher_(dispatcher),
        source_(TransferLog::Read(log, 0)),
        sip_call_id_(log->Snapshot().sip_call_id()),
        targets_(std::move(targets)) {}

  void OnGrew() override {
    if (!in_inbox_.exchange(true)) dispatcher_.OnGrew(shared_from_this());
  }

  // To be called before reading: what comes from now on is told again.
  void TakenFromInbox() { in_inbox_ = false; }

  StreamItem<v1::ReferEvent> Next() { return source_(); }
  const std::string& sip_call_id() const { return sip_call_id_; }
  HookTargets& targets() { return targets_; }
  v1::TransferResult& result_so_far() { return result_so_far_; }

 private:
  HookDispatcher& dispatcher_;
  StreamSequencer<v1::ReferEvent>::Source source_;
  const std::string sip_call_id_;
  HookTargets targets_;
  v1::TransferResult result_so_far_ = ResultBefore();
  std::atomic<bool> in_inbox_ = false;
};

HookDispatcher::HookDispatcher(Options options, HookGuard guard)
    : options_(std::move(options)),
      guard_(std::move(guard)),
      client_(options_.client, guard_),
      queue_(options_.limits),
      random_(std::random_device()()),
      journal_(options_.store_path, *this),
      thread_([this] { Run(); }) {}

HookDispatcher::~HookDispatcher() {
  if (thread_.joinable()) Stop(milliseconds(0));
}

absl::StatusOr<HookTargets> HookDispatcher::Targets(
    const v1::ReferRequest& request, std::string_view traceparent) const {
  HookTargets targets;
  const auto resolve = [this](const std::string& hook, const char* field,
                              HookTargets::Target& to) {
    if (hook.empty()) return absl::OkStatus();
    auto url = guard_.Resolve(hook, field);
    if (!url.ok()) return url.status();
    to = {std::move(url->text), std::move(url->origin)};
    return absl::OkStatus();
  };
  if (absl::Status status =
          resolve(request.action_hook(), "action_hook", targets.action);
      !status.ok()) {
    return status;
  }
  if (absl::Status status =
          resolve(request.event_hook(), "event_hook", targets.event);
      !status.ok()) {
    return status;
  }
  targets.traceparent = ReadTraceparent(traceparent).value_or("");
  return targets;
}

void HookDispatcher::Follow(const std::shared_ptr<TransferLog>& log,
                            HookTargets targets) {
  if (!targets.any()) return;
  const auto follower =
      std::make_shared<Follower>(*this, log, std::move(targets));
  log->AddReader(follower);
  follower->OnGrew();
}

bool HookDispatcher::Ask(Task task) {
  bool wake = false;
  {
    // In one go: the thread ends once a stop was asked for and the inbox is
    // empty.
    MutexLock lock(mutex_);
    if (stop_by_) return false;
    wake = inbox_.empty();
    inbox_.tasks.push_back(std::move(task));
  }
  if (wake) client_.Wake();
  return true;
}

void HookDispatcher::Stop(milliseconds patience) {
  {
    MutexLock lock(mutex_);
    stop_by_ = Clock::now() + patience;
  }
  client_.Wake();
  thread_.join();
}

// ---- Into the inbox -----------------------------------------------------

void HookDispatcher::OnGrew(std::shared_ptr<Follower> follower) {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    wake = inbox_.empty();
    inbox_.grown.push_back(std::move(follower));
  }
  if (wake) client_.Wake();
}

void HookDispatcher::Post(Task task) {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    wake = inbox_.empty();
    inbox_.tasks.push_back(std::move(task));
  }
  if (wake) client_.Wake();
}

void HookDispatcher::OnRestored(std::vector<HookDelivery> deliveries) {
  Log(Severity::kInfo, "hooks_restored",
      {{"deliveries", absl::StrCat(deliveries.size())}});
  Post([this, deliveries = std::move(deliveries)](HookQueue& queue,
                                                  HookTime now) mutable {
    for (HookDelivery& delivery : deliveries) {
      // What is allowed may have changed, and a file may hold anything: Send()
      // looks again.
      const auto url = guard_.Resolve(delivery.url, "url");
      delivery.origin = url.ok() ? url->origin : "";
      if (delivery.promised) {
        delivery.promised = false;
        changes_.emplace_back(delivery);
      }
      const absl::Duration age =
          std::clamp(absl::Now() - delivery.create_time, absl::ZeroDuration(),
                     absl::Hours(24 * 365));
      queue.Restore(std::move(delivery), absl::ToChronoMilliseconds(age), now);
    }
  });
}

void HookDispatcher::OnStored(std::vector<std::string> ids) {
  Post([ids = std::move(ids)](HookQueue& queue, HookTime now) {
    for (const std::string& id : ids) queue.OnStored(id, now);
  });
}

void HookDispatcher::OnStoreTrouble(const absl::Status& status) {
  if (status.ok()) {
    Log(Severity::kInfo, "hook_store_recovered", {});
    return;
  }
  Log(Severity::kError, "hook_store_degraded",
      {{"error", std::string(status.message())},
       {"effect",
        "hooks are delivered, but those that are not are lost in a crash"}});
  Post([](HookQueue& queue, HookTime now) { queue.OnStoreTrouble(now); });
}

void HookDispatcher::OnStoreLost() {
  // Promises follow with the next event of their transfers.
  Post([](HookQueue& queue, HookTime /*now*/) { queue.StoreAll(); });
}

void HookDispatcher::OnStoreNotice(const std::string& text) {
  Log(Severity::kError, "hook_store_notice", {{"text", text}});
}

// ---- The dispatcher's thread --------------------------------------------

void HookDispatcher::Run() {
  do {
    Inbox inbox = TakeInbox();
    const HookTime now = Clock::now();
    for (const auto& follower : inbox.grown) ReadLog(follower, now);
    for (Task& task : inbox.tasks) std::move(task)(queue_, now);
    for (const HookClient::Ended& ended : client_.Perform()) {
      TakeAttempt(ended, now);
    }
    while (const HookDelivery* delivery = queue_.StartNext(now)) {
      const absl::Status sent = Send(*delivery);
      if (sent.ok()) continue;
      TakeAttempt({delivery->id,
                   {.error = std::string(sent.message()), .permanent = true}},
                  now);
    }
    // A promise before what became of it: the newest counts.
    std::vector<HookChange> changes = std::exchange(changes_, {});
    std::vector<HookChange> of_queue = queue_.TakeChanges();
    changes.insert(changes.end(), std::make_move_iterator(of_queue.begin()),
                   std::make_move_iterator(of_queue.end()));
    journal_.Write(std::move(changes));
  } while (Rest());
}

HookDispatcher::Inbox HookDispatcher::TakeInbox() {
  MutexLock lock(mutex_);
  return std::exchange(inbox_, {});
}

void HookDispatcher::ReadLog(const std::shared_ptr<Follower>& follower,
                             HookTime now) {
  follower->TakenFromInbox();
  std::string& traceparent = follower->targets().traceparent;
  if (traceparent.empty()) traceparent = NewTraceparent(random_(), random_());
  for (;;) {
    const StreamItem<v1::ReferEvent> item = follower->Next();
    if (item.message) TakeEvent(*item.message, *follower, now);
    if (item.end) {
      followers_.erase(follower);
      return;
    }
    if (!item.message) break;
  }
  followers_.insert(follower);
}

void HookDispatcher::TakeEvent(const v1::ReferEvent& event, Follower& follower,
                               HookTime now) {
  auto delivery = DeliveryOf(event, follower.sip_call_id(), follower.targets());
  if (delivery) {
    const std::string id = delivery->id;
    queue_.Add(*std::move(delivery), !journal_.healthy(), now);
    LogIfDead(id, now);
  }
  // The result's own delivery has the promise's id, and takes its place.
  if (event.has_result()) return;
  AddEvent(event, follower.result_so_far());
  auto promise = PromiseOf(event, follower.result_so_far(),
                           follower.sip_call_id(), follower.targets());
  if (promise) changes_.emplace_back(*std::move(promise));
}

bool HookDispatcher::MayHaveToken(const HookUrl& url) const {
  if (std::ranges::find(options_.bearer_hosts, url.host) ==
      options_.bearer_hosts.end()) {
    return false;
  }
  // In clear text only where the configuration itself says so.
  return url.origin == guard_.base().origin ||
         absl::StartsWith(url.origin, "https://");
}

absl::Status HookDispatcher::Send(const HookDelivery& delivery) {
  const auto url = guard_.Resolve(delivery.url, "url");
  if (!url.ok()) return url.status();
  const std::string trace = ReadTraceparent(delivery.traceparent)
                                .value_or(NewTraceparent(random_(), random_()));
  std::vector<std::string> headers = {
      "Content-Type: application/json",
      "Expect:", absl::StrCat("X-Callcontrol-Delivery: ", delivery.id),
      absl::StrCat("X-Callcontrol-Attempt: ", delivery.attempts),
      absl::StrCat("traceparent: ", WithSpan(trace, random_()))};
  if (!options_.signing_keys.empty()) {
    headers.push_back(absl::StrCat(
        "X-Callcontrol-Signature: ",
        Signature(options_.signing_keys, absl::Now(), delivery.body)));
  }
  const bool gets_token = !options_.bearer_token.empty() &&
                          MayHaveToken(*url) &&
                          // Its own credentials come first.
                          WithoutCredentials(delivery.url) == delivery.url;
  if (gets_token) {
    headers.push_back(
        absl::StrCat("Authorization: Bearer ", options_.bearer_token));
  }
  client_.Start(delivery, headers);
  return absl::OkStatus();
}

void HookDispatcher::TakeAttempt(const HookClient::Ended& ended, HookTime now) {
  Log(Severity::kDebug, "hook_attempt",
      {{"delivery_id", ended.id},
       {"http_status", absl::StrCat(ended.attempt.http_status)},
       {"error", ended.attempt.error}});
  const double jitter = std::uniform_real_distribution<double>()(random_);
  queue_.OnAttempt(ended.id, ended.attempt, jitter, now);
  LogIfDead(ended.id, now);
}

void HookDispatcher::LogIfDead(const std::string& id, HookTime now) {
  const HookQueue::Entry* entry = queue_.Find(id);
  if (entry == nullptr || !entry->delivery.dead) return;
  const HookDelivery& delivery = entry->delivery;
  if (now - dead_letter_logged_ < kLogPause) {
    ++dead_letters_unlogged_;
    return;
  }
  Log(Severity::kWarning, "hook_dead_letter",
      {{"delivery_id", delivery.id},
       {"transfer_id", delivery.transfer_id},
       {"to", delivery.origin},
       {"attempts", absl::StrCat(delivery.attempts)},
       {"error", delivery.last_error},
       {"others_since_last_line", absl::StrCat(dead_letters_unlogged_)}});
  dead_letter_logged_ = now;
  dead_letters_unlogged_ = 0;
}

bool HookDispatcher::Rest() {
  HookTime until = Clock::now() + kNoHurry;
  const std::optional<HookTime> wake = queue_.NextWake();
  if (wake) until = std::min(until, *wake);
  {
    MutexLock lock(mutex_);
    if (!inbox_.empty()) return true;
    if (stop_by_) {
      const bool idle = queue_.sending() == 0 && (!wake || *wake > *stop_by_);
      if (idle || Clock::now() >= *stop_by_) return false;
      until = std::min(until, *stop_by_);
    }
  }
  const auto wait = std::chrono::ceil<milliseconds>(until - Clock::now());
  client_.Wait(std::max(wait, milliseconds(0)));
  return true;
}

}  // namespace callcontrol::server
