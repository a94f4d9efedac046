// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_CALL_DIGEST_H_
#define CALLCONTROL_SIP_CALL_DIGEST_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// How a Digest challenge is answered (RFC 3261, 22.4; RFC 7616; RFC 8760).
// Pure.
namespace callcontrol::sip {

// What a client gave to answer challenges with. Never logged, never told.
struct Credentials {
  std::string username{};
  std::string password{};
  // The only realm that is answered; empty: any.
  std::string realm{};

  bool operator==(const Credentials&) const = default;
};

// One challenge, unquoted.
struct DigestChallenge {
  std::string realm{};
  std::string nonce{};
  std::optional<std::string> opaque{};
  std::string algorithm{};  // Empty: MD5.
  std::string qop{};        // As listed; empty: none.
  // The nonce of the last answer was too old; the password was not wrong.
  bool stale = false;
};

// What is being authenticated.
struct DigestRequest {
  std::string_view method{};
  // The request-URI, as it stands in the request.
  std::string_view uri{};
  // Fresh and unguessable.
  std::string_view cnonce{};
};

// The value of Authorization or Proxy-Authorization that answers the first of
// `challenges` that can be: of the credentials' realm, with MD5 or SHA-256 or
// their -sess forms, and qop "auth" or none at all (RFC 8760, 2.4: the sender
// prefers the first). Nullopt where none can be.
std::optional<std::string> AnswerDigest(
    const std::vector<DigestChallenge>& challenges,
    const Credentials& credentials, const DigestRequest& request);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_CALL_DIGEST_H_
