// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_SOFIA_LOG_H_
#define CALLCONTROL_SIP_SOFIA_SOFIA_LOG_H_

#include <functional>
#include <string_view>

#include "sip/sofia/engine_options.h"

namespace callcontrol::sip {

// Sends what Sofia logs of itself, errors only, to `log`, at most 100 lines a
// second; says how many were left out. Sofia can write hundreds of thousands of
// lines a second when descriptors run out.
//
// Threads: once, before the engine's first agent; `log` from the SIP thread.
void RedirectSofiaLog(std::function<void(LogLevel, std::string_view)> log);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_SOFIA_LOG_H_
