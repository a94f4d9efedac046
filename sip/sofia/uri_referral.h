// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_URI_REFERRAL_H_
#define CALLCONTROL_SIP_SOFIA_URI_REFERRAL_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "sip/sofia/call_host.h"
#include "sip/sofia/call_transfer.h"
#include "sip/sofia/transfer_party.h"

namespace callcontrol::sip {

// A transfer outside any call: whoever answers at a URI is transferred.
//
// Ownership: its host owns it. Owns its transfer.
// Threads: SIP thread only. Errors: none come out but those of Create().
// Time: its transfer's.
class UriReferral final : public TransferParty {
 public:
  // Plans a transfer, and takes it on unless it is only to be validated: then
  // `plan` has an id, and BeginTransfer() sends the REFER. Errors: see
  // CallEngine::Refer().
  static absl::StatusOr<std::unique_ptr<UriReferral>> Create(
      CallHost& host, const TransferRequest& request, TransferPlan& plan);
  ~UriReferral() override;
  UriReferral(const UriReferral&) = delete;
  UriReferral& operator=(const UriReferral&) = delete;

  void ShutDown() { transfer_->OnShutdown(); }

  const std::string& transfer_id() const { return transfer_->id(); }

  // ---- TransferParty ----
  const Credentials* credentials() const override;
  RequestPath* dialog() override { return nullptr; }
  std::shared_ptr<StandaloneRefer> OutsideDialog(
      const TransferPlan& plan) override;
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
  UriReferral(CallHost& host, std::string uri, std::string local,
              std::optional<Credentials> credentials);

  CallHost& host_;
  const std::string uri_;
  // A name-addr.
  const std::string local_;
  const std::optional<Credentials> credentials_;
  // Nothing is known of it.
  FarEnd far_end_;
  std::unique_ptr<CallTransfer> transfer_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_URI_REFERRAL_H_
