// SPDX-License-Identifier: Apache-2.0
//
// The other floor: the smallest gRPC server that tells a client of a transfer
// what callcontrold tells, at the times at which it tells it. There is no SIP,
// no state machine, no event log and no check: messages are made once and only
// numbered. What it costs is gRPC's own part of a transfer.
//
//   grpc_floor PORTS_FILE RATE [all|silent]
//
// Lets RATE calls a second come and be answered as long as somebody watches.
// The watch gets the answer of each call or, with "all", each of its changes.
// With "silent" nobody is told anything: what is left are the timers that stand
// for the far end, to be taken off the cost.
// Writes "grpc=PORT" to PORTS_FILE once it serves on 127.0.0.1. SIGTERM ends
// it.
#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "callcontrol/v1/call_control.grpc.pb.h"
#include "server/callback_thread.h"
#include "sip/sofia/sip_loop.h"

namespace callcontrol::bench {
namespace {

using std::chrono::milliseconds;

// A stream of messages that the loop's thread hands in.
//
// Ownership: deletes itself when gRPC is done with it, which is after Close()
// or a client that went. Threads: thread-safe. Errors, time: none.
template <typename Message>
class Feed final : public grpc::ServerWriteReactor<Message> {
 public:
  void Write(const Message& message, bool last = false) {
    MutexLock lock(mutex_);
    waiting_.emplace_back(message, last);
    if (!busy_) Next();
  }
  bool gone() {
    MutexLock lock(mutex_);
    return gone_;
  }
  // The loop will write no more.
  void LetGo() { Unshare(); }

 private:
  void OnWriteDone(bool ok) override {
    MutexLock lock(mutex_);
    busy_ = false;
    if (ok && !waiting_.empty()) Next();
  }
  void OnCancel() override {
    MutexLock lock(mutex_);
    gone_ = true;
    if (!finished_) this->Finish(grpc::Status::CANCELLED);
    finished_ = true;
  }
  void OnDone() override { Unshare(); }

  void Next() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (finished_) return;
    busy_ = true;
    open_ = std::move(waiting_.front());
    waiting_.pop_front();
    if (open_.second) {
      finished_ = true;
      this->StartWriteAndFinish(&open_.first, {}, grpc::Status::OK);
    } else {
      this->StartWrite(&open_.first);
    }
  }
  void Unshare() {
    if (shares_.fetch_sub(1) == 1) delete this;
  }

  Mutex mutex_;
  std::deque<std::pair<Message, bool>> waiting_ ABSL_GUARDED_BY(mutex_);
  std::pair<Message, bool> open_;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool gone_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<int> shares_{2};  // gRPC's and the loop's.
};

// Messages of the size of callcontrold's.
v1::Call MakeCall() {
  v1::Call call;
  call.set_call_id("c-host-bc084528cf92ad0550c55898");
  call.set_sip_call_id("1-12345@127.0.0.1");
  call.set_direction(v1::CALL_DIRECTION_INBOUND);
  call.set_state(v1::CALL_STATE_ANSWERED);
  call.set_local_uri("sip:agent@127.0.0.1:40000");
  call.set_remote_uri("sip:caller@127.0.0.1:40001");
  call.set_remote_target("sip:caller@127.0.0.1:40001");
  call.set_local_sdp(std::string(200, 's'));
  call.set_remote_sdp(std::string(200, 's'));
  call.mutable_far_end()->set_user_agent("bench");
  (*call.mutable_tags())["bench"] = "";
  return call;
}

v1::ReferEvent MakeEvent(int sequence) {
  v1::ReferEvent event;
  event.set_transfer_id("t-host-571661a4c2d6fa7072d91ed5");
  event.set_call_id("c-host-bc084528cf92ad0550c55898");
  event.set_sequence(sequence);
  event.mutable_time()->set_seconds(1'790'000'000);
  event.mutable_time()->set_nanos(123'456'789);
  return event;
}

v1::ReferEvent MakeStatus(int sequence, int status) {
  v1::ReferEvent event = MakeEvent(sequence);
  event.mutable_transfer_status()->set_call_status(status);
  event.mutable_transfer_status()->set_reason("Some reason phrase");
  return event;
}

v1::ReferEvent MakeResult() {
  v1::ReferEvent event = MakeEvent(6);
  v1::TransferResult& result = *event.mutable_result();
  result.set_verdict(v1::TRANSFER_VERDICT_SUCCESS);
  result.set_outcome(v1::TRANSFER_OUTCOME_TRANSFERRED);
  result.set_refer_status(202);
  result.set_final_referred_call_status(200);
  result.set_last_call_status(200);
  result.set_reason("OK");
  result.set_bye_status(200);
  result.set_subscription_reason("noresource");
  return event;
}

// What clients are told.
enum class Tells { kAnswers, kAll, kNothing };

// Plays transfers. Everything but the handlers runs on the loop's thread.
//
// Ownership: the loop must outlive it, and must have ended its tasks before it
// goes. Threads: the handlers come from gRPC's.
class Player final : public v1::CallControl::CallbackService {
 public:
  Player(sip::SipLoop& loop, int rate, Tells tells)
      : loop_(loop), pause_(std::chrono::seconds(1)), tells_(tells) {
    pause_ /= rate;
    loop_.Post([this] {
      next_ = std::chrono::steady_clock::now();
      Tick();
    });
  }

  grpc::ServerWriteReactor<v1::CallEvent>* WatchCalls(
      grpc::CallbackServerContext*, const v1::WatchCallsRequest*) override {
    auto* feed = new Feed<v1::CallEvent>;
    loop_.Post([this, feed] {
      if (watch_ != nullptr) watch_->LetGo();
      watch_ = feed;
    });
    return feed;
  }

  grpc::ServerWriteReactor<v1::ReferEvent>* Refer(
      grpc::CallbackServerContext*, const v1::ReferRequest* request) override {
    auto* feed = new Feed<v1::ReferEvent>;
    loop_.Post([this, feed, id = request->call_id()] { Play(feed, id); });
    return feed;
  }

  grpc::ServerUnaryReactor* ListCalls(grpc::CallbackServerContext* context,
                                      const v1::ListCallsRequest*,
                                      v1::ListCallsResponse*) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  void At(milliseconds delay, sip::SipLoop::Task task) {
    loop_.timers().Add(std::chrono::steady_clock::now() + delay,
                       std::move(task));
  }

  void Tick() {
    if (watch_ != nullptr && watch_->gone()) {
      watch_->LetGo();
      watch_ = nullptr;
    }
    if (tells_ == Tells::kNothing) {
      Play(nullptr, "");
    } else if (watch_ != nullptr) {
      const std::string id = "c-host-" + std::to_string(++calls_);
      if (tells_ == Tells::kAll) Tell(id, v1::CALL_EVENT_TYPE_INCOMING);
      Tell(id, v1::CALL_EVENT_TYPE_ANSWERED);
    }
    next_ += pause_;
    loop_.timers().Add(next_, [this] { Tick(); });
  }

  void Tell(const std::string& id, v1::CallEventType type) {
    if (watch_ == nullptr) return;
    call_.set_sequence(++sequence_);
    call_.set_type(type);
    call_.mutable_call()->set_call_id(id);
    call_.mutable_call()->set_state(type == v1::CALL_EVENT_TYPE_ENDED
                                        ? v1::CALL_STATE_ENDED
                                        : v1::CALL_STATE_ANSWERED);
    watch_->Write(call_);
  }

  // The flow of tests/bench/scenarios.py, as a client sees it.
  void Play(Feed<v1::ReferEvent>* feed, const std::string& id) {
    if (tells_ == Tells::kAll) Tell(id, v1::CALL_EVENT_TYPE_TRANSFERRING);
    if (feed != nullptr) feed->Write(sent_);
    int pause = 0;
    for (const v1::ReferEvent* event : {&taken_, &trying_, &rings_, &final_}) {
      At(milliseconds(++pause), [feed, event] {
        if (feed != nullptr) feed->Write(*event);
      });
    }
    At(milliseconds(500), [this, id] {
      if (tells_ == Tells::kAll) Tell(id, v1::CALL_EVENT_TYPE_UPDATED);
    });
    At(milliseconds(501), [this, feed, id] {
      if (feed != nullptr) {
        feed->Write(result_, true);
        feed->LetGo();
      }
      if (tells_ == Tells::kAll) Tell(id, v1::CALL_EVENT_TYPE_ENDED);
    });
  }

  sip::SipLoop& loop_;
  std::chrono::nanoseconds pause_;
  const Tells tells_;
  std::chrono::steady_clock::time_point next_;
  std::uint64_t calls_ = 0;
  std::int64_t sequence_ = 0;
  Feed<v1::CallEvent>* watch_ = nullptr;
  v1::CallEvent call_ = [] {
    v1::CallEvent event;
    *event.mutable_call() = MakeCall();
    return event;
  }();
  const v1::ReferEvent sent_ = [] {
    v1::ReferEvent event = MakeEvent(1);
    event.mutable_refer_sent();
    return event;
  }();
  const v1::ReferEvent taken_ = [] {
    v1::ReferEvent event = MakeEvent(2);
    event.mutable_refer_response()->set_refer_status(202);
    event.mutable_refer_response()->set_reason("Accepted");
    return event;
  }();
  const v1::ReferEvent trying_ = MakeStatus(3, 100);
  const v1::ReferEvent rings_ = MakeStatus(4, 180);
  const v1::ReferEvent final_ = MakeStatus(5, 200);
  const v1::ReferEvent result_ = MakeResult();
};

int Run(const std::filesystem::path& ports_file, int rate, Tells tells) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  if (absl::Status status = server::CheckCallbackThread(); !status.ok()) {
    std::cerr << "grpc_floor: " << status.message() << "\n";
    return 1;
  }
  sip::SipLoop loop;
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  Player player(loop, rate, tells);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&player);
  const std::unique_ptr<grpc::Server> grpc_server = builder.BuildAndStart();
  if (grpc_server == nullptr) {
    std::cerr << "grpc_floor: cannot listen on 127.0.0.1 for gRPC\n";
    return 1;
  }
  // Whole or not there at all, for whoever waits for it.
  const std::filesystem::path unfinished = ports_file.string() + ".new";
  std::ofstream(unfinished) << "grpc=" << port << "\n";
  std::filesystem::rename(unfinished, ports_file);
  int signal = 0;
  sigwait(&stop, &signal);
  // Streams are open: nobody waits for them.
  std::_Exit(0);
}

}  // namespace
}  // namespace callcontrol::bench

int main(int argc, char** argv) {
  using callcontrol::bench::Tells;
  int rate = 0;
  if (argc == 3 || argc == 4) {
    const std::string_view word = argv[2];
    std::from_chars(word.data(), word.data() + word.size(), rate);
  }
  const std::string_view word = argc == 4 ? argv[3] : "";
  const auto tells = word == "all"      ? Tells::kAll
                     : word == "silent" ? Tells::kNothing
                                        : Tells::kAnswers;
  if (rate < 1 || rate > 100'000 ||
      (tells == Tells::kAnswers && !word.empty())) {
    std::cerr << "usage: grpc_floor PORTS_FILE RATE [all|silent]\n";
    return 2;
  }
  return callcontrol::bench::Run(argv[1], rate, tells);
}
