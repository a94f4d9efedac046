// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_SIP_AGENT_H_
#define CALLCONTROL_SIP_SOFIA_SIP_AGENT_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "sip/sofia/call_host.h"
#include "sip/sofia/engine_options.h"
#include "sip/sofia/sip_loop.h"
#include "sip/sofia/sofia.h"
#include "sip/sofia/tls_layer.h"

namespace callcontrol::sip {

// The sockets and the transaction layer: one nta agent on UDP and TCP, and on
// TLS where that is configured.
//
// Sofia's look-ups are shut off for the whole process: the agent is handed
// numeric next hops only, and where a peer's Via would make Sofia ask the C
// library for a name (a maddr parameter), the answer goes nowhere
// (sip_agent.cc, docs/adr/0005).
//
// Ownership: owns the agent; every leg and transaction must be gone before.
// Threads: SIP thread only, destruction included.
// Errors: Create() says what is wrong with the address or with a certificate.
class SipAgent {
 public:
  // Listens. `stray` gets every request that belongs to no dialog.
  static absl::StatusOr<std::unique_ptr<SipAgent>> Create(
      SipLoop& loop, const EngineOptions& options, RequestHandler& stray);
  ~SipAgent();
  SipAgent(const SipAgent&) = delete;
  SipAgent& operator=(const SipAgent&) = delete;

  nta_agent_t* agent() const { return agent_; }
  std::uint16_t port() const { return port_; }
  // 0 for no TLS.
  std::uint16_t tls_port() const { return tls_port_; }
  TlsLayer* tls() const { return tls_.get(); }
  const sip_contact_t* contact(LegTransport leg) const;

 private:
  SipAgent() = default;
  absl::Status Listen(SipLoop& loop, const EngineOptions& options,
                      RequestHandler& stray);
  absl::Status ListenForTls(SipLoop& loop, const EngineOptions& options);
  // The port of the first transport of that name.
  std::uint16_t PortOf(std::string_view transport) const;

  // Outlives the agent.
  std::unique_ptr<TlsLayer> tls_;
  su_home_t home_[1] = {SU_HOME_INIT(home_)};
  nta_agent_t* agent_ = nullptr;
  nta_leg_t* stray_leg_ = nullptr;
  std::uint16_t port_ = 0;
  std::uint16_t tls_port_ = 0;
  sip_contact_t* udp_contact_ = nullptr;
  sip_contact_t* tcp_contact_ = nullptr;
  // Null for no TLS.
  sip_contact_t* tls_contact_ = nullptr;
  sip_contact_t* sips_contact_ = nullptr;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_SIP_AGENT_H_
