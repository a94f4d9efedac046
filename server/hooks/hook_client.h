// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_HOOKS_HOOK_CLIENT_H_
#define CALLCONTROL_SERVER_HOOKS_HOOK_CLIENT_H_

#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/hooks/hook_delivery.h"
#include "server/hooks/hook_guard.h"

using CURL = void;
using CURLM = void;

namespace callcontrol::server {

// Makes POSTs by libcurl's multi interface: connections are kept, HTTP/2 is
// used where an https server offers it, many attempts are under way at once.
// Redirects are not followed, proxies of the environment not used, TLS is
// verified, an answer's body is read up to 64 KiB and thrown away, and every
// address is put to the guard when a socket is about to be opened.
//
// Ownership: owns the connections; the guard must outlive it. Threads: one
// thread, except Wake(). Errors: an attempt that fails is an answer of
// Perform(). Time: libcurl's, with the limits given.
class HookClient {
 public:
  struct Options {
    std::chrono::milliseconds connect_limit{5'000};
    std::chrono::milliseconds attempt_limit{10'000};
    // Connections that are kept open for the next delivery.
    std::size_t max_connections = 256;
    std::string ca_file;
    std::string user_agent;
  };
  struct Ended {
    std::string id;
    HookAttempt attempt;
  };

  HookClient(Options options, const HookGuard& guard);
  // Breaks off what is under way.
  ~HookClient();
  HookClient(const HookClient&) = delete;
  HookClient& operator=(const HookClient&) = delete;

  // Begins to POST the delivery's body to its URL. `headers` are whole lines,
  // for this attempt. Ends in a later Perform(), under the delivery's id.
  void Start(const HookDelivery& delivery,
             const std::vector<std::string>& headers);

  // Sends and receives what can be without waiting.
  std::vector<Ended> Perform();

  // Waits until there is something to perform, for `limit` at most, or until
  // Wake().
  void Wait(std::chrono::milliseconds limit);

  // Ends a Wait(), now or the next. From any thread.
  void Wake();

 private:
  struct Transfer;
  struct Cleanup {
    void operator()(CURLM* multi) const;
  };

  void SetOptions(Transfer& transfer, const HookDelivery& delivery) const;

  const Options options_;
  const HookGuard& guard_;
  const std::unique_ptr<CURLM, Cleanup> multi_;
  std::unordered_map<CURL*, std::unique_ptr<Transfer>> transfers_;
};

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_HOOKS_HOOK_CLIENT_H_
