// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_HOOK_RECEIVER_H_
#define CALLCONTROL_TESTS_SUPPORT_HOOK_RECEIVER_H_

#include <httplib.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/text.h"

namespace callcontrol::testing {

// An HTTP server on a port of the kernel's choice that answers every POST 204
// and remembers it.
//
// Threads: thread-safe. Errors: Await() tells by false what did not come.
class HookReceiver {
 public:
  struct Hook {
    std::string path;
    std::string delivery;
    std::string body;
    std::chrono::system_clock::time_point time;
  };

  HookReceiver() : port_(server_.bind_to_any_port("127.0.0.1")) {
    // Each connection that is kept holds a thread.
    server_.new_task_queue = [] { return new httplib::ThreadPool(64); };
    server_.set_keep_alive_max_count(1'000'000);
    server_.Post(".*", [this](const httplib::Request& request,
                              httplib::Response& response) {
      Put({request.path, request.get_header_value("X-Callcontrol-Delivery"),
           request.body, std::chrono::system_clock::now()});
      response.status = 204;
    });
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }
  ~HookReceiver() {
    while (!server_.is_running()) std::this_thread::yield();
    server_.stop();
    thread_.join();
  }

  std::string Url(const std::string& path) const {
    return Cat("http://127.0.0.1:", port_, path);
  }

  // Everything that has come, once `count` are there or `patience` has passed.
  std::vector<Hook> Await(std::size_t count, std::chrono::seconds patience) {
    std::unique_lock lock(mutex_);
    grown_.wait_for(lock, patience, [&] { return hooks_.size() >= count; });
    return hooks_;
  }

 private:
  void Put(Hook hook) {
    const std::lock_guard lock(mutex_);
    hooks_.push_back(std::move(hook));
    grown_.notify_all();
  }

  httplib::Server server_;
  int port_;
  std::mutex mutex_;
  std::condition_variable grown_;
  std::vector<Hook> hooks_;
  std::thread thread_;
};

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_HOOK_RECEIVER_H_
