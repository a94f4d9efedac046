// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_GRPC_FRONT_H_
#define CALLCONTROL_SERVER_GRPC_FRONT_H_

#include <grpcpp/server.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace callcontrol::server {

// The gRPC side of the daemon: the listener, health, reflection and channelz,
// around one service.
//
// Ownership: owns the gRPC server; the service must outlive it.
// Threads: thread-compatible; gRPC's threads are its own.
// Errors: Start() says what is wrong with the address.
// Time: Stop() takes at most `grace`.
class GrpcFront {
 public:
  // Listens; health says NOT_SERVING until SetServing(true).
  static absl::StatusOr<std::unique_ptr<GrpcFront>> Start(
      const std::string& listen, grpc::Service& service);

  // What grpc.health.v1.Health says of "" and "callcontrol.v1.CallControl".
  void SetServing(bool serving);

  // Whether the listener still takes connections and answers, within `limit`.
  // Debian's gRPC 1.51 can lose its listener for good when descriptors run out
  // (CVE-2023-4785), with the process looking healthy. Blocks for `limit` at
  // most.
  bool Probe(std::chrono::milliseconds limit) const;

  // Ends every RPC that is still open after `grace`, and the server.
  void Stop(std::chrono::milliseconds grace);

  // The TCP port listened on; 0 for a unix socket.
  int port() const { return port_; }

 private:
  GrpcFront() = default;

  std::string address_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_GRPC_FRONT_H_
