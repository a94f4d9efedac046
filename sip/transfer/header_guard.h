// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TRANSFER_HEADER_GUARD_H_
#define CALLCONTROL_SIP_TRANSFER_HEADER_GUARD_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "sip/transfer/sip_header.h"

namespace callcontrol::sip {

// Limits of what a client may add to a REFER. Names and values are bytes; the
// total counts each line as it goes on the wire ("Name: value" and CRLF).
inline constexpr std::size_t kMaxReferHeaders = 32;
inline constexpr std::size_t kMaxHeaderName = 64;
inline constexpr std::size_t kMaxHeaderValue = 1024;
inline constexpr std::size_t kMaxHeadersTotal = std::size_t{8} * 1024;

// Whether a client may not set this header in a REFER: the server sets it, or
// RFC 3515, section 2.2, table 1, keeps it out, or it has an API field of its
// own. Knows compact forms; ignores case. `name` is a header name without
// blanks, which CheckReferHeaders() sees to.
bool IsForbiddenReferHeader(std::string_view name);

// Checks every header that a client wants in the REFER, so that none of them
// can break the message or pretend to be the server's. Repeated names are
// allowed. OK, or INVALID_ARGUMENT about the first fault, with field "headers"
// or headers["Name"] and reason
//   TOO_MANY_HEADERS  more than kMaxReferHeaders;
//   BAD_NAME          the name is no token (empty, blanks, non-ASCII);
//   FORBIDDEN_HEADER  see IsForbiddenReferHeader();
//   BAD_CHAR          the value has a control character (HTAB is one) or is
//                     not UTF-8;
//   TOO_LONG          a name, a value or all of them together.
absl::Status CheckReferHeaders(const std::vector<SipHeader>& headers);

// Whether `text` is a callid (RFC 3261, section 25.1).
bool IsCallId(std::string_view text);

// Checks one header of a Refer-To URI, which the transferee will put into its
// INVITE (RFC 3261, section 19.1.5, lets it drop what it finds dangerous). Name
// and value are plain, not escaped. Allowed are Replaces (well-formed by
// RFC 3891, section 6.1), Require: replaces, User-to-User, Subject and X-*.
// OK, or INVALID_ARGUMENT about `field` with reason BAD_CHAR,
// FORBIDDEN_URI_HEADER or, for a malformed Replaces, BAD_URI. Limits no length.
absl::Status CheckTargetHeader(std::string_view field, std::string_view name,
                               std::string_view value);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TRANSFER_HEADER_GUARD_H_
