// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_RAW_CALL_H_
#define CALLCONTROL_TESTS_SUPPORT_RAW_CALL_H_

#include <memory>
#include <string>

#include "grpcpp/grpcpp.h"
#include "tests/support/event_stream.h"

namespace callcontrol::testing {

// Calls gRPC's own services (health, reflection, channelz), whose .proto files
// the system doesn't bring: one request as bytes, the answers as bytes. On the
// wire a unary call and a stream differ in the number of messages only, so one
// function serves all kinds.
//
// Errors: as EventStream.
class RawCall {
 public:
  // `method` as in "/grpc.health.v1.Health/Check".
  RawCall(const std::shared_ptr<grpc::Channel>& channel,
          const std::string& method, const std::string& request);

  // The next answer's bytes. Throws where there is none.
  std::string Next();
  grpc::Status Finish() { return stream_.Finish(); }

 private:
  EventStream<grpc::ByteBuffer> stream_;
};

// grpc.health.v1.HealthCheckResponse as bytes.
inline constexpr char kServing[] = "\x08\x01";
inline constexpr char kNotServing[] = "\x08\x02";

// The answer to Health.Check("").
std::string Health(const std::shared_ptr<grpc::Channel>& channel);

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_RAW_CALL_H_
