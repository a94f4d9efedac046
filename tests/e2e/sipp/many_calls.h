// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_E2E_SIPP_MANY_CALLS_H_
#define CALLCONTROL_TESTS_E2E_SIPP_MANY_CALLS_H_

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tests/support/refer_client.h"

// Transfers of many calls at once.
namespace callcontrol::testing {

// The ids of `count` answered calls, as soon as there are that many.
std::set<std::string> AwaitAnswered(ReferClient& client, std::size_t count);

// One REFER for each call, all of them sent before the first event is read.
// `edit`, where there is one, changes the n-th request. The events of each.
std::vector<std::vector<v1::ReferEvent>> ReferAll(
    ReferClient& client, const std::set<std::string>& calls,
    const std::function<void(std::size_t n, v1::ReferRequest& request)>& edit =
        nullptr);

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_E2E_SIPP_MANY_CALLS_H_
