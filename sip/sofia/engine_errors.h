// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_ENGINE_ERRORS_H_
#define CALLCONTROL_SIP_SOFIA_ENGINE_ERRORS_H_

#include <string_view>

#include "absl/status/status.h"

// What the engine answers clients in more than one place.
namespace callcontrol::sip {

// NOT_FOUND (CALL_NOT_FOUND). `id`: what the client named the call by.
absl::Status NoSuchCall(std::string_view id);

// INVALID_ARGUMENT (UNKNOWN_TRUNK) about field "trunk".
absl::Status NoSuchTrunk(std::string_view name);

// RESOURCE_EXHAUSTED (OVERLOADED): see OverloadGuard.
absl::Status TooMuch();

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_ENGINE_ERRORS_H_
