// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_CALL_SDP_HOLD_H_
#define CALLCONTROL_SIP_CALL_SDP_HOLD_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// A session description, written anew: to put the far end on hold and to take
// it off again (RFC 3264, 8.4), or to fit another session. Pure; works on the
// lines, so that whatever else a client wrote in it stays as it is.
namespace callcontrol::sip {

// The session version in the o= line; nullopt where there is no readable one.
std::optional<std::uint64_t> SdpVersion(std::string_view sdp);

// The same description with another session version (RFC 3264, 8: one more for
// each that differs). As it is where it has no readable o= line.
std::string WithSdpVersion(std::string_view sdp, std::uint64_t version);

// `next`, which is another party's, as the description that follows `last` in a
// session of ours. Byte by byte as it is where its origin continues that of
// `last`, or is the same description; otherwise with the o= line of `last` and
// one version more (RFC 3264, 8). As it is where `last` is empty, or one of the
// two has no readable o= line.
std::string ContinueSession(std::string_view next, std::string_view last);

// The same description with every stream on hold: sendonly where this side
// would send, inactive where it would only receive or do nothing. With
// `always_sendonly` every stream becomes sendonly, which phones show as "held":
// for a description without media of its own, all of whose streams are inactive
// already. Refused streams (port 0) stay as they are. One direction attribute
// per stream; that of the session is dropped.
std::string WithHold(std::string_view sdp, bool always_sendonly);

// The same description with every stream taken off this side's own hold, for a
// far end that it has not been offered to: streams that only receive, or do
// nothing, send and receive. One that only sends holds that far end, and stays.
std::string WithoutHold(std::string_view sdp);

// `offer` as one that follows `last` in a session: the streams that only `last`
// has are refused in it, because an offer never has fewer (RFC 3264, 8).
std::string WithRefusedMedia(std::string_view offer, std::string_view last);

// The description without the streams behind the first `count`: the answer to
// what was offered before it was made longer.
std::string WithMediaUpTo(std::size_t count, std::string_view sdp);

// The description without the streams behind the first `count`, where all of
// those are refused.
std::string WithoutRefusedMedia(std::size_t count, std::string_view sdp);

// Whether two descriptions are of the same media: all but their o= lines is
// equal, a direction that is left out being sendrecv (RFC 4566, 6).
bool HasSameMedia(std::string_view one, std::string_view other);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_CALL_SDP_HOLD_H_
