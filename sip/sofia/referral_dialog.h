// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_REFERRAL_DIALOG_H_
#define CALLCONTROL_SIP_SOFIA_REFERRAL_DIALOG_H_

#include <memory>
#include <string>

#include "sip/sofia/call_host.h"
#include "sip/sofia/request_path.h"

namespace callcontrol::sip {

class InboundReferral;

// The dialog that a REFER from outside any dialog begins (RFC 6665, 4.2.1):
// that of its subscription and of nothing else.
//
// Ownership: shared with what it waits for; its referral owns it.
// Threads: SIP thread only. Errors: none come out. Time: none.
class ReferralDialog final
    : public RequestPath,
      public RequestHandler,
      public std::enable_shared_from_this<ReferralDialog> {
 public:
  // Of `request`, which is `sip` and has a Contact; its answers carry the
  // dialog's tag from now on. `tls_name`: whom the far end's certificate must
  // speak for; empty: the host that leads to it. Null where Sofia is out of
  // memory.
  static std::shared_ptr<ReferralDialog> Create(CallHost& host,
                                                nta_incoming_t* request,
                                                const sip_t& sip,
                                                std::string tls_name);
  ~ReferralDialog() override;
  ReferralDialog(const ReferralDialog&) = delete;
  ReferralDialog& operator=(const ReferralDialog&) = delete;

  // Whose subscription it is.
  void ServeFor(InboundReferral& referral) { referral_ = &referral; }

  // ---- RequestHandler ----
  int OnRequest(nta_incoming_t* request, const sip_t& sip) override;

  // ---- RequestPath ----
  bool in_dialog() const override { return true; }
  nta_leg_t* leg() override { return leg_; }
  std::string request_uri() const override { return ""; }
  const sip_contact_t* contact() const override {
    return host_.contact(transport_);
  }
  void WithNextHop(NextHopReady ready) override;
  void RefreshTarget(const sip_contact_t* contact) override;

 private:
  ReferralDialog(CallHost& host, nta_incoming_t* request, const sip_t& sip,
                 std::string tls_name);
  int OnSubscribe(nta_incoming_t* request, const sip_t& sip);

  CallHost& host_;
  const LegTransport transport_;
  const std::string tls_name_;
  nta_leg_t* leg_ = nullptr;
  InboundReferral* referral_ = nullptr;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_REFERRAL_DIALOG_H_
