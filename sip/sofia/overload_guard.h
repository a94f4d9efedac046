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

  // What the log says of that: that it begins, and, with the first new work
  // that is taken a while later, that it is over. nullopt for nothing new.
  std::optional<std::string> TakeNews();

 private:
  Milliseconds limit_;
  // Of the last refusal; unset where none is to be told of any more.
  std::optional<MonotonicTime> last_refusal_;
  std::uint64_t refused_ = 0;
  std::optional<std::string> news_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_OVERLOAD_GUARD_H_
