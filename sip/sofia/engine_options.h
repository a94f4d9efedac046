// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_ENGINE_OPTIONS_H_
#define CALLCONTROL_SIP_SOFIA_ENGINE_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sip/call/call_routes.h"
#include "sip/call/referral.h"
#include "sip/call/trunk.h"
#include "sip/dns/resolver_options.h"
#include "sip/tls/tls_options.h"
#include "sip/transfer/transfer_types.h"

namespace callcontrol::sip {

// How much a line of the engine's log matters.
enum class LogLevel { kDebug, kInfo, kWarning, kError };

// What an engine is started with. The configuration's defaults and limits are
// in config.proto; these are the same in the engine's terms.
struct EngineOptions {
  // Part of every id.
  std::string node = "node";

  // A numeric address, IPv6 in brackets; port 0 picks a free one.
  std::string listen_host = "127.0.0.1";
  std::uint16_t listen_port = 5060;
  // Host, IPv6 in brackets, and port in Via and Contact; empty and 0: the same.
  std::string public_host;
  std::uint16_t public_port = 0;
  // Unset: no SIP over TLS, either way.
  std::optional<TlsOptions> tls;

  Milliseconds t1{500};
  Milliseconds t2{4000};
  std::string user_agent = "callcontrol";
  unsigned udp_mtu = 1300;

  int max_calls = 20'000;
  // How long a thread may be at work without a pause before nothing new is
  // taken on. 0: for ever.
  Milliseconds overload_after{500};
  // How long whoever is told by the observer has been at work without a pause;
  // from the SIP thread. Empty: not known.
  std::function<std::chrono::nanoseconds()> observer_busy;
  Milliseconds answer_after{0};
  // Of incoming calls; empty: all are answered.
  std::vector<CallRoute> routes;
  Trunks trunks;

  TransferPolicy transfers;
  int max_open_transfers = 10'000;
  // Of calls of no trunk. An empty host: that of the call's remote target.
  TargetPolicy targets;
  // Of calls of no trunk.
  SessionTimerPolicy session_timer;
  ReferralPolicy referrals;
  // REFERs stay inside the dialog of their call, whatever its far end's Contact
  // is (RFC 7647, 4).
  bool refer_in_dialog_always = false;
  // Referred-By defaults to our own identity instead of the far end's.
  bool referred_by_local = false;

  ResolverOptions dns;
  Milliseconds dns_limit{3000};

  // Takes a line of the log; from any thread. May be empty.
  std::function<void(LogLevel level, std::string_view line)> log;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_ENGINE_OPTIONS_H_
