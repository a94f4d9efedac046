// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_CONFIG_CHECK_H_
#define CALLCONTROL_SERVER_CONFIG_CHECK_H_

#include <optional>
#include <string>

#include "callcontrol/config/v1/config.pb.h"

namespace callcontrol::server {

// What is wrong with a field: its path, "sip.t1", and the rest of the sentence.
struct ConfigProblem {
  std::string path;
  std::string text;
};

// The first setting that is outside the limits that config.proto gives.
std::optional<ConfigProblem> FindConfigProblem(
    const config::v1::Config& config);

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_CONFIG_CHECK_H_
