// SPDX-License-Identifier: Apache-2.0
//
// Input: refer_to; words: tel-to-sip, secure, early-only, country=, prefix=,
// host=; the replaced dialog's Call-ID (empty: none), to-tag and from-tag; then
// parts of "Name: value", each a target header.
#include "sip/transfer/refer_to.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sip/transfer/display_text.h"
#include "sip/transfer/sip_uri.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/property.h"

namespace callcontrol::sip {
namespace {

using fuzz::Require;
using fuzz::RequireHelpful;

struct Request {
  std::string_view refer_to;
  TargetPolicy policy;
  std::optional<ReplacedDialog> replaces;
  std::vector<SipHeader> target_headers;
};

// An administrator's words are good ones.
void ReadPolicyWord(std::string_view word, TargetPolicy& policy) {
  std::string_view value = word;
  const std::string_view name = fuzz::TakeUntil(value, '=');
  const bool digits =
      value.size() < 8 && value.find_first_not_of("0123456789") == value.npos;
  if (name == "tel-to-sip") policy.tel_to_sip = true;
  if (name == "secure") policy.leg_is_secure = true;
  if (name == "country" && digits) policy.default_country_code = value;
  if (name == "prefix" && digits) policy.international_prefix = value;
  if (name == "host" && ParseSipUri("sip:" + std::string(value)).ok() &&
      value.find_first_of("@;?") == value.npos) {
    policy.host = value;
  }
}

Request ReadRequest(fuzz::FuzzInput input) {
  Request request;
  request.refer_to = input.Part();
  request.policy.host = "pbx.example";
  std::string_view words = input.Part();
  const bool early_only = words.find("early-only") != words.npos;
  while (!words.empty()) {
    ReadPolicyWord(fuzz::TakeUntil(words, ' '), request.policy);
  }
  const std::string call_id(input.Part());
  const std::string to_tag(input.Part());
  const std::string from_tag(input.Part());
  if (!call_id.empty()) {
    request.replaces = {call_id, to_tag, from_tag, early_only};
  }
  while (!input.empty()) {
    std::string_view value = input.Part();
    const std::string_view name = fuzz::TakeUntil(value, ':');
    if (value.starts_with(' ')) value.remove_prefix(1);
    request.target_headers.push_back({std::string(name), std::string(value)});
  }
  return request;
}

// The URI's headers as a transferee reads them.
std::vector<SipHeader> HeadersOf(const SipUri& uri) {
  std::vector<SipHeader> headers;
  std::string_view rest = uri.headers;
  while (!rest.empty()) {
    std::string_view value = fuzz::TakeUntil(rest, '&');
    const std::string_view name = fuzz::TakeUntil(value, '=');
    headers.push_back({UnescapeUri(name), UnescapeUri(value)});
  }
  return headers;
}

bool IsNamed(const SipHeader& header, std::string_view name) {
  return EqualsIgnoreCase(header.name, name);
}

void CheckHeaders(const Request& request, const SipUri& uri) {
  const std::vector<SipHeader> headers = HeadersOf(uri);
  for (const SipHeader& wanted : request.target_headers) {
    Require(std::ranges::find(headers, wanted) != headers.end(),
            "every target header reaches the transferee as it was");
  }
  const auto replaces = std::ranges::count_if(
      headers, [](const SipHeader& h) { return IsNamed(h, "Replaces"); });
  Require(replaces <= 1, "at most one dialog is replaced");
  Require(!request.replaces || replaces == 1, "the dialog is named");
  for (const SipHeader& header : headers) {
    for (const std::string_view forbidden :
         {"From", "Call-ID", "CSeq", "Via", "Route", "Contact", "body"}) {
      Require(!IsNamed(header, forbidden), "no forbidden header passes");
    }
  }
}

void CheckReferTo(const Request& request) {
  const absl::StatusOr<std::string> built =
      BuildReferTo(request.refer_to, request.target_headers, request.replaces,
                   request.policy);
  if (!built.ok()) return RequireHelpful(built.status());
  Require(fuzz::IsOneLine(*built), "Refer-To is one line");
  Require(built->starts_with('<') && built->ends_with('>') &&
              built->find_first_of("<>", 1) == built->size() - 1,
          "Refer-To stands in one pair of brackets");
  // The result may be longer than what is read, but for being so is good.
  if (built->size() > kMaxUriLength) return;
  const absl::StatusOr<SipUri> uri =
      ParseSipUri(std::string_view(*built).substr(1, built->size() - 2));
  Require(uri.ok(), "Refer-To holds a URI");
  Require(uri->scheme != "sips" || request.policy.leg_is_secure,
          "sips needs a secure leg");
  Require(uri->scheme != "tel" || !request.policy.tel_to_sip,
          "tel-to-sip leaves no tel");
  CheckHeaders(request, *uri);
  Require(BuildReferTo(*built, {}, std::nullopt, request.policy) == built,
          "what was written stays when it is read");
}

void CheckPlain(const absl::StatusOr<std::string>& built) {
  if (!built.ok()) return RequireHelpful(built.status());
  Require(fuzz::IsOneLine(*built), "a URI is one line");
}

}  // namespace
}  // namespace callcontrol::sip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace callcontrol;
  const sip::Request request = sip::ReadRequest(fuzz::FuzzInput(data, size));
  sip::CheckReferTo(request);
  sip::CheckPlain(sip::BuildUri("to", request.refer_to, request.policy));
  sip::CheckPlain(sip::BuildReferredBy(request.refer_to, request.policy));
  return 0;
}
