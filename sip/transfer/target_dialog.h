// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TRANSFER_TARGET_DIALOG_H_
#define CALLCONTROL_SIP_TRANSFER_TARGET_DIALOG_H_

#include <optional>
#include <string>
#include <string_view>

// The dialog that a request outside it is about (RFC 4538). Pure.
namespace callcontrol::sip {

struct TargetDialog {
  std::string call_id{};
  // As the recipient of the request sees them: its own tag, and the sender's.
  std::string local_tag{};
  std::string remote_tag{};

  bool operator==(const TargetDialog&) const = default;
};

// The value of Target-Dialog (RFC 4538, 7). What is written is taken as it is:
// a Call-ID and tags of a dialog have been through a parser.
std::string FormatTargetDialog(const TargetDialog& dialog);

// Reads a Target-Dialog value of a peer. Nullopt where the Call-ID or a tag is
// none, is missing or is there twice: such a header is to be ignored (RFC 4538,
// 4).
std::optional<TargetDialog> ReadTargetDialog(std::string_view header_value);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TRANSFER_TARGET_DIALOG_H_
