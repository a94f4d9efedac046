// SPDX-License-Identifier: Apache-2.0
//
// What the pure code costs that every transfer runs through, in time and in
// allocations. build/release/tests/bench/pure_bench --help has the options.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "benchmark/benchmark.h"
#include "server/proto_mapping.h"
#include "server/stream_sequencer.h"
#include "sip/call/sdp_answer.h"
#include "sip/transfer/display_text.h"
#include "sip/transfer/header_guard.h"
#include "sip/transfer/refer_to.h"
#include "sip/transfer/sipfrag.h"
#include "sip/transfer/subscription_state.h"
#include "sip/transfer/transfer_machine.h"

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

// Counts, and allocates as the library's own does.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory,
                                       std::size_t /*size*/) noexcept {
  std::free(memory);
}

namespace callcontrol {
namespace {

// Tells the allocations of each iteration as a counter of its benchmark.
class AllocationCount {
 public:
  explicit AllocationCount(benchmark::State& state)
      : state_(state), before_(allocations.load()) {}
  ~AllocationCount() {
    state_.counters["allocs"] =
        benchmark::Counter(static_cast<double>(allocations.load() - before_),
                           benchmark::Counter::kAvgIterations);
  }
  AllocationCount(const AllocationCount&) = delete;
  AllocationCount& operator=(const AllocationCount&) = delete;

 private:
  benchmark::State& state_;
  std::uint64_t before_;
};

void ReadSipfrag(benchmark::State& state) {
  const sip::SipfragBody body{.content_type = "message/sipfrag;version=2.0",
                              .content_encoding = {},
                              .body = "SIP/2.0 180 Ringing\r\n"};
  const AllocationCount count(state);
  for (auto _ : state) benchmark::DoNotOptimize(sip::ReadSipfrag(body));
}
BENCHMARK(ReadSipfrag);

void ReadSubscriptionState(benchmark::State& state) {
  const AllocationCount count(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        sip::ReadSubscriptionState("terminated;reason=noresource"));
  }
}
BENCHMARK(ReadSubscriptionState);

void BuildReferTo(benchmark::State& state) {
  const sip::TargetPolicy policy{.host = "127.0.0.1:5060"};
  const AllocationCount count(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        sip::BuildReferTo("+15083084809", {}, std::nullopt, policy));
  }
}
BENCHMARK(BuildReferTo);

void CheckReferHeaders(benchmark::State& state) {
  const std::vector<sip::SipHeader> headers = {
      {"X-Reason", "demo"},
      {"User-to-User", "56a390f3d2b7310023a2;encoding=hex"}};
  const AllocationCount count(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(sip::CheckReferHeaders(headers));
  }
}
BENCHMARK(CheckReferHeaders);

sip::ReferNotify Notify(int code, bool last, std::uint32_t cseq) {
  sip::ReferNotify notify;
  notify.cseq = cseq;
  notify.subscription =
      sip::SubscriptionState{last ? sip::SubscriptionSubstate::kTerminated
                                  : sip::SubscriptionSubstate::kActive,
                             last ? "terminated" : "active",
                             "",
                             {},
                             {}};
  notify.body.status = sip::SipStatus{code, "OK"};
  return notify;
}

// REFER, 202, NOTIFY 100, 180, 200, BYE.
void WholeTransfer(benchmark::State& state) {
  const AllocationCount count(state);
  for (auto _ : state) {
    sip::MonotonicTime now{};
    sip::TransferMachine machine(sip::TransferPolicy{}, now);
    benchmark::DoNotOptimize(machine.OnLegReady(now));
    benchmark::DoNotOptimize(machine.OnReferSent(101, now));
    sip::ReferAnswer answer;
    answer.status = {202, "Accepted"};
    benchmark::DoNotOptimize(machine.OnReferAnswer(answer, now));
    benchmark::DoNotOptimize(machine.OnNotify(Notify(100, false, 1), now));
    benchmark::DoNotOptimize(machine.OnNotify(Notify(180, false, 2), now));
    benchmark::DoNotOptimize(machine.OnNotify(Notify(200, true, 3), now));
    now = machine.NextDeadline().value_or(now);
    benchmark::DoNotOptimize(machine.OnTime(now));
    benchmark::DoNotOptimize(machine.OnByeAnswer(200, now));
    if (!machine.done()) state.SkipWithError("the transfer has no result");
  }
}
BENCHMARK(WholeTransfer);

// A status event becomes the message that a client gets.
void EventToProtobuf(benchmark::State& state) {
  sip::TransferPlan plan;
  plan.transfer_id = "t-node-571661a4c2d6fa7072d91ed5";
  plan.call_id = "c-node-bc084528cf92ad0550c55898";
  sip::TransferStatus status;
  status.status = {180, "Ringing"};
  status.subscription_state = "active";
  const absl::Time time = absl::Now();
  const AllocationCount count(state);
  for (auto _ : state) {
    v1::ReferEvent event;
    server::FillEvent(status, plan, time, event);
    event.set_transfer_id(plan.transfer_id);
    event.set_call_id(plan.call_id);
    *event.mutable_time() = server::ToProto(time);
    benchmark::DoNotOptimize(event.SerializeAsString());
  }
}
BENCHMARK(EventToProtobuf);

// An offer of a desk phone, answered.
void AnswerOffer(benchmark::State& state) {
  const std::string offer =
      "v=0\r\no=- 3986521 3986521 IN IP4 192.0.2.20\r\ns=call\r\n"
      "c=IN IP4 192.0.2.20\r\nt=0 0\r\nm=audio 11780 RTP/AVP 9 8 0 18 101\r\n"
      "a=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\n"
      "a=rtpmap:0 PCMU/8000\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n"
      "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n";
  const sip::SdpOrigin origin{
      .session_id = 1, .version = 1, .address = "192.0.2.1"};
  const AllocationCount count(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(sip::WriteInactiveAnswer(offer, origin));
  }
}
BENCHMARK(AnswerOffer);

// What a peer wrote becomes text for clients.
void CleanUri(benchmark::State& state) {
  const std::string uri =
      "sip:alice@pbx.example.com:5061;transport=tls;ob;x-line=7f3a2b";
  const AllocationCount count(state);
  for (auto _ : state) benchmark::DoNotOptimize(sip::CleanText(uri));
}
BENCHMARK(CleanUri);

// A message through the stream's lock and rules.
void SequenceOneMessage(benchmark::State& state) {
  const auto message = std::make_shared<const v1::ReferEvent>();
  server::StreamSequencer<v1::ReferEvent> sequencer;
  bool more = false;
  sequencer.Attach([&] {
    server::StreamItem<v1::ReferEvent> item;
    if (std::exchange(more, false)) item.message = message;
    return item;
  });
  const AllocationCount count(state);
  for (auto _ : state) {
    more = true;
    benchmark::DoNotOptimize(sequencer.Grew());
    benchmark::DoNotOptimize(sequencer.WriteDone(true));
  }
}
BENCHMARK(SequenceOneMessage);

}  // namespace
}  // namespace callcontrol

BENCHMARK_MAIN();
