// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/call_host.h"

namespace callcontrol::sip {

nta_leg_t* CreateServerLeg(CallHost& host, RequestHandler& handler,
                           const sip_t& sip) {
  // The tag is there before the leg is made: a leg that is tagged later also
  // matches requests without any tag.
  su_home_t home[1] = {SU_HOME_INIT(home)};
  sip_to_t* const local = sip_to_dup(home, sip.sip_to);
  sip_to_tag(home, local, host.NewId("").c_str());
  nta_leg_t* const leg = nta_leg_tcreate(
      host.agent(), &HandleRequest, &handler, SIPTAG_CALL_ID(sip.sip_call_id),
      SIPTAG_FROM(local), SIPTAG_TO(sip.sip_from),
      NTATAG_REMOTE_CSEQ(sip.sip_cseq->cs_seq), TAG_END());
  su_home_deinit(home);
  if (leg != nullptr) {
    nta_leg_server_route(leg, sip.sip_record_route, sip.sip_contact);
  }
  return leg;
}

bool IsOfDialog(const nta_leg_t* leg, const sip_t& sip) {
  const auto equal = [](const char* a, const char* b) {
    return a != nullptr && b != nullptr && std::string_view(a) == b;
  };
  const char* const remote_tag = nta_leg_get_rtag(leg);
  return equal(sip.sip_to->a_tag, nta_leg_get_tag(leg)) &&
         (remote_tag == nullptr || equal(sip.sip_from->a_tag, remote_tag));
}

}  // namespace callcontrol::sip
