// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_CALL_SDP_ANSWER_H_
#define CALLCONTROL_SIP_CALL_SDP_ANSWER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

// Session descriptions for calls without media: the server holds a call while
// it transfers it, and neither sends nor plays anything.
namespace callcontrol::sip {

// What the o= line of our descriptions says (RFC 4566, section 5.2).
struct SdpOrigin {
  // The same for all descriptions of one call.
  std::uint64_t session_id = 0;
  // One more for each description that differs from the last one.
  std::uint64_t version = 0;
  // An IPv4 or IPv6 literal without brackets. Goes into o= and c= unchecked.
  std::string address;
};

// Writes the answer to `offer` (RFC 3264, section 6): one m= line for each of
// the offer's, in its order. RTP/AVP and RTP/AVPF streams are accepted
// inactive, with the offer's formats that have a meaning; all other protocols
// are refused with port 0. RTP/SAVP and RTP/SAVPF are accepted only where that
// leaves no other stream: an answer to them would need a key (RFC 4568,
// section 5.1.2) that this server has no use for, and yet a peer that offers
// nothing else had better keep the call than see all of it refused.
//
// Errors: INVALID_ARGUMENT with reason BAD_SDP where the offer cannot be read,
// is larger than 64 KiB or has more than 64 m= lines. Line ends may be LF.
absl::StatusOr<std::string> WriteInactiveAnswer(std::string_view offer,
                                                const SdpOrigin& origin);

// The m= lines of a session description: an answer has as many as its offer
// (RFC 3264, 6).
std::size_t CountMedia(std::string_view sdp);

// Writes an offer of one inactive audio stream with PCMU, PCMA and
// telephone-event.
std::string WriteInactiveOffer(const SdpOrigin& origin);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_CALL_SDP_ANSWER_H_
