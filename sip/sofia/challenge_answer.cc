// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/challenge_answer.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace callcontrol::sip {
namespace {

// One of the far end, one of a proxy, and one stale nonce of each.
constexpr int kMostAnswers = 4;

std::string Unquoted(const char* text) {
  if (text == nullptr) return "";
  std::string_view rest = text;
  if (rest.size() < 2 || rest.front() != '"' || rest.back() != '"') {
    return std::string(rest);
  }
  rest.remove_prefix(1);
  rest.remove_suffix(1);
  std::string plain;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
    plain += rest[i];
  }
  return plain;
}

std::vector<DigestChallenge> ReadChallenges(const msg_auth_t* header) {
  std::vector<DigestChallenge> challenges;
  for (; header != nullptr && challenges.size() < 8; header = header->au_next) {
    if (header->au_scheme == nullptr ||
        !absl::EqualsIgnoreCase(header->au_scheme, "Digest")) {
      continue;
    }
    const auto parameter = [header](const char* name) {
      return msg_params_find(header->au_params, name);
    };
    DigestChallenge challenge;
    challenge.realm = Unquoted(parameter("realm="));
    challenge.nonce = Unquoted(parameter("nonce="));
    if (const char* opaque = parameter("opaque=")) {
      challenge.opaque = Unquoted(opaque);
    }
    challenge.algorithm = Unquoted(parameter("algorithm="));
    challenge.qop = Unquoted(parameter("qop="));
    challenge.stale =
        absl::EqualsIgnoreCase(Unquoted(parameter("stale=")), "true");
    challenges.push_back(std::move(challenge));
  }
  return challenges;
}

}  // namespace

bool ChallengeAnswer::Take(const sip_t& answer, std::string_view method,
                           const std::string& uri,
                           const Credentials* credentials,
                           const std::string& cnonce) {
  const int status = answer.sip_status->st_status;
  if (credentials == nullptr || (status != 401 && status != 407)) return false;
  const bool proxy = status == 407;
  const char* const name = proxy ? "Proxy-Authorization" : "Authorization";
  const std::vector<DigestChallenge> challenges = ReadChallenges(
      proxy ? answer.sip_proxy_authenticate : answer.sip_www_authenticate);
  const auto given = std::ranges::find_if(
      headers_,
      [name](const SipHeader& header) { return header.name == name; });
  const bool stale = std::ranges::any_of(
      challenges, [](const auto& challenge) { return challenge.stale; });
  // The same again means that the password is wrong.
  if (given != headers_.end() && !stale) return false;
  if (++answers_ > kMostAnswers) return false;
  const std::optional<std::string> value =
      AnswerDigest(challenges, *credentials,
                   {.method = method, .uri = uri, .cnonce = cnonce});
  if (!value) return false;
  if (given != headers_.end()) headers_.erase(given);
  headers_.push_back({name, *value});
  return true;
}

}  // namespace callcontrol::sip
