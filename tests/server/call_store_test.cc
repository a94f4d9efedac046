// SPDX-License-Identifier: Apache-2.0
#include "server/call_store.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::server {
namespace {

using sip::CallChange;
using sip::CallPhase;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Source = StreamSequencer<v1::CallEvent>::Source;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

CallSnapshotPtr Call(const std::string& call_id, CallPhase phase) {
  auto call = std::make_shared<sip::CallSnapshot>();
  call->call_id = call_id;
  call->phase = phase;
  return call;
}

// Reads all that a watch has now, as "1 INCOMING c-1".
std::vector<std::string> ReadAll(Source& source) {
  std::vector<std::string> read;
  for (;;) {
    const StreamItem<v1::CallEvent> item = source();
    if (item.end) {
      read.push_back(absl::StrCat("ended: ", DetailOf(*item.end).reason));
      return read;
    }
    if (!item.message) return read;
    const std::string type = v1::CallEventType_Name(item.message->type());
    read.push_back(
        absl::StrCat(item.message->sequence(), " ",
                     type.substr(std::string("CALL_EVENT_TYPE_").size()), " ",
                     item.message->call().call_id()));
  }
}

class Reader : public StreamReader {
 public:
  explicit Reader(std::function<void()> on_grew = [] {})
      : on_grew_(std::move(on_grew)) {}
  void OnGrew() override {
    ++grew;
    on_grew_();
  }
  int grew = 0;

 private:
  std::function<void()> on_grew_;
};

class CallStoreTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kBound = 4;

  CallStoreTest()
      : store_({.retention = absl::Minutes(1),
                .max_kept = 3,
                .watch_bound = kBound}) {}

  void Arrive(const std::string& id, absl::Time now = kStart) {
    store_.OnCall(Call(id, CallPhase::kIncoming), CallChange::kIncoming, now);
  }
  void Answer(const std::string& id, absl::Time now = kStart) {
    store_.OnCall(Call(id, CallPhase::kAnswered), CallChange::kAnswered, now);
  }
  void End(const std::string& id, absl::Time now = kStart) {
    store_.OnCall(Call(id, CallPhase::kEnded), CallChange::kEnded, now);
  }
  bool Has(const std::string& id, absl::Time now = kStart) {
    return store_.Find(id, now) != nullptr;
  }
  std::vector<std::string> List(std::uint64_t before = UINT64_MAX,
                                absl::Time now = kStart) {
    std::vector<std::string> ids;
    for (const auto& [number, call] : store_.List(before, 100, now)) {
      EXPECT_LT(number, before);
      ids.push_back(call->call_id);
    }
    return ids;
  }
  Source Watch(const std::string& call_id = "", const std::string& tag = "") {
    return CallWatch::Read(
        store_.Watch({.call_id = call_id, .tag = tag}, kStart));
  }

  CallStore store_;
};

// ---- Calls --------------------------------------------------------------

TEST_F(CallStoreTest, KeepsTheLastSnapshotOfACall) {
  EXPECT_FALSE(Has("c-1"));
  Arrive("c-1");
  EXPECT_EQ(store_.Find("c-1", kStart)->phase, CallPhase::kIncoming);
  Answer("c-1");
  EXPECT_EQ(store_.Find("c-1", kStart)->phase, CallPhase::kAnswered);
  EXPECT_THAT(List(), ElementsAre("c-1"));
}

TEST_F(CallStoreTest, AnEndedCallIsKeptForItsTime) {
  Arrive("c-1");
  End("c-1");
  EXPECT_EQ(store_.Find("c-1", kStart)->phase, CallPhase::kEnded);
  EXPECT_TRUE(Has("c-1", kStart + absl::Minutes(1)));
  EXPECT_FALSE(Has("c-1", kStart + absl::Seconds(61)));
  EXPECT_THAT(List(), IsEmpty());
}

TEST_F(CallStoreTest, ALiveCallIsKept) {
  Arrive("c-1");
  EXPECT_TRUE(Has("c-1", kStart + absl::Hours(1000)));
}

TEST_F(CallStoreTest, OfTooManyTheFirstToEndGoes) {
  for (const char* id : {"c-1", "c-2", "c-3", "c-4", "c-5"}) Arrive(id);
  for (const char* id : {"c-4", "c-2", "c-1", "c-3"}) End(id);
  EXPECT_FALSE(Has("c-4"));
  EXPECT_THAT(List(), ElementsAre("c-5", "c-3", "c-2", "c-1"));
}

TEST_F(CallStoreTest, ListsTheNewestFirst) {
  for (const char* id : {"c-1", "c-2", "c-3"}) Arrive(id);
  Answer("c-1");
  EXPECT_THAT(List(), ElementsAre("c-3", "c-2", "c-1"))
      << "a change makes no call newer";
}

TEST_F(CallStoreTest, APageBeginsBelowTheLastNumber) {
  for (const char* id : {"c-1", "c-2", "c-3"}) Arrive(id);
  const auto all = store_.List(UINT64_MAX, 100, kStart);
  ASSERT_EQ(all.size(), 3u);
  Arrive("c-4");  // Between two pages.
  EXPECT_THAT(List(all[0].first), ElementsAre("c-2", "c-1"));
  EXPECT_THAT(List(all[2].first), IsEmpty());
  EXPECT_EQ(store_.List(UINT64_MAX, 2, kStart).back().second->call_id, "c-3");
}

// ---- Watches ------------------------------------------------------------

TEST_F(CallStoreTest, AWatchBeginsWithASnapshotAndGoesOnWithChanges) {
  Arrive("c-1");
  Arrive("c-2");
  Source watch = Watch();
  EXPECT_THAT(ReadAll(watch), ElementsAre("1 SNAPSHOT c-1", "2 SNAPSHOT c-2"));
  Answer("c-1");
  Arrive("c-3");
  End("c-2");
  EXPECT_THAT(ReadAll(watch),
              ElementsAre("3 ANSWERED c-1", "4 INCOMING c-3", "5 ENDED c-2"));
  EXPECT_THAT(ReadAll(watch), IsEmpty());
}

TEST_F(CallStoreTest, AWatchMayWantSomeChangesOnly) {
  Arrive("c-1");
  CallSelection selection;
  selection.types.set(v1::CALL_EVENT_TYPE_ANSWERED);
  const auto watched = store_.Watch(selection, kStart);
  const auto reader = std::make_shared<Reader>();
  watched->SetReader(reader);
  Source watch = CallWatch::Read(watched);
  EXPECT_THAT(ReadAll(watch), ElementsAre("1 SNAPSHOT c-1"));
  Arrive("c-2");
  End("c-1");
  EXPECT_EQ(reader->grew, 0) << "nobody is woken for nothing";
  Answer("c-2");
  EXPECT_EQ(reader->grew, 1);
  EXPECT_THAT(ReadAll(watch), ElementsAre("2 ANSWERED c-2"));
}

TEST_F(CallStoreTest, ChangesThatNobodyWantsDoNotFillTheQueue) {
  CallSelection selection;
  selection.types.set(v1::CALL_EVENT_TYPE_ENDED);
  Source watch = CallWatch::Read(store_.Watch(selection, kStart));
  for (std::size_t i = 0; i <= kBound; ++i) Answer("c-1");
  End("c-1");
  EXPECT_THAT(ReadAll(watch), ElementsAre("1 ENDED c-1"));
}

TEST(ReadSelectionTest, NamesTheTypeThatDoesNotExist) {
  v1::WatchCallsRequest request;
  request.add_types(v1::CALL_EVENT_TYPE_ENDED);
  ASSERT_TRUE(ReadSelection(request).ok());
  for (const int wrong : {0, -1, v1::CallEventType_ARRAYSIZE, 1 << 30}) {
    request.set_types(0, static_cast<v1::CallEventType>(wrong));
    const absl::Status status = ReadSelection(request).status();
    EXPECT_EQ(DetailOf(status).reason, "UNKNOWN_TYPE") << wrong;
    EXPECT_EQ(DetailOf(status).field, "types") << wrong;
  }
}

TEST_F(CallStoreTest, ASnapshotHasTheCallAsItWas) {
  Answer("c-1");
  Source watch = Watch();
  End("c-1");
  const auto first = watch().message;
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->call().state(), v1::CALL_STATE_ANSWERED);
  EXPECT_EQ(first->time().seconds(), 1'700'000'000);
  const auto second = watch().message;
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->call().state(), v1::CALL_STATE_ENDED);
}

TEST_F(CallStoreTest, EndedCallsAreNotInASnapshot) {
  Arrive("c-1");
  End("c-1");
  Arrive("c-2");
  Source watch = Watch();
  EXPECT_THAT(ReadAll(watch), ElementsAre("1 SNAPSHOT c-2"));
}

TEST_F(CallStoreTest, AWatchMayBeOfOneCall) {
  Arrive("c-1");
  Arrive("c-2");
  Source watch = Watch("c-2");
  Answer("c-1");
  Answer("c-2");
  EXPECT_THAT(ReadAll(watch), ElementsAre("1 SNAPSHOT c-2", "2 ANSWERED c-2"));
}

TEST_F(CallStoreTest, AWatchMayWaitForACall) {
  Source watch = Watch("c-9");
  EXPECT_THAT(ReadAll(watch), IsEmpty());
  Arrive("c-9");
  EXPECT_THAT(ReadAll(watch), ElementsAre("1 INCOMING c-9"));
}

TEST_F(CallStoreTest, WatchesAreNumberedEachForItself) {
  Arrive("c-1");
  Source one = Watch();
  Answer("c-1");
  Source other = Watch();
  End("c-1");
  EXPECT_THAT(ReadAll(one),
              ElementsAre("1 SNAPSHOT c-1", "2 ANSWERED c-1", "3 ENDED c-1"));
  EXPECT_THAT(ReadAll(other), ElementsAre("1 SNAPSHOT c-1", "2 ENDED c-1"));
}

// ---- Watchers that are too slow -----------------------------------------

TEST_F(CallStoreTest, AWatchHoldsAsMuchAsItsBound) {
  Source watch = Watch();
  for (std::size_t i = 0; i < kBound; ++i) Answer("c-1");
  EXPECT_EQ(ReadAll(watch).size(), kBound);
}

TEST_F(CallStoreTest, AWatchThatIsTooSlowIsEnded) {
  Source watch = Watch();
  for (std::size_t i = 0; i < kBound + 1; ++i) Answer("c-1");

  const StreamItem<v1::CallEvent> item = watch();

  EXPECT_EQ(item.message, nullptr);
  ASSERT_TRUE(item.end.has_value());
  EXPECT_EQ(item.end->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(DetailOf(*item.end), (ErrorDetail{.reason = "WATCHER_TOO_SLOW"}));
}

TEST_F(CallStoreTest, AWatchThatIsTooSlowStaysEnded) {
  Source watch = Watch();
  for (std::size_t i = 0; i < 3 * kBound; ++i) Answer("c-1");
  EXPECT_THAT(ReadAll(watch), ElementsAre("ended: WATCHER_TOO_SLOW"));
  Answer("c-1");
  EXPECT_THAT(ReadAll(watch), ElementsAre("ended: WATCHER_TOO_SLOW"));
}

TEST_F(CallStoreTest, ReadingMakesRoom) {
  Source watch = Watch();
  for (int round = 0; round < 10; ++round) {
    for (std::size_t i = 0; i < kBound; ++i) Answer("c-1");
    EXPECT_EQ(ReadAll(watch).size(), kBound);
  }
}

TEST_F(CallStoreTest, TheSnapshotDoesNotCountAgainstTheBound) {
  for (int i = 0; i < 100; ++i) Arrive(absl::StrCat("c-", i));
  Source watch = Watch();
  for (std::size_t i = 0; i < kBound; ++i) Answer("c-1");
  EXPECT_EQ(ReadAll(watch).size(), 100 + kBound);
}

TEST_F(CallStoreTest, OneSlowWatchHarmsNoOther) {
  Source slow = Watch();
  Source fast = Watch();
  for (std::size_t i = 0; i < 2 * kBound; ++i) {
    Answer("c-1");
    EXPECT_EQ(ReadAll(fast).size(), 1u);
  }
  EXPECT_THAT(ReadAll(slow), ElementsAre("ended: WATCHER_TOO_SLOW"));
}

TEST_F(CallStoreTest, WhatAWatchLeavesOutFillsNothing) {
  Source watch = Watch("c-2");
  for (std::size_t i = 0; i < 2 * kBound; ++i) Answer("c-1");
  Answer("c-2");
  EXPECT_THAT(ReadAll(watch), ElementsAre("1 ANSWERED c-2"));
}

// ---- Waking readers -----------------------------------------------------

TEST_F(CallStoreTest, ReadersAreToldOfEveryChange) {
  const auto watch = store_.Watch({}, kStart);
  const auto reader = std::make_shared<Reader>();
  watch->SetReader(reader);
  Arrive("c-1");
  End("c-1");
  EXPECT_EQ(reader->grew, 2);
}

// What would deadlock, were the store or the watch still locked.
TEST_F(CallStoreTest, ReadersAreToldOutsideTheLocks) {
  const auto watch = store_.Watch({}, kStart);
  Source source = CallWatch::Read(watch);
  std::vector<std::string> read;
  const auto reader = std::make_shared<Reader>([&] {
    read = ReadAll(source);
    EXPECT_THAT(List(), ElementsAre("c-1"));
    Watch();
  });
  watch->SetReader(reader);
  Arrive("c-1");
  EXPECT_THAT(read, ElementsAre("1 INCOMING c-1"));
}

TEST_F(CallStoreTest, WatchesAndReadersThatAreGoneAreForgotten) {
  auto watch = store_.Watch({}, kStart);
  watch->SetReader(std::make_shared<Reader>());
  Arrive("c-1");  // The reader is gone.
  const std::weak_ptr<CallWatch> gone = watch;
  watch.reset();
  EXPECT_TRUE(gone.expired()) << "the store holds it weakly";
  Arrive("c-2");
}

TEST_F(CallStoreTest, ThreadsMayWatchWhileCallsChange) {
  std::vector<std::thread> watchers;
  watchers.reserve(3);
  for (int t = 0; t < 3; ++t) {
    watchers.emplace_back([this] {
      for (int i = 0; i < 50; ++i) {
        const auto watch = store_.Watch({}, kStart);
        watch->SetReader(std::make_shared<Reader>());
        Source source = CallWatch::Read(watch);
        ReadAll(source);
        List();
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    const std::string id = absl::StrCat("c-", i);
    Arrive(id);
    End(id);
  }
  for (std::thread& watcher : watchers) watcher.join();
  EXPECT_THAT(List(), ElementsAre("c-199", "c-198", "c-197"));
}

}  // namespace
}  // namespace callcontrol::server
