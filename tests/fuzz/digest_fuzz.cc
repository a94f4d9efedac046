// SPDX-License-Identifier: Apache-2.0
//
// Input: realm, nonce, algorithm, qop and opaque ("-": none) of a challenge,
// then the client's user name.
#include "sip/call/digest.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sip/transfer/display_text.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/property.h"

namespace callcontrol::sip {
namespace {

using fuzz::Require;

// What remains of a header value without its quoted strings.
std::string Unquoted(std::string_view value) {
  std::string outside;
  bool quoted = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (quoted && value[i] == '\\') {
      ++i;
    } else if (value[i] == '"') {
      quoted = !quoted;
    } else if (!quoted) {
      outside += value[i];
    }
  }
  Require(!quoted, "every quote is closed");
  return outside;
}

void CheckAnswer(const DigestChallenge& challenge,
                 const Credentials& credentials) {
  const std::optional<std::string> answer = AnswerDigest(
      {challenge}, credentials,
      {.method = "REFER", .uri = "sip:a@b.example", .cnonce = "c0ffee"});
  if (!answer) return;
  Require(IsSafeText(*answer), "an answer is safe in a header");
  Require(answer->starts_with("Digest "), "an answer is a Digest");
  const std::string outside = Unquoted(*answer);
  Require(outside.find_first_of(";<>()") == std::string::npos,
          "nothing of the peer's stands outside quotes");
}

}  // namespace
}  // namespace callcontrol::sip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace callcontrol;
  fuzz::FuzzInput input(data, size);
  sip::DigestChallenge challenge;
  challenge.realm = input.Part();
  challenge.nonce = input.Part();
  challenge.algorithm = input.Part();
  challenge.qop = input.Part();
  const std::string_view opaque = input.Part();
  if (opaque != "-") challenge.opaque = opaque;
  sip::CheckAnswer(
      challenge, {.username = std::string(input.Part()), .password = "secret"});
  return 0;
}
