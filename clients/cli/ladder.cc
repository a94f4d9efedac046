// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/ladder.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "clients/cli/ladder_paper.h"
#include "clients/cli/text.h"
#include "clients/cli/words.h"

namespace callcontrol::cli {
namespace {

// Rows further apart than this get a row between them.
constexpr absl::Duration kGap = absl::Seconds(1);

// Whether the far end told anything of the target. "100" says only that it
// took the REFER up (RFC 3515, 2.4.5).
bool TellsOfTarget(const v1::ReferEvent& event) {
  return event.has_transfer_status() &&
         event.transfer_status().call_status() > 100;
}

// Draws one transfer.
//
// Ownership: borrows the transfer. Threads: thread-compatible. Errors: none;
// what it does not know it leaves out. Time: only that of the events.
class Painter {
 public:
  Painter(const v1::Transfer& transfer,
          const std::vector<v1::ReferEvent>& events, bool ascii)
      : transfer_(transfer),
        events_(events),
        has_target_(std::any_of(events.begin(), events.end(), TellsOfTarget)),
        paper_(ascii, has_target_) {
    if (transfer.has_create_time()) {
      start_ = ToTime(transfer.create_time());
    } else if (!events.empty()) {
      start_ = ToTime(events.front().time());
    }
    last_row_ = start_;
    if (transfer.has_result()) result_ = &transfer.result();
    if (!events.empty() && events.back().has_result()) {
      result_ = &events.back().result();
    }
    bye_pending_ = result_ != nullptr && result_->has_bye_time();
  }

  std::string Paint() {
    PaintHead();
    for (const v1::ReferEvent& event : events_) {
      if (bye_pending_ && ByeComesBefore(event)) PaintBye();
      PaintEvent(event);
    }
    if (bye_pending_) PaintBye();
    PaintFoot();
    return paper_.text();
  }

 private:
  void Field(std::string_view name, std::string_view value) {
    constexpr int kNameColumns = 14;
    if (value.empty()) return;
    paper_.Line(PadRight(name, kNameColumns) + Printable(value), kNameColumns);
  }

  void PaintHead() {
    Field("transfer", transfer_.transfer_id());
    Field("call", transfer_.call_id());
    Field("Call-ID", transfer_.sip_call_id());
    Field("Refer-To", transfer_.refer_to());
    Field("Referred-By", transfer_.referred_by());
    Field("began", DateAndTime(start_) + " UTC");
    paper_.Blank();
    paper_.Heading();
  }

  // The time of a row, in seconds; a row of its own before it where time went
  // by.
  std::string At(absl::Time time) {
    if (time - last_row_ >= kGap) paper_.Gap();
    last_row_ = time;
    return Seconds(time - start_);
  }

  void PaintEvent(const v1::ReferEvent& event) {
    if (event.has_refer_sent()) PaintRefer(event);
    if (event.has_refer_response()) PaintResponse(event);
    if (event.has_transfer_status()) PaintNotify(event);
    if (event.has_warning()) {
      paper_.Note(At(ToTime(event.time())),
                  absl::StrCat("! ", Printable(event.warning().code()), ": ",
                               Printable(event.warning().text())));
    }
  }

  void PaintRefer(const v1::ReferEvent& event) {
    const v1::ReferSent& sent = event.refer_sent();
    std::string label = "REFER";
    if (sent.cseq() != 0) absl::StrAppend(&label, ", CSeq ", sent.cseq());
    if (sent.attempt() > 1) absl::StrAppend(&label, ", again");
    paper_.Row(At(ToTime(event.time())), paper_.Arrow(label, Toward::kRight),
               "");
  }

  // The far end calls the target: at some time after the REFER, and drawn once.
  std::string Invite() {
    if (!has_target_ || invite_drawn_) return "";
    invite_drawn_ = true;
    return paper_.DottedArrow("INVITE", Toward::kRight);
  }

  void PaintResponse(const v1::ReferEvent& event) {
    const v1::ReferResponse& response = event.refer_response();
    const std::string label =
        StatusText(response.refer_status(), response.reason());
    const bool accepted = response.refer_status() < 300;
    paper_.Row(At(ToTime(event.time())), paper_.Arrow(label, Toward::kLeft),
               accepted ? Invite() : "");
  }

  void PaintNotify(const v1::ReferEvent& event) {
    const v1::TransferStatus& status = event.transfer_status();
    const std::string time = At(ToTime(event.time()));
    std::string reported;
    if (TellsOfTarget(event)) {
      // A NOTIFY may overtake the answer to the REFER.
      if (!invite_drawn_) paper_.Row("", "", Invite());
      reported = paper_.DottedArrow(
          StatusText(status.call_status(), status.reason()), Toward::kLeft);
    }
    std::string label = absl::StrCat("NOTIFY ", status.call_status());
    if (!status.subscription_state().empty()) {
      // Without its parameters, such as "expires".
      const std::string_view state = status.subscription_state();
      absl::StrAppend(&label, " (", Printable(state.substr(0, state.find(';'))),
                      ")");
    }
    paper_.Row(time, paper_.Arrow(label, Toward::kLeft), reported);
    paper_.Row("", paper_.Arrow("200 OK", Toward::kRight), "");
  }

  bool FarEndHungUp() const {
    return result_->call_cleared_by() == v1::CALL_CLEARED_BY_FAR_END;
  }

  // The warning that tells of the far end's BYE comes after it.
  bool ByeComesBefore(const v1::ReferEvent& event) const {
    const absl::Time bye = ToTime(result_->bye_time());
    const absl::Time time = ToTime(event.time());
    return event.has_result() || (FarEndHungUp() ? bye <= time : bye < time);
  }

  void PaintBye() {
    bye_pending_ = false;
    const std::string time = At(ToTime(result_->bye_time()));
    if (FarEndHungUp()) {
      paper_.Row(time, paper_.Arrow("BYE", Toward::kLeft), "");
      paper_.Row("", paper_.Arrow("200 OK", Toward::kRight), "");
      return;
    }
    paper_.Row(time, paper_.Arrow("BYE", Toward::kRight), "");
    if (result_->bye_status() == 0) {
      paper_.Note("", "BYE: no answer yet");
    } else {
      paper_.Row(
          "",
          paper_.Arrow(StatusText(result_->bye_status(), ""), Toward::kLeft),
          "");
    }
  }

  void PaintFoot() {
    if (result_ == nullptr) {
      paper_.Gap();
      paper_.Blank();
      paper_.Line(absl::StrCat("still running: ", StateToken(transfer_.state()),
                               ", ", events_.size(), " events so far"),
                  0);
      return;
    }
    paper_.Blank();
    std::string line = absl::StrCat(VerdictToken(result_->verdict()), " ",
                                    OutcomeToken(result_->outcome()));
    if (result_->has_duration()) {
      absl::StrAppend(&line, " after ",
                      Seconds(ToDuration(result_->duration())), " s");
    }
    paper_.Line(line, 0);
    paper_.Line(VerdictSentence(*result_), 2);
    if (has_target_) paper_.Line("dotted: as the far end reports it", 0);
    Field("Reason", result_->sip_reason());
    Field("subscription", result_->subscription_reason());
    for (const std::string& contact : result_->contacts()) {
      Field("Contact", contact);
    }
  }

  const v1::Transfer& transfer_;
  const std::vector<v1::ReferEvent>& events_;
  const bool has_target_;
  LadderPaper paper_;
  const v1::TransferResult* result_ = nullptr;
  absl::Time start_ = absl::UnixEpoch();
  absl::Time last_row_;
  bool invite_drawn_ = false;
  bool bye_pending_ = false;
};

}  // namespace

std::string RenderLadder(const v1::Transfer& transfer,
                         const std::vector<v1::ReferEvent>& events,
                         bool ascii) {
  return Painter(transfer, events, ascii).Paint();
}

}  // namespace callcontrol::cli
