// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_REFER_MATCHERS_H_
#define CALLCONTROL_TESTS_SUPPORT_REFER_MATCHERS_H_

#include <string>
#include <vector>

#include "callcontrol/v1/transfer.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/sip_message.h"

// What a test says about a ReferEvent or a SIP message, in one word.
namespace callcontrol::testing {

MATCHER(Planned, "is a plan") { return arg.has_planned(); }

MATCHER(ReferSent, "tells that a REFER was sent") {
  return arg.has_refer_sent();
}

MATCHER_P(ReferAnswered, status, "tells that the REFER was answered") {
  return arg.has_refer_response() &&
         arg.refer_response().refer_status() == status;
}

// A NOTIFY; from 200 on it must be marked final, below it must not.
MATCHER_P(Status, status, "tells the status of the call to the target") {
  return arg.has_transfer_status() &&
         arg.transfer_status().event() == "transfer-status" &&
         arg.transfer_status().call_status() == status &&
         arg.transfer_status().final() == (status >= 200);
}

MATCHER_P(Warned, code, "warns of " + ::testing::PrintToString(code)) {
  return arg.has_warning() && arg.warning().code() == code &&
         !arg.warning().text().empty();
}

MATCHER_P(Ended, outcome, "ends the transfer") {
  return arg.has_result() && arg.result().outcome() == outcome;
}

// A SIP answer with this status.
MATCHER_P(Answered, status, "is answered " + ::testing::PrintToString(status)) {
  return arg.status() == status;
}

// Sequence numbers 1, 2, 3 … from `first`, one transfer id, rising times, and
// a result as the last event and nowhere else.
inline void ExpectWellFormed(const std::vector<v1::ReferEvent>& events,
                             int64_t first = 1) {
  ASSERT_FALSE(events.empty());
  for (size_t i = 0; i < events.size(); ++i) {
    const v1::ReferEvent& event = events[i];
    EXPECT_EQ(event.sequence(), first + static_cast<int64_t>(i));
    EXPECT_EQ(event.transfer_id(), events[0].transfer_id());
    EXPECT_FALSE(event.transfer_id().empty());
    EXPECT_FALSE(event.call_id().empty());
    EXPECT_TRUE(event.has_time());
    EXPECT_EQ(event.has_result(), i + 1 == events.size())
        << event.ShortDebugString();
  }
}

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_REFER_MATCHERS_H_
