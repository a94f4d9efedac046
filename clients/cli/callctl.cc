// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/callctl.h"

#include <grpcpp/channel.h>

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/cli/arguments.h"
#include "clients/cli/help.h"
#include "clients/cli/hook_listener.h"
#include "clients/cli/rpc_error.h"
#include "clients/cli/session.h"

namespace callcontrol::cli {
namespace {

constexpr absl::Duration kDefaultTimeout = absl::Seconds(10);

int RunCommand(const Session& session) {
  switch (session.arguments.command) {
    case Command::kCalls:
      return RunCalls(session);
    case Command::kWatch:
      return RunWatch(session);
    case Command::kRefer:
      return RunRefer(session);
    case Command::kCall:
      return RunCall(session);
    case Command::kAnswer:
      return RunAnswer(session);
    case Command::kReject:
      return RunReject(session);
    case Command::kHold:
      return RunHold(session);
    case Command::kResume:
      return RunResume(session);
    case Command::kHangUp:
      return RunHangUp(session);
    case Command::kAccept:
      return RunAccept(session);
    case Command::kDecline:
      return RunDecline(session);
    case Command::kTransfers:
      return RunTransfers(session);
    case Command::kShow:
      return RunShow(session);
    case Command::kCancel:
      return RunCancel(session);
    case Command::kHooks:
      return RunHooks(session);
    case Command::kHooksRetry:
      return RunHooksRetry(session);
    case Command::kHooksListen:
    case Command::kNone:
      break;
  }
  return kExitUsage;
}

}  // namespace

int RunCallctl(const std::vector<std::string>& args,
               const Environment& environment, std::ostream& out,
               std::ostream& err) {
  const absl::StatusOr<Arguments> arguments =
      ParseArguments(args, environment.default_server);
  if (!arguments.ok()) {
    err << "callctl: " << arguments.status().message() << std::endl;
    return kExitUsage;
  }
  if (arguments->help) {
    out << HelpText(arguments->command) << std::flush;
    return kExitOk;
  }
  if (arguments->command == Command::kHooksListen) {
    return RunHooksListen(*arguments, environment, out, err);
  }
  const absl::Time deadline =
      environment.now() + arguments->timeout.value_or(kDefaultTimeout);
  const std::shared_ptr<grpc::Channel> channel =
      environment.connect(arguments->server, deadline);
  if (channel == nullptr) {
    err << "callctl: " << UnreachableLine(arguments->server) << std::endl;
    return kExitFailure;
  }
  const auto stub = v1::CallControl::NewStub(channel);
  return RunCommand(
      Session{*arguments, environment, *stub, out, err, deadline});
}

}  // namespace callcontrol::cli
