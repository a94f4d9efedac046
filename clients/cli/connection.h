// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_CONNECTION_H_
#define CALLCONTROL_CLIENTS_CLI_CONNECTION_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/time/time.h"

namespace callcontrol::cli {

// A connected channel to `server` ("host:port" or "unix:path"), or null where
// nobody answers there. A refused connection is told at once; an address that
// swallows everything, at the deadline.
std::shared_ptr<grpc::Channel> ConnectTo(const std::string& server,
                                         absl::Time deadline);

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_CONNECTION_H_
