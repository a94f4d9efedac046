// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TRANSFER_SIP_STATUS_H_
#define CALLCONTROL_SIP_TRANSFER_SIP_STATUS_H_

#include <string>

namespace callcontrol::sip {

// A SIP status line without the version (RFC 3261, section 7.2).
struct SipStatus {
  // 100 to 699.
  int code = 0;
  // For people, never for decisions. Valid UTF-8 where a reader here made it.
  std::string reason;

  bool operator==(const SipStatus&) const = default;
};

constexpr bool IsProvisional(int code) { return code < 200; }
constexpr bool IsSuccess(int code) { return code >= 200 && code < 300; }
constexpr bool IsFinal(int code) { return code >= 200; }

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TRANSFER_SIP_STATUS_H_
