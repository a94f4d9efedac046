// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_SOFIA_ENGINE_H_
#define CALLCONTROL_SIP_SOFIA_SOFIA_ENGINE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "sip/call/call_engine.h"
#include "sip/sofia/engine_options.h"

namespace callcontrol::sip {

// The CallEngine on Sofia-SIP.
//
// Ownership: owns the SIP thread, the resolver's thread and every call. The
// destructor ends all of them without another word on the wire: Drain() and
// Stop() are the polite way.
// Threads: thread-safe, but for the destructor, which must not run on the SIP
// thread. The observer hears from the SIP thread only.
// Errors: Start() says what is wrong with the addresses.
// Time: real; deadlines are monotonic.
class SofiaEngine final : public CallEngine {
 public:
  // Listens and takes calls. `observer` must outlive the engine.
  static absl::StatusOr<std::unique_ptr<SofiaEngine>> Start(
      EngineOptions options, EngineObserver& observer);
  ~SofiaEngine() override;

  void Refer(TransferRequest request, ReferDone done) override;
  void Cancel(std::string call_id, std::string transfer_id,
              CancelDone done) override;
  void Place(PlaceRequest request, PlaceDone done) override;
  void Progress(ProgressRequest request, CallDone done) override;
  void Answer(std::string call_id, std::string sdp, CallDone done) override;
  void Reject(RejectRequest request, CallDone done) override;
  void Update(UpdateRequest request, CallDone done) override;
  void DecideRefer(ReferDecision decision, CallDone done) override;
  void HangUp(std::string call_id, CallDone done) override;
  void Drain(Done done) override;
  void Stop(Done done) override;

  // How calls that come after `done` are treated, and by which trunks.
  void SetRouting(std::vector<CallRoute> routes, Trunks trunks, Done done);

  // The port listened on, for UDP and TCP.
  std::uint16_t sip_port() const { return sip_port_; }
  // For TLS; 0 where that is not configured.
  std::uint16_t sip_tls_port() const;

  // Reads the certificates again, for connections that are opened from now on.
  // `done` says what is wrong where they stay as they were.
  void ReloadTls(absl::AnyInvocable<void(absl::Status result) &&> done);

  // How long ago the SIP thread last turned: well below a second when healthy.
  std::chrono::nanoseconds lag() const;

 private:
  class Impl;
  explicit SofiaEngine(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
  std::uint16_t sip_port_ = 0;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_SOFIA_ENGINE_H_
