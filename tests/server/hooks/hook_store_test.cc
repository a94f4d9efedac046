// SPDX-License-Identifier: Apache-2.0
#include "server/hooks/hook_store.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

HookDelivery Delivery(const std::string& id, int second = 0) {
  return {.id = id,
          .kind = HookKind::kAction,
          .transfer_id = "t-1",
          .call_id = "c-1",
          .sip_call_id = std::string("a\0'b", 4),
          .sequence = 7,
          .url = "https://me:pw@app.example/a",
          .origin = "https://app.example:443",
          .body = R"({"x":"y"})",
          .traceparent = "00-x",
          .create_time = absl::FromUnixNanos(1'700'000'000'123'456'789) +
                         absl::Seconds(second),
          .attempts = 3,
          .dead = true,
          .promised = true,
          .last_status = 503,
          .last_error = "HTTP 503"};
}

class HookStoreTest : public ::testing::Test {
 protected:
  HookStoreTest() {
    std::string pattern =
        std::filesystem::temp_directory_path() / "hook_store_XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~HookStoreTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<HookStore> Open() {
    auto store = HookStore::Open(path(), loaded_, &notice_);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  std::string path() const { return folder_ / "hooks.sqlite3"; }

  // What there is, as the next process finds it.
  const std::vector<HookDelivery>& Reloaded() {
    Open();
    return loaded_;
  }

  std::filesystem::path folder_;
  std::vector<HookDelivery> loaded_;
  std::string notice_;
};

TEST_F(HookStoreTest, KeepsEveryFieldOverARestart) {
  ASSERT_TRUE(Open()->Write({Delivery("h-1")}).ok());
  EXPECT_THAT(Reloaded(), ElementsAre(Delivery("h-1")));
  EXPECT_EQ(notice_, "");
}

TEST_F(HookStoreTest, ReplacesAndRemovesInOrder) {
  auto store = Open();
  HookDelivery changed = Delivery("h-1", 1);
  changed.attempts = 4;
  ASSERT_TRUE(
      store
          ->Write({Delivery("h-1", 1), Delivery("h-2", 2), Delivery("h-3", 0),
                   changed, HookRemoved{"h-2"}, HookRemoved{"h-nobody"}})
          .ok());
  store.reset();
  EXPECT_THAT(Reloaded(), ElementsAre(Delivery("h-3", 0), changed));
}

TEST_F(HookStoreTest, IsForItsOwnerOnly) {
  const auto store = Open();
  ASSERT_TRUE(store->Write({Delivery("h-1")}).ok());
  for (const auto& file : std::filesystem::directory_iterator(folder_)) {
    struct stat status {};
    ASSERT_EQ(stat(file.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 077, 0U) << file.path();
  }
}

TEST_F(HookStoreTest, IsForOneProcessAtATime) {
  const auto first = Open();
  const auto second = HookStore::Open(path(), loaded_, &notice_);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("another callcontrold uses it"));
  EXPECT_EQ(notice_, "");
}

TEST_F(HookStoreTest, WhatIsNoDatabaseIsMovedAside) {
  std::ofstream(path()) << std::string(5'000, 'x');
  EXPECT_THAT(Reloaded(), IsEmpty());
  EXPECT_THAT(notice_, HasSubstr("hooks.sqlite3.damaged"));
  EXPECT_EQ(std::filesystem::file_size(path() + ".damaged"), 5'000U);
}

TEST_F(HookStoreTest, DamageInTheMiddleIsFoundAndMovedAside) {
  std::vector<HookChange> many;
  for (int i = 0; i < 500; ++i) {
    many.emplace_back(Delivery("h-" + std::to_string(i)));
  }
  ASSERT_TRUE(Open()->Write(many).ok());
  {
    std::fstream file(path(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(3 * 4096);
    file << std::string(20 * 4096, 'x');
  }
  EXPECT_THAT(Reloaded(), IsEmpty());
  EXPECT_THAT(notice_, HasSubstr("hooks.sqlite3.damaged"));
  ASSERT_TRUE(Open()->Write({Delivery("h-1")}).ok());
}

TEST_F(HookStoreTest, AFileOfALaterVersionIsLeftAlone) {
  ASSERT_TRUE(Open()->Write({Delivery("h-1")}).ok());
  std::fstream file(path(), std::ios::binary | std::ios::in | std::ios::out);
  // The user_version of the database header, big-endian, at offset 60.
  file.seekp(60);
  file.write("\0\0\0\x09", 4);
  file.close();
  const auto store = HookStore::Open(path(), loaded_, &notice_);
  EXPECT_THAT(std::string(store.status().message()),
              HasSubstr("later version (schema 9"));
}

TEST_F(HookStoreTest, AFolderThatIsNotThereIsAnError) {
  const auto store =
      HookStore::Open(folder_ / "no/hooks.sqlite3", loaded_, &notice_);
  EXPECT_THAT(std::string(store.status().message()),
              HasSubstr("No such file or directory"));
}

}  // namespace
}  // namespace callcontrol::server
