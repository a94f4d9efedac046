// SPDX-License-Identifier: Apache-2.0
#include "server/grpc_front.h"

#include <grpc/support/log.h>
#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/callback_thread.h"
#include "server/config.h"
#include "server/log.h"

namespace callcontrol::server {
namespace {

// A request of this API is a few hundred bytes; session descriptions are the
// largest things in it.
constexpr int kMaxRequest = 256 * 1024;
constexpr int kMaxMetadata = 16 * 1024;
constexpr int kMaxStreamsPerConnection = 10'000;

// gRPC's own complaints, in our log and never on the terminal.
void TakeGrpcLog(gpr_log_func_args* args) {
  Log(args->severity == GPR_LOG_SEVERITY_ERROR ? Severity::kWarning
                                               : Severity::kDebug,
      "grpc", {{"line", args->message}});
}

grpc::ChannelArguments FreshConnection() {
  grpc::ChannelArguments arguments;
  // A connection of its own each time: the listener is what is asked about.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcFront>> GrpcFront::Start(
    const std::string& listen, grpc::Service& service) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::channelz::experimental::InitChannelzService();

  if (const absl::Status one = CheckCallbackThread(); !one.ok()) {
    Log(Severity::kWarning, "grpc_threads",
        {{"error", std::string(one.message())},
         {"effect", "gRPC runs on threads of its own, at twice the cost"}});
  }
  // Debian's abseil looks for cycles of locks whenever gRPC takes one: a tool
  // for finding bugs in gRPC, and dear.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // A listener that cannot be opened is told once, by this function.
  gpr_set_log_function([](gpr_log_func_args*) {});
  std::unique_ptr<GrpcFront> front(new GrpcFront);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  builder.SetMaxReceiveMessageSize(kMaxRequest);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadata);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             kMaxStreamsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 1);
  // Two servers on one port would each get some of the clients.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Half-dead clients are noticed; pinging ones are not punished at once.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  front->server_ = builder.BuildAndStart();
  const bool unix_socket = absl::StartsWith(listen, "unix:");
  if (front->server_ == nullptr || port == 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", listen,
        " for gRPC: the address is in use, or not one of this machine"));
  }
  if (!unix_socket) front->port_ = port;
  const absl::StatusOr<HostPort> address = ReadHostPort(listen);
  if (unix_socket || !address.ok()) {
    front->address_ = listen;
  } else {
    std::string host = address->host;
    if (host == "0.0.0.0") host = "127.0.0.1";
    if (host == "[::]") host = "[::1]";
    front->address_ = absl::StrCat(host, ":", port);
  }
  gpr_set_log_function(&TakeGrpcLog);
  front->SetServing(false);
  return front;
}

void GrpcFront::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  health->SetServingStatus("", serving);
  health->SetServingStatus("callcontrol.v1.CallControl", serving);
}

bool GrpcFront::Probe(std::chrono::milliseconds limit) const {
  const auto channel = grpc::CreateCustomChannel(
      address_, grpc::InsecureChannelCredentials(), FreshConnection());
  // Ready means that the server's HTTP/2 settings came, so that somebody took
  // the connection and answers on it.
  return channel->WaitForConnected(std::chrono::system_clock::now() + limit);
}

void GrpcFront::Stop(std::chrono::milliseconds grace) {
  server_->Shutdown(std::chrono::system_clock::now() + grace);
  server_->Wait();
}

}  // namespace callcontrol::server
