// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_DNS_ROUTE_LOOKUP_H_
#define CALLCONTROL_SIP_DNS_ROUTE_LOOKUP_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "sip/dns/dns_channel.h"
#include "sip/dns/resolver_options.h"
#include "sip/dns/sip_route.h"

namespace callcontrol::sip {

// Finds the route of one target: RFC 3263 section 4, question by question.
//
//   NAPTR ------------> SRV, one service -----------> A and AAAA
//     |  none, or failed   after the other   |  of each SRV host, at once
//     +------------------------^             |
//                              none at all:  A and AAAA of the target
//
// A failing NAPTR question counts as none, since there are servers that do not
// know the type. A failing SRV question ends the lookup: a request must not go
// to the domain's web server because a name server had a bad moment.
//
// Ownership: shared by its open questions; the channel and the options must
// outlive it.
// Threads: thread-compatible; the resolver's thread only.
// Errors: NOT_FOUND, UNAVAILABLE, DEADLINE_EXCEEDED with the reason tokens of
// Resolver.
// Time: keeps no clock. The holder calls Expire().
class RouteLookup : public std::enable_shared_from_this<RouteLookup> {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<Route>) &&>;

  // `target` holds a name (IsDnsName()). `done` is called exactly once, from
  // Start(), Expire(), Finish() or the channel; it MAY drop the lookup.
  RouteLookup(SipTarget target, const ResolverOptions& options,
              DnsChannel& channel, Done done);

  void Start();

  // Time is up: the hosts found so far, which a slow backup host must not
  // spoil, or DEADLINE_EXCEEDED.
  void Expire();

  // Ends the lookup with `result`, unless it has ended. Later answers are
  // dropped.
  void Finish(absl::StatusOr<Route> result);

 private:
  void OnNaptr(const DnsAnswer<NaptrRecord>& answer);
  void AskNextSrv();
  void OnSrv(SipTransport transport, DnsAnswer<SrvRecord> answer);
  void AskAddresses(std::vector<SrvRecord> hosts, SipTransport transport);
  void OnAddresses(std::size_t host, DnsAnswer<std::string> answer);
  void Fail(DnsStatus status);

  const SipTarget target_;
  const ResolverOptions& options_;
  DnsChannel& channel_;
  // Empty once called.
  Done done_;

  std::vector<SrvQuestion> srv_questions_;
  std::size_t next_srv_question_ = 0;
  // Of the target's own addresses, where there are no SRV records.
  SipTransport fallback_transport_;
  // The domain said "no such service" (RFC 2782): its addresses do not count.
  bool service_denied_ = false;

  Route route_;
  std::size_t open_hosts_ = 0;
  // The worst that befell a host.
  DnsStatus worst_ = DnsStatus::kNotFound;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_DNS_ROUTE_LOOKUP_H_
