// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/target_dialog.h"

#include "absl/strings/str_cat.h"
#include "sip/transfer/display_text.h"
#include "sip/transfer/header_guard.h"
#include "sip/transfer/subscription_state.h"

namespace callcontrol::sip {
namespace {

// Whether `value` could be taken as the one tag of its name.
bool TakeTag(std::string_view value, std::string& tag) {
  if (!tag.empty() || !IsToken(value)) return false;
  tag = std::string(value);
  return true;
}

}  // namespace

std::string FormatTargetDialog(const TargetDialog& dialog) {
  return absl::StrCat(dialog.call_id, ";local-tag=", dialog.local_tag,
                      ";remote-tag=", dialog.remote_tag);
}

std::optional<TargetDialog> ReadTargetDialog(std::string_view header_value) {
  TargetDialog dialog;
  dialog.call_id = std::string(WithoutParameters(header_value));
  if (!IsCallId(dialog.call_id)) return std::nullopt;
  for (const HeaderParameter& parameter : ReadParameters(header_value)) {
    if (EqualsIgnoreCase(parameter.name, "local-tag")) {
      if (!TakeTag(parameter.value, dialog.local_tag)) return std::nullopt;
    } else if (EqualsIgnoreCase(parameter.name, "remote-tag")) {
      if (!TakeTag(parameter.value, dialog.remote_tag)) return std::nullopt;
    }
  }
  if (dialog.local_tag.empty() || dialog.remote_tag.empty()) {
    return std::nullopt;
  }
  return dialog;
}

}  // namespace callcontrol::sip
