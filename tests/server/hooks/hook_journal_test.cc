// SPDX-License-Identifier: Apache-2.0
#include "server/hooks/hook_journal.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

HookDelivery Delivery(const std::string& id) {
  HookDelivery delivery;
  delivery.id = id;
  return delivery;
}

// What a journal told.
class Told final : public HookJournal::Listener {
 public:
  void OnRestored(std::vector<HookDelivery> deliveries) override {
    MutexLock lock(mutex_);
    for (const HookDelivery& delivery : deliveries) {
      restored_.push_back(delivery.id);
    }
    changed_.NotifyOne();
  }
  void OnStored(std::vector<std::string> ids) override {
    MutexLock lock(mutex_);
    stored_.insert(stored_.end(), ids.begin(), ids.end());
    changed_.NotifyOne();
  }
  void OnStoreTrouble(const absl::Status& status) override {
    MutexLock lock(mutex_);
    (status.ok() ? recovered_ : degraded_) += 1;
    changed_.NotifyOne();
  }
  void OnStoreLost() override {
    MutexLock lock(mutex_);
    ++lost_;
    changed_.NotifyOne();
  }
  void OnStoreNotice(const std::string& /*text*/) override {}

  int AwaitLost() {
    MutexLock lock(mutex_);
    for (int i = 0; i < 200 && lost_ == 0; ++i) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(50));
    }
    return lost_;
  }

  std::vector<std::string> AwaitStored(std::size_t count) {
    MutexLock lock(mutex_);
    for (int i = 0; i < 200 && stored_.size() < count; ++i) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(50));
    }
    return stored_;
  }
  std::vector<std::string> AwaitRestored() {
    MutexLock lock(mutex_);
    for (int i = 0; i < 200 && restored_.empty(); ++i) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(50));
    }
    return restored_;
  }
  int AwaitDegraded() {
    MutexLock lock(mutex_);
    for (int i = 0; i < 200 && degraded_ == 0; ++i) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(50));
    }
    return degraded_;
  }

 private:
  Mutex mutex_;
  Condition changed_;
  std::vector<std::string> restored_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> stored_ ABSL_GUARDED_BY(mutex_);
  int degraded_ ABSL_GUARDED_BY(mutex_) = 0;
  int recovered_ ABSL_GUARDED_BY(mutex_) = 0;
  int lost_ ABSL_GUARDED_BY(mutex_) = 0;
};

class HookJournalTest : public ::testing::Test {
 protected:
  HookJournalTest() {
    std::string pattern =
        std::filesystem::temp_directory_path() / "hook_journal_XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~HookJournalTest() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ / "state/hooks.sqlite3"; }

  std::filesystem::path folder_;
};

TEST_F(HookJournalTest, WhatIsWrittenIsThereForTheNextProcess) {
  Told told;
  {
    HookJournal journal(path(), told);
    EXPECT_TRUE(journal.healthy());
    journal.Write({Delivery("h-1"), Delivery("h-2")});
    EXPECT_THAT(told.AwaitStored(2), UnorderedElementsAre("h-1", "h-2"));
    journal.Write({HookRemoved{"h-1"}, Delivery("h-3")});
  }
  Told later;
  HookJournal journal(path(), later);
  EXPECT_THAT(later.AwaitRestored(), UnorderedElementsAre("h-2", "h-3"));
}

TEST_F(HookJournalTest, NothingIsMadeBeforeThereIsSomethingToKeep) {
  Told told;
  { HookJournal journal(path(), told); }
  { HookJournal nowhere("", told); }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(HookJournalTest, WhatComesAndGoesNeedsNoDisk) {
  Told told;
  {
    HookJournal journal(path(), told);
    // In one breath: the removal meets its delivery before the disk does.
    journal.Write({Delivery("h-1"), HookRemoved{"h-1"}});
    journal.Write({HookRemoved{"h-never-there"}});
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  EXPECT_THAT(told.AwaitStored(0), IsEmpty());
}

TEST_F(HookJournalTest, DamageFoundByAWriteIsMovedAsideAndNothingComesTwice) {
  Told first;
  {
    HookJournal journal(path(), first);
    std::vector<HookChange> many;
    for (int i = 0; i < 500; ++i) {
      many.emplace_back(Delivery(absl::StrCat("h-", i)));
    }
    journal.Write(std::move(many));
    first.AwaitStored(500);
  }
  // The root page of the index over the ids: reading the table does not meet
  // it, writing does.
  std::FILE* file = std::fopen(path().c_str(), "r+");
  ASSERT_NE(file, nullptr);
  std::fseek(file, 2 * 4096, SEEK_SET);
  const std::string junk(4096, 'x');
  std::fwrite(junk.data(), 1, junk.size(), file);
  std::fclose(file);

  Told told;
  HookJournal journal(path(), told);
  EXPECT_EQ(told.AwaitRestored().size(), 500U);
  journal.Write({Delivery("h-new")});
  EXPECT_EQ(told.AwaitLost(), 1);
  EXPECT_THAT(told.AwaitStored(1), ElementsAre("h-new"));
  EXPECT_EQ(told.AwaitRestored().size(), 500U) << "once";
  EXPECT_TRUE(std::filesystem::exists(path() + ".damaged"));
}

TEST_F(HookJournalTest, ADiskThatFailsIsToldAndTriedAgain) {
  // A file where the directory should be.
  std::filesystem::create_directories(folder_);
  const std::filesystem::path in_the_way = folder_ / "state";
  std::FILE* file = std::fopen(in_the_way.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fclose(file);
  Told told;
  HookJournal journal(path(), told);
  journal.Write({Delivery("h-1")});
  EXPECT_EQ(told.AwaitDegraded(), 1);
  EXPECT_FALSE(journal.healthy());
  journal.Write({Delivery("h-2"), HookRemoved{"h-1"}});
  std::filesystem::remove(in_the_way);
  EXPECT_THAT(told.AwaitStored(1), ElementsAre("h-2"));
}

}  // namespace
}  // namespace callcontrol::server
