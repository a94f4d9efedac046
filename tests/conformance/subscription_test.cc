// SPDX-License-Identifier: Apache-2.0
//
// How subscriptions end, expire and go on for long. Times are scaled: 64*T1 is
// 1.28 s here, and limits are set in the request.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::Contains;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr char kDone[] = "terminated;reason=noresource";
constexpr char kRinging[] = "SIP/2.0 180 Ringing";
constexpr char kOk[] = "SIP/2.0 200 OK";

class SubscriptionTest : public ServerTest<SubscriptionTest> {
 protected:
  static v1::TransferResult FinishWell(AnsweredCall& call,
                                       TransferStream& stream) {
    EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
    call.peer.Answer(call.peer.Expect("BYE"), 200);
    return stream.RestUntilResult().back().result();
  }
};

struct Reason {
  std::string state;
  v1::TransferOutcome outcome;
};

void PrintTo(const Reason& reason, std::ostream* out) { *out << reason.state; }

class SubscriptionEndTest : public ServerTest<SubscriptionEndTest>,
                            public ::testing::WithParamInterface<Reason> {};

//        <--- NOTIFY terminated, without a body, without anything before it
TEST_P(SubscriptionEndTest, DecidesByItsReason) {
  Shows({"57", "F10"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer([](v1::ReferRequest& request) {
    request.mutable_leg_policy()->set_on_unconfirmed(v1::LEG_ACTION_KEEP);
  });
  EXPECT_THAT(call.peer.Notify("", GetParam().state), Answered(200));
  const v1::TransferResult result = stream.RestUntilResult().back().result();
  EXPECT_EQ(result.outcome(), GetParam().outcome);
  EXPECT_EQ(result.last_call_status(), 0);
  EXPECT_FALSE(result.has_final_referred_call_status());
  // No SUBSCRIBE, and the call is there.
  call.peer.ExpectNothing(50ms);
  call.ExpectAlive();
}

INSTANTIATE_TEST_SUITE_P(
    Rfc6665, SubscriptionEndTest,
    ::testing::Values(
        Reason{"terminated;reason=noresource",
               v1::TRANSFER_OUTCOME_ACCEPTED_UNCONFIRMED},
        Reason{"terminated;reason=timeout",
               v1::TRANSFER_OUTCOME_ACCEPTED_UNCONFIRMED},
        Reason{"terminated;reason=invariant",
               v1::TRANSFER_OUTCOME_ACCEPTED_UNCONFIRMED},
        Reason{"terminated", v1::TRANSFER_OUTCOME_ACCEPTED_UNCONFIRMED},
        Reason{"terminated;reason=nonsense;expires=7",
               v1::TRANSFER_OUTCOME_ACCEPTED_UNCONFIRMED},
        Reason{"terminated;reason=rejected",
               v1::TRANSFER_OUTCOME_REFER_DECLINED},
        // As Linphone writes it.
        Reason{"terminated;reason=reason=rejected",
               v1::TRANSFER_OUTCOME_REFER_DECLINED},
        Reason{"terminated;reason=giveup", v1::TRANSFER_OUTCOME_REFER_DECLINED},
        Reason{"terminated;reason=probation;retry-after=60",
               v1::TRANSFER_OUTCOME_SUBSCRIPTION_REJECTED_BY_PEER},
        Reason{"terminated;reason=deactivated",
               v1::TRANSFER_OUTCOME_SUBSCRIPTION_REJECTED_BY_PEER}));

TEST_F(SubscriptionTest, OddTimesOfExpiryAreSurvived) {
  Shows({"52"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  for (const char* state : {"active;expires=4294967295", "active;expires=abc",
                            "active;expires=", "active;expires=-1",
                            "pending;expires=99999999999999999999", "active",
                            "frozen;expires=60", "active;expires=0"}) {
    EXPECT_THAT(call.peer.Notify(kRinging, state), Answered(200)) << state;
  }
  EXPECT_EQ(FinishWell(call, stream).outcome(),
            v1::TRANSFER_OUTCOME_TRANSFERRED);
}

//        <--- NOTIFY expires=300, then expires=1
//  ... 1 s ...
//        <--- NOTIFY 200
TEST_F(SubscriptionTest, AnExpiryThatShrinksIsTakenAndEndsNothing) {
  Shows({"53", "54", "F31"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify(kRinging, "active;expires=300"), Answered(200));
  EXPECT_THAT(call.peer.Notify(kRinging, "active;expires=1"), Answered(200));
  EXPECT_THAT(stream.Next(), Status(180));
  EXPECT_THAT(stream.Next(), Status(180));
  EXPECT_THAT(stream.Next(), Warned("SUBSCRIPTION_EXPIRED"));
  // No SUBSCRIBE.
  call.peer.ExpectNothing(100ms);
  EXPECT_EQ(FinishWell(call, stream).outcome(),
            v1::TRANSFER_OUTCOME_TRANSFERRED);
}

// The 40 s of silence of an SBC that sends nothing but the result, at a scale
// of 1 to 32: Timer N is 1 s, and the result comes a quarter later.
TEST_F(SubscriptionTest, SilenceBeyondTimerNAndThenSuccessIsASuccess) {
  Shows({"46", "F5"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer([](v1::ReferRequest& request) {
    request.mutable_limits()->mutable_first_notify()->set_seconds(1);
  });
  EXPECT_THAT(stream.Next(), Warned("NO_NOTIFY_YET"));
  call.peer.ExpectNothing(250ms);
  EXPECT_EQ(FinishWell(call, stream).outcome(),
            v1::TRANSFER_OUTCOME_TRANSFERRED);
}

// More than three minutes of ringing at a scale of 1 to 60: each NOTIFY starts
// its expiry of 2 s anew, and Timer N has stopped with the first.
TEST_F(SubscriptionTest, ThreeMinutesOfRingingAreWaitedFor) {
  Shows({"53", "F30"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer([](v1::ReferRequest& request) {
    request.mutable_limits()->mutable_first_notify()->set_seconds(2);
    request.mutable_limits()->mutable_final_status()->set_seconds(6);
  });
  for (int i = 0; i < 6; ++i) {
    EXPECT_THAT(call.peer.Notify(kRinging, "active;expires=2"), Answered(200));
    EXPECT_THAT(stream.Next(), Status(180));
    call.peer.ExpectNothing(500ms);
  }
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  const auto rest = stream.RestUntilResult();
  EXPECT_THAT(rest, Not(Contains(Warned("SUBSCRIPTION_EXPIRED"))));
  EXPECT_THAT(rest.back(), Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

// The whole wait has an end that progress does not move.
TEST_F(SubscriptionTest, RingingForEverIsGivenUp) {
  Shows({"F6", "F30"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer([](v1::ReferRequest& request) {
    request.mutable_limits()->mutable_final_status()->set_seconds(2);
  });
  const auto accepted = std::chrono::steady_clock::now();
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(call.peer.Notify(kRinging, "active;expires=60"), Answered(200));
    EXPECT_THAT(stream.Next(), Status(180));
    call.peer.ExpectNothing(200ms);
  }
  const v1::TransferResult result = stream.Result();
  EXPECT_LE(std::chrono::steady_clock::now() - accepted, 3500ms);
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_NO_FINAL_STATUS);
  EXPECT_EQ(result.last_call_status(), 180);
  // The target may still answer: the call is kept, and what comes is answered.
  EXPECT_THAT(call.peer.Notify(kOk, kDone), Answered(200));
  call.ExpectAlive();
}

// One call for each answer to a SUBSCRIBE, all of them at once.
class RefreshAnswersTest : public ::testing::Test {
 protected:
  struct Refreshed {
    explicit Refreshed(CallcontroldProcess& server)
        : call(server), stream(call.AcceptedRefer()) {
      EXPECT_THAT(call.peer.Notify(kRinging, "active;expires=1"),
                  Answered(200));
    }

    AnsweredCall call;
    TransferStream stream;
  };

  // SUBSCRIBE, and the answer to it.
  void RefuseAll(const std::vector<int>& statuses) {
    for (size_t i = 0; i < statuses.size(); ++i) {
      calls_.push_back(std::make_unique<Refreshed>(server_));
    }
    for (size_t i = 0; i < statuses.size(); ++i) {
      ScriptedPeer& peer = calls_[i]->call.peer;
      peer.Answer(peer.Expect("SUBSCRIBE"), statuses[i]);
    }
  }

  CallcontroldProcess server_{
      TestConfig("transfers { refresh_subscription: true }")};
  std::vector<std::unique_ptr<Refreshed>> calls_;
};

//  SUBSCRIBE --->
//        <--- 404 …
//  BYE --->, because nothing will come any more
TEST_F(RefreshAnswersTest, SomeEndTheSubscription) {
  Shows({"55", "F41"});
  RefuseAll({404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604});
  for (const auto& refreshed : calls_) {
    ScriptedPeer& peer = refreshed->call.peer;
    peer.Answer(peer.Expect("BYE"), 200);
    EXPECT_THAT(refreshed->stream.RestUntilResult().back(),
                Ended(v1::TRANSFER_OUTCOME_ACCEPTED_UNCONFIRMED));
  }
}

//  SUBSCRIBE --->
//        <--- 403 …
//        <--- NOTIFY 486
TEST_F(RefreshAnswersTest, OthersLeaveItAsItIs) {
  Shows({"55", "F41"});
  RefuseAll({400, 403, 408, 423, 500, 503, 600, 603});
  for (const auto& refreshed : calls_) {
    ScriptedPeer& peer = refreshed->call.peer;
    EXPECT_THAT(peer.Notify("SIP/2.0 486 Busy Here", kDone), Answered(200));
    const auto events = refreshed->stream.RestUntilResult();
    EXPECT_THAT(events, Contains(Warned("REFRESH_REFUSED")));
    EXPECT_THAT(events.back(), Ended(v1::TRANSFER_OUTCOME_TARGET_FAILED));
    refreshed->call.ExpectHangsUp();
  }
}

TEST_F(SubscriptionTest, A429InANotifyIsReported) {
  Shows({"27"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  EXPECT_THAT(call.peer.Notify("SIP/2.0 429 Provide Referrer Identity", kDone),
              Answered(200));
  EXPECT_THAT(stream.Next(), Status(429));
  const v1::TransferResult result = stream.Result();
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TARGET_FAILED);
  EXPECT_EQ(result.final_referred_call_status(), 429);
  call.peer.ExpectNothing(50ms);
  call.ExpectAlive();
}

TEST_F(SubscriptionTest, GapsInCSeqAreFine) {
  Shows({"60"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  call.peer.dialog().cseq += 48;
  EXPECT_THAT(call.peer.Notify(kRinging, "active"), Answered(200));
  EXPECT_THAT(stream.Next(), Status(180));
  EXPECT_EQ(FinishWell(call, stream).outcome(),
            v1::TRANSFER_OUTCOME_TRANSFERRED);
}

}  // namespace
}  // namespace callcontrol::testing
