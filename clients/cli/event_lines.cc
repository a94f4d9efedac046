// SPDX-License-Identifier: Apache-2.0
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "clients/cli/text.h"
#include "clients/cli/words.h"

namespace callcontrol::cli {
namespace {

std::string SentWords(const v1::ReferSent& sent) {
  std::string text = absl::StrCat("REFER to ", Printable(sent.refer_to()));
  if (!sent.referred_by().empty()) {
    absl::StrAppend(&text, " by ", Printable(sent.referred_by()));
  }
  if (sent.attempt() > 1) absl::StrAppend(&text, ", attempt ", sent.attempt());
  return text;
}

std::string StatusWords(const v1::TransferStatus& status) {
  std::string text = StatusText(status.call_status(), status.reason());
  if (!status.subscription_state().empty()) {
    absl::StrAppend(&text, ", ", Printable(status.subscription_state()));
  }
  return status.final() ? text + ", final" : text;
}

std::string ResultWords(const v1::TransferResult& result) {
  return absl::StrCat(VerdictToken(result.verdict()), " ",
                      OutcomeToken(result.outcome()), " ",
                      VerdictSentence(result));
}

// The name of the event and what it says.
std::string EventWords(const v1::ReferEvent& event) {
  switch (event.event_case()) {
    case v1::ReferEvent::kPlanned:
      return absl::StrCat("planned ", SentWords(event.planned()));
    case v1::ReferEvent::kReferSent:
      return absl::StrCat("refer_sent ", SentWords(event.refer_sent()));
    case v1::ReferEvent::kReferResponse:
      return absl::StrCat("refer_response ",
                          StatusText(event.refer_response().refer_status(),
                                     event.refer_response().reason()));
    case v1::ReferEvent::kTransferStatus:
      return absl::StrCat("transfer_status ",
                          StatusWords(event.transfer_status()));
    case v1::ReferEvent::kWarning:
      return absl::StrCat("warning ", Printable(event.warning().code()), ": ",
                          Printable(event.warning().text()));
    case v1::ReferEvent::kResult:
      return absl::StrCat("result ", ResultWords(event.result()));
    case v1::ReferEvent::EVENT_NOT_SET:
      break;
  }
  return "an event that this callctl does not know";
}

}  // namespace

std::string EventLine(const v1::ReferEvent& event) {
  return absl::StrCat(TimeOfDay(ToTime(event.time())), " ",
                      Printable(event.transfer_id()), " #", event.sequence(),
                      " ", EventWords(event));
}

std::string PlanText(const v1::ReferSent& plan) {
  std::string text =
      absl::StrCat("Refer-To: ", Printable(plan.refer_to()), "\n");
  if (!plan.referred_by().empty()) {
    absl::StrAppend(&text, "Referred-By: ", Printable(plan.referred_by()),
                    "\n");
  }
  for (const v1::SipHeader& header : plan.headers()) {
    absl::StrAppend(&text, Printable(header.name()), ": ",
                    Printable(header.value()), "\n");
  }
  return text;
}

std::string CallEventLine(const v1::CallEvent& event) {
  const v1::Call& call = event.call();
  const bool inbound = call.direction() == v1::CALL_DIRECTION_INBOUND;
  constexpr std::size_t kTypeWidth = 15;  // REFER_REQUESTED
  std::string text = absl::StrCat(
      TimeOfDay(ToTime(event.time())), " ",
      PadRight(Token(v1::CallEventType_Name(event.type()), "CALL_EVENT_TYPE_",
                     event.type()),
               kTypeWidth),
      " ", Printable(call.call_id()), " ", StateToken(call.state()), " ",
      Printable(inbound ? call.remote_uri() : call.local_uri()), " -> ",
      Printable(inbound ? call.local_uri() : call.remote_uri()));
  if (event.has_pending_refer()) {
    const v1::PendingRefer& refer = event.pending_refer();
    absl::StrAppend(&text, ", wants ", Printable(refer.refer_to()),
                    " called: ", Printable(refer.refer_id()));
  }
  if (call.state() != v1::CALL_STATE_ENDED) return text;
  if (call.ended_by() == v1::CALL_ENDED_BY_FAR_END) text += ", by the far end";
  if (call.ended_by() == v1::CALL_ENDED_BY_SERVER) text += ", by this side";
  if (call.end_status() != 0) absl::StrAppend(&text, ", ", call.end_status());
  if (!call.end_reason().empty()) {
    absl::StrAppend(&text, ": ", Printable(call.end_reason()));
  }
  return text;
}

}  // namespace callcontrol::cli
