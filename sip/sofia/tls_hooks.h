// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_TLS_HOOKS_H_
#define CALLCONTROL_SIP_SOFIA_TLS_HOOKS_H_

#include "absl/status/status.h"

namespace callcontrol::sip {

// Whether the functions of tls_hooks.cc stand in front of Sofia's, as TlsLayer
// needs it: a Sofia-SIP that is built another way would verify nobody.
//
// Threads: thread-safe. Errors: UNIMPLEMENTED, which function it is.
absl::Status CheckTlsHooks();

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_TLS_HOOKS_H_
