// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_TRANSFER_PLAN_H_
#define CALLCONTROL_SIP_SOFIA_TRANSFER_PLAN_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "sip/call/call_engine.h"
#include "sip/sofia/call_host.h"
#include "sip/transfer/refer_to.h"

namespace callcontrol::sip {

// Whom a request is planned for.
struct PlannedParty {
  // Its call; empty for none.
  std::string call_id{};
  std::string sip_call_id{};
  // Who stands in Referred-By where the request does not say.
  std::string referred_by{};
  // By a trunk of this trust domain.
  bool trusted = false;
};

// A client's request as it will be carried out, without an id. `targets` has a
// host. Errors: see CallEngine::Refer().
//
// Threads: SIP thread only.
absl::StatusOr<TransferPlan> PlanTransfer(CallHost& host,
                                          const TransferRequest& request,
                                          const PlannedParty& party,
                                          const TargetPolicy& targets);

// Refer-To for a target whose call with this side, `consultation`, is replaced;
// without Replaces as long as that is not answered. Errors: those of
// BuildReferTo().
absl::StatusOr<std::string> BuildReplacing(const AwaitedTarget& target,
                                           const SofiaCall& consultation);

// What is configured, with what the request and its plan say instead.
TransferPolicy PolicyOf(const TransferPolicy& configured,
                        const TransferRequest& request,
                        const TransferPlan& plan);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_TRANSFER_PLAN_H_
