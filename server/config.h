// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_CONFIG_H_
#define CALLCONTROL_SERVER_CONFIG_H_

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "callcontrol/config/v1/config.pb.h"

namespace callcontrol::server {

// Reads a configuration in protobuf text format, or in JSON where it begins
// with "{", and checks it. `file` is for messages.
//
// Errors: INVALID_ARGUMENT, "FILE:LINE: FIELD: what is wrong and what would be
// right"; the line is left out where JSON does not tell it.
absl::StatusOr<config::v1::Config> ReadConfig(std::string_view text,
                                              const std::string& file);

// The same for a file. NOT_FOUND or PERMISSION_DENIED where it cannot be read.
absl::StatusOr<config::v1::Config> ReadConfigFile(const std::string& path);

// Checks a configuration that flags have changed; errors name the field only.
absl::Status CheckConfig(const config::v1::Config& config);

// HOST:PORT taken apart; IPv6 keeps its brackets.
struct HostPort {
  std::string host;
  int port = 0;
};
absl::StatusOr<HostPort> ReadHostPort(std::string_view text);

// The text of a secret, from where the configuration has it. Errors:
// INVALID_ARGUMENT, what is wrong with its file.
absl::StatusOr<std::string> ReadSecret(const config::v1::Secret& secret);

// A listening address that only this machine can reach: loopback or unix:PATH.
bool IsLocalOnly(std::string_view listen);

// `duration` in milliseconds; `fallback` where it is not set.
std::chrono::milliseconds MillisecondsOr(
    bool set, const google::protobuf::Duration& duration,
    std::chrono::milliseconds fallback);

// The settings whose defaults other settings or checks need.
std::string GrpcListen(const config::v1::Config& config);
std::string SipListen(const config::v1::Config& config);
// Meaningful where sip.tls is set.
std::string SipTlsListen(const config::v1::Config& config);
std::chrono::milliseconds T1(const config::v1::Config& config);
std::chrono::milliseconds T2(const config::v1::Config& config);

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_CONFIG_H_
