// SPDX-License-Identifier: Apache-2.0

// From a ReferRequest to what the engine is asked for.

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "server/proto_mapping.h"
#include "sip/transfer/display_text.h"

namespace callcontrol::server {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kLongestRequestId = 128;
constexpr std::size_t kLongestCredential = 256;

struct LimitField {
  const char* field;
  bool given;
  const google::protobuf::Duration& from;
  milliseconds shortest;
  milliseconds longest;
  std::optional<milliseconds>& to;
};

absl::Status ReadLimit(const LimitField& field) {
  if (!field.given) return absl::OkStatus();
  const google::protobuf::Duration& limit = field.from;
  const bool sane = limit.seconds() >= 0 && limit.seconds() <= 1'000'000 &&
                    limit.nanos() >= 0;
  const milliseconds value =
      sane ? milliseconds(limit.seconds() * 1000 + limit.nanos() / 1'000'000)
           : milliseconds(-1);
  if (value < field.shortest || value > field.longest) {
    return InvalidField(
        field.field, "OUT_OF_RANGE",
        absl::StrCat(field.field, " must be from ", field.shortest.count(),
                     " ms to ", field.longest.count() / 1000, " s"));
  }
  field.to = value;
  return absl::OkStatus();
}

absl::Status ReadAction(v1::LegAction action, std::string_view field,
                        std::optional<sip::LegAction>& to) {
  switch (action) {
    case v1::LEG_ACTION_UNSPECIFIED:
      return absl::OkStatus();
    case v1::LEG_ACTION_HANG_UP:
      to = sip::LegAction::kHangUp;
      return absl::OkStatus();
    case v1::LEG_ACTION_WAIT_FOR_PEER:
      to = sip::LegAction::kWaitForPeer;
      return absl::OkStatus();
    case v1::LEG_ACTION_KEEP:
      to = sip::LegAction::kKeep;
      return absl::OkStatus();
    default:
      return InvalidField(field, "BAD_ENUM",
                          absl::StrCat(std::string(field),
                                       " must be HANG_UP, WAIT_FOR_PEER or "
                                       "KEEP"));
  }
}

absl::Status ReadLimits(const v1::TransferLimits& from,
                        sip::TransferLimits& to) {
  using std::chrono::seconds;
  constexpr milliseconds kNone{0};
  // What would end a transfer that nobody could have answered yet.
  constexpr milliseconds kShortest{10};
  for (const LimitField& field : {
           LimitField{"limits.refer_response", from.has_refer_response(),
                      from.refer_response(), kShortest, seconds(32),
                      to.refer_response},
           {"limits.first_notify", from.has_first_notify(), from.first_notify(),
            kShortest, seconds(64), to.first_notify},
           {"limits.final_status", from.has_final_status(), from.final_status(),
            kShortest, seconds(3600), to.final_status},
           {"limits.hold", from.has_hold(), from.hold(), kShortest, seconds(32),
            to.hold},
           {"limits.ready", from.has_ready(), from.ready(), kNone, seconds(32),
            to.ready},
           {"limits.subscription_grace", from.has_subscription_grace(),
            from.subscription_grace(), kNone, seconds(10),
            to.subscription_grace},
           {"limits.unconfirmed_wait", from.has_unconfirmed_wait(),
            from.unconfirmed_wait(), kNone, seconds(600), to.unconfirmed_wait},
           {"limits.bye_grace", from.has_bye_grace(), from.bye_grace(), kNone,
            seconds(5), to.bye_grace},
           {"limits.lost_grace", from.has_lost_grace(), from.lost_grace(),
            kNone, seconds(10), to.lost_grace},
           {"limits.bye_answer", from.has_bye_answer(), from.bye_answer(),
            kNone, seconds(32), to.bye_answer},
           {"limits.retry_after", from.has_retry_after(), from.retry_after(),
            kNone, seconds(60), to.retry_after},
       }) {
    if (absl::Status status = ReadLimit(field); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ReadPolicy(const v1::LegPolicy& from, sip::TransferRequest& to) {
  if (absl::Status status =
          ReadAction(from.on_success(), "leg_policy.on_success", to.on_success);
      !status.ok()) {
    return status;
  }
  if (absl::Status status =
          ReadAction(from.on_unconfirmed(), "leg_policy.on_unconfirmed",
                     to.on_unconfirmed);
      !status.ok()) {
    return status;
  }
  return ReadAction(from.on_failure(), "leg_policy.on_failure", to.on_failure);
}

}  // namespace

std::vector<sip::SipHeader> HeadersOf(
    const google::protobuf::Map<std::string, std::string>& map) {
  const std::map<std::string, std::string> sorted(map.begin(), map.end());
  std::vector<sip::SipHeader> headers;
  headers.reserve(sorted.size());
  for (const auto& [name, value] : sorted) headers.push_back({name, value});
  return headers;
}

absl::StatusOr<sip::Credentials> FromProto(const v1::Credentials& credentials) {
  for (const auto& [name, text] :
       {std::pair{"username", &credentials.username()},
        std::pair{"password", &credentials.password()},
        std::pair{"realm", &credentials.realm()}}) {
    if (text->size() <= kLongestCredential && sip::IsSafeText(*text)) continue;
    return InvalidField(absl::StrCat("credentials.", name), "BAD_CHAR",
                        "credentials must be lines of at most 256 bytes");
  }
  if (credentials.username().empty()) {
    return InvalidField("credentials.username", "EMPTY",
                        "credentials need a username");
  }
  return sip::Credentials{.username = credentials.username(),
                          .password = credentials.password(),
                          .realm = credentials.realm()};
}

absl::StatusOr<sip::Privacy> PrivacyOf(
    const google::protobuf::RepeatedField<int>& values) {
  sip::Privacy privacy;
  for (const int value : values) {
    bool sip::Privacy::*const member = PrivacyMember(value);
    if (member == nullptr) {
      return InvalidField("privacy", "BAD_ENUM",
                          "privacy must be PRIVACY_ID, PRIVACY_HEADER, "
                          "PRIVACY_SESSION, PRIVACY_USER, PRIVACY_CRITICAL or "
                          "PRIVACY_NONE");
    }
    privacy.*member = true;
  }
  return privacy;
}

absl::Status CheckRequestId(const std::string& request_id) {
  if (request_id.size() <= kLongestRequestId && sip::IsSafeText(request_id)) {
    return absl::OkStatus();
  }
  return InvalidField("request_id", "BAD_REQUEST_ID",
                      "request_id must be one line of at most 128 bytes");
}

absl::StatusOr<sip::TransferRequest> FromProto(
    const v1::ReferRequest& request) {
  if (!request.verb().empty() && request.verb() != "sip:refer") {
    return InvalidField("verb", "BAD_VERB",
                        "verb must be \"sip:refer\" or left out");
  }
  sip::TransferRequest result;
  result.call_id = request.call_id();
  result.sip_call_id = request.sip_call_id();
  result.uri = request.uri();
  if (result.call_id.empty() && result.sip_call_id.empty() &&
      result.uri.empty()) {
    return InvalidField("party", "PARTY_REQUIRED",
                        "who is transferred must be said: set call_id, "
                        "sip_call_id or uri");
  }
  result.refer_to = request.refer_to();
  result.replaces_call_id = request.replaces_call_id();
  result.referred_by = request.referred_by();
  result.headers = HeadersOf(request.headers());
  for (const v1::SipHeader& header : request.more_headers()) {
    result.headers.push_back({header.name(), header.value()});
  }
  result.target_headers = HeadersOf(request.target_headers());
  if (absl::Status status = ReadLimits(request.limits(), result.limits);
      !status.ok()) {
    return status;
  }
  if (absl::Status status = ReadPolicy(request.leg_policy(), result);
      !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckRequestId(request.request_id());
      !status.ok()) {
    return status;
  }
  result.request_id = request.request_id();
  absl::StatusOr<sip::IdentityRequest> identity = IdentityOf(request);
  if (!identity.ok()) return identity.status();
  result.identity = *std::move(identity);
  if (request.has_credentials()) {
    auto credentials = FromProto(request.credentials());
    if (!credentials.ok()) return credentials.status();
    result.credentials = *std::move(credentials);
  }
  result.strict = request.strict();
  result.hold_first = request.hold_first();
  result.no_subscription = request.no_subscription();
  result.validate_only = request.validate_only();
  return result;
}

}  // namespace callcontrol::server
