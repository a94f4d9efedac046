// SPDX-License-Identifier: Apache-2.0
#include "server/proto_mapping.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// ---- Names --------------------------------------------------------------

TEST(NamesTest, EveryOutcomeKeepsItsName) {
  const int last = static_cast<int>(sip::TransferOutcome::kCancelled);
  for (int i = 0; i <= last; ++i) {
    const auto outcome = static_cast<sip::TransferOutcome>(i);
    EXPECT_NE(ToProto(outcome), v1::TRANSFER_OUTCOME_UNSPECIFIED) << i;
    EXPECT_EQ(v1::TransferOutcome_Name(ToProto(outcome)),
              "TRANSFER_OUTCOME_" + std::string(sip::ToString(outcome)));
  }
  EXPECT_EQ(v1::TransferOutcome_descriptor()->value_count(), last + 2)
      << "an outcome that is never told";
}

TEST(NamesTest, EveryVerdictKeepsItsName) {
  const int last = static_cast<int>(sip::TransferVerdict::kUnknown);
  for (int i = 0; i <= last; ++i) {
    const auto verdict = static_cast<sip::TransferVerdict>(i);
    EXPECT_NE(ToProto(verdict), v1::TRANSFER_VERDICT_UNSPECIFIED) << i;
    EXPECT_EQ(v1::TransferVerdict_Name(ToProto(verdict)),
              "TRANSFER_VERDICT_" + std::string(sip::ToString(verdict)));
  }
  EXPECT_EQ(v1::TransferVerdict_descriptor()->value_count(), last + 2);
}

TEST(NamesTest, EveryPhaseOfACallIsAState) {
  EXPECT_EQ(ToProto(sip::CallPhase::kIncoming), v1::CALL_STATE_INCOMING);
  EXPECT_EQ(ToProto(sip::CallPhase::kRinging), v1::CALL_STATE_RINGING);
  EXPECT_EQ(ToProto(sip::CallPhase::kAnswered), v1::CALL_STATE_ANSWERED);
  EXPECT_EQ(ToProto(sip::CallPhase::kEnding), v1::CALL_STATE_ENDING);
  EXPECT_EQ(ToProto(sip::CallPhase::kEnded), v1::CALL_STATE_ENDED);
}

TEST(NamesTest, EveryChangeOfACallIsAnEvent) {
  using sip::CallChange;
  EXPECT_EQ(ToProto(CallChange::kIncoming), v1::CALL_EVENT_TYPE_INCOMING);
  EXPECT_EQ(ToProto(CallChange::kRinging), v1::CALL_EVENT_TYPE_RINGING);
  EXPECT_EQ(ToProto(CallChange::kAnswered), v1::CALL_EVENT_TYPE_ANSWERED);
  EXPECT_EQ(ToProto(CallChange::kUpdated), v1::CALL_EVENT_TYPE_UPDATED);
  EXPECT_EQ(ToProto(CallChange::kTransferring),
            v1::CALL_EVENT_TYPE_TRANSFERRING);
  EXPECT_EQ(ToProto(CallChange::kEnded), v1::CALL_EVENT_TYPE_ENDED);
}

TEST(NamesTest, EveryPhaseOfATransferIsAState) {
  using sip::TransferPhase;
  for (const auto phase : {TransferPhase::kPrep, TransferPhase::kSending,
                           TransferPhase::kBackoff}) {
    EXPECT_EQ(ToProto(phase), v1::TRANSFER_STATE_PREPARING);
  }
  for (const auto phase : {TransferPhase::kSent, TransferPhase::kSentNoLeg}) {
    EXPECT_EQ(ToProto(phase), v1::TRANSFER_STATE_REFER_SENT);
  }
  EXPECT_EQ(ToProto(TransferPhase::kAccepted), v1::TRANSFER_STATE_ACCEPTED);
  EXPECT_EQ(ToProto(TransferPhase::kProgress), v1::TRANSFER_STATE_PROGRESSING);
  for (const auto phase : {TransferPhase::kSubWait, TransferPhase::kUnmonitored,
                           TransferPhase::kLegLost, TransferPhase::kClearing,
                           TransferPhase::kRestoring, TransferPhase::kByeing}) {
    EXPECT_EQ(ToProto(phase), v1::TRANSFER_STATE_CLEARING);
  }
  for (const auto phase : {TransferPhase::kDone, TransferPhase::kGone}) {
    EXPECT_EQ(ToProto(phase), v1::TRANSFER_STATE_ENDED);
  }
  for (int i = 0; i <= static_cast<int>(TransferPhase::kGone); ++i) {
    EXPECT_NE(ToProto(static_cast<TransferPhase>(i)),
              v1::TRANSFER_STATE_UNSPECIFIED)
        << i;
  }
}

TEST(NamesTest, EveryPrivacyIsAMember) {
  google::protobuf::RepeatedField<int> values;
  for (int value = v1::PRIVACY_ID; value <= v1::Privacy_MAX; ++value) {
    values.Add(value);
  }
  EXPECT_EQ(*PrivacyOf(values), (sip::Privacy{.header = true,
                                              .session = true,
                                              .user = true,
                                              .id = true,
                                              .none = true,
                                              .critical = true}));
  for (const int value : {0, v1::Privacy_MAX + 1}) {
    google::protobuf::RepeatedField<int> bad;
    bad.Add(value);
    EXPECT_EQ(DetailOf(PrivacyOf(bad).status()).reason, "BAD_ENUM");
  }
}

TEST(TimeTest, KeepsNanoseconds) {
  const auto time = ToProto(absl::FromUnixNanos(1'700'000'000'123'456'789));
  EXPECT_EQ(time.seconds(), 1'700'000'000);
  EXPECT_EQ(time.nanos(), 123'456'789);
}

// ---- Requests -----------------------------------------------------------

v1::ReferRequest GoodRequest() {
  v1::ReferRequest request;
  request.set_call_id("c-n1-7");
  request.set_refer_to("+15083084809");
  return request;
}

sip::TransferRequest Good(const v1::ReferRequest& request) {
  const auto transfer = FromProto(request);
  EXPECT_TRUE(transfer.ok()) << transfer.status();
  return transfer.value_or(sip::TransferRequest());
}

ErrorDetail Complaint(const v1::ReferRequest& request) {
  const absl::Status status = FromProto(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return DetailOf(status);
}

TEST(FromProtoTest, ASmallRequestLeavesTheRestToTheConfiguration) {
  const sip::TransferRequest transfer = Good(GoodRequest());
  EXPECT_EQ(transfer.call_id, "c-n1-7");
  EXPECT_EQ(transfer.sip_call_id, "");
  EXPECT_EQ(transfer.refer_to, "+15083084809");
  EXPECT_EQ(transfer.referred_by, "");
  EXPECT_THAT(transfer.headers, IsEmpty());
  EXPECT_THAT(transfer.target_headers, IsEmpty());
  EXPECT_EQ(transfer.limits.refer_response, std::nullopt);
  EXPECT_EQ(transfer.limits.first_notify, std::nullopt);
  EXPECT_EQ(transfer.limits.final_status, std::nullopt);
  EXPECT_EQ(transfer.on_success, std::nullopt);
  EXPECT_EQ(transfer.on_unconfirmed, std::nullopt);
  EXPECT_EQ(transfer.on_failure, std::nullopt);
  EXPECT_FALSE(transfer.strict);
  EXPECT_FALSE(transfer.validate_only);
}

TEST(FromProtoTest, AFullRequestIsTakenOver) {
  v1::ReferRequest request = GoodRequest();
  request.set_sip_call_id("a@h");
  request.set_referred_by("1001");
  request.set_strict(true);
  request.set_validate_only(true);
  v1::TransferLimits& limits = *request.mutable_limits();
  limits.mutable_refer_response()->set_seconds(1);
  limits.mutable_first_notify()->set_seconds(2);
  limits.mutable_final_status()->set_nanos(250'000'000);
  v1::LegPolicy& policy = *request.mutable_leg_policy();
  policy.set_on_success(v1::LEG_ACTION_WAIT_FOR_PEER);
  policy.set_on_unconfirmed(v1::LEG_ACTION_KEEP);
  policy.set_on_failure(v1::LEG_ACTION_HANG_UP);

  const sip::TransferRequest transfer = Good(request);

  EXPECT_EQ(transfer.call_id, "") << "the party is a oneof";
  EXPECT_EQ(transfer.sip_call_id, "a@h");
  EXPECT_EQ(transfer.referred_by, "1001");
  EXPECT_TRUE(transfer.strict);
  EXPECT_TRUE(transfer.validate_only);
  EXPECT_EQ(transfer.limits.refer_response, seconds(1));
  EXPECT_EQ(transfer.limits.first_notify, seconds(2));
  EXPECT_EQ(transfer.limits.final_status, milliseconds(250));
  EXPECT_EQ(transfer.on_success, sip::LegAction::kWaitForPeer);
  EXPECT_EQ(transfer.on_unconfirmed, sip::LegAction::kKeep);
  EXPECT_EQ(transfer.on_failure, sip::LegAction::kHangUp);
}

// Every limit of the message reaches its own place, and has bounds.
TEST(FromProtoTest, EveryLimitIsTakenOver) {
  v1::ReferRequest request = GoodRequest();
  v1::TransferLimits& limits = *request.mutable_limits();
  const google::protobuf::Descriptor& fields =
      *v1::TransferLimits::descriptor();
  const auto set = [&](int i, std::int64_t millis) {
    auto& limit = static_cast<google::protobuf::Duration&>(
        *limits.GetReflection()->MutableMessage(&limits, fields.field(i)));
    limit.set_seconds(millis / 1000);
    limit.set_nanos(static_cast<std::int32_t>(millis % 1000 * 1'000'000));
  };
  for (int i = 0; i < fields.field_count(); ++i) set(i, 101 + i);
  const sip::TransferLimits taken = Good(request).limits;
  EXPECT_EQ(taken.refer_response, milliseconds(101));
  EXPECT_EQ(taken.first_notify, milliseconds(102));
  EXPECT_EQ(taken.final_status, milliseconds(103));
  EXPECT_EQ(taken.hold, milliseconds(104));
  EXPECT_EQ(taken.ready, milliseconds(105));
  EXPECT_EQ(taken.subscription_grace, milliseconds(106));
  EXPECT_EQ(taken.unconfirmed_wait, milliseconds(107));
  EXPECT_EQ(taken.bye_grace, milliseconds(108));
  EXPECT_EQ(taken.lost_grace, milliseconds(109));
  EXPECT_EQ(taken.bye_answer, milliseconds(110));
  EXPECT_EQ(taken.retry_after, milliseconds(111));
  for (int i = 0; i < fields.field_count(); ++i) {
    for (const std::int64_t millis :
         {std::int64_t{-1}, std::int64_t{3'600'001}}) {
      limits.Clear();
      set(i, millis);
      EXPECT_EQ(Complaint(request),
                (ErrorDetail{.reason = "OUT_OF_RANGE",
                             .field = "limits." + fields.field(i)->name()}))
          << millis;
    }
  }
}

TEST(FromProtoTest, HeadersHaveAnOrder) {
  v1::ReferRequest request = GoodRequest();
  (*request.mutable_headers())["X-B"] = "2";
  (*request.mutable_headers())["X-A"] = "1";
  *request.add_more_headers() = [] {
    v1::SipHeader header;
    header.set_name("X-A");
    header.set_value("3");
    return header;
  }();
  (*request.mutable_target_headers())["X-D"] = "5";
  (*request.mutable_target_headers())["X-C"] = "4";

  const sip::TransferRequest transfer = Good(request);

  // Those of the map by name, then the others as the client has them.
  ASSERT_EQ(transfer.headers.size(), 3u);
  EXPECT_EQ(transfer.headers[0].name + transfer.headers[0].value, "X-A1");
  EXPECT_EQ(transfer.headers[1].name + transfer.headers[1].value, "X-B2");
  EXPECT_EQ(transfer.headers[2].name + transfer.headers[2].value, "X-A3");
  ASSERT_EQ(transfer.target_headers.size(), 2u);
  EXPECT_EQ(transfer.target_headers[0].name, "X-C");
  EXPECT_EQ(transfer.target_headers[1].name, "X-D");
}

TEST(FromProtoTest, WhoIsTransferredMustBeSaid) {
  const ErrorDetail required{.reason = "PARTY_REQUIRED", .field = "party"};
  v1::ReferRequest request = GoodRequest();
  request.clear_party();
  EXPECT_EQ(Complaint(request), required);
  request.set_call_id("");
  EXPECT_EQ(Complaint(request), required);
  request.set_sip_call_id("");
  EXPECT_EQ(Complaint(request), required);
}

// A limit, its field, and the longest one.
struct Limit {
  std::string field;
  std::function<google::protobuf::Duration*(v1::TransferLimits&)> get;
  seconds longest;
};

void PrintTo(const Limit& limit, std::ostream* os) { *os << limit.field; }

class LimitTest : public ::testing::TestWithParam<Limit> {
 protected:
  static v1::ReferRequest With(std::int64_t whole, std::int32_t nanos) {
    v1::ReferRequest request = GoodRequest();
    google::protobuf::Duration* limit =
        GetParam().get(*request.mutable_limits());
    limit->set_seconds(whole);
    limit->set_nanos(nanos);
    return request;
  }
};

TEST_P(LimitTest, ItsEndsAreGood) {
  EXPECT_TRUE(FromProto(With(0, 10'000'000)).ok());
  EXPECT_TRUE(FromProto(With(GetParam().longest.count(), 0)).ok());
}

TEST_P(LimitTest, WhatLiesBeyondIsRefusedByName) {
  const ErrorDetail out_of_range{.reason = "OUT_OF_RANGE",
                                 .field = GetParam().field};
  const std::int64_t longest = GetParam().longest.count();
  EXPECT_EQ(Complaint(With(0, 0)), out_of_range) << "set, and 0";
  EXPECT_EQ(Complaint(With(0, 9'999'999)), out_of_range);
  EXPECT_EQ(Complaint(With(longest, 1'000'000)), out_of_range);
  EXPECT_EQ(Complaint(With(-1, 0)), out_of_range);
  EXPECT_EQ(Complaint(With(1, -1)), out_of_range);
  EXPECT_EQ(Complaint(With(INT64_MAX, 0)), out_of_range);
  EXPECT_EQ(Complaint(With(INT64_MIN, 0)), out_of_range);
}

INSTANTIATE_TEST_SUITE_P(
    FromProto, LimitTest,
    ::testing::Values(
        Limit{"limits.refer_response",
              [](auto& limits) { return limits.mutable_refer_response(); },
              seconds(32)},
        Limit{"limits.first_notify",
              [](auto& limits) { return limits.mutable_first_notify(); },
              seconds(64)},
        Limit{"limits.final_status",
              [](auto& limits) { return limits.mutable_final_status(); },
              std::chrono::hours(1)}),
    [](const auto& limit) { return limit.param.field.substr(7); });

TEST(FromProtoTest, AnUnknownActionIsRefusedByName) {
  const auto unknown = static_cast<v1::LegAction>(99);
  v1::ReferRequest request = GoodRequest();
  request.mutable_leg_policy()->set_on_success(unknown);
  EXPECT_EQ(
      Complaint(request),
      (ErrorDetail{.reason = "BAD_ENUM", .field = "leg_policy.on_success"}));
  request = GoodRequest();
  request.mutable_leg_policy()->set_on_unconfirmed(unknown);
  EXPECT_EQ(Complaint(request).field, "leg_policy.on_unconfirmed");
  request = GoodRequest();
  request.mutable_leg_policy()->set_on_failure(unknown);
  EXPECT_EQ(Complaint(request).field, "leg_policy.on_failure");
}

TEST(FromProtoTest, ARequestIdIsOneShortLine) {
  v1::ReferRequest request = GoodRequest();
  request.set_request_id(std::string(128, 'r'));
  request.add_asserted_identity("sip:desk@h");
  request.add_privacy(v1::PRIVACY_ID);
  EXPECT_THAT(FromProto(request)->identity.asserted, ElementsAre("sip:desk@h"));
  EXPECT_EQ(FromProto(request)->identity.privacy, (sip::Privacy{.id = true}));
  request.set_no_subscription(true);
  EXPECT_EQ(FromProto(request)->request_id, std::string(128, 'r'));
  EXPECT_TRUE(FromProto(request)->no_subscription);
  for (const std::string& id : {std::string(129, 'r'), std::string("a\nb")}) {
    request.set_request_id(id);
    EXPECT_EQ(Complaint(request),
              (ErrorDetail{.reason = "BAD_REQUEST_ID", .field = "request_id"}));
  }
}

TEST(FromProtoTest, TheVerbOfThePageIsTakenAndNoOther) {
  v1::ReferRequest request = GoodRequest();
  request.set_verb("sip:refer");
  EXPECT_TRUE(FromProto(request).ok());
  request.set_verb("dial");
  EXPECT_EQ(Complaint(request),
            (ErrorDetail{.reason = "BAD_VERB", .field = "verb"}));
}

// ---- Events -------------------------------------------------------------

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

sip::TransferPlan Plan() {
  return {.transfer_id = "t-n1-1",
          .call_id = "c-n1-7",
          .sip_call_id = "a@h",
          .refer_to = "<sip:carol@example.com>",
          .referred_by = "<sip:bob@example.com>",
          .headers = {{"X-A", "1"}, {"X-A", "2"}}};
}

v1::ReferEvent Event(const sip::TransferEvent& event) {
  v1::ReferEvent message;
  FillEvent(event, Plan(), kNow, message);
  return message;
}

TEST(FillEventTest, AReferThatLeftCarriesThePlan) {
  const v1::ReferEvent event =
      Event(sip::ReferSent{.cseq = 4294967295, .attempt = 2});
  const v1::ReferEvent replanned = Event(sip::ReferSent{
      .refer_to = "<sip:other@b.example>", .sip_call_id = "own@h"});
  EXPECT_EQ(replanned.refer_sent().refer_to(), "<sip:other@b.example>");
  EXPECT_EQ(replanned.refer_sent().sip_call_id(), "own@h");
  ASSERT_TRUE(event.has_refer_sent());
  EXPECT_EQ(event.refer_sent().refer_to(), "<sip:carol@example.com>");
  EXPECT_EQ(event.refer_sent().referred_by(), "<sip:bob@example.com>");
  EXPECT_EQ(event.refer_sent().sip_call_id(), "a@h");
  EXPECT_EQ(event.refer_sent().cseq(), 4294967295);
  EXPECT_EQ(event.refer_sent().attempt(), 2);
  ASSERT_EQ(event.refer_sent().headers_size(), 2);
  EXPECT_EQ(event.refer_sent().headers(1).name(), "X-A");
  EXPECT_EQ(event.refer_sent().headers(1).value(), "2");
}

TEST(FillEventTest, AnAnswerKeepsItsStatus) {
  const v1::ReferEvent event = Event(sip::ReferAnswered{{202, "Accepted"}});
  EXPECT_EQ(event.refer_response().refer_status(), 202);
  EXPECT_EQ(event.refer_response().reason(), "Accepted");
}

TEST(FillEventTest, ANotifyIsATransferStatus) {
  const v1::ReferEvent event =
      Event(sip::TransferStatus{.status = {180, "Ringing"},
                                .subscription_state = "active",
                                .final = false,
                                .notify_cseq = 7});
  ASSERT_TRUE(event.has_transfer_status());
  EXPECT_EQ(event.transfer_status().event(), "transfer-status");
  EXPECT_EQ(event.transfer_status().call_status(), 180);
  EXPECT_EQ(event.transfer_status().reason(), "Ringing");
  EXPECT_EQ(event.transfer_status().subscription_state(), "active");
  EXPECT_FALSE(event.transfer_status().final());
  EXPECT_EQ(event.transfer_status().notify_cseq(), 7);
  sip::TransferStatus last;
  last.final = true;
  EXPECT_TRUE(Event(last).transfer_status().final());
}

TEST(FillEventTest, AWarningKeepsCodeAndText) {
  const v1::ReferEvent event =
      Event(sip::TransferWarning{"NO_EVENT", "a NOTIFY came without one"});
  EXPECT_EQ(event.warning().code(), "NO_EVENT");
  EXPECT_EQ(event.warning().text(), "a NOTIFY came without one");
}

TEST(FillEventTest, AResultKeepsEverything) {
  const v1::ReferEvent event =
      Event(sip::TransferResult{.verdict = sip::TransferVerdict::kFailure,
                                .outcome = sip::TransferOutcome::kTargetFailed,
                                .refer_status = 202,
                                .final_status = 486,
                                .last_status = 486,
                                .reason = "Busy Here",
                                .retry_after = seconds(30),
                                .sip_reason = "Q.850;cause=17",
                                .cleared_by = sip::ClearedBy::kServer,
                                .duration = milliseconds(12'345),
                                .bye_age = milliseconds(1'500),
                                .bye_status = 200,
                                .contacts = {"sip:a@h", "sip:b@h"},
                                .subscription_reason = "noresource"});

  ASSERT_TRUE(event.has_result());
  const v1::TransferResult& result = event.result();
  EXPECT_EQ(result.verdict(), v1::TRANSFER_VERDICT_FAILURE);
  EXPECT_EQ(result.outcome(), v1::TRANSFER_OUTCOME_TARGET_FAILED);
  EXPECT_EQ(result.refer_status(), 202);
  EXPECT_TRUE(result.has_final_referred_call_status());
  EXPECT_EQ(result.final_referred_call_status(), 486);
  EXPECT_EQ(result.last_call_status(), 486);
  EXPECT_EQ(result.reason(), "Busy Here");
  EXPECT_EQ(result.retry_after().seconds(), 30);
  EXPECT_EQ(result.sip_reason(), "Q.850;cause=17");
  EXPECT_EQ(result.call_cleared_by(), v1::CALL_CLEARED_BY_SERVER);
  EXPECT_EQ(result.duration().seconds(), 12);
  EXPECT_EQ(result.duration().nanos(), 345'000'000);
  EXPECT_EQ(result.bye_time().seconds(), 1'699'999'998);
  EXPECT_EQ(result.bye_time().nanos(), 500'000'000);
  EXPECT_EQ(result.bye_status(), 200);
  EXPECT_THAT(result.contacts(), ElementsAre("sip:a@h", "sip:b@h"));
  EXPECT_EQ(result.subscription_reason(), "noresource");
}

TEST(FillEventTest, WhatIsNotKnownIsAbsent) {
  const v1::ReferEvent event = Event(sip::TransferResult{});
  EXPECT_FALSE(event.result().has_final_referred_call_status());
  EXPECT_FALSE(event.result().has_retry_after());
  EXPECT_FALSE(event.result().has_bye_time());
  EXPECT_TRUE(event.result().has_duration());
  EXPECT_EQ(event.result().call_cleared_by(), v1::CALL_CLEARED_BY_NOBODY);
}

TEST(FillEventTest, TheFarEndMayHaveClearedTheCall) {
  sip::TransferResult result;
  result.cleared_by = sip::ClearedBy::kFarEnd;
  EXPECT_EQ(Event(result).result().call_cleared_by(),
            v1::CALL_CLEARED_BY_FAR_END);
}

TEST(PlannedEventTest, IsTheOneEventOfARequestThatIsOnlyChecked) {
  sip::TransferPlan plan = Plan();
  plan.transfer_id.clear();
  const v1::ReferEvent event = PlannedEvent(plan, kNow);
  EXPECT_EQ(event.transfer_id(), "");
  EXPECT_EQ(event.call_id(), "c-n1-7");
  EXPECT_EQ(event.sequence(), 1);
  EXPECT_EQ(event.time().seconds(), 1'700'000'000);
  ASSERT_TRUE(event.has_planned());
  EXPECT_EQ(event.planned().refer_to(), "<sip:carol@example.com>");
  EXPECT_EQ(event.planned().cseq(), 0);
  EXPECT_EQ(event.planned().headers_size(), 2);
}

// ---- Calls --------------------------------------------------------------

TEST(CallTest, KeepsEverything) {
  sip::CallSnapshot call;
  call.call_id = "c-n1-7";
  call.sip_call_id = "a@h";
  call.direction = sip::CallDirection::kOutbound;
  call.phase = sip::CallPhase::kEnded;
  call.local_uri = "sip:us@h";
  call.remote_uri = "sip:them@h";
  call.remote_target = "sip:them@192.0.2.1";
  call.local_sdp = "v=0 ours";
  call.remote_sdp = "v=0 theirs";
  call.far_end = {.allows_refer = false,
                  .supports_replaces = true,
                  .supports_norefersub = true,
                  .supports_target_dialog = true,
                  .contact_is_gruu = true,
                  .user_agent = "Acme"};
  call.transfer_ids = {"t-1", "t-2"};
  call.create_time = kNow;
  call.answer_time = kNow + absl::Seconds(1);
  call.end_time = kNow + absl::Seconds(2);
  call.asserted_identity = {"sip:kate@h", "tel:+1"};
  call.privacy = {.user = true, .critical = true};
  call.end_status = 487;
  call.end_reason = "cancelled";
  call.ended_by = sip::CallEndedBy::kFarEnd;

  const v1::Call message = ToProto(call);

  EXPECT_EQ(message.call_id(), "c-n1-7");
  EXPECT_EQ(message.sip_call_id(), "a@h");
  EXPECT_EQ(message.direction(), v1::CALL_DIRECTION_OUTBOUND);
  EXPECT_EQ(message.state(), v1::CALL_STATE_ENDED);
  EXPECT_EQ(message.local_uri(), "sip:us@h");
  EXPECT_EQ(message.remote_uri(), "sip:them@h");
  EXPECT_EQ(message.remote_target(), "sip:them@192.0.2.1");
  EXPECT_EQ(message.local_sdp(), "v=0 ours");
  EXPECT_EQ(message.remote_sdp(), "v=0 theirs");
  EXPECT_FALSE(message.far_end().allows_refer());
  EXPECT_TRUE(message.far_end().supports_replaces());
  EXPECT_TRUE(message.far_end().supports_norefersub());
  EXPECT_TRUE(message.far_end().supports_target_dialog());
  EXPECT_TRUE(message.far_end().contact_is_gruu());
  EXPECT_EQ(message.far_end().user_agent(), "Acme");
  EXPECT_THAT(message.transfer_ids(), ElementsAre("t-1", "t-2"));
  EXPECT_EQ(message.create_time().seconds(), 1'700'000'000);
  EXPECT_EQ(message.answer_time().seconds(), 1'700'000'001);
  EXPECT_EQ(message.end_time().seconds(), 1'700'000'002);
  EXPECT_THAT(message.asserted_identity(), ElementsAre("sip:kate@h", "tel:+1"));
  EXPECT_THAT(message.privacy(),
              ElementsAre(v1::PRIVACY_USER, v1::PRIVACY_CRITICAL));
  EXPECT_EQ(message.end_status(), 487);
  EXPECT_EQ(message.end_reason(), "cancelled");
  EXPECT_EQ(message.ended_by(), v1::CALL_ENDED_BY_FAR_END);
}

TEST(CallTest, ALiveCallHasNoEnd) {
  const v1::Call message = ToProto(sip::CallSnapshot());
  EXPECT_EQ(message.direction(), v1::CALL_DIRECTION_INBOUND);
  EXPECT_TRUE(message.has_create_time());
  EXPECT_FALSE(message.has_answer_time());
  EXPECT_FALSE(message.has_end_time());
  EXPECT_EQ(message.ended_by(), v1::CALL_ENDED_BY_UNSPECIFIED);
}

// ---- Webhooks -----------------------------------------------------------

HookQueue::Entry Delivery() {
  HookQueue::Entry entry;
  entry.delivery = {.id = "h-1",
                    .kind = HookKind::kAction,
                    .transfer_id = "t-1",
                    .call_id = "c-1",
                    .sip_call_id = "a@h",
                    .sequence = 6,
                    .url = "https://me:pw@app.example/a",
                    .body = "{}",
                    .create_time = kNow,
                    .attempts = 2,
                    .last_status = 503,
                    .last_error = "HTTP 503"};
  return entry;
}

TEST(ToProtoTest, ADeliveryIsShownWithoutItsPassword) {
  const HookTime now{std::chrono::seconds(100)};
  HookQueue::Entry entry = Delivery();
  entry.not_before = now + std::chrono::seconds(3);
  const v1::HookDelivery delivery = ToProto(entry, now, kNow);
  EXPECT_EQ(delivery.delivery_id(), "h-1");
  EXPECT_EQ(delivery.transfer_id(), "t-1");
  EXPECT_EQ(delivery.call_id(), "c-1");
  EXPECT_EQ(delivery.sip_call_id(), "a@h");
  EXPECT_EQ(delivery.sequence(), 6);
  EXPECT_EQ(delivery.kind(), v1::HOOK_KIND_ACTION);
  EXPECT_EQ(delivery.url(), "https://app.example/a");
  EXPECT_EQ(delivery.body(), "{}");
  EXPECT_EQ(delivery.state(), v1::HOOK_DELIVERY_STATE_PENDING);
  EXPECT_EQ(delivery.attempts(), 2);
  EXPECT_EQ(delivery.create_time().seconds(), 1'700'000'000);
  EXPECT_EQ(delivery.next_attempt_time().seconds(), 1'700'000'003);
  EXPECT_EQ(delivery.last_status(), 503);
  EXPECT_EQ(delivery.last_error(), "HTTP 503");
}

TEST(ToProtoTest, OnlyAPendingDeliveryHasANextAttempt) {
  const HookTime now{std::chrono::seconds(100)};
  HookQueue::Entry entry = Delivery();
  entry.sending = true;
  EXPECT_EQ(ToProto(entry, now, kNow).state(), v1::HOOK_DELIVERY_STATE_SENDING);
  EXPECT_FALSE(ToProto(entry, now, kNow).has_next_attempt_time());
  entry.sending = false;
  entry.delivery.dead = true;
  EXPECT_EQ(ToProto(entry, now, kNow).state(), v1::HOOK_DELIVERY_STATE_DEAD);
  EXPECT_FALSE(ToProto(entry, now, kNow).has_next_attempt_time());
  // One whose time has come is due now, not in the past.
  entry.delivery.dead = false;
  EXPECT_EQ(ToProto(entry, now, kNow).next_attempt_time().seconds(),
            1'700'000'000);
}

}  // namespace
}  // namespace callcontrol::server
