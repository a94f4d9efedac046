// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_URI_REFERRAL_H_
#define CALLCONTROL_SIP_SOFIA_URI_REFERRAL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sip/sofia/call_host.h"
#include "sip/sofia/call_transfer.h"
#include "sip/sofia/transfer_party.h"
#include "sip/transfer/refer_forks.h"

namespace callcontrol::sip {

// A transfer outside any call: a REFER to whoever answers at a URI, and the
// dialogs that its NOTIFYs begin, one for each far end that a proxy forked it
// to (RFC 6665, 4.4.1).
//
// Sofia has no leg for it: one without a remote tag would take the CSeq of one
// far end for another's. NOTIFYs come by their To tag, which is ours and
// unique, and requests leave on a leg that lives for one turn of the loop.
//
// Ownership: shared with what it waits for; its host owns it.
// Threads: SIP thread only. Errors: none come out but those of Create().
// Time: its transfer's.
class UriReferral final : public TransferParty,
                          public std::enable_shared_from_this<UriReferral> {
 public:
  // Plans a transfer, and takes it on unless it is only to be validated: then
  // `plan` has an id, and BeginTransfer() sends the REFER. Errors: see
  // CallEngine::Refer().
  static absl::StatusOr<std::shared_ptr<UriReferral>> Create(
      CallHost& host, const TransferRequest& request, TransferPlan& plan);
  ~UriReferral() override;

  // A NOTIFY with our tag. Returns how to answer it.
  int OnNotify(const sip_t& sip);

  CancelOutcome Cancel() { return transfer_->OnCancel(); }
  void ShutDown() { transfer_->OnShutdown(); }

  const std::string& transfer_id() const { return transfer_->id(); }
  const std::string& tag() const { return tag_; }

  // ---- TransferParty ----
  bool in_dialog() const override { return LiveFork() != nullptr; }
  nta_leg_t* leg() override;
  std::string request_uri() const override;
  const sip_contact_t* contact() const override {
    return host_.contact(transport_);
  }
  const Credentials* credentials() const override;
  void WithNextHop(NextHopReady ready) override;
  void RefreshTarget(const sip_contact_t*) override {}
  void BeginTransfer() override { transfer_->OnLegReady(); }
  void SetHold(bool, HoldDone done) override { std::move(done)({}); }
  void AbandonHold() override {}
  void HangUpLeg(std::string_view) override {}
  void Probe() override {}
  void SeenAlive() override {}
  const FarEnd& far_end() const override { return far_end_; }
  void OnTransferOver() override {}
  CallTransfer* FindTransfer(std::string_view) override {
    return transfer_.get();
  }
  void Forget(CallTransfer& transfer) override;

 private:
  // The dialog of one far end, as its NOTIFY began it.
  struct Fork;

  UriReferral(CallHost& host, std::string uri, std::string local,
              std::string sip_call_id);
  Fork* FindFork(std::string_view tag);
  // The first that may still report; null for none.
  const Fork* LiveFork() const;
  // Where the next request goes.
  SipTarget Target() const;

  CallHost& host_;
  const std::string uri_;
  // A name-addr.
  const std::string local_;
  const std::string sip_call_id_;
  const std::string tag_;
  LegTransport transport_;
  std::uint32_t cseq_;
  // When the newest REFER left.
  MonotonicTime sent_{};
  std::optional<Credentials> credentials_;
  // Nothing is known of it.
  FarEnd far_end_;
  ReferForks stories_;
  std::vector<std::unique_ptr<Fork>> forks_;
  std::unique_ptr<CallTransfer> transfer_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_URI_REFERRAL_H_
