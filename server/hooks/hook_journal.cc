// SPDX-License-Identifier: Apache-2.0
#include "server/hooks/hook_journal.h"

#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace callcontrol::server {
namespace {

using std::chrono::milliseconds;

// How long the disk is left alone after a failure.
constexpr milliseconds kPause{1'000};
constexpr milliseconds kNoHurry{60'000};
// Unwritten changes that are kept; beyond it the oldest go. What is lost then
// is only the safety against a crash.
constexpr std::size_t kMaxBacklog = 200'000;

const std::string& IdOf(const HookChange& change) {
  const auto* removed = std::get_if<HookRemoved>(&change);
  return removed != nullptr ? removed->id : std::get<HookDelivery>(change).id;
}

}  // namespace

HookJournal::HookJournal(std::string path, Listener& listener)
    : path_(std::move(path)), listener_(listener) {
  if (!path_.empty()) thread_ = std::thread([this] { Run(); });
}

HookJournal::~HookJournal() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyOne();
  if (thread_.joinable()) thread_.join();
}

void HookJournal::Write(std::vector<HookChange> changes) {
  if (path_.empty() || changes.empty()) return;
  {
    MutexLock lock(mutex_);
    handed_in_.insert(handed_in_.end(),
                      std::make_move_iterator(changes.begin()),
                      std::make_move_iterator(changes.end()));
  }
  changed_.NotifyOne();
}

bool HookJournal::healthy() const {
  MutexLock lock(mutex_);
  return !path_.empty() && healthy_;
}

void HookJournal::Run() {
  // What was left behind is taken up at once.
  std::error_code ignored;
  wanted_ = std::filesystem::exists(path_, ignored);
  bool go_on = true;
  while (true) {
    const absl::Status status = WriteBacklog();
    Tell(status);
    if (!go_on) return;
    go_on = Collect(status.ok() ? std::nullopt : std::optional(kPause));
  }
}

bool HookJournal::Collect(std::optional<milliseconds> pause) {
  using Clock = std::chrono::steady_clock;
  std::vector<HookChange> changes;
  bool stopping = false;
  {
    MutexLock lock(mutex_);
    const Clock::time_point until = Clock::now() + pause.value_or(kNoHurry);
    while (!stopping_ && (pause || handed_in_.empty()) &&
           Clock::now() < until) {
      changed_.WaitFor(mutex_,
                       std::chrono::ceil<milliseconds>(until - Clock::now()));
    }
    changes.swap(handed_in_);
    stopping = stopping_;
  }
  for (HookChange& change : changes) Merge(std::move(change));
  return !stopping;
}

void HookJournal::Merge(HookChange change) {
  std::string id = IdOf(change);
  const auto [place, is_new] = backlog_.insert_or_assign(id, std::move(change));
  if (!is_new) return;
  order_.push_back(std::move(id));
  if (order_.size() <= kMaxBacklog) return;
  backlog_.erase(order_.front());
  order_.pop_front();
}

absl::Status HookJournal::OpenStore() {
  std::error_code error;
  const std::filesystem::path folder =
      std::filesystem::path(path_).parent_path();
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat(
        "cannot make the directory ", folder.string(), ": ", error.message()));
  }
  std::string notice;
  auto store = HookStore::Open(path_, &notice);
  if (!notice.empty()) listener_.OnStoreNotice(notice);
  if (!store.ok()) return store.status();
  auto deliveries = (*store)->Load();
  if (!deliveries.ok()) return deliveries.status();
  store_ = *std::move(store);
  if (!deliveries->empty()) listener_.OnRestored(*std::move(deliveries));
  return absl::OkStatus();
}

absl::Status HookJournal::WriteBacklog() {
  if (store_ == nullptr && (wanted_ || !order_.empty())) {
    if (absl::Status status = OpenStore(); !status.ok()) return status;
  }
  if (order_.empty()) return absl::OkStatus();
  std::vector<HookChange> changes;
  changes.reserve(order_.size());
  for (const std::string& id : order_) changes.push_back(backlog_.at(id));
  if (absl::Status status = store_->Write(changes); !status.ok()) {
    return status;
  }
  backlog_.clear();
  order_.clear();
  std::vector<std::string> stored;
  for (HookChange& change : changes) {
    if (auto* delivery = std::get_if<HookDelivery>(&change)) {
      stored.push_back(std::move(delivery->id));
    }
  }
  if (!stored.empty()) listener_.OnStored(std::move(stored));
  return absl::OkStatus();
}

void HookJournal::Tell(const absl::Status& status) {
  {
    MutexLock lock(mutex_);
    if (healthy_ == status.ok()) return;
    healthy_ = status.ok();
  }
  listener_.OnStoreTrouble(status);
}

}  // namespace callcontrol::server
