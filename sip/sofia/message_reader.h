// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_MESSAGE_READER_H_
#define CALLCONTROL_SIP_SOFIA_MESSAGE_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sip/call/call_routes.h"
#include "sip/call/call_types.h"
#include "sip/call/identity.h"
#include "sip/call/referral.h"
#include "sip/call/reliable_provisional.h"
#include "sip/call/session_timer.h"
#include "sip/dns/sip_route.h"
#include "sip/sofia/call_host.h"
#include "sip/sofia/sofia.h"
#include "sip/transfer/sip_header.h"
#include "sip/transfer/target_dialog.h"
#include "sip/transfer/transfer_types.h"

namespace callcontrol::sip {

// Turns what Sofia parsed into the values of sip/transfer and sip/call. No
// pointer into a message outlives the call. Peer text that is kept for people
// is cleaned (display_text.h); the rest is kept byte by byte.
//
// Threads: thread-safe: reads its arguments only. Errors: absent or unreadable
// headers are nullopt or empty.

// The status line of an answer.
SipStatus ReadStatus(const sip_t& sip);

// The contacts of a 3xx, addr-specs; empty for any other answer.
std::vector<std::string> ReadRedirection(const sip_t& sip);

// Whether "Refer-Sub: false" is there (RFC 4488, 4).
bool DeclinesSubscription(const sip_t& sip);

// The Refer-To of a REFER. Errors: those of ReadReferTarget(), BAD_URI where
// there is none, or more than one. Sofia has undone the escapes in it that it
// does not find necessary.
absl::StatusOr<ReferTarget> ReadReferTo(const sip_t& sip);

// The one Target-Dialog (RFC 4538) that can be read.
std::optional<TargetDialog> ReadTargetDialogOf(const sip_t& sip);

// Whether an answer is 420, and about the extension of that name.
bool RefusesExtension(const sip_t& answer, const char* extension);

// The value of Referred-By (RFC 3892, 3) with its parameters; empty where there
// is none that can be read.
std::string ReadReferredBy(const sip_t& sip);

// The headers of a request whose names `wanted` lists (PassesHeader()), in
// their order. Those that a client could not set are left out
// (header_guard.h).
std::vector<SipHeader> ReadHeaders(const sip_t& sip,
                                   const std::vector<std::string>& wanted);

// The URIs of Service-Route (RFC 3608) as they stand there; empty for none.
std::vector<std::string> ReadServiceRoute(const sip_t& sip);

// P-Asserted-Identity (RFC 3325), whoever it comes from; empty for none.
std::vector<std::string> ReadAssertedIdentityOf(const sip_t& sip);

// Privacy (RFC 3323). One that cannot be read is taken for a wish to stay
// unknown.
Privacy ReadPrivacyOf(const sip_t& sip);

// The final answer to a REFER.
ReferAnswer ReadReferAnswer(const sip_t& sip);

// A NOTIFY.
ReferNotify ReadNotify(const sip_t& sip);

// Its Event header.
std::optional<EventHeader> ReadEventOf(const sip_t& sip);

// What an INVITE, or an answer to one, says of its sender.
FarEnd ReadFarEnd(const sip_t& sip);

// What it says of the session timer (RFC 4028).
SessionTimerTerms ReadSessionTimer(const sip_t& sip);

bool IsPrack(const sip_t& request);

// What a PRACK acknowledges.
std::optional<RAck> ReadRAck(const sip_t& prack);

// RSeq of a provisional answer that is to be acknowledged; nullopt for others.
std::optional<std::uint32_t> ReadReliableRSeq(const sip_t& answer);

ReliableSupport ReadReliableSupport(const sip_t& invite);

// The Reason header (RFC 3326), cleaned; empty for none.
std::string ReadReason(const sip_t& sip);

// "scheme:user@host:port;params" of a From, To or Contact.
std::string UriText(const url_t& url);

// Its Content-Type with its parameters; empty for none.
std::string ReadContentType(const sip_t& sip);

// The body; empty for none.
std::string_view BodyOf(const sip_t& sip);

// What an INVITE is routed by. `source` is the address that it came from.
IncomingCall ReadIncomingCall(const sip_t& sip, const sockaddr* source);

// The body where it is a session description; empty otherwise.
std::string_view SdpOf(const sip_t& sip);

// Whether the body is a session description: application/sdp, or no
// Content-Type at all.
bool HasSdp(const sip_t& sip);

// Whether a header of that name is there that cannot be read, or is there twice
// where one is all there may be.
bool HasBadHeader(const sip_t& sip, const char* name);

// Whether the last hop was TLS, which its Via says (RFC 3261, 18.1.1): Sofia
// lets none in that says what is not so.
bool CameByTls(const sip_t& sip);

// One sip or sips Contact with a host, as a dialog needs it.
bool HasUsableContact(const sip_t& sip);

// What the dialog runs over that an INVITE begins (RFC 3261, 12.1.1).
LegTransport ReadLegTransport(const sip_t& invite);

// Whether it is a GRUU (RFC 5627).
bool IsGruu(const url_t& url);

// Whether it is a sips: URI.
bool IsSips(std::string_view uri);

// Where a request to `url` goes, before any look-up (RFC 3263, 4). maddr wins
// over the host (RFC 3261, 19.1.1).
SipTarget TargetOf(const url_t& url);
// Nullopt where that is no URI.
std::optional<SipTarget> TargetOf(const std::string& uri);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_MESSAGE_READER_H_
