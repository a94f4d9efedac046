// SPDX-License-Identifier: Apache-2.0

// From the requests about incoming calls to what the engine is asked for.

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "server/proto_mapping.h"
#include "sip/transfer/display_text.h"
#include "sip/transfer/sip_uri.h"

namespace callcontrol::server {
namespace {

constexpr std::size_t kMaxSdp = 16'384;
constexpr std::size_t kMaxReason = 256;
constexpr int kMaxContacts = 8;

absl::Status CheckCallId(const std::string& call_id) {
  if (!call_id.empty()) return absl::OkStatus();
  return InvalidField("call_id", "CALL_ID_REQUIRED", "call_id must be set");
}

absl::Status CheckStatus(int status, int least, int most) {
  if (status >= least && status <= most) return absl::OkStatus();
  return InvalidField(
      "status", "OUT_OF_RANGE",
      absl::StrCat("status must be from ", least, " to ", most));
}

absl::Status CheckReason(const std::string& reason) {
  if (reason.size() <= kMaxReason && sip::IsSafeText(reason)) {
    return absl::OkStatus();
  }
  return InvalidField("reason", "BAD_CHAR",
                      "reason must be one line of at most 256 bytes");
}

// The first error of several checks.
template <typename... Checks>
absl::Status FirstError(Checks... checks) {
  absl::Status status;
  ((status = checks, status.ok()) && ...);
  return status;
}

}  // namespace

absl::Status CheckSdp(std::string_view sdp) {
  if (sdp.empty()) return absl::OkStatus();
  if (sdp.size() > kMaxSdp) {
    return InvalidField("sdp", "TOO_LONG", "sdp must be at most 16 KiB");
  }
  if (sdp.substr(0, 4) != "v=0\r" && sdp.substr(0, 4) != "v=0\n") {
    return InvalidField("sdp", "BAD_SDP",
                        "sdp must be a session description that begins with "
                        "the line v=0 (RFC 4566)");
  }
  if (sdp.find('\0') != std::string_view::npos) {
    return InvalidField("sdp", "BAD_CHAR", "sdp must not hold a zero byte");
  }
  return absl::OkStatus();
}

absl::StatusOr<sip::ProgressRequest> FromProto(
    const v1::ProgressCallRequest& request) {
  if (absl::Status status =
          FirstError(CheckCallId(request.call_id()),
                     CheckStatus(request.status(), 180, 199),
                     CheckReason(request.reason()), CheckSdp(request.sdp()));
      !status.ok()) {
    return status;
  }
  return sip::ProgressRequest{.call_id = request.call_id(),
                              .status = request.status(),
                              .phrase = request.reason(),
                              .sdp = request.sdp()};
}

absl::StatusOr<sip::PlaceRequest> FromProto(
    const v1::PlaceCallRequest& request) {
  if (absl::Status status = FirstError(CheckSdp(request.sdp()),
                                       CheckRequestId(request.request_id()));
      !status.ok()) {
    return status;
  }
  sip::PlaceRequest place{.trunk = request.trunk(),
                          .to = request.to(),
                          .from = request.from(),
                          .sdp = request.sdp(),
                          .headers = HeadersOf(request.headers())};
  absl::StatusOr<sip::IdentityRequest> identity = IdentityOf(request);
  if (!identity.ok()) return identity.status();
  place.identity = *std::move(identity);
  if (request.has_credentials()) {
    auto credentials = FromProto(request.credentials());
    if (!credentials.ok()) return credentials.status();
    place.credentials = *std::move(credentials);
  }
  if (request.has_timeout()) {
    const google::protobuf::Duration& timeout = request.timeout();
    if (timeout.seconds() < 1 || timeout.seconds() > 3'600 ||
        timeout.nanos() < 0) {
      return InvalidField("timeout", "OUT_OF_RANGE",
                          "timeout must be from 1 s to 1 h");
    }
    place.ring_limit = sip::Milliseconds(timeout.seconds() * 1000 +
                                         timeout.nanos() / 1'000'000);
  }
  return place;
}

absl::StatusOr<sip::UpdateRequest> FromProto(
    const v1::UpdateCallRequest& request) {
  using Change = sip::UpdateRequest::Change;
  if (absl::Status status =
          FirstError(CheckCallId(request.call_id()), CheckSdp(request.sdp()));
      !status.ok()) {
    return status;
  }
  sip::UpdateRequest update{.call_id = request.call_id(), .sdp = request.sdp()};
  if (request.hold()) {
    update.change = Change::kHold;
  } else if (request.resume()) {
    update.change = Change::kResume;
  } else if (!request.sdp().empty()) {
    update.change = Change::kSdp;
  } else {
    return InvalidField("change", "CHANGE_REQUIRED",
                        "what changes must be said: hold or resume as true, or "
                        "sdp");
  }
  return update;
}

absl::StatusOr<sip::ReferDecision> FromProto(
    const v1::DecideReferRequest& request) {
  if (request.refer_id().empty()) {
    return InvalidField("refer_id", "EMPTY",
                        "refer_id is required: that of the pending_refer of a "
                        "REFER_REQUESTED event");
  }
  const int status = request.status() == 0 ? 603 : request.status();
  if (absl::Status checked = CheckStatus(status, 400, 699); !checked.ok()) {
    return checked;
  }
  if (request.accept() && request.status() != 0) {
    return InvalidField("status", "OUT_OF_RANGE",
                        "status is for a REFER that is not accepted");
  }
  if (!request.accept() &&
      (!request.refer_to().empty() || !request.trunk().empty())) {
    return InvalidField(request.trunk().empty() ? "refer_to" : "trunk",
                        "OUT_OF_RANGE",
                        "refer_to and trunk are for a REFER that is accepted");
  }
  return sip::ReferDecision{.refer_id = request.refer_id(),
                            .accept = request.accept(),
                            .status = status,
                            .refer_to = request.refer_to(),
                            .trunk = request.trunk()};
}

absl::StatusOr<sip::RejectRequest> FromProto(
    const v1::RejectCallRequest& request) {
  if (absl::Status status = FirstError(CheckCallId(request.call_id()),
                                       CheckStatus(request.status(), 300, 699),
                                       CheckReason(request.reason()));
      !status.ok()) {
    return status;
  }
  const bool redirects = request.status() < 400;
  if (request.contacts_size() > (redirects ? kMaxContacts : 0)) {
    return InvalidField("contacts", "OUT_OF_RANGE",
                        "contacts are for a 3xx, and at most 8");
  }
  for (const std::string& contact : request.contacts()) {
    const auto uri = sip::ParseSipUri(contact);
    if (!uri.ok()) {
      return InvalidField("contacts", "BAD_URI",
                          "contacts must be SIP, SIPS or TEL URIs, without "
                          "angle brackets");
    }
  }
  return sip::RejectRequest{
      .call_id = request.call_id(),
      .status = request.status(),
      .phrase = request.reason(),
      .contacts = {request.contacts().begin(), request.contacts().end()}};
}

}  // namespace callcontrol::server
