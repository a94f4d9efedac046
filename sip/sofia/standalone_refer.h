// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_STANDALONE_REFER_H_
#define CALLCONTROL_SIP_SOFIA_STANDALONE_REFER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sip/sofia/call_host.h"
#include "sip/sofia/request_path.h"
#include "sip/transfer/refer_forks.h"
#include "sip/transfer/target_dialog.h"

namespace callcontrol::sip {

class CallTransfer;

// Where a REFER outside any dialog goes, and what it says.
struct StandaloneReferTerms {
  // Whom it is for, an addr-spec: the request-URI, and To.
  std::string uri{};
  // Our identity, a name-addr.
  std::string local{};
  std::string sip_call_id{};
  // Where it goes instead; unset: to the URI.
  std::optional<SipTarget> first_hop{};
  // URIs that are preloaded into Route; empty: none.
  std::vector<std::string> route{};
  // Its far ends are reached by TLS only.
  bool secure = false;
  // Whom the certificates of its far ends must speak for; empty: the host that
  // leads to them.
  std::string tls_name{};
  // The dialog that it is about (RFC 4538); unset: none.
  std::optional<TargetDialog> about{};
};

// A REFER outside any dialog, and the dialogs that its NOTIFYs begin, one for
// each far end that a proxy forked it to (RFC 6665, 4.4.1).
//
// Sofia has no leg for it: one without a remote tag would take the CSeq of one
// far end for another's. NOTIFYs come by their To tag, which is ours and
// unique, and requests leave on a leg that lives for one turn of the loop.
//
// Ownership: shared with what it waits for; its transfer owns it.
// Threads: SIP thread only. Errors: none come out.
// Time: reads the clock; NOTIFYs of further far ends end with Timer N.
class StandaloneRefer final
    : public RequestPath,
      public std::enable_shared_from_this<StandaloneRefer> {
 public:
  StandaloneRefer(CallHost& host, StandaloneReferTerms terms);
  ~StandaloneRefer() override;
  StandaloneRefer(const StandaloneRefer&) = delete;
  StandaloneRefer& operator=(const StandaloneRefer&) = delete;

  // Whose it is, before anything is sent.
  void ReportTo(CallTransfer& transfer) { transfer_ = &transfer; }

  // A NOTIFY with our tag. Returns how to answer it.
  int OnNotify(const sip_t& sip);

  const std::string& refer_call_id() const { return terms_.sip_call_id; }
  // What the REFER carries for itself.
  std::vector<SipHeader> headers() const;
  // Its Route; empty: none.
  std::string route() const;

  // ---- RequestPath ----
  bool in_dialog() const override { return LiveFork() != nullptr; }
  nta_leg_t* leg() override;
  std::string request_uri() const override;
  const sip_contact_t* contact() const override {
    return host_.contact(transport_);
  }
  void WithNextHop(NextHopReady ready) override;
  void RefreshTarget(const sip_contact_t*) override {}

 private:
  // The dialog of one far end, as its NOTIFY began it.
  struct Fork;

  Fork* FindFork(std::string_view tag);
  // The first that may still report; null for none.
  const Fork* LiveFork() const;
  // Where the next request goes.
  SipTarget Target() const;

  CallHost& host_;
  const StandaloneReferTerms terms_;
  const std::string tag_;
  CallTransfer* transfer_ = nullptr;
  LegTransport transport_;
  std::uint32_t cseq_;
  // When the newest REFER left.
  MonotonicTime sent_{};
  ReferForks stories_;
  std::vector<std::unique_ptr<Fork>> forks_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_STANDALONE_REFER_H_
