// SPDX-License-Identifier: Apache-2.0
#include "server/callback_thread.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "callcontrol/v1/call_control.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::server {
namespace {

using ::testing::SizeIs;

// Notes which threads its handlers run on.
class Noting final : public v1::CallControl::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetCall(grpc::CallbackServerContext* context,
                                    const v1::GetCallRequest*,
                                    v1::Call*) override {
    {
      MutexLock lock(mutex_);
      threads_.insert(std::this_thread::get_id());
    }
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  std::set<std::thread::id> threads() {
    MutexLock lock(mutex_);
    return threads_;
  }

 private:
  Mutex mutex_;
  std::set<std::thread::id> threads_ ABSL_GUARDED_BY(mutex_);
};

// Asks `count` times, on a connection of its own.
void Ask(const std::string& address, int count) {
  grpc::ChannelArguments own;
  own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto stub = v1::CallControl::NewStub(grpc::CreateCustomChannel(
      address, grpc::InsecureChannelCredentials(), own));
  for (int i = 0; i < count; ++i) {
    grpc::ClientContext context;
    v1::Call call;
    EXPECT_TRUE(stub->GetCall(&context, {}, &call).ok());
  }
}

std::unique_ptr<grpc::Server> Serve(Noting& service, std::string& address) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  address = absl::StrCat("127.0.0.1:", port);
  return server;
}

TEST(CallbackThreadTest, TheLibraryTakesItsThreadFromUs) {
  EXPECT_TRUE(CheckCallbackThread().ok()) << CheckCallbackThread();
}

TEST(CallbackThreadTest, AnIdleThreadIsNotBusy) {
  Noting service;
  std::string address;
  const std::unique_ptr<grpc::Server> server = Serve(service, address);
  ASSERT_NE(server, nullptr);
  Ask(address, 200);
  // It says so by itself: nothing comes that would have it look again.
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (CallbackThreadBusy() != std::chrono::nanoseconds(0) &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(CallbackThreadBusy(), std::chrono::nanoseconds(0));
  server->Shutdown();
}

TEST(CallbackThreadTest, AllHandlersRunOnOneThreadAndAServerCanFollowAnother) {
  for (int round = 0; round < 2; ++round) {
    Noting service;
    std::string address;
    const std::unique_ptr<grpc::Server> server = Serve(service, address);
    ASSERT_NE(server, nullptr);
    std::vector<std::thread> clients;
    for (int i = 0; i < 8; ++i) {
      clients.emplace_back(Ask, address, 25);
    }
    for (std::thread& client : clients) client.join();
    EXPECT_THAT(service.threads(), SizeIs(1));
    server->Shutdown();
  }
}

}  // namespace
}  // namespace callcontrol::server
