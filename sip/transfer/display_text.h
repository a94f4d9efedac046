// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TRANSFER_DISPLAY_TEXT_H_
#define CALLCONTROL_SIP_TRANSFER_DISPLAY_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

// Text that crosses the border between SIP, where any byte may come, and
// protobuf, whose strings must be valid UTF-8. Nothing here depends on the
// locale, and all work is linear in the input.
namespace callcontrol::sip {

// `peer_text` made fit for people and for a protobuf string: bytes that are not
// UTF-8 become U+FFFD (one for each maximal invalid sequence, as Unicode,
// section 3.9, recommends), control characters (C0, DEL, C1) become spaces, and
// spaces at both ends are dropped. The result has at most `max_chars`
// characters, so at most four times as many bytes, and is never cut inside one.
std::string CleanText(std::string_view peer_text, std::size_t max_chars = 256);

// Whether `text` is well-formed UTF-8: no overlong form, no surrogate, nothing
// above U+10FFFF.
bool IsValidUtf8(std::string_view text);

// Whether `text` can stand in a header value without starting another one:
// valid UTF-8 with no byte below 0x20 (HTAB included, because folding begins
// with it) and no 0x7F.
bool IsSafeText(std::string_view text);

// Whether `text` is a token (RFC 3261, section 25.1). The empty string is not.
bool IsToken(std::string_view text);

// Compares ASCII letters without regard to case, all other bytes exactly.
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// `text` without SP, HTAB, CR and LF at both ends.
std::string_view TrimBlanks(std::string_view text);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TRANSFER_DISPLAY_TEXT_H_
