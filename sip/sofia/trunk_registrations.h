// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_TRUNK_REGISTRATIONS_H_
#define CALLCONTROL_SIP_SOFIA_TRUNK_REGISTRATIONS_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sip/call/call_engine.h"
#include "sip/call/trunk.h"
#include "sip/sofia/call_host.h"
#include "sip/sofia/trunk_registration.h"

namespace callcontrol::sip {

// The registrations of all trunks that have one, through every change of the
// configuration.
//
// Ownership: owned by its host. Owns the registrations.
// Threads: SIP thread only, but for construction and destruction, before which
// comes Clear().
// Errors: none; the host's observer is told. Time: that of its registrations.
class TrunkRegistrations {
 public:
  explicit TrunkRegistrations(CallHost& host) : host_(host) {}

  // Begins, renews and ends registrations so that there are those that `trunks`
  // want. One of an address-of-record whose old one is being taken back waits
  // for that: the registrar would take the new binding back with it.
  void Configure(const Trunks& trunks);

  // Takes every binding back; `done` when that is answered, or after `limit`.
  // Once, as the last thing but Clear().
  void End(CallEngine::Done done, std::chrono::milliseconds limit);

  // Ends everything without another word on the wire.
  void Clear();

  // URIs that requests outside a dialog by that trunk begin their way with (RFC
  // 3608); empty for none.
  std::vector<std::string> ServiceRouteOf(std::string_view trunk) const;

  // Where its bindings are.
  RegisteredAt registered_at() const;

 private:
  void BeginWaiting();
  void Forget(const TrunkRegistration& over);
  void TellIfEnded();

  CallHost& host_;
  std::vector<std::shared_ptr<TrunkRegistration>> registrations_;
  // Trunks whose turn comes when an old registration is over.
  Trunks waiting_;
  bool ended_ = false;
  CallEngine::Done on_end_ = nullptr;
  std::optional<TimerQueue::Id> end_timer_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_TRUNK_REGISTRATIONS_H_
