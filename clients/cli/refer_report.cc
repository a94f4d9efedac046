// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/refer_report.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "clients/cli/session.h"
#include "clients/cli/text.h"
#include "clients/cli/words.h"

namespace callcontrol::cli {

ReferReport::ReferReport(const Environment& environment, bool json,
                         std::ostream& out)
    : environment_(environment),
      json_(json),
      live_(!json && environment.terminal.live),
      out_(out),
      start_(environment.now()) {}

ReferReport::~ReferReport() { Clear(); }

void ReferReport::OnEvent(const v1::ReferEvent& event) {
  over_ = over_ || event.has_result() || event.has_planned();
  if (json_) return PrintLine(ToJson(event));
  if (event.has_planned()) {
    Clear();
    out_ << PlanText(event.planned()) << std::flush;
    return;
  }
  if (live_) return OnLiveEvent(event);
  PrintLine(EventLine(event));
}

void ReferReport::OnLiveEvent(const v1::ReferEvent& event) {
  const TerminalInfo& terminal = environment_.terminal;
  if (event.sequence() == 1) {
    PrintLine(absl::StrCat("transfer ", Printable(event.transfer_id()),
                           " of call ", Printable(event.call_id())));
  }
  if (event.has_warning()) {
    PrintLine(Colored(absl::StrCat("! ", Printable(event.warning().code()),
                                   ": ", Printable(event.warning().text())),
                      Color::kYellow, terminal));
  }
  progress_ = ProgressAfter(progress_, event);
  if (!event.has_result()) return OnTick();
  const v1::TransferResult& result = event.result();
  PrintLine(
      Colored(absl::StrCat(std::string(MarkOf(result.verdict(), terminal)), " ",
                           VerdictSentence(result)),
              ColorOf(result.verdict()), terminal));
}

void ReferReport::OnTick() {
  if (!live_ || over_) return;
  out_ << Rewrite(ProgressText(progress_, environment_.now() - start_,
                               environment_.terminal))
       << std::flush;
  line_shown_ = true;
}

void ReferReport::Clear() {
  if (line_shown_) out_ << Rewrite("") << std::flush;
  line_shown_ = false;
}

void ReferReport::PrintLine(std::string_view line) {
  Clear();
  out_ << line << std::endl;
}

}  // namespace callcontrol::cli
