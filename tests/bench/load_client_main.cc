// SPDX-License-Identifier: Apache-2.0
//
// The application of a benchmark:
//
//   load_client --server=HOST:PORT [--warm_up=SECONDS] [--count=N] [--unread]
//               [--unread_watches=N] [--watch_all] [--ready=FILE] [--list]
//
// Transfers every call with the tag "bench" until SIGTERM, or until N streams
// have ended, and writes one JSON object to stdout. --unread reads no stream of
// a transfer; --unread_watches opens streams of calls that nobody reads;
// --watch_all hears of every change of a call and not of its answer alone; FILE
// is made once the server has all of these streams; --list only counts the
// transfers that the server knows.
#include <getopt.h>
#include <signal.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "grpcpp/grpcpp.h"
#include "tests/bench/load_client.h"

namespace callcontrol::bench {
namespace {

struct Arguments {
  std::string server{};
  std::chrono::seconds warm_up{};
  std::uint64_t count = 0;
  int unread_watches = 0;
  std::string ready{};
  bool unread = false;
  bool watch_all = false;
  bool list = false;
};

bool Read(int argc, char** argv, Arguments& arguments) {
  static const option kOptions[] = {
      {"server", required_argument, nullptr, 's'},
      {"warm_up", required_argument, nullptr, 'w'},
      {"count", required_argument, nullptr, 'c'},
      {"unread_watches", required_argument, nullptr, 'u'},
      {"ready", required_argument, nullptr, 'y'},
      {"unread", no_argument, nullptr, 'r'},
      {"watch_all", no_argument, nullptr, 'a'},
      {"list", no_argument, nullptr, 'l'},
      {nullptr, 0, nullptr, 0}};
  for (int c = 0; (c = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (c) {
      case 's':
        arguments.server = optarg;
        break;
      case 'w':
        arguments.warm_up = std::chrono::seconds(std::atoi(optarg));
        break;
      case 'c':
        arguments.count = std::strtoull(optarg, nullptr, 10);
        break;
      case 'u':
        arguments.unread_watches = std::atoi(optarg);
        break;
      case 'y':
        arguments.ready = optarg;
        break;
      case 'r':
        arguments.unread = true;
        break;
      case 'a':
        arguments.watch_all = true;
        break;
      case 'l':
        arguments.list = true;
        break;
      default:
        return false;
    }
  }
  return !arguments.server.empty() && optind == argc;
}

// Until a signal of `stop`, or until enough streams have ended.
void AwaitEnd(const sigset_t& stop, Tally& tally, std::uint64_t count) {
  if (count == 0) {
    int signal = 0;
    sigwait(&stop, &signal);
    return;
  }
  constexpr std::chrono::milliseconds kTurn{100};
  constexpr timespec kNow{};
  while (!tally.AwaitEnded(count, kTurn) &&
         sigtimedwait(&stop, nullptr, &kNow) < 0) {
  }
}

int Run(const Arguments& arguments) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  const auto stub = v1::CallControl::NewStub(grpc::CreateChannel(
      arguments.server, grpc::InsecureChannelCredentials()));
  if (arguments.list) {
    const std::string counts = CountTransfers(*stub);
    std::cout << counts << std::endl;
    return counts.empty() ? 1 : 0;
  }
  Tally tally(arguments.warm_up);
  LoadClient client(
      *stub, tally,
      {.read = !arguments.unread, .watch_all = arguments.watch_all});
  client.Start();
  const UnreadWatches unread(*stub, arguments.unread_watches);
  if (!arguments.ready.empty()) {
    if (!IsServed(*stub)) return 1;
    std::ofstream ready(arguments.ready);
  }
  AwaitEnd(stop, tally, arguments.count);
  std::cout << tally.Json() << std::endl;
  // Streams are open: nobody waits for them.
  std::_Exit(0);
}

}  // namespace
}  // namespace callcontrol::bench

int main(int argc, char** argv) {
  callcontrol::bench::Arguments arguments;
  if (!callcontrol::bench::Read(argc, argv, arguments)) {
    std::cerr << "usage: load_client --server=HOST:PORT [--warm_up=SECONDS] "
                 "[--count=N] [--unread] [--unread_watches=N] [--watch_all] "
                 "[--ready=FILE] [--list]\n";
    return 2;
  }
  return callcontrol::bench::Run(arguments);
}
