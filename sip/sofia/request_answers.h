// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_REQUEST_ANSWERS_H_
#define CALLCONTROL_SIP_SOFIA_REQUEST_ANSWERS_H_

#include <string>

#include "sip/sofia/call_host.h"
#include "sip/sofia/sofia.h"

namespace callcontrol::sip {

// Answers that requests get inside a dialog and outside. Each sends the answer
// and returns its status, for RequestHandler::OnRequest() to return.
//
// Threads: SIP thread only.

// 420 with Unsupported where Require lists what `supported` does not (RFC 3261,
// 8.2.2.3). 0, and nothing sent, where it does not.
int RefuseUnknownExtensions(nta_incoming_t* request, const sip_t& sip,
                            const char* supported);

// 405 with Allow for a method that exists and is not served, 501 for one that
// this server does not know (RFC 3261, 8.2.1 and 21.5.2). `allow`: what is
// served there.
int RefuseMethod(nta_incoming_t* request, const sip_t& sip,
                 const std::string& allow);

// 489 with the one event package that is served (RFC 6665, 8.3.2).
int AnswerBadEvent(nta_incoming_t* request);

// 200 with what this server can do (RFC 3261, 11.2).
int AnswerOptions(nta_incoming_t* request, const sip_contact_t* contact,
                  const std::string& user_agent, const std::string& allow,
                  const char* supported);

// 422 with the Min-SE that would do (RFC 4028, 6).
int RefuseInterval(nta_incoming_t* request, const std::string& least);

// `status` with Retry-After of 0 to 10 s, drawn (RFC 3261, 14.2); of 503 at
// least 1 s.
int RefuseForNow(nta_incoming_t* request, int status);

// 415 or 488 with what would be taken (RFC 3261, 21.4.13 and 21.4.26).
int RefuseBody(nta_incoming_t* request, int status);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_REQUEST_ANSWERS_H_
