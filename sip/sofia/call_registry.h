// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_CALL_REGISTRY_H_
#define CALLCONTROL_SIP_SOFIA_CALL_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "sip/sofia/sofia.h"
#include "sip/sofia/sofia_call.h"
#include "sip/transfer/target_dialog.h"

namespace callcontrol::sip {

// The calls that are held, found by what clients and far ends name them by.
//
// Ownership: owns the calls. Threads: SIP thread only. Errors: what is not
// found is null. Time: none.
class CallRegistry {
 public:
  SofiaCall& Keep(std::unique_ptr<SofiaCall> call);

  // Takes a call out; null where it is not held.
  std::unique_ptr<SofiaCall> Take(const SofiaCall& call);

  SofiaCall* Find(const std::string& call_id) const;

  // A Call-ID may name several dialogs (spirals): the live one is meant.
  SofiaCall* FindBySipCallId(const std::string& sip_call_id) const;

  // The call whose dialog a Target-Dialog names (RFC 4538, 4).
  SofiaCall* FindDialog(const TargetDialog& dialog) const;

  // The call that a Replaces value names (RFC 3891, 3). `answer`: 200 where it
  // may be replaced, else the status of the refusal, whether one is found or
  // not. The tags, which nobody can guess, are the permission.
  SofiaCall* FindReplaced(const sip_replaces_t& replaces, int& answer) const;

  std::vector<std::string> ids() const;

  void Clear();

 private:
  std::unordered_map<std::string, std::unique_ptr<SofiaCall>> calls_;
  std::multimap<std::string, SofiaCall*, std::less<>> by_sip_call_id_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_CALL_REGISTRY_H_
