// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_PROTO_MAPPING_H_
#define CALLCONTROL_SERVER_PROTO_MAPPING_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "callcontrol/v1/call.pb.h"
#include "callcontrol/v1/hook.pb.h"
#include "callcontrol/v1/transfer.pb.h"
#include "server/hooks/hook_queue.h"
#include "sip/call/call_engine.h"

// Between the API's messages and the engine's values. Pure.
namespace callcontrol::server {

// Checks what the engine does not: the party and the limits. Errors:
// INVALID_ARGUMENT, naming the field.
absl::StatusOr<sip::TransferRequest> FromProto(const v1::ReferRequest& request);

// The same for decisions about an incoming call.
absl::StatusOr<sip::ProgressRequest> FromProto(
    const v1::ProgressCallRequest& request);
absl::StatusOr<sip::PlaceRequest> FromProto(
    const v1::PlaceCallRequest& request);
absl::StatusOr<sip::UpdateRequest> FromProto(
    const v1::UpdateCallRequest& request);
absl::StatusOr<sip::RejectRequest> FromProto(
    const v1::RejectCallRequest& request);
absl::StatusOr<sip::ReferDecision> FromProto(
    const v1::DecideReferRequest& request);

// The member that a v1::Privacy stands for; null for none.
bool sip::Privacy::*PrivacyMember(int value);

// INVALID_ARGUMENT (BAD_ENUM) about field "privacy" for what is no value of it.
absl::StatusOr<sip::Privacy> PrivacyOf(
    const google::protobuf::RepeatedField<int>& values);

// A protobuf map has no order; the headers of a request should look the same
// every time.
std::vector<sip::SipHeader> HeadersOf(
    const google::protobuf::Map<std::string, std::string>& map);

absl::StatusOr<sip::Credentials> FromProto(const v1::Credentials& credentials);

// What a request says of its identity; the engine checks the rest.
// INVALID_ARGUMENT (BAD_ENUM) about field "privacy".
template <typename Request>
absl::StatusOr<sip::IdentityRequest> IdentityOf(const Request& request) {
  absl::StatusOr<sip::Privacy> privacy = PrivacyOf(request.privacy());
  if (!privacy.ok()) return privacy.status();
  return sip::IdentityRequest{.asserted = {request.asserted_identity().begin(),
                                           request.asserted_identity().end()},
                              .privacy = *privacy};
}

// INVALID_ARGUMENT (BAD_REQUEST_ID) for more than a line of 128 bytes.
absl::Status CheckRequestId(const std::string& request_id);

// A session description of a client: at most 16 KiB that begin with "v=0";
// empty is good. INVALID_ARGUMENT about field "sdp".
absl::Status CheckSdp(std::string_view sdp);

// Fills the `event` part of a ReferEvent only. `plan` is the transfer's; `time`
// the event's.
void FillEvent(const sip::TransferEvent& event, const sip::TransferPlan& plan,
               absl::Time time, v1::ReferEvent& to);

// The one event of a `validate_only` request.
v1::ReferEvent PlannedEvent(const sip::TransferPlan& plan, absl::Time time);

v1::Call ToProto(const sip::CallSnapshot& call);
v1::PendingRefer ToProto(const sip::PendingRefer& refer);
// `now` and `time` are the same moment, monotonic and by the wall clock.
v1::HookDelivery ToProto(const HookQueue::Entry& entry, HookTime now,
                         absl::Time time);
v1::CallEventType ToProto(sip::CallChange change);
v1::CallDirection ToProto(sip::CallDirection direction);
v1::CallState ToProto(sip::CallPhase phase);
v1::TransferState ToProto(sip::TransferPhase phase);
v1::TransferOutcome ToProto(sip::TransferOutcome outcome);
v1::CancelOutcome ToProto(sip::CancelOutcome outcome);
v1::TransferVerdict ToProto(sip::TransferVerdict verdict);
google::protobuf::Timestamp ToProto(absl::Time time);

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_PROTO_MAPPING_H_
