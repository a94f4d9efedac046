// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/refer_forks.h"

#include <algorithm>

namespace callcontrol::sip {

bool ReferForks::OnNotify(std::string_view tag, const ReferNotify& notify) {
  bool& over = over_[std::string(tag)];
  const bool final = notify.body.status && IsFinal(notify.body.status->code);
  if (final && IsSuccess(notify.body.status->code)) return true;
  const bool ended =
      final || (notify.subscription && notify.subscription->substate ==
                                           SubscriptionSubstate::kTerminated);
  if (!ended) return !over;
  over = true;
  return std::ranges::all_of(over_,
                             [](const auto& fork) { return fork.second; });
}

}  // namespace callcontrol::sip
