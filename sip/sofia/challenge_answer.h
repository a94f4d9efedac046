// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_CHALLENGE_ANSWER_H_
#define CALLCONTROL_SIP_SOFIA_CHALLENGE_ANSWER_H_

#include <string>
#include <string_view>
#include <vector>

#include "sip/call/digest.h"
#include "sip/sofia/sofia.h"
#include "sip/transfer/sip_header.h"

namespace callcontrol::sip {

// Answers the challenges that one request meets on its way: those of the far
// end (401) and of proxies (407), each once, and again where the nonce was too
// old (RFC 3261, 22).
//
// Ownership: a plain value. Threads: SIP thread only. Errors: what can't be
// answered is false. Time: none.
class ChallengeAnswer {
 public:
  // Takes the challenge of `answer`, a 401 or 407, to a request of that method
  // and request-URI. Returns whether it can be answered: then the request may
  // be sent again, with headers(). `credentials` null: there are none. `cnonce`
  // must be fresh.
  bool Take(const sip_t& answer, std::string_view method,
            const std::string& uri, const Credentials* credentials,
            const std::string& cnonce);

  // What the request carries now.
  const std::vector<SipHeader>& headers() const { return headers_; }

 private:
  std::vector<SipHeader> headers_;
  int answers_ = 0;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_CHALLENGE_ANSWER_H_
