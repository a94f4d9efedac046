// SPDX-License-Identifier: Apache-2.0
#include "server/command_line.h"

#include <getopt.h>

#include <array>

#include "absl/strings/str_cat.h"

namespace callcontrol::server {

const char kUsage[] =
    R"(callcontrold: holds SIP calls and transfers them, over gRPC.

Usage: callcontrold [flags]

  --config=FILE            configuration: protobuf text format or JSON of
                           callcontrol.config.v1.Config
  --check                  check the configuration, say what is wrong, and stop
  --grpc_listen=HOST:PORT  gRPC listener, or unix:PATH   (127.0.0.1:50051)
  --sip_listen=HOST:PORT   SIP listener, UDP and TCP     (127.0.0.1:5060)
  --state_dir=DIR          where files are kept
  --ports_file=FILE        write grpc=PORT and sip=PORT there once the server
                           serves; port 0 above picks a free one
  --version                print the version and stop
  --help                   print this and stop

SIGHUP reads routes and trunks of the configuration again; SIGTERM drains and stops.
Exit code: 0 after that, 1 when something is wrong, 2 for a bad flag.
)";

absl::StatusOr<CommandLine> ReadCommandLine(int argc, char* const argv[]) {
  enum Flag { kConfig = 1, kCheck, kGrpc, kSip, kState, kPorts, kVer, kHelp };
  static constexpr std::array<option, 9> kFlags = {{
      {"config", required_argument, nullptr, kConfig},
      {"check", no_argument, nullptr, kCheck},
      {"grpc_listen", required_argument, nullptr, kGrpc},
      {"sip_listen", required_argument, nullptr, kSip},
      {"state_dir", required_argument, nullptr, kState},
      {"ports_file", required_argument, nullptr, kPorts},
      {"version", no_argument, nullptr, kVer},
      {"help", no_argument, nullptr, kHelp},
      {nullptr, 0, nullptr, 0},
  }};
  CommandLine line;
  opterr = 0;
  optind = 0;  // Starts over: GNU getopt keeps its place in a global.
  int flag = 0;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread is started.
  while ((flag = getopt_long(argc, argv, "+", kFlags.data(), nullptr)) != -1) {
    switch (flag) {
      case kConfig:
        line.config_file = optarg;
        break;
      case kCheck:
        line.check = true;
        break;
      case kGrpc:
        line.grpc_listen = optarg;
        break;
      case kSip:
        line.sip_listen = optarg;
        break;
      case kState:
        line.state_dir = optarg;
        break;
      case kPorts:
        line.ports_file = optarg;
        break;
      case kVer:
        line.version = true;
        break;
      case kHelp:
        line.help = true;
        break;
      default:
        return absl::InvalidArgumentError(absl::StrCat(
            "bad flag ", argv[optind - 1], "; callcontrold --help lists them"));
    }
  }
  if (optind < argc) {
    return absl::InvalidArgumentError(
        absl::StrCat("unexpected argument \"", argv[optind],
                     "\"; callcontrold --help lists the flags"));
  }
  return line;
}

}  // namespace callcontrol::server
