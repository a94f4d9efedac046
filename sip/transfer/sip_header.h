// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TRANSFER_SIP_HEADER_H_
#define CALLCONTROL_SIP_TRANSFER_SIP_HEADER_H_

#include <string>

namespace callcontrol::sip {

// One header field as a client gave it, unchecked until CheckReferHeaders()
// (header_guard.h) has said yes.
struct SipHeader {
  std::string name;
  std::string value;

  bool operator==(const SipHeader&) const = default;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TRANSFER_SIP_HEADER_H_
