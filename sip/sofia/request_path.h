// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_REQUEST_PATH_H_
#define CALLCONTROL_SIP_SOFIA_REQUEST_PATH_H_

#include <string>

#include "sip/sofia/next_hop.h"
#include "sip/sofia/sofia.h"

namespace callcontrol::sip {

// What requests of this side are sent on: the dialog of a call, one that a
// REFER began by itself, or none yet.
//
// Threads: SIP thread only.
class RequestPath {
 public:
  virtual ~RequestPath() = default;

  // Whether there is a dialog.
  virtual bool in_dialog() const = 0;
  // What to send the next request on; not to be kept.
  virtual nta_leg_t* leg() = 0;
  // Empty: where the dialog leads.
  virtual std::string request_uri() const = 0;
  virtual const sip_contact_t* contact() const = 0;
  // Hands out where the next request goes. `ready` is dropped where this is
  // gone by then.
  virtual void WithNextHop(NextHopReady ready) = 0;
  // The far end is at `contact` from now on; null: where it was.
  virtual void RefreshTarget(const sip_contact_t* contact) = 0;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_REQUEST_PATH_H_
