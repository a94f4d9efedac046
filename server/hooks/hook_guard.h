// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_HOOKS_HOOK_GUARD_H_
#define CALLCONTROL_SERVER_HOOKS_HOOK_GUARD_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ip_network.h"

namespace callcontrol::server {

// A URL that a webhook may be sent to, as far as the URL alone shows.
struct HookUrl {
  // Absolute and normalized, with user and password where it has them.
  std::string text;
  // "https://app.example:443": what shares connections, limits and trust.
  std::string origin;
  // The host alone; an IPv6 address in brackets.
  std::string host;
};

// `url` without user and password, for people. Text that is no URL becomes "".
std::string WithoutCredentials(const std::string& url);

// What webhooks may be sent to. A client names the URLs, and this server stands
// inside a network that the client may not be in, so every URL is checked when
// it is given and every address when it is connected to.
//
// Ownership: a value. Threads: thread-compatible; const after it is made, so
// that threads may share it. Errors: as the functions say. Time: none. Pure:
// looks nothing up.
class HookGuard {
 public:
  struct Options {
    std::string base_url{};
    std::vector<std::string> allowed_hosts{};
    std::vector<std::string> allowed_networks{};
  };

  // INVALID_ARGUMENT with the name of the option ("base_url: ...").
  static absl::StatusOr<HookGuard> Make(const Options& options);

  // The absolute URL of `hook`, which may be relative. `field` is the
  // request's, for the error: INVALID_ARGUMENT with reason BAD_HOOK_URL,
  // NO_BASE_URL or HOOK_REFUSED.
  absl::StatusOr<HookUrl> Resolve(std::string_view hook,
                                  std::string_view field) const;

  // Whether a connection for `origin` may go to this address.
  bool Allows(const std::string& origin, const IpAddress& address) const;

  // Of base_url; empty members where there is none.
  const HookUrl& base() const { return base_; }

 private:
  HookGuard() = default;

  absl::Status CheckHost(const HookUrl& url, std::string_view field) const;

  HookUrl base_;
  std::vector<std::string> hosts_;
  std::vector<IpNetwork> networks_;
};

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_HOOKS_HOOK_GUARD_H_
