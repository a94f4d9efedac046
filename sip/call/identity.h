// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_CALL_IDENTITY_H_
#define CALLCONTROL_SIP_CALL_IDENTITY_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sip/transfer/refer_to.h"
#include "sip/transfer/sip_header.h"

// Who a request says that it comes from: the identity that a trusted neighbour
// is told (RFC 3325), and what is withheld from all others (RFC 3323). Pure.
namespace callcontrol::sip {

// What a Privacy header asks for (RFC 3323, 4.2; "id": RFC 3325, 9.3).
struct Privacy {
  bool header = false;
  bool session = false;
  bool user = false;
  bool id = false;
  bool none = false;
  bool critical = false;

  bool operator==(const Privacy&) const = default;
};

// Names the user in place of one who wants to stay unknown (RFC 3323, 4.1.1.3):
// an addr-spec, a display name, and both as a name-addr.
inline constexpr char kAnonymousUri[] = "sip:anonymous@anonymous.invalid";
inline constexpr char kAnonymousName[] = "\"Anonymous\"";
inline constexpr char kAnonymous[] =
    "\"Anonymous\" <sip:anonymous@anonymous.invalid>";

// What is wanted of a request's identity.
struct IdentityRequest {
  // P-Asserted-Identity, in the forms of Refer-To; unchecked.
  std::vector<std::string> asserted{};
  Privacy privacy{};
};

// How it is done.
struct IdentityPlan {
  std::vector<SipHeader> headers{};
  // From and Referred-By name nobody.
  bool anonymous = false;

  bool operator==(const IdentityPlan&) const = default;
};

// Checks what is wanted of a request to a neighbour of this trust domain, or of
// another one. `targets` says how numbers become URIs, and has a host. Errors:
// INVALID_ARGUMENT about "asserted_identity" (UNTRUSTED_TRUNK where the
// neighbour may not be told, MULTIPLE for more than a SIP and a TEL URI, and
// what BuildUri() says) or "privacy" (BAD_PRIVACY: "none" beside others, or
// "critical" alone).
absl::StatusOr<IdentityPlan> PlanIdentity(const IdentityRequest& request,
                                          TargetPolicy targets, bool trusted);

// Whether the user is to stay unknown to the neighbour: where "user" says so,
// and where "id" does and nobody but an untrusted neighbour is there to do it.
bool WithholdsUser(const Privacy& privacy, bool trusted);

// The value of a Privacy header; empty for none.
std::string PrivacyHeader(const Privacy& privacy);

// What the priv-values of a peer's Privacy header ask for, in any case. Unknown
// ones mean nothing to this side (RFC 3323, 4.2), nor does "none" beside
// others, or "critical" without.
Privacy ReadPrivacy(const std::vector<std::string>& values);

// Whether a header of that name, which a bridge could pass on, says who the
// caller is (RFC 3323, 5.3).
bool NamesUser(std::string_view header);

// The addr-specs in a peer's P-Asserted-Identity headers, each of which may be
// a list: one SIP or SIPS URI and one TEL URI at most (RFC 3325, 9.1). What
// cannot be read is left out.
std::vector<std::string> ReadAssertedIdentity(
    const std::vector<std::string>& values);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_CALL_IDENTITY_H_
