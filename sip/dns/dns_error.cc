// SPDX-License-Identifier: Apache-2.0
#include "sip/dns/dns_error.h"

#include <string>

#include "base/error.h"

namespace callcontrol::sip {

absl::Status DnsError(absl::StatusCode code, std::string_view reason,
                      std::string_view message) {
  return MakeError(
      code, {.reason = std::string(reason), .field = "", .transfer_id = ""},
      message);
}

}  // namespace callcontrol::sip
