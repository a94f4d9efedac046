// SPDX-License-Identifier: Apache-2.0
#include "server/hooks/hook_guard.h"

#include <curl/urlapi.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "sip/transfer/display_text.h"

namespace callcontrol::server {
namespace {

constexpr std::size_t kMaxUrl = 2048;

struct CurlFree {
  void operator()(char* text) const { curl_free(text); }
};
struct UrlCleanup {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, UrlCleanup>;

std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  return std::unique_ptr<char, CurlFree>(text).get();
}

// Whether the URL names its scheme (RFC 3986, 3.1), be it one of ours or not.
bool HasScheme(std::string_view url) {
  const std::size_t colon = url.find_first_of(":/?#");
  return colon != std::string_view::npos && colon > 0 && url[colon] == ':' &&
         absl::ascii_isalpha(static_cast<unsigned char>(url[0])) &&
         std::ranges::all_of(url.substr(0, colon), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '+' || c == '-' || c == '.';
         });
}

// `text` resolved against `base` (empty: it has to be absolute); null where it
// is no URL.
Url Parse(const std::string& base, const std::string& text) {
  Url url(curl_url());
  if (!base.empty() &&
      curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK) {
    return nullptr;
  }
  const CURLUcode code =
      curl_url_set(url.get(), CURLUPART_URL, text.c_str(),
                   CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE);
  if (code != CURLUE_OK) return nullptr;
  // Not sent anyway (RFC 9110, 7.1).
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  return url;
}

HookUrl Taken(CURLU* url) {
  HookUrl result;
  result.text = Part(url, CURLUPART_URL);
  result.host = absl::AsciiStrToLower(Part(url, CURLUPART_HOST));
  // One name, whether it says that it is complete or not.
  if (absl::EndsWith(result.host, ".")) result.host.pop_back();
  result.origin =
      absl::StrCat(Part(url, CURLUPART_SCHEME), "://", result.host, ":",
                   Part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT));
  return result;
}

bool MatchesHost(const std::string& pattern, const std::string& host) {
  if (absl::StartsWith(pattern, "*.")) {
    return absl::EndsWith(host, pattern.substr(1)) &&
           host.size() > pattern.size() - 1;
  }
  return host == pattern;
}

bool IsLocalName(const std::string& host) {
  return host == "localhost" || absl::EndsWith(host, ".localhost");
}

}  // namespace

std::string WithoutCredentials(const std::string& url) {
  const Url parsed = Parse("", url);
  if (parsed == nullptr) return "";
  curl_url_set(parsed.get(), CURLUPART_USER, nullptr, 0);
  curl_url_set(parsed.get(), CURLUPART_PASSWORD, nullptr, 0);
  return Part(parsed.get(), CURLUPART_URL);
}

absl::StatusOr<HookGuard> HookGuard::Make(const Options& options) {
  HookGuard guard;
  for (const std::string& text : options.allowed_networks) {
    const auto network = ReadIpNetwork(text);
    if (!network) {
      return absl::InvalidArgumentError(absl::StrCat(
          "allowed_networks: \"", text,
          "\" must be a network such as 10.0.0.0/8, with zeros behind its "
          "prefix, or an address"));
    }
    guard.networks_.push_back(*network);
  }
  for (const std::string& host : options.allowed_hosts) {
    if (host.empty() || host.find_first_of("/@ ") != std::string::npos ||
        host.find('*', 1) != std::string::npos ||
        (host[0] == '*' && !absl::StartsWith(host, "*."))) {
      return absl::InvalidArgumentError(
          absl::StrCat("allowed_hosts: \"", host,
                       "\" must be a host such as app.example, *.app.example "
                       "or an address"));
    }
    guard.hosts_.push_back(absl::AsciiStrToLower(host));
  }
  if (options.base_url.empty()) return guard;
  // The base is trusted by whoever wrote the configuration.
  HookGuard anywhere;
  anywhere.networks_ = {{{}, 0}};
  const auto base = anywhere.Resolve(options.base_url, "base_url");
  if (!base.ok()) return base.status();
  guard.base_ = *base;
  return guard;
}

absl::StatusOr<HookUrl> HookGuard::Resolve(std::string_view hook,
                                           std::string_view field) const {
  const auto bad = [field](std::string_view reason, std::string_view text) {
    return InvalidField(
        field, reason,
        absl::StrCat(std::string(field), ": ", std::string(text)));
  };
  if (hook.size() > kMaxUrl || !sip::IsSafeText(hook) ||
      hook.find_first_of(" \\") != std::string_view::npos) {
    return bad("BAD_HOOK_URL",
               "must be a URL of at most 2,048 bytes, without blanks, "
               "backslashes and control characters");
  }
  const bool absolute = HasScheme(hook);
  if (!absolute && base_.text.empty()) {
    return bad("NO_BASE_URL",
               "is relative, and the server's configuration has no "
               "hooks.base_url to resolve it against; give an http or https "
               "URL");
  }
  const Url url = Parse(absolute ? "" : base_.text, std::string(hook));
  if (url == nullptr) {
    return bad("BAD_HOOK_URL", "is no URL such as https://app.example/hook");
  }
  const std::string scheme = Part(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") {
    return bad("BAD_HOOK_URL", "must be an http or https URL");
  }
  HookUrl result = Taken(url.get());
  // libcurl decodes "%ff" in a host, and what is no ASCII goes by a locale.
  if (!std::ranges::all_of(result.host, [](char c) {
        return absl::ascii_isprint(static_cast<unsigned char>(c));
      })) {
    return bad("BAD_HOOK_URL",
               "must have a host in ASCII; write other names as xn--...");
  }
  if (result.host.empty() || result.text.size() > kMaxUrl) {
    return bad("BAD_HOOK_URL", "is no URL such as https://app.example/hook");
  }
  if (absl::Status status = CheckHost(result, field); !status.ok()) {
    return status;
  }
  return result;
}

absl::Status HookGuard::CheckHost(const HookUrl& url,
                                  std::string_view field) const {
  if (url.origin == base_.origin) return absl::OkStatus();
  const auto refused = [field](const std::string& text) {
    return InvalidField(field, "HOOK_REFUSED",
                        absl::StrCat(std::string(field), ": ", text));
  };
  if (!hosts_.empty() &&
      std::ranges::none_of(hosts_, [&](const std::string& pattern) {
        return MatchesHost(pattern, url.host);
      })) {
    return refused(absl::StrCat(
        url.host, " is not among the configuration's hooks.allowed_hosts"));
  }
  const std::optional<IpAddress> address = ReadIpAddress(
      IsLocalName(url.host) ? std::string_view("127.0.0.1") : url.host);
  if (!address || Allows(url.origin, *address)) return absl::OkStatus();
  return refused(absl::StrCat(
      url.host,
      " is a loopback, private or otherwise special address, and not in the "
      "configuration's hooks.allowed_networks"));
}

bool HookGuard::Allows(const std::string& origin,
                       const IpAddress& address) const {
  return (!origin.empty() && origin == base_.origin) || IsPublic(address) ||
         std::ranges::any_of(networks_, [&](const IpNetwork& network) {
           return network.Contains(address);
         });
}

}  // namespace callcontrol::server
