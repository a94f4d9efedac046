// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/request_answers.h"

#include <sofia-sip/su_uniqueid.h>

#include "absl/strings/str_cat.h"
#include "sip/sofia/call_host.h"

namespace callcontrol::sip {

int RefuseUnknownExtensions(nta_incoming_t* request, const sip_t& sip,
                            const char* supported) {
  // Nearly none requires anything: `supported` need not be parsed.
  if (sip.sip_require == nullptr) return 0;
  su_home_t home[1] = {SU_HOME_INIT(home)};
  const int refused =
      nta_check_required(request, &sip, sip_supported_make(home, supported),
                         SIPTAG_SUPPORTED_STR(supported), TAG_END());
  su_home_deinit(home);
  return refused;
}

int RefuseMethod(nta_incoming_t* request, const sip_t& sip,
                 const std::string& allow) {
  if (sip.sip_request->rq_method == sip_method_unknown) {
    nta_incoming_treply(request, SIP_501_NOT_IMPLEMENTED,
                        SIPTAG_ALLOW_STR(allow.c_str()), TAG_END());
    return 501;
  }
  nta_incoming_treply(request, SIP_405_METHOD_NOT_ALLOWED,
                      SIPTAG_ALLOW_STR(allow.c_str()), TAG_END());
  return 405;
}

int AnswerBadEvent(nta_incoming_t* request) {
  nta_incoming_treply(request, SIP_489_BAD_EVENT,
                      SIPTAG_ALLOW_EVENTS_STR("refer"), TAG_END());
  return 489;
}

int AnswerOptions(nta_incoming_t* request, const sip_contact_t* contact,
                  const std::string& user_agent, const std::string& allow,
                  const char* supported) {
  nta_incoming_treply(request, SIP_200_OK, SIPTAG_CONTACT(contact),
                      SIPTAG_ALLOW_STR(allow.c_str()),
                      SIPTAG_ACCEPT_STR(kAccept),
                      SIPTAG_SUPPORTED_STR(supported),
                      SIPTAG_SERVER_STR(user_agent.c_str()), TAG_END());
  return 200;
}

int RefuseInterval(nta_incoming_t* request, const std::string& least) {
  nta_incoming_treply(request, SIP_422_SESSION_TIMER_TOO_SMALL,
                      SIPTAG_MIN_SE_STR(least.c_str()), TAG_END());
  return 422;
}

int RefuseForNow(nta_incoming_t* request, int status) {
  // At once is no answer to too much.
  const std::string seconds = absl::StrCat(su_randint(status == 503, 10));
  nta_incoming_treply(request, status, sip_status_phrase(status),
                      SIPTAG_RETRY_AFTER_STR(seconds.c_str()), TAG_END());
  return status;
}

int RefuseBody(nta_incoming_t* request, int status) {
  nta_incoming_treply(request, status, sip_status_phrase(status),
                      SIPTAG_ACCEPT_STR(kAccept), TAG_END());
  return status;
}

}  // namespace callcontrol::sip
