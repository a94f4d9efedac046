// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_FUZZ_ENGINE_WATCH_H_
#define CALLCONTROL_TESTS_FUZZ_ENGINE_WATCH_H_

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sip/call/call_engine.h"

namespace callcontrol::fuzz {

// Watches an engine and ends the process where it tells what it promised not
// to: text that is not UTF-8, a second result, an event after the result.
//
// Threads: the engine's thread tells, the fuzzer's thread asks.
class EngineWatch final : public sip::EngineObserver {
 public:
  void OnCall(std::shared_ptr<const sip::CallSnapshot> call,
              sip::CallChange change) override;
  void OnTransferStarted(const sip::TransferPlan& plan,
                         absl::Time time) override;
  void OnTransferEvent(const std::string& transfer_id,
                       const sip::TransferEvent& event,
                       sip::TransferPhase phase, absl::Time time) override;
  void OnRegistration(const std::string&,
                      const sip::RegistrationChange&) override {}

  // The id of the live call that is called this on the wire; empty for none.
  std::string IdOf(const std::string& sip_call_id) const;

  // The ids of the calls that have not ended.
  std::vector<std::string> live_calls() const;

  // Ends the process where a transfer has been open for longer than `limit`.
  void RequireNoneOpenFor(std::chrono::seconds limit) const;

 private:
  mutable std::mutex mutex_;
  // By id; what the calls are called on the wire.
  // What live calls are called on the wire, by id.
  std::map<std::string, std::string> calls_;
  // When transfers without a result were started, by id.
  std::map<std::string, std::chrono::steady_clock::time_point> transfers_;
};

}  // namespace callcontrol::fuzz

#endif  // CALLCONTROL_TESTS_FUZZ_ENGINE_WATCH_H_
