// SPDX-License-Identifier: Apache-2.0
#include "server/stream_sequencer.h"

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "gtest/gtest.h"

namespace callcontrol::server {
namespace {

using Sequencer = StreamSequencer<int>;
using Next = Sequencer::Next;
using Item = StreamItem<int>;

Item Message(int number) { return {std::make_shared<const int>(number), {}}; }
Item LastMessage(int number) {
  return {std::make_shared<const int>(number), absl::OkStatus()};
}
Item End(absl::Status status) { return {nullptr, std::move(status)}; }

// What a stream reads: a log that the test writes.
class Log {
 public:
  void Write(Item item) {
    MutexLock lock(mutex_);
    items_.push_back(std::move(item));
  }

  // A source that takes from the log. The log must outlive it.
  Sequencer::Source Source() {
    return [this]() -> Item {
      MutexLock lock(mutex_);
      if (items_.empty()) return {};
      Item item = std::move(items_.front());
      items_.pop_front();
      return item;
    };
  }

 private:
  Mutex mutex_;
  std::deque<Item> items_ ABSL_GUARDED_BY(mutex_);
};

class StreamSequencerTest : public ::testing::Test {
 protected:
  // Writes to the log and tells the stream.
  Next Push(Item item) {
    log_.Write(std::move(item));
    return rpc_.Grew();
  }

  Log log_;
  Sequencer rpc_;
};

TEST_F(StreamSequencerTest, WritesNothingBeforeItIsAttached) {
  EXPECT_EQ(Push(Message(100)), Next::kNothing);
  EXPECT_EQ(rpc_.Attach(log_.Source()), Next::kWrite);
  EXPECT_EQ(rpc_.current(), 100);
}

TEST_F(StreamSequencerTest, WaitsWhileTheSourceHasNothing) {
  EXPECT_EQ(rpc_.Attach(log_.Source()), Next::kNothing);
  EXPECT_EQ(rpc_.Grew(), Next::kNothing) << "told without anything new";
  EXPECT_EQ(Push(Message(100)), Next::kWrite);
}

TEST_F(StreamSequencerTest, OneWriteAtATime) {
  rpc_.Attach(log_.Source());
  EXPECT_EQ(Push(Message(100)), Next::kWrite);
  EXPECT_EQ(Push(Message(180)), Next::kNothing);
  EXPECT_EQ(rpc_.current(), 100) << "unchanged while it is written";
  EXPECT_EQ(rpc_.WriteDone(true), Next::kWrite);
  EXPECT_EQ(rpc_.current(), 180);
  EXPECT_EQ(rpc_.WriteDone(true), Next::kNothing);
}

TEST_F(StreamSequencerTest, TheLastMessageIsWrittenWithTheEnd) {
  rpc_.Attach(log_.Source());
  EXPECT_EQ(Push(Message(100)), Next::kWrite);
  EXPECT_EQ(Push(LastMessage(200)), Next::kNothing);
  EXPECT_EQ(rpc_.WriteDone(true), Next::kWriteAndFinish);
  EXPECT_EQ(rpc_.current(), 200);
  EXPECT_TRUE(rpc_.status().ok());
  EXPECT_EQ(Push(Message(180)), Next::kNothing);
  EXPECT_EQ(rpc_.Cancel(), Next::kNothing) << "finished already";
}

TEST_F(StreamSequencerTest, AnEndWithoutAMessageFinishes) {
  rpc_.Attach(log_.Source());
  EXPECT_EQ(Push(End(absl::ResourceExhaustedError("too slow"))), Next::kFinish);
  EXPECT_EQ(rpc_.status(), absl::ResourceExhaustedError("too slow"));
  EXPECT_EQ(rpc_.Grew(), Next::kNothing);
}

TEST_F(StreamSequencerTest, AnErrorMayBeAllThereIs) {
  log_.Write(End(absl::NotFoundError("no such transfer")));
  EXPECT_EQ(rpc_.Attach(log_.Source()), Next::kFinish);
  EXPECT_EQ(rpc_.status().code(), absl::StatusCode::kNotFound);
}

TEST_F(StreamSequencerTest, CancelFinishesAnIdleStream) {
  rpc_.Attach(log_.Source());
  EXPECT_EQ(rpc_.Cancel(), Next::kFinish);
  EXPECT_EQ(rpc_.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Push(Message(100)), Next::kNothing);
}

TEST_F(StreamSequencerTest, CancelWaitsForTheOpenWrite) {
  rpc_.Attach(log_.Source());
  EXPECT_EQ(Push(Message(100)), Next::kWrite);
  EXPECT_EQ(rpc_.Cancel(), Next::kNothing);
  EXPECT_EQ(rpc_.current(), 100) << "still being written";
  EXPECT_EQ(rpc_.WriteDone(false), Next::kFinish);
  EXPECT_EQ(rpc_.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(rpc_.Cancel(), Next::kNothing) << "finished already";
}

TEST_F(StreamSequencerTest, AFailedWriteEndsTheStream) {
  rpc_.Attach(log_.Source());
  Push(Message(100));
  Push(Message(180));
  EXPECT_EQ(rpc_.WriteDone(false), Next::kFinish) << "not the next write";
}

TEST_F(StreamSequencerTest, CancelMayComeBeforeTheSource) {
  EXPECT_EQ(rpc_.Cancel(), Next::kFinish);
  log_.Write(Message(100));
  EXPECT_EQ(rpc_.Attach(log_.Source()), Next::kNothing);
  EXPECT_EQ(rpc_.Grew(), Next::kNothing);
}

TEST_F(StreamSequencerTest, ASlowReaderPullsNothing) {
  int pulled = 0;
  rpc_.Attach([&pulled] { return Message(++pulled); });
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(rpc_.Grew(), Next::kNothing);
  EXPECT_EQ(pulled, 1);
}

TEST_F(StreamSequencerTest, LetsGoOfTheSourceAtTheEnd) {
  const auto held = std::make_shared<int>(0);
  rpc_.Attach([held]() -> Item { return {}; });
  EXPECT_EQ(held.use_count(), 2);
  rpc_.Cancel();
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(StreamSequencerTest, DoesNotCopyMessages) {
  const auto message = std::make_shared<const int>(100);
  rpc_.Attach([&]() -> Item { return {message, {}}; });
  EXPECT_EQ(&rpc_.current(), message.get());
}

// ---- Threads ------------------------------------------------------------

// An RPC as gRPC would carry it out: writes what it is told, checks that one
// operation is open at a time, and counts its ends.
class Rpc {
 public:
  void Do(Next next) {
    while (next == Next::kWrite) {
      EXPECT_EQ(open_.fetch_add(1), 0) << "two writes open";
      written_.push_back(sequencer.current());
      open_.fetch_sub(1);
      next = sequencer.WriteDone(true);
    }
    if (next == Next::kNothing) return;
    EXPECT_EQ(open_.load(), 0) << "finished under an open write";
    if (next == Next::kWriteAndFinish) written_.push_back(sequencer.current());
    finished_.fetch_add(1);
  }

  Sequencer sequencer;
  // To be read when the threads are gone.
  const std::vector<int>& written() const { return written_; }
  int finished() const { return finished_; }

 private:
  std::atomic<int> open_{0};
  std::atomic<int> finished_{0};
  std::vector<int> written_;  // By whoever has the open operation.
};

constexpr int kMessages = 20;

// The SIP thread of a transfer.
std::thread Writer(Log& log, Rpc& rpc) {
  return std::thread([&] {
    for (int i = 1; i < kMessages; ++i) {
      log.Write(Message(i));
      rpc.Do(rpc.sequencer.Grew());
    }
    log.Write(LastMessage(kMessages));
    rpc.Do(rpc.sequencer.Grew());
  });
}

TEST(StreamSequencerThreadsTest, EveryMessageIsWrittenInOrder) {
  for (int round = 0; round < 200; ++round) {
    Log log;
    Rpc rpc;
    std::vector<std::thread> threads;
    threads.push_back(Writer(log, rpc));
    threads.emplace_back([&] { rpc.Do(rpc.sequencer.Attach(log.Source())); });
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) rpc.Do(rpc.sequencer.Grew());
    });
    for (std::thread& thread : threads) thread.join();

    ASSERT_EQ(rpc.finished(), 1);
    ASSERT_EQ(rpc.written().size(), std::size_t{kMessages});
    for (int i = 0; i < kMessages; ++i) {
      EXPECT_EQ(rpc.written()[static_cast<std::size_t>(i)], i + 1);
    }
  }
}

TEST(StreamSequencerThreadsTest, FinishesOnceHoweverThreadsInterleave) {
  for (int round = 0; round < 200; ++round) {
    Log log;
    Rpc rpc;
    std::vector<std::thread> threads;
    threads.push_back(Writer(log, rpc));
    threads.emplace_back([&] { rpc.Do(rpc.sequencer.Attach(log.Source())); });
    threads.emplace_back([&] { rpc.Do(rpc.sequencer.Cancel()); });
    for (std::thread& thread : threads) thread.join();

    EXPECT_EQ(rpc.finished(), 1);
    int last = 0;
    for (const int number : rpc.written()) EXPECT_EQ(number, ++last);
  }
}

}  // namespace
}  // namespace callcontrol::server
