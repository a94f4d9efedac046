// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_SOFIA_H_
#define CALLCONTROL_SIP_SOFIA_SOFIA_H_

// The one place that includes Sofia-SIP. Its callbacks carry an untyped context
// unless these macros, set before its headers, name a type: with them a
// callback of the wrong kind does not compile.

namespace callcontrol::sip {
class ClientTransaction;
class InviteHandler;
class RequestHandler;
class SipAgent;
class SipLoop;
}  // namespace callcontrol::sip

#define SU_ROOT_MAGIC_T ::callcontrol::sip::SipLoop
#define NTA_AGENT_MAGIC_T ::callcontrol::sip::SipAgent
#define NTA_LEG_MAGIC_T ::callcontrol::sip::RequestHandler
#define NTA_INCOMING_MAGIC_T ::callcontrol::sip::InviteHandler
#define NTA_OUTGOING_MAGIC_T ::callcontrol::sip::ClientTransaction

#include <sofia-sip/su.h>
#include <sofia-sip/su_wait.h>

#include <sofia-sip/sip.h>
#include <sofia-sip/sip_extra.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/sip_util.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/su_log.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/tport_tag.h>

#endif  // CALLCONTROL_SIP_SOFIA_SOFIA_H_
