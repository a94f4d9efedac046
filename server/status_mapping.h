// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_STATUS_MAPPING_H_
#define CALLCONTROL_SERVER_STATUS_MAPPING_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace callcontrol::server {

// The one place where an error of ours becomes a gRPC one: the same code and
// text, and its detail (base/error.h) as google.rpc.ErrorInfo with domain
// "callcontrol.v1", and as google.rpc.BadRequest where a field is named.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_STATUS_MAPPING_H_
