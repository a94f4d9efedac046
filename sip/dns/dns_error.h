// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_DNS_DNS_ERROR_H_
#define CALLCONTROL_SIP_DNS_DNS_ERROR_H_

#include <string_view>

#include "absl/status/status.h"

namespace callcontrol::sip {

// An error of this folder. `reason` is one of those listed at Resolver.
absl::Status DnsError(absl::StatusCode code, std::string_view reason,
                      std::string_view message);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_DNS_DNS_ERROR_H_
