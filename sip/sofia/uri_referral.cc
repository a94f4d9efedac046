// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/uri_referral.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/error.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/standalone_refer.h"
#include "sip/sofia/transfer_plan.h"
#include "sip/transfer/refer_to.h"

namespace callcontrol::sip {
namespace {

// What only a call has cannot be asked for without one.
absl::Status CheckFieldsWithoutCall(const TransferRequest& request) {
  if (request.hold_first) {
    return InvalidField("hold_first", "NO_CALL",
                        "hold_first needs a call: set call_id, not uri");
  }
  if (request.on_success || request.on_unconfirmed || request.on_failure) {
    return InvalidField("leg_policy", "NO_CALL",
                        "leg_policy needs a call: set call_id, not uri");
  }
  if (request.no_subscription) {
    return InvalidField("no_subscription", "NO_CALL",
                        "no_subscription needs a call: a REFER to a uri may "
                        "fork (RFC 4488, 4)");
  }
  return absl::OkStatus();
}

std::string HostOf(const std::string& uri) {
  su_home_t home[1] = {SU_HOME_INIT(home)};
  const url_t* const url = url_hdup(home, URL_STRING_MAKE(uri.c_str())->us_url);
  std::string host =
      url == nullptr || url->url_host == nullptr ? "" : url->url_host;
  su_home_deinit(home);
  return host;
}

}  // namespace

absl::StatusOr<std::unique_ptr<UriReferral>> UriReferral::Create(
    CallHost& host, const TransferRequest& request, TransferPlan& plan) {
  if (absl::Status status = CheckFieldsWithoutCall(request); !status.ok()) {
    return status;
  }
  const EngineOptions& options = host.options();
  TargetPolicy targets = options.targets;
  // Nothing leads to a tel: URI, and only TLS to a sips: one.
  targets.tel_to_sip = true;
  targets.leg_is_secure = options.tls.has_value();
  absl::StatusOr<std::string> uri = BuildUri("uri", request.uri, targets);
  if (!uri.ok()) return uri.status();
  targets.tel_to_sip = options.targets.tel_to_sip;
  // A sips: target would be told to whoever stands on the way to a sip: one.
  targets.leg_is_secure = IsSips(*uri);
  if (targets.host.empty()) targets.host = HostOf(*uri);
  // RFC 3323, 4.1.1.3. No trunk is trusted here.
  const bool anonymous = WithholdsUser(request.identity.privacy, false);
  const std::string local =
      anonymous
          ? kAnonymousUri
          : absl::StrCat("sip:callcontrol@", host.contact()->m_url->url_host);
  absl::StatusOr<TransferPlan> planned =
      PlanTransfer(host, request,
                   {.sip_call_id = host.NewId(""),
                    .referred_by = options.referred_by_local ? local : *uri},
                   targets);
  if (!planned.ok()) return planned.status();
  plan = *std::move(planned);
  if (request.validate_only) return nullptr;

  plan.transfer_id = host.NewId("t");
  std::unique_ptr<UriReferral> referral(
      new UriReferral(host, *std::move(uri),
                      anonymous ? kAnonymous : absl::StrCat("<", local, ">"),
                      request.credentials));
  TransferPolicy policy = PolicyOf(options.transfers, request, plan);
  policy.has_leg = false;
  // One SUBSCRIBE would not do for several far ends.
  policy.refresh = false;
  referral->transfer_ =
      std::make_unique<CallTransfer>(host, *referral, plan, policy);
  host.observer().OnTransferStarted(plan, absl::Now());
  return referral;
}

UriReferral::UriReferral(CallHost& host, std::string uri, std::string local,
                         std::optional<Credentials> credentials)
    : host_(host),
      uri_(std::move(uri)),
      local_(std::move(local)),
      credentials_(std::move(credentials)) {}

UriReferral::~UriReferral() = default;

const Credentials* UriReferral::credentials() const {
  return credentials_ ? &*credentials_ : nullptr;
}

std::shared_ptr<StandaloneRefer> UriReferral::OutsideDialog(
    const TransferPlan& plan) {
  return std::make_shared<StandaloneRefer>(
      host_,
      StandaloneReferTerms{
          .uri = uri_, .local = local_, .sip_call_id = plan.sip_call_id});
}

void UriReferral::Forget(CallTransfer&) { host_.Retire(*this); }

}  // namespace callcontrol::sip
