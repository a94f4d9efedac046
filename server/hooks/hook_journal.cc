// SPDX-License-Identifier: Apache-2.0
#include "server/hooks/hook_journal.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace callcontrol::server {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// How long the disk is left alone after a failure; doubled with each more.
constexpr milliseconds kFirstPause{1'000};
constexpr milliseconds kLongestPause{8'000};
constexpr milliseconds kNoHurry{60'000};
// A write that takes longer is on a disk that is no use for now.
constexpr milliseconds kStuck{1'000};

const std::string& IdOf(const HookChange& change) {
  const auto* removed = std::get_if<HookRemoved>(&change);
  return removed != nullptr ? removed->id : std::get<HookDelivery>(change).id;
}

bool IsRemoval(const HookChange& change) {
  return std::holds_alternative<HookRemoved>(change);
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
    for (HookChange& change : changes) Merge(std::move(change));
  }
  changed_.NotifyOne();
}

bool HookJournal::healthy() const {
  MutexLock lock(mutex_);
  const bool stuck = !writing_.empty() && Clock::now() - write_began_ > kStuck;
  return !path_.empty() && healthy_ && !stuck;
}

void HookJournal::Run() {
  // What was left behind is taken up at once.
  std::error_code ignored;
  wanted_ = std::filesystem::exists(path_, ignored);
  milliseconds pause = kFirstPause;
  bool go_on = true;
  while (true) {
    const absl::Status status = WriteBacklog();
    Tell(status);
    if (!go_on) return;
    go_on = Rest(status.ok() ? std::nullopt : std::optional(pause));
    pause = status.ok() ? kFirstPause : std::min(2 * pause, kLongestPause);
  }
}

bool HookJournal::Rest(std::optional<milliseconds> pause) {
  MutexLock lock(mutex_);
  const Clock::time_point until = Clock::now() + pause.value_or(kNoHurry);
  while (!stopping_ && (pause || backlog_.empty()) && Clock::now() < until) {
    changed_.WaitFor(mutex_,
                     std::chrono::ceil<milliseconds>(until - Clock::now()));
  }
  return !stopping_;
}

void HookJournal::Merge(HookChange change) {
  const std::string id = IdOf(change);
  // What never got to the disk need not be taken from it.
  if (IsRemoval(change) && !stored_.contains(id) && !writing_.contains(id)) {
    backlog_.erase(id);
    return;
  }
  backlog_.insert_or_assign(id, std::move(change));
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
  std::vector<HookDelivery> deliveries;
  std::string notice;
  auto store = HookStore::Open(path_, deliveries, &notice);
  if (!notice.empty()) listener_.OnStoreNotice(notice);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  {
    MutexLock lock(mutex_);
    stored_.clear();
    for (const HookDelivery& delivery : deliveries) {
      stored_.insert(delivery.id);
    }
  }
  if (!std::exchange(taken_up_, true) && !deliveries.empty()) {
    listener_.OnRestored(std::move(deliveries));
  }
  return absl::OkStatus();
}

absl::Status HookJournal::WriteBacklog() {
  std::vector<HookChange> changes;
  {
    MutexLock lock(mutex_);
    wanted_ |= !backlog_.empty();
  }
  if (store_ == nullptr && wanted_) {
    if (absl::Status status = OpenStore(); !status.ok()) return status;
  }
  {
    MutexLock lock(mutex_);
    if (backlog_.empty()) return absl::OkStatus();
    writing_.swap(backlog_);
    write_began_ = Clock::now();
    changes.reserve(writing_.size());
    for (const auto& [id, change] : writing_) changes.push_back(change);
  }
  absl::Status status = store_->Write(changes);
  TakeWritten(status);
  if (absl::IsDataLoss(status)) {
    store_.reset();
    const bool moved = HookStore::MoveAside(path_);
    listener_.OnStoreNotice(absl::StrCat(
        status.message(), moved ? "; moved aside to " : "; cannot be moved to ",
        path_, ".damaged"));
    {
      MutexLock lock(mutex_);
      stored_.clear();
    }
    listener_.OnStoreLost();
  }
  return status;
}

void HookJournal::TakeWritten(const absl::Status& status) {
  std::vector<std::string> ids;
  {
    MutexLock lock(mutex_);
    for (auto& [id, change] : writing_) {
      if (!status.ok()) {
        // What has changed since is newer.
        backlog_.try_emplace(id, std::move(change));
      } else if (IsRemoval(change)) {
        stored_.erase(id);
      } else {
        stored_.insert(id);
        ids.push_back(id);
      }
    }
    writing_.clear();
  }
  if (!ids.empty()) listener_.OnStored(std::move(ids));
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
