// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TRANSFER_REFER_TO_H_
#define CALLCONTROL_SIP_TRANSFER_REFER_TO_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sip/transfer/sip_header.h"

namespace callcontrol::sip {

// How a client's words become URIs on one leg.
struct TargetPolicy {
  // What stands behind the "@" of numbers and plain users: the configured refer
  // domain, or else the host of the dialog's remote target. host[:port], with
  // [] around an IPv6 address.
  std::string host{};
  // Whether tel: URIs go out as sip: ones with user=phone. Some peers answer a
  // tel: target with 400.
  bool tel_to_sip = false;
  // Digits without "+". Where set, a number of seven digits or more without "+"
  // is taken for a national one of that country. One trunk prefix is dropped
  // ("1" for country code 1, "0" for all others, so unfit for Italy). Empty: no
  // guessing.
  std::string default_country_code{};
  // Digits that stand for "+" at the start of a number, such as "00". Empty:
  // none.
  std::string international_prefix{};
  // Whether the leg runs over TLS, without which a sips: target is refused.
  bool leg_is_secure = false;

  bool operator==(const TargetPolicy&) const = default;
};

// The dialog that the target is to replace (RFC 3891), in an attended transfer.
struct ReplacedDialog {
  std::string call_id;
  // As the target sees them. An empty tag, as peers of RFC 2543 have it, goes
  // out as "0".
  std::string to_tag;
  std::string from_tag;
  // Only for picking up a call that still rings.
  bool early_only = false;
};

// Builds the value of Refer-To, always in angle brackets (RFC 8217), from what
// a client gave:
//   +15083084809         a number: <sip:+15083084809@HOST;user=phone>;
//                        blanks and the separators -.() are dropped
//   1000, *72#, alice    a dial string or user: <sip:1000@HOST>, escaped as
//                        needed; separators are dropped from digits
//   alice@b.example      <sip:alice@b.example>
//   a URI                in brackets, its bytes kept
//   "Al" <sip:a@b>       the URI; the display name is dropped
// Header parameters behind ">" are refused, and so is a URI with a comma but no
// brackets.
//
// `target_headers` go into the URI's headers, escaped, and from there into the
// INVITE that the transferee sends. A URI may carry such headers itself; those
// are checked, but not escaped again. Allowed are Replaces (one), Require:
// replaces, User-to-User, Subject and X-*.
//
// Errors: INVALID_ARGUMENT with field "refer_to", target_headers["Name"],
// "target_headers", "replaces" or "replaces.call_id" and so on, and one of the
// reasons EMPTY, BAD_CHAR, BAD_URI, SCHEME, MULTIPLE, FORBIDDEN_URI_HEADER,
// TOO_LONG (2048 bytes of input; header_guard.h has the limits of headers) and
// SIPS_ON_INSECURE_LEG.
absl::StatusOr<std::string> BuildReferTo(
    std::string_view refer_to, const std::vector<SipHeader>& target_headers,
    const std::optional<ReplacedDialog>& replaces, const TargetPolicy& policy);

// Builds a URI, without brackets, from the same forms but for URI headers,
// which are refused with FORBIDDEN_URI_HEADER. The field of all errors is
// `field`.
absl::StatusOr<std::string> BuildUri(std::string_view field,
                                     std::string_view text,
                                     const TargetPolicy& policy);

// Builds the value of Referred-By (RFC 3892) as BuildUri() does; the field
// of all errors is "referred_by".
absl::StatusOr<std::string> BuildReferredBy(std::string_view referred_by,
                                            const TargetPolicy& policy);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TRANSFER_REFER_TO_H_
