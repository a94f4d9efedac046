// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_EVENT_RECORDER_H_
#define CALLCONTROL_SERVER_EVENT_RECORDER_H_

#include <memory>
#include <string>

#include "server/call_store.h"
#include "server/transfer_store.h"
#include "sip/call/call_engine.h"

namespace callcontrol::server {

// Puts what the engine tells into the stores, and into the log: a line for each
// call that begins or ends and one for each outcome of a transfer, and for each
// change of a registration.
//
// Ownership: the stores must outlive it. Threads: the SIP thread's only.
// Errors: none. Time: the log's is the wall clock.
class EventRecorder final : public sip::EngineObserver {
 public:
  EventRecorder(CallStore& calls, TransferStore& transfers)
      : calls_(calls), transfers_(transfers) {}

  void OnCall(std::shared_ptr<const sip::CallSnapshot> call,
              sip::CallChange change) override;
  void OnTransferStarted(const sip::TransferPlan& plan,
                         absl::Time time) override;
  void OnTransferEvent(const std::string& transfer_id,
                       const sip::TransferEvent& event,
                       sip::TransferPhase phase, absl::Time time) override;
  void OnRegistration(const std::string& trunk,
                      const sip::RegistrationChange& change) override;

 private:
  CallStore& calls_;
  TransferStore& transfers_;
};

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_EVENT_RECORDER_H_
