// SPDX-License-Identifier: Apache-2.0
#include "server/transfer_store.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::server {
namespace {

using sip::TransferPhase;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Source = StreamSequencer<v1::ReferEvent>::Source;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

sip::TransferPlan Plan(const std::string& transfer_id) {
  return {.transfer_id = transfer_id,
          .call_id = "c-1",
          .sip_call_id = "a@h",
          .refer_to = "<sip:carol@example.com>",
          .referred_by = "<sip:bob@example.com>",
          .headers = {}};
}

sip::TransferEvent Progress(int code) {
  sip::TransferStatus status;
  status.status.code = code;
  return status;
}

sip::TransferEvent Result() {
  sip::TransferResult result;
  result.outcome = sip::TransferOutcome::kTransferred;
  result.verdict = sip::TransferVerdict::kSuccess;
  return result;
}

// Reads all that a source has now: the sequences of its messages, and -1 for
// an end with status OK.
std::vector<std::int64_t> ReadAll(Source& source) {
  std::vector<std::int64_t> read;
  for (;;) {
    const StreamItem<v1::ReferEvent> item = source();
    if (item.message) read.push_back(item.message->sequence());
    if (item.end) {
      EXPECT_TRUE(item.end->ok());
      read.push_back(-1);
      return read;
    }
    if (!item.message) return read;
  }
}

// Counts what it is told, and does what the test wants meanwhile.
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

// ---- One log ------------------------------------------------------------

class TransferLogTest : public ::testing::Test {
 protected:
  void Append(const sip::TransferEvent& event,
              TransferPhase phase = TransferPhase::kProgress) {
    now_ += absl::Seconds(1);
    log_->Append(event, phase, now_);
  }

  absl::Time now_ = kStart;
  const std::shared_ptr<TransferLog> log_ =
      std::make_shared<TransferLog>(Plan("t-1"), kStart);
};

TEST_F(TransferLogTest, EventsAreNumberedAndNamed) {
  Append(sip::ReferSent{.cseq = 2});
  Append(Progress(180));

  Source source = TransferLog::Read(log_, 0);
  const auto first = source().message;
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->transfer_id(), "t-1");
  EXPECT_EQ(first->call_id(), "c-1");
  EXPECT_EQ(first->sequence(), 1);
  EXPECT_EQ(first->time().seconds(), 1'700'000'001);
  EXPECT_EQ(first->refer_sent().refer_to(), "<sip:carol@example.com>");
  const auto second = source().message;
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->sequence(), 2);
  EXPECT_EQ(second->transfer_status().call_status(), 180);
}

TEST_F(TransferLogTest, AReaderMayBeginAtTheFirstEvent) {
  Append(Progress(100));
  Append(Progress(180));
  Append(Result());
  Source source = TransferLog::Read(log_, 0);
  EXPECT_THAT(ReadAll(source), ElementsAre(1, 2, 3, -1));
}

TEST_F(TransferLogTest, AReaderMayBeginInTheMiddle) {
  Append(Progress(100));
  Append(Progress(180));
  Append(Result());
  Source source = TransferLog::Read(log_, 1);
  EXPECT_THAT(ReadAll(source), ElementsAre(2, 3, -1));
}

TEST_F(TransferLogTest, AReaderFollowsTheTransfer) {
  Source source = TransferLog::Read(log_, 0);
  EXPECT_THAT(ReadAll(source), IsEmpty());
  Append(Progress(100));
  EXPECT_THAT(ReadAll(source), ElementsAre(1));
  EXPECT_THAT(ReadAll(source), IsEmpty());
  Append(Progress(180));
  Append(Result());
  EXPECT_THAT(ReadAll(source), ElementsAre(2, 3, -1));
}

TEST_F(TransferLogTest, TheResultIsTheLastMessage) {
  Append(Result());
  Source source = TransferLog::Read(log_, 0);
  const StreamItem<v1::ReferEvent> item = source();
  ASSERT_NE(item.message, nullptr);
  EXPECT_TRUE(item.message->has_result());
  ASSERT_TRUE(item.end.has_value()) << "the end comes with it";
}

TEST_F(TransferLogTest, AReaderAfterTheEndEndsAtOnce) {
  Append(Progress(100));
  Append(Result());
  for (const std::int64_t after : {2, 3, 1000}) {
    Source source = TransferLog::Read(log_, after);
    EXPECT_THAT(ReadAll(source), ElementsAre(-1)) << after;
  }
}

TEST_F(TransferLogTest, AReaderMayBeAheadOfARunningTransfer) {
  Append(Progress(100));
  Source source = TransferLog::Read(log_, 2);
  EXPECT_THAT(ReadAll(source), IsEmpty());
  Append(Progress(180));
  EXPECT_THAT(ReadAll(source), IsEmpty()) << "it said that it has read this";
  Append(Progress(183));
  EXPECT_THAT(ReadAll(source), ElementsAre(3));
}

TEST_F(TransferLogTest, ASlowReaderMissesNothing) {
  Source slow = TransferLog::Read(log_, 0);
  Source fast = TransferLog::Read(log_, 0);
  for (int i = 0; i < 1000; ++i) {
    Append(Progress(180));
    EXPECT_THAT(ReadAll(fast), ElementsAre(i + 1));
  }
  Append(Result());
  const std::vector<std::int64_t> read = ReadAll(slow);
  ASSERT_EQ(read.size(), 1002u);
  EXPECT_EQ(read.front(), 1);
  EXPECT_EQ(read[1000], 1001);
}

TEST_F(TransferLogTest, ReadersShareTheMessages) {
  Append(Progress(180));
  Source one = TransferLog::Read(log_, 0);
  Source other = TransferLog::Read(log_, 0);
  EXPECT_EQ(one().message, other().message);
}

// ---- Waking readers -----------------------------------------------------

TEST_F(TransferLogTest, ReadersAreToldOfEveryEvent) {
  const auto one = std::make_shared<Reader>();
  const auto other = std::make_shared<Reader>();
  log_->AddReader(one);
  Append(Progress(100));
  log_->AddReader(other);
  Append(Result());
  EXPECT_EQ(one->grew, 2);
  EXPECT_EQ(other->grew, 1);
}

// What would deadlock, were the log still locked.
TEST_F(TransferLogTest, ReadersAreToldOutsideTheLock) {
  Source source = TransferLog::Read(log_, 0);
  std::vector<std::int64_t> read;
  const auto reader = std::make_shared<Reader>([&] {
    EXPECT_EQ(log_->Snapshot().last_sequence(), 1);
    read = ReadAll(source);
    log_->AddReader(std::make_shared<Reader>());
  });
  log_->AddReader(reader);
  Append(Progress(100));
  EXPECT_THAT(read, ElementsAre(1));
}

TEST_F(TransferLogTest, AReaderThatIsGoneIsForgotten) {
  auto reader = std::make_shared<Reader>();
  const std::weak_ptr<Reader> gone = reader;
  log_->AddReader(reader);
  reader.reset();
  EXPECT_TRUE(gone.expired()) << "the log holds it weakly";
  Append(Progress(100));
}

TEST_F(TransferLogTest, ThreadsMayReadWhileItIsWritten) {
  std::vector<std::thread> readers;
  readers.reserve(3);
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([this] {
      Source source = TransferLog::Read(log_, 0);
      std::int64_t last = 0;
      for (bool ended = false; !ended;) {
        log_->AddReader(std::make_shared<Reader>());
        for (const std::int64_t sequence : ReadAll(source)) {
          ended = sequence == -1;
          if (ended) break;
          EXPECT_EQ(sequence, ++last);
        }
        EXPECT_GE(log_->Snapshot().last_sequence(), last);
        std::this_thread::yield();
      }
      EXPECT_EQ(last, 101);
    });
  }
  for (int i = 0; i < 100; ++i) Append(Progress(180));
  Append(Result());
  for (std::thread& reader : readers) reader.join();
}

// ---- The transfer -------------------------------------------------------

TEST_F(TransferLogTest, TheTransferIsThereBeforeItsFirstEvent) {
  const v1::Transfer transfer = log_->Snapshot();
  EXPECT_EQ(transfer.transfer_id(), "t-1");
  EXPECT_EQ(transfer.call_id(), "c-1");
  EXPECT_EQ(transfer.sip_call_id(), "a@h");
  EXPECT_EQ(transfer.refer_to(), "<sip:carol@example.com>");
  EXPECT_EQ(transfer.referred_by(), "<sip:bob@example.com>");
  EXPECT_EQ(transfer.state(), v1::TRANSFER_STATE_PREPARING);
  EXPECT_EQ(transfer.last_sequence(), 0);
  EXPECT_EQ(transfer.create_time().seconds(), 1'700'000'000);
  EXPECT_FALSE(transfer.has_end_time());
  EXPECT_FALSE(transfer.has_result());
}

TEST_F(TransferLogTest, TheTransferFollowsItsEvents) {
  Append(sip::ReferSent{}, TransferPhase::kSent);
  EXPECT_EQ(log_->Snapshot().state(), v1::TRANSFER_STATE_REFER_SENT);
  Append(Progress(180), TransferPhase::kProgress);
  EXPECT_EQ(log_->Snapshot().state(), v1::TRANSFER_STATE_PROGRESSING);
  EXPECT_EQ(log_->Snapshot().last_sequence(), 2);
  Append(Result(), TransferPhase::kDone);

  const v1::Transfer transfer = log_->Snapshot();
  EXPECT_EQ(transfer.state(), v1::TRANSFER_STATE_ENDED);
  EXPECT_EQ(transfer.end_time().seconds(), 1'700'000'003);
  EXPECT_EQ(transfer.result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
}

// ---- The store ----------------------------------------------------------

class TransferStoreTest : public ::testing::Test {
 protected:
  TransferStoreTest()
      : store_({.retention = absl::Minutes(10), .max_kept = 3}) {}

  void Begin(const std::string& id, absl::Time time = kStart) {
    store_.Add(Plan(id), time);
  }
  void End(const std::string& id, absl::Time time = kStart) {
    store_.Append(id, Result(), TransferPhase::kDone, time);
  }
  bool Has(const std::string& id, absl::Time now = kStart) {
    return store_.Find(id, now) != nullptr;
  }
  // The ids of those that are numbered below `before`.
  std::vector<std::string> List(std::uint64_t before = UINT64_MAX,
                                absl::Time now = kStart) {
    std::vector<std::string> ids;
    for (const auto& [number, log] : store_.List(before, 100, now)) {
      EXPECT_LT(number, before);
      ids.push_back(log->transfer_id());
    }
    return ids;
  }

  TransferStore store_;
};

TEST_F(TransferStoreTest, FindsWhatWasAdded) {
  EXPECT_FALSE(Has("t-1"));
  Begin("t-1");
  ASSERT_TRUE(Has("t-1"));
  EXPECT_EQ(store_.Find("t-1", kStart)->transfer_id(), "t-1");
  EXPECT_FALSE(Has("t-2"));
  EXPECT_FALSE(Has(""));
}

TEST_F(TransferStoreTest, AppendsToTheLogOfTheTransfer) {
  Begin("t-1");
  Begin("t-2");
  store_.Append("t-2", Progress(180), TransferPhase::kProgress, kStart);
  EXPECT_EQ(store_.Find("t-1", kStart)->Snapshot().last_sequence(), 0);
  EXPECT_EQ(store_.Find("t-2", kStart)->Snapshot().last_sequence(), 1);
}

TEST_F(TransferStoreTest, AnEventOfNoTransferIsDropped) {
  store_.Append("t-9", Result(), TransferPhase::kDone, kStart);
  EXPECT_THAT(List(), IsEmpty());
}

TEST_F(TransferStoreTest, AnEndedTransferIsKeptForItsTime) {
  Begin("t-1");
  End("t-1");
  EXPECT_TRUE(Has("t-1", kStart + absl::Minutes(10)));
  EXPECT_FALSE(Has("t-1", kStart + absl::Minutes(10) + absl::Seconds(1)));
  EXPECT_THAT(List(), IsEmpty());
}

TEST_F(TransferStoreTest, TheTimeBeginsWithTheEnd) {
  Begin("t-1", kStart);
  End("t-1", kStart + absl::Minutes(5));
  EXPECT_TRUE(Has("t-1", kStart + absl::Minutes(15)));
  EXPECT_FALSE(Has("t-1", kStart + absl::Minutes(16)));
}

TEST_F(TransferStoreTest, ARunningTransferIsKept) {
  Begin("t-1");
  EXPECT_TRUE(Has("t-1", kStart + absl::Hours(1000)));
}

TEST_F(TransferStoreTest, OfTooManyTheFirstToEndGoes) {
  for (const char* id : {"t-1", "t-2", "t-3", "t-4", "t-5"}) Begin(id);
  for (const char* id : {"t-4", "t-2", "t-1", "t-3"}) End(id);
  EXPECT_FALSE(Has("t-4"));
  EXPECT_THAT(List(), ElementsAre("t-5", "t-3", "t-2", "t-1"))
      << "three ended ones and the running one";
}

TEST_F(TransferStoreTest, AReaderOutlivesTheTransfer) {
  Begin("t-1");
  Source source = TransferLog::Read(store_.Find("t-1", kStart), 0);
  End("t-1");
  EXPECT_FALSE(Has("t-1", kStart + absl::Hours(1)));
  EXPECT_THAT(ReadAll(source), ElementsAre(1, -1));
}

TEST_F(TransferStoreTest, ListsTheNewestFirst) {
  EXPECT_THAT(List(), IsEmpty());
  for (const char* id : {"t-1", "t-2", "t-3"}) Begin(id);
  End("t-2");
  EXPECT_THAT(List(), ElementsAre("t-3", "t-2", "t-1"));
}

TEST_F(TransferStoreTest, APageBeginsBelowTheLastNumber) {
  for (const char* id : {"t-1", "t-2", "t-3"}) Begin(id);
  const auto all = store_.List(UINT64_MAX, 100, kStart);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_GT(all[0].first, all[1].first);

  Begin("t-4");  // Between two pages.

  EXPECT_THAT(List(all[0].first), ElementsAre("t-2", "t-1"));
  EXPECT_THAT(List(all[1].first), ElementsAre("t-1"));
  EXPECT_THAT(List(all[2].first), IsEmpty());
  EXPECT_THAT(List(0), IsEmpty());
  EXPECT_EQ(store_.List(UINT64_MAX, 2, kStart).back().second->transfer_id(),
            "t-3");
}

TEST_F(TransferStoreTest, ASnapshotIsMadeOfWhatIsWanted) {
  Begin("t-1");
  const auto log = store_.Find("t-1", kStart);
  const auto named = [](const std::string& id) {
    return [id](const v1::Transfer& transfer) {
      return transfer.transfer_id() == id;
    };
  };
  EXPECT_EQ(log->SnapshotIf(named("t-1"))->transfer_id(), "t-1");
  EXPECT_EQ(log->SnapshotIf(named("t-2")), std::nullopt);
}

TEST_F(TransferStoreTest, NumbersAreNotUsedAgain) {
  Begin("t-1");
  const std::uint64_t first = store_.List(UINT64_MAX, 100, kStart).at(0).first;
  End("t-1");
  Begin("t-2", kStart + absl::Hours(1));
  const auto all = store_.List(UINT64_MAX, 100, kStart + absl::Hours(1));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_GT(all[0].first, first);
}

// What would deadlock, were the store still locked.
TEST_F(TransferStoreTest, ReadersAreToldOutsideTheLock) {
  Begin("t-1");
  std::vector<std::string> seen;
  const auto reader = std::make_shared<Reader>([&] { seen = List(); });
  store_.Find("t-1", kStart)->AddReader(reader);
  End("t-1");
  EXPECT_THAT(seen, ElementsAre("t-1"));
}

TEST_F(TransferStoreTest, ThreadsMayReadWhileItIsWritten) {
  std::thread reader([this] {
    for (int i = 0; i < 200; ++i) {
      List();
      if (const auto log = store_.Find("t-5", kStart)) log->Snapshot();
    }
  });
  for (int i = 0; i < 100; ++i) {
    const std::string id = "t-" + std::to_string(i);
    Begin(id);
    End(id);
  }
  reader.join();
  EXPECT_THAT(List(), ElementsAre("t-99", "t-98", "t-97"));
}

}  // namespace
}  // namespace callcontrol::server
