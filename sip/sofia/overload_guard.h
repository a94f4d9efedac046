// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_OVERLOAD_GUARD_H_
#define CALLCONTROL_SIP_SOFIA_OVERLOAD_GUARD_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "sip/transfer/transfer_types.h"

namespace callcontrol::sip {

// Decides whether a server that cannot keep up takes on new work. One that
// takes all that comes ends up with nothing but repetitions to answer (RFC
// 6357, 3): calls that are there go first. Pure.
//
// Ownership: a plain value. Threads: thread-compatible. Errors: none.
// Time: that of its caller.
class OverloadGuard {
 public:
  // `limit`: how long a thread may be at work without a pause. 0: for ever.
  explicit OverloadGuard(Milliseconds limit) : limit_(limit) {}

  // Whether new work is refused, of which some has come. `busy`: how long the
  // thread that is behind most has been at work without a pause.
  bool Refuses(std::chrono::nanoseconds busy, MonotonicTime now);

  // When a shortage is over, unless something is refused before; unset where
  // there is none.
  std::optional<MonotonicTime> over_at() const;
  // Ends a shortage that is over. To be called at over_at().
  void Look(MonotonicTime now);

  // What the log says: that a shortage begins, and that it is over. nullopt for
  // nothing new.
  std::optional<std::string> TakeNews();

 private:
  Milliseconds limit_;
  // Set while there is a shortage.
  std::optional<MonotonicTime> last_refusal_;
  std::uint64_t refused_ = 0;
  std::optional<std::string> news_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_OVERLOAD_GUARD_H_
