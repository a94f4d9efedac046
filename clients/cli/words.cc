// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/words.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/text.h"

namespace callcontrol::cli {
namespace {

// RFC 3261's phrases, for peers that sent none.
constexpr std::pair<int, std::string_view> kPhrases[] = {
    {100, "Trying"},
    {180, "Ringing"},
    {181, "Call Is Being Forwarded"},
    {182, "Queued"},
    {183, "Session Progress"},
    {200, "OK"},
    {202, "Accepted"},
    {302, "Moved Temporarily"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {410, "Gone"},
    {420, "Bad Extension"},
    {480, "Temporarily Unavailable"},
    {481, "Call/Transaction Does Not Exist"},
    {484, "Address Incomplete"},
    {486, "Busy Here"},
    {487, "Request Terminated"},
    {488, "Not Acceptable Here"},
    {491, "Request Pending"},
    {500, "Server Internal Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Server Time-out"},
    {600, "Busy Everywhere"},
    {603, "Decline"},
    {604, "Does Not Exist Anywhere"},
};

std::string_view UsualPhrase(int status) {
  for (const auto& [code, phrase] : kPhrases) {
    if (code == status) return phrase;
  }
  return "";
}

// Why the target was not reached, by the status it is reported with.
std::string_view TargetFailure(int status) {
  switch (status) {
    case 404:
    case 410:
    case 484:
    case 604:
      return "the target does not exist";
    case 408:
    case 480:
      return "the target did not answer";
    case 486:
    case 600:
      return "the target is busy";
    case 487:
      return "the call to the target was given up";
    case 488:
    case 606:
      return "the target cannot take this kind of call";
    default:
      break;
  }
  if (status >= 300 && status < 400) return "the target is somewhere else now";
  if (status >= 500 && status < 600) return "the target cannot be reached";
  return "the target refused the call";
}

// " (486 Busy Here)", " (Timer F)" or nothing.
std::string InBrackets(int status, const std::string& reason) {
  if (status != 0) return absl::StrCat(" (", StatusText(status, reason), ")");
  return reason.empty() ? "" : absl::StrCat(" (", Printable(reason), ")");
}

std::string Target(std::string_view what, const v1::TransferResult& result) {
  return std::string(what) +
         InBrackets(result.final_referred_call_status(), result.reason());
}

std::string Refer(std::string_view what, const v1::TransferResult& result) {
  return std::string(what) + InBrackets(result.refer_status(), result.reason());
}

std::string Cause(std::string_view what, const v1::TransferResult& result) {
  return std::string(what) + InBrackets(0, result.reason());
}

// ", last heard: 180 Ringing" or nothing.
std::string LastHeard(std::string_view what, const v1::TransferResult& result) {
  std::string text(what);
  if (result.last_call_status() == 0) return text;
  return absl::StrCat(
      text, " (last heard: ", StatusText(result.last_call_status(), ""), ")");
}

std::string Declined(const v1::TransferResult& result) {
  if (result.has_final_referred_call_status()) {
    return Target("the far end accepted the transfer, then declined it",
                  result);
  }
  if (result.refer_status() >= 300) {
    return Refer("the far end declined the transfer", result);
  }
  return Cause("the far end accepted the transfer, then declined it", result);
}

std::string_view VerdictHead(v1::TransferVerdict verdict) {
  if (verdict == v1::TRANSFER_VERDICT_SUCCESS) return "transferred";
  if (verdict == v1::TRANSFER_VERDICT_FAILURE) return "failed";
  return "unknown";
}

std::string OutcomeSentence(const v1::TransferResult& result) {
  switch (result.outcome()) {
    case v1::TRANSFER_OUTCOME_TRANSFERRED:
      return Target("the target answered", result);
    case v1::TRANSFER_OUTCOME_ACCEPTED_UNCONFIRMED:
      return LastHeard(
          "accepted, but the far end stopped reporting before the end", result);
    case v1::TRANSFER_OUTCOME_ACCEPTED_NO_SUBSCRIPTION:
      return "accepted, but the far end will not report how it ends";
    case v1::TRANSFER_OUTCOME_ACCEPTED_NO_NOTIFY:
      return "accepted, but nobody told how it ended";
    case v1::TRANSFER_OUTCOME_NO_FINAL_STATUS:
      return LastHeard(
          "no final status came in time, the target may still ring", result);
    case v1::TRANSFER_OUTCOME_LEG_ENDED_UNCONFIRMED:
      return LastHeard(
          "accepted, then the far end hung up without saying how it ended",
          result);
    case v1::TRANSFER_OUTCOME_TARGET_FAILED:
      return Target(TargetFailure(result.final_referred_call_status()), result);
    case v1::TRANSFER_OUTCOME_REFER_DECLINED:
      return Declined(result);
    case v1::TRANSFER_OUTCOME_REFER_REJECTED:
      return Refer("the far end refused the REFER", result);
    case v1::TRANSFER_OUTCOME_REFER_NOT_SUPPORTED:
      return Refer("the far end does not support REFER", result);
    case v1::TRANSFER_OUTCOME_REFER_REDIRECTED:
      return Refer("the far end redirected the REFER, which is not followed",
                   result);
    case v1::TRANSFER_OUTCOME_REFER_AUTH_FAILED:
      return Refer("the far end wants credentials that it was not given",
                   result);
    case v1::TRANSFER_OUTCOME_REFER_TIMEOUT:
      return Refer("the far end did not answer the REFER", result);
    case v1::TRANSFER_OUTCOME_TRANSPORT_FAILED:
      return Cause("the REFER could not be sent", result);
    case v1::TRANSFER_OUTCOME_SUBSCRIPTION_REJECTED_BY_PEER:
      return LastHeard("accepted, then the far end took the reporting back",
                       result);
    case v1::TRANSFER_OUTCOME_LEG_ENDED_BEFORE_REFER:
      return "the call ended before the REFER was sent";
    case v1::TRANSFER_OUTCOME_LEG_ENDED_DURING_REFER:
      return "the far end hung up before it accepted the REFER";
    case v1::TRANSFER_OUTCOME_LEG_LOST:
      return Cause("the call turned out to be dead", result);
    case v1::TRANSFER_OUTCOME_HOLD_FAILED:
      return Cause("the call could not be put on hold first", result);
    case v1::TRANSFER_OUTCOME_LEG_NOT_READY:
      return Cause("the call did not become ready for a REFER", result);
    case v1::TRANSFER_OUTCOME_LOCAL_HANGUP:
      return LastHeard("somebody hung up the call on this side meanwhile",
                       result);
    case v1::TRANSFER_OUTCOME_SERVER_SHUTDOWN:
      return LastHeard("the server stopped meanwhile", result);
    case v1::TRANSFER_OUTCOME_INTERNAL_ERROR:
      return Cause("a defect of the server", result);
    case v1::TRANSFER_OUTCOME_CANCELLED:
      return result.verdict() == v1::TRANSFER_VERDICT_FAILURE
                 ? "cancelled before the far end took the REFER on"
                 : LastHeard(
                       "cancelled; the far end may transfer the call all the "
                       "same",
                       result);
    default:
      return Cause(
          absl::StrCat("the server says ", OutcomeToken(result.outcome()),
                       ", which this callctl does not know"),
          result);
  }
}

// Whether the sentence of the outcome says already who hung up.
bool SaysWhoHungUp(const v1::TransferResult& result) {
  switch (result.outcome()) {
    case v1::TRANSFER_OUTCOME_LEG_ENDED_UNCONFIRMED:
    case v1::TRANSFER_OUTCOME_LEG_ENDED_DURING_REFER:
      return result.call_cleared_by() == v1::CALL_CLEARED_BY_FAR_END;
    case v1::TRANSFER_OUTCOME_LOCAL_HANGUP:
      return result.call_cleared_by() == v1::CALL_CLEARED_BY_SERVER;
    default:
      return false;
  }
}

}  // namespace

std::string StatusText(int status, std::string_view reason) {
  const std::string phrase =
      reason.empty() ? std::string(UsualPhrase(status)) : Printable(reason);
  return phrase.empty() ? absl::StrCat(status)
                        : absl::StrCat(status, " ", phrase);
}

std::string VerdictSentence(const v1::TransferResult& result) {
  const std::string_view head = VerdictHead(result.verdict());
  std::string text =
      absl::StrCat(std::string(head), ": ", OutcomeSentence(result));
  if (result.has_retry_after()) {
    absl::StrAppend(&text, "; it asks to try again in ",
                    Roughly(ToDuration(result.retry_after())));
  }
  const std::string call = CallClause(result.call_cleared_by());
  if (!call.empty() && !SaysWhoHungUp(result)) {
    absl::StrAppend(&text, "; ", call);
  }
  return text;
}

std::string CallClause(v1::CallClearedBy cleared_by) {
  switch (cleared_by) {
    case v1::CALL_CLEARED_BY_NOBODY:
      return "the call is still up";
    case v1::CALL_CLEARED_BY_SERVER:
      return "we hung up the original call";
    case v1::CALL_CLEARED_BY_FAR_END:
      return "the far end hung up the original call";
    default:
      return "";
  }
}

int ExitCodeOf(const v1::TransferResult& result) {
  if (result.verdict() == v1::TRANSFER_VERDICT_SUCCESS) return 0;
  return result.verdict() == v1::TRANSFER_VERDICT_FAILURE ? 1 : 3;
}

std::string StateToken(v1::CallState state) {
  return Token(v1::CallState_Name(state), "CALL_STATE_", state);
}

std::string StateToken(v1::TransferState state) {
  return Token(v1::TransferState_Name(state), "TRANSFER_STATE_", state);
}

std::string DirectionToken(v1::CallDirection direction) {
  return Token(v1::CallDirection_Name(direction), "CALL_DIRECTION_", direction);
}

std::string OutcomeToken(v1::TransferOutcome outcome) {
  return Token(v1::TransferOutcome_Name(outcome), "TRANSFER_OUTCOME_", outcome);
}

std::string CancelToken(v1::CancelOutcome outcome) {
  return Token(v1::CancelOutcome_Name(outcome), "CANCEL_OUTCOME_", outcome);
}

std::string VerdictToken(v1::TransferVerdict verdict) {
  return Token(v1::TransferVerdict_Name(verdict), "TRANSFER_VERDICT_", verdict);
}

std::string StateToken(v1::HookDeliveryState state) {
  return Token(v1::HookDeliveryState_Name(state), "HOOK_DELIVERY_STATE_",
               state);
}

std::string KindToken(v1::HookKind kind) {
  return Token(v1::HookKind_Name(kind), "HOOK_KIND_", kind);
}

}  // namespace callcontrol::cli
