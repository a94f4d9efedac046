// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_ENGINE_SETTINGS_H_
#define CALLCONTROL_SERVER_ENGINE_SETTINGS_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "callcontrol/config/v1/config.pb.h"
#include "sip/call/call_routes.h"
#include "sip/call/trunk.h"
#include "sip/tls/tls_options.h"
#include "sip/transfer/sip_uri.h"
#include "sip/transfer/transfer_types.h"

namespace callcontrol::server {

// The limits of a transfer that the configuration sets, with their defaults.
// `config` was checked.
sip::TransferPolicy TransferPolicyOf(const config::v1::Config& config);

// How numbers become URIs on calls of no trunk.
sip::TargetPolicy TargetPolicyOf(const config::v1::Config& config);

// Nullopt where SIP over TLS is not configured.
std::optional<sip::TlsOptions> TlsOptionsOf(const config::v1::Config& config);

// What is asked of session timers on calls of no trunk.
// Of calls of no trunk.
sip::ReferralPolicy ReferralPolicyOf(const config::v1::Config& config);

sip::SessionTimerPolicy SessionTimerOf(const config::v1::Config& config);

// The address-of-record of a registration. Errors: INVALID_ARGUMENT.
absl::StatusOr<sip::SipUri> AorOf(const config::v1::Registration& from);

// The user of our Contact, as it stands in a URI; empty where there is none.
std::string ContactUserOf(const config::v1::Registration& from);

// The trunks, with their secrets. `config` was checked. Errors:
// INVALID_ARGUMENT, "trunks.password: what is wrong with its file".
absl::StatusOr<sip::Trunks> TrunksOf(const config::v1::Config& config);

// How incoming calls are treated. The configuration must have been checked.
std::vector<sip::CallRoute> RoutesOf(const config::v1::Config& config);

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_ENGINE_SETTINGS_H_
