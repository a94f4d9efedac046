// SPDX-License-Identifier: Apache-2.0
#include "tests/support/raw_call.h"

#include <vector>

namespace callcontrol::testing {
namespace {

EventStream<grpc::ByteBuffer> Start(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
    const std::string& request) {
  grpc::Slice slice(request);
  grpc::ByteBuffer bytes(&slice, 1);
  using Factory = grpc::internal::ClientAsyncReaderFactory<grpc::ByteBuffer>;
  auto start = [&](grpc::ClientContext* context, grpc::CompletionQueue* queue,
                   void* tag) {
    grpc::internal::RpcMethod rpc(method.c_str(),
                                  grpc::internal::RpcMethod::SERVER_STREAMING);
    return std::unique_ptr<grpc::ClientAsyncReader<grpc::ByteBuffer>>(
        Factory::Create(channel.get(), queue, rpc, context, bytes, true, tag));
  };
  return {std::make_unique<grpc::ClientContext>(), start};
}

}  // namespace

RawCall::RawCall(const std::shared_ptr<grpc::Channel>& channel,
                 const std::string& method, const std::string& request)
    : stream_(Start(channel, method, request)) {}

std::string RawCall::Next() {
  grpc::ByteBuffer answer = stream_.Next();
  std::vector<grpc::Slice> slices;
  if (!answer.Dump(&slices).ok()) return "";
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(slice.begin(), slice.end());
  }
  return bytes;
}

std::string Health(const std::shared_ptr<grpc::Channel>& channel) {
  return RawCall(channel, "/grpc.health.v1.Health/Check", "").Next();
}

}  // namespace callcontrol::testing
