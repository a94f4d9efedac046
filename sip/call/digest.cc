// SPDX-License-Identifier: Apache-2.0
#include "sip/call/digest.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/hash.h"
#include "sip/transfer/display_text.h"

namespace callcontrol::sip {
namespace {

// Each nonce is used once.
constexpr char kNonceCount[] = "00000001";

struct Algorithm {
  HashAlgorithm hash;
  bool session;
};

std::optional<Algorithm> AlgorithmOf(const std::string& name) {
  if (name.empty() || absl::EqualsIgnoreCase(name, "MD5")) {
    return Algorithm{HashAlgorithm::kMd5, false};
  }
  if (absl::EqualsIgnoreCase(name, "MD5-sess")) {
    return Algorithm{HashAlgorithm::kMd5, true};
  }
  if (absl::EqualsIgnoreCase(name, "SHA-256")) {
    return Algorithm{HashAlgorithm::kSha256, false};
  }
  if (absl::EqualsIgnoreCase(name, "SHA-256-sess")) {
    return Algorithm{HashAlgorithm::kSha256, true};
  }
  return std::nullopt;
}

bool OffersAuth(const std::string& qop) {
  for (const absl::string_view word : absl::StrSplit(qop, ',')) {
    if (absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(word), "auth")) {
      return true;
    }
  }
  return false;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::optional<std::string> AnswerOne(const DigestChallenge& challenge,
                                     const Credentials& credentials,
                                     const DigestRequest& request) {
  const std::optional<Algorithm> algorithm = AlgorithmOf(challenge.algorithm);
  const bool with_qop = !challenge.qop.empty();
  if (!algorithm || (with_qop && !OffersAuth(challenge.qop))) {
    return std::nullopt;
  }
  if (!credentials.realm.empty() && credentials.realm != challenge.realm) {
    return std::nullopt;
  }
  for (const std::string_view text :
       {std::string_view(challenge.realm), std::string_view(challenge.nonce),
        std::string_view(challenge.algorithm),
        std::string_view(credentials.username),
        challenge.opaque ? std::string_view(*challenge.opaque)
                         : std::string_view()}) {
    // A header must not be broken by what a peer wrote.
    if (!IsSafeText(text)) return std::nullopt;
  }

  const auto hash = [&](const std::string& text) {
    return HexHash(algorithm->hash, text);
  };
  const std::string cnonce(request.cnonce);
  std::string ha1 = hash(absl::StrCat(
      credentials.username, ":", challenge.realm, ":", credentials.password));
  if (algorithm->session) {
    ha1 = hash(absl::StrCat(ha1, ":", challenge.nonce, ":", cnonce));
  }
  const std::string uri(request.uri);
  const std::string ha2 =
      hash(absl::StrCat(std::string(request.method), ":", uri));
  const std::string response =
      with_qop ? hash(absl::StrCat(ha1, ":", challenge.nonce, ":", kNonceCount,
                                   ":", cnonce, ":auth:", ha2))
               : hash(absl::StrCat(ha1, ":", challenge.nonce, ":", ha2));
  if (ha1.empty() || response.empty()) return std::nullopt;

  std::string value = absl::StrCat(
      "Digest username=", Quoted(credentials.username),
      ", realm=", Quoted(challenge.realm), ", nonce=", Quoted(challenge.nonce),
      ", uri=", Quoted(uri), ", response=\"", response, "\"");
  if (!challenge.algorithm.empty()) {
    absl::StrAppend(&value, ", algorithm=", challenge.algorithm);
  }
  if (with_qop) {
    absl::StrAppend(&value, ", qop=auth, nc=", kNonceCount);
  }
  if (with_qop || algorithm->session) {
    absl::StrAppend(&value, ", cnonce=", Quoted(cnonce));
  }
  if (challenge.opaque) {
    absl::StrAppend(&value, ", opaque=", Quoted(*challenge.opaque));
  }
  return value;
}

}  // namespace

std::optional<std::string> AnswerDigest(
    const std::vector<DigestChallenge>& challenges,
    const Credentials& credentials, const DigestRequest& request) {
  if (credentials.username.empty()) return std::nullopt;
  for (const DigestChallenge& challenge : challenges) {
    if (auto answer = AnswerOne(challenge, credentials, request)) {
      return answer;
    }
  }
  return std::nullopt;
}

}  // namespace callcontrol::sip
