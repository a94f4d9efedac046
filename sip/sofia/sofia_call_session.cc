// SPDX-License-Identifier: Apache-2.0

// How the session of a call is kept alive, or found dead (RFC 4028).

#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/sofia_call.h"

namespace callcontrol::sip {
namespace {

MonotonicTime Now() { return std::chrono::steady_clock::now(); }

}  // namespace

void SofiaCall::SendOk(nta_incoming_t* request, const std::string& sdp) {
  const SessionTimer::Reply timer = session_timer_.ReplyHeaders();
  const bool timed = !timer.session_expires.empty();
  const std::string served = allow();
  nta_incoming_treply(
      request, SIP_200_OK, SIPTAG_CONTACT(contact()),
      SIPTAG_ALLOW_STR(served.c_str()), SIPTAG_SUPPORTED_STR(supported()),
      SIPTAG_SERVER_STR(host_.options().user_agent.c_str()),
      TAG_IF(timed, SIPTAG_SESSION_EXPIRES_STR(timer.session_expires.c_str())),
      TAG_IF(timer.required, SIPTAG_REQUIRE_STR("timer")),
      TAG_IF(!sdp.empty(), SIPTAG_CONTENT_TYPE_STR("application/sdp")),
      TAG_IF(!sdp.empty(), SIPTAG_PAYLOAD_STR(sdp.c_str())), TAG_END());
  session_timer_.Start(Now());
  ArmSessionTimer();
}

void SofiaCall::OnSessionAnswered(const sip_t& sip) {
  session_timer_.OnAnswer(ReadSessionTimer(sip), Now());
  ArmSessionTimer();
}

bool SofiaCall::TakeLeastInterval(const sip_t& sip) {
  return sip.sip_status->st_status == 422 &&
         session_timer_.OnRefused(ReadSessionTimer(sip));
}

void SofiaCall::ArmSessionTimer() {
  Disarm(session_timer_id_);
  const std::optional<MonotonicTime> next = session_timer_.next();
  if (!next) return;
  session_timer_id_ = host_.loop().timers().Add(*next, [this] {
    session_timer_id_.reset();
    OnSessionTimer();
  });
}

void SofiaCall::OnSessionTimer() {
  const SessionTimer::Due due = session_timer_.OnTime(Now());
  ArmSessionTimer();
  switch (due) {
    case SessionTimer::Due::kRefresh:
      // Each refresh is challenged anew, or not at all.
      refresh_authorization_ = ChallengeAnswer();
      RefreshSession();
      return;
    case SessionTimer::Due::kExpired:
      LoseLeg("the session was not refreshed in time (RFC 4028)");
      return;
    case SessionTimer::Due::kNothing:
      return;
  }
}

void SofiaCall::RefreshSession() {
  if (!machine_.ReadyForRefer() || update_ != nullptr || refresh_ != nullptr) {
    RetryRefresh();
  } else if (snapshot_.far_end.allows_update) {
    WithNextHop([this](absl::StatusOr<SipAddress> next_hop) {
      if (!machine_.live()) return;
      if (next_hop.ok()) SendRefresh(*next_hop);
      if (refresh_ == nullptr) RetryRefresh();
    });
  } else {
    Renegotiate([this] { return local_sdp_; }, snapshot_.on_hold,
                [this](const SessionUpdate::Outcome& outcome) {
                  if (!IsSuccess(outcome.status.code)) RetryRefresh();
                });
  }
}

void SofiaCall::SendRefresh(const SipAddress& next_hop) {
  std::vector<SipHeader> headers = SessionHeaders();
  headers.insert(headers.end(), refresh_authorization_.headers().begin(),
                 refresh_authorization_.headers().end());
  refresh_ = ClientTransaction::Send(
      leg_, next_hop, host_.options().user_agent,
      {.method = sip_method_update,
       .method_name = "UPDATE",
       .contact = contact(),
       .headers = std::move(headers),
       .allow = allow(),
       .supported = supported()},
      [this](const sip_t& sip, ClientTransaction::Ending ending) {
        if (!IsProvisional(sip.sip_status->st_status)) {
          OnRefreshAnswer(sip, ending);
        }
      });
}

void SofiaCall::OnRefreshAnswer(const sip_t& sip,
                                ClientTransaction::Ending ending) {
  // Kept until the end of this function: it is what is calling.
  const std::unique_ptr<ClientTransaction> finished = std::move(refresh_);
  if (!machine_.live()) return;
  const int status = sip.sip_status->st_status;
  if (IsSuccess(status)) {
    SeenAlive();
    if (HasUsableContact(sip)) RefreshTarget(sip.sip_contact);
    OnSessionAnswered(sip);
  } else if (ending != ClientTransaction::Ending::kAnswered || status == 481 ||
             status == 408) {
    LoseLeg(absl::StrCat("a session refresh failed: ", status));
  } else if (TakeLeastInterval(sip) ||
             refresh_authorization_.Take(sip, "UPDATE", finished->request_uri(),
                                         credentials(), host_.NewId(""))) {
    RefreshSession();
  } else if (status == 405 || status == 501) {
    snapshot_.far_end.allows_update = false;
    RefreshSession();
  } else {
    RetryRefresh();
  }
  // A REFER waits for it (RFC 3261, 14.1 by analogy).
  BeginTransfer();
}

void SofiaCall::RetryRefresh() {
  session_timer_.OnRefreshFailed(Now());
  ArmSessionTimer();
}

void SofiaCall::LoseLeg(const std::string& cause) {
  if (CallTransfer* transfer = open_transfer()) transfer->OnLegLost(cause);
  HangUpLeg(cause);
}

}  // namespace callcontrol::sip
