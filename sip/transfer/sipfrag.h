// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TRANSFER_SIPFRAG_H_
#define CALLCONTROL_SIP_TRANSFER_SIPFRAG_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sip/transfer/sip_status.h"

namespace callcontrol::sip {

// Why the body of a NOTIFY says nothing about the transfer.
enum class SipfragError {
  kNoBody,            // Nothing, or nothing but blanks.
  kBadStatusLine,     // No start line that SIP knows.
  kBadCode,           // A status line whose code is not 100 to 699.
  kBadVersion,        // A status line of another version than SIP/2.0.
  kRequestLine,       // A fragment of a request (legal sipfrag).
  kNoStatusLine,      // Header fields alone (legal sipfrag).
  kTooLarge,          // More than 64 KiB.
  kWrongContentType,  // Another type, and not by mistake a status line.
  kContentEncoding,   // Compressed or otherwise encoded.
  kNulByte,           // A NUL in the first line.
  kLineTooLong,       // A first line of more than 512 bytes.
};

// The stable, upper-case token of an error, such as "BAD_STATUS_LINE".
std::string_view ToString(SipfragError error);

// The body of a NOTIFY and what its headers say of it. All views are the
// caller's and must outlive the call only.
struct SipfragBody {
  std::optional<std::string_view> content_type;
  std::optional<std::string_view> content_encoding;
  std::string_view body;
};

// What was read. Exactly one of `status` and `error` is set.
struct SipfragReading {
  std::optional<SipStatus> status;
  std::optional<SipfragError> error;
  // What was wrong with the body and overlooked; literals, each at most once,
  // in this order: NO_CONTENT_TYPE or CONTENT_TYPE, LEADING_WS (blanks, blank
  // lines or a byte order mark came first), NO_EOL, VERSION_CASE, NO_REASON_SP.
  std::vector<std::string_view> warnings;
  // The first Reason (RFC 3326) and Warning header of the fragment, cleaned;
  // empty where there is none or no status.
  std::string sip_reason;
  std::string warning_header;
};

// Reads the body of a NOTIFY for event "refer" (RFC 3515, section 2.4.5;
// RFC 3420). Only the first line decides. Takes any bytes; work is linear in
// the body, of which more than 64 KiB are refused unread.
//
// A body of another Content-Type than message/sipfrag or message/sip is used
// only where its first line is a flawless status line. Of a multipart body the
// first message/sipfrag part is read; nested multiparts are not entered.
SipfragReading ReadSipfrag(const SipfragBody& body);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TRANSFER_SIPFRAG_H_
