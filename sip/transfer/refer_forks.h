// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_TRANSFER_REFER_FORKS_H_
#define CALLCONTROL_SIP_TRANSFER_REFER_FORKS_H_

#include <map>
#include <string>
#include <string_view>

#include "sip/transfer/transfer_types.h"

namespace callcontrol::sip {

// The subscriptions of a REFER outside any dialog: a proxy may have forked it,
// and each far end that took it on has one of its own, told apart by the tag in
// its From (RFC 6665, 4.4.1; RFC 3515, 3.9). Makes one story of them: any
// progress, the first success, and a failure only once all have failed.
//
// Ownership: a plain value. Threads: thread-compatible. Errors: none. Time:
// none.
class ReferForks {
 public:
  // Whether the transfer is to hear of this NOTIFY of the far end with that
  // tag.
  bool OnNotify(std::string_view tag, const ReferNotify& notify);

  // Whether nothing more comes of the far end with that tag.
  bool IsOver(std::string_view tag) const {
    const auto found = over_.find(tag);
    return found != over_.end() && found->second;
  }

 private:
  // By tag: whether nothing more comes of that one.
  std::map<std::string, bool, std::less<>> over_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_TRANSFER_REFER_FORKS_H_
