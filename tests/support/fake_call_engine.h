// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_FAKE_CALL_ENGINE_H_
#define CALLCONTROL_TESTS_SUPPORT_FAKE_CALL_ENGINE_H_

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "sip/call/call_engine.h"

namespace callcontrol::sip {

// An engine that sends nothing: the test decides what becomes of what is asked
// for, and tells the observer of calls and transfers that it makes up.
//
// Ownership: the observer must outlive it. Threads: the methods of CallEngine
// from any; the test's thread takes the part of the engine's, and is the only
// one that may call the rest. Errors: none. Time: the wall clock.
class FakeCallEngine final : public CallEngine {
 public:
  explicit FakeCallEngine(EngineObserver& observer) : observer_(observer) {}

  // ---- What the service calls ----
  void Refer(TransferRequest request, ReferDone done) override {
    refers_.Put({std::move(request), std::move(done)});
  }
  void Cancel(std::string call_id, std::string transfer_id,
              CancelDone done) override {
    cancels.emplace_back(std::move(call_id), std::move(transfer_id));
    std::move(done)(cancel_outcome);
  }
  void Place(PlaceRequest request, PlaceDone done) override {
    placed.push_back(std::move(request));
    if (!decision.ok()) {
      std::move(done)(decision);
      return;
    }
    CallSnapshot call;
    call.call_id = "c-placed-" + std::to_string(placed.size());
    call.direction = CallDirection::kOutbound;
    call.phase = CallPhase::kCalling;
    Tell(call, CallChange::kCalling);
    std::move(done)(call.call_id);
  }
  void Progress(ProgressRequest request, CallDone done) override {
    progresses.push_back(std::move(request));
    std::move(done)(decision);
  }
  void Answer(std::string call_id, std::string sdp, CallDone done) override {
    answers.emplace_back(std::move(call_id), std::move(sdp));
    std::move(done)(decision);
  }
  void Reject(RejectRequest request, CallDone done) override {
    rejections.push_back(std::move(request));
    std::move(done)(decision);
  }
  void Update(UpdateRequest request, CallDone done) override {
    updates.push_back(std::move(request));
    std::move(done)(decision);
  }
  void DecideRefer(ReferDecision refer, CallDone done) override {
    refer_decisions.push_back(std::move(refer));
    std::move(done)(decision);
  }
  void HangUp(std::string call_id, CallDone done) override {
    hang_ups_.Put({std::move(call_id), std::move(done)});
  }
  void Drain(Done done) override { std::move(done)(); }
  void Stop(Done done) override { std::move(done)(); }

  // ---- What the test does with it ----

  // What decisions about incoming calls end with, and those that came. One RPC
  // at a time.
  absl::Status decision = absl::OkStatus();
  std::vector<ProgressRequest> progresses;
  std::vector<std::pair<std::string, std::string>> answers;
  std::vector<RejectRequest> rejections;
  std::vector<UpdateRequest> updates;
  std::vector<ReferDecision> refer_decisions;
  std::vector<PlaceRequest> placed;
  // What cancelling a transfer can do, and what was cancelled.
  CancelOutcome cancel_outcome = CancelOutcome::kTooLate;
  std::vector<std::pair<std::string, std::string>> cancels;

  // Waits for the next transfer to be asked for. Then Accept(), Plan() or
  // Refuse() it.
  TransferRequest AwaitRefer() {
    auto [request, done] = refers_.Take();
    refer_done_ = std::move(done);
    return std::move(request);
  }
  bool WasAskedToRefer() { return !refers_.empty(); }

  // Takes the transfer on.
  void Accept(const TransferPlan& plan) {
    observer_.OnTransferStarted(plan, absl::Now());
    std::move(refer_done_)(plan);
  }
  // Answers a request that is only validated.
  void Plan(TransferPlan plan) { std::move(refer_done_)(std::move(plan)); }
  void Refuse(absl::Status status) {
    std::move(refer_done_)(std::move(status));
  }

  // Waits for a call to be hung up, and returns its id. Then FinishHangUp().
  std::string AwaitHangUp() {
    auto [call_id, done] = hang_ups_.Take();
    hang_up_done_ = std::move(done);
    return std::move(call_id);
  }
  void FinishHangUp(absl::Status status) {
    std::move(hang_up_done_)(std::move(status));
  }

  // Tells the observer of the next event of a transfer.
  void Tell(const std::string& transfer_id, const TransferEvent& event,
            TransferPhase phase) {
    observer_.OnTransferEvent(transfer_id, event, phase, absl::Now());
  }
  // Tells the observer of a change of a call.
  void Tell(CallSnapshot call, CallChange change) {
    observer_.OnCall(std::make_shared<const CallSnapshot>(std::move(call)),
                     change);
  }

 private:
  // What waits for the test.
  template <typename Item>
  class Queue {
   public:
    void Put(Item item) {
      const std::lock_guard lock(mutex_);
      items_.push_back(std::move(item));
      grown_.notify_one();
    }
    Item Take() {
      std::unique_lock lock(mutex_);
      grown_.wait(lock, [this] { return !items_.empty(); });
      Item item = std::move(items_.front());
      items_.pop_front();
      return item;
    }
    bool empty() {
      const std::lock_guard lock(mutex_);
      return items_.empty();
    }

   private:
    std::mutex mutex_;
    std::condition_variable grown_;
    std::deque<Item> items_;
  };

  EngineObserver& observer_;
  Queue<std::pair<TransferRequest, ReferDone>> refers_;
  Queue<std::pair<std::string, CallDone>> hang_ups_;
  ReferDone refer_done_;
  CallDone hang_up_done_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_TESTS_SUPPORT_FAKE_CALL_ENGINE_H_
