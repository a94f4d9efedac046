// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cli/callctl.h"
#include "clients/cli/connection.h"
#include "clients/cli/environment.h"

namespace {

using ::callcontrol::cli::Environment;
using ::callcontrol::cli::TerminalInfo;

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void OnInterrupt(int /*signal*/) { interrupted = true; }

// The first Ctrl-C ends the watching with a word, the second one everything.
void CatchInterrupts() {
  struct sigaction action = {};
  action.sa_handler = OnInterrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

std::string_view Variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? "" : value;
}

bool IsUtf8() {
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view locale = Variable(name);
    if (locale.empty()) continue;
    for (const std::string_view utf8 : {"UTF-8", "utf8", "UTF8", "utf-8"}) {
      if (locale.find(utf8) != std::string_view::npos) return true;
    }
    return false;
  }
  return false;
}

TerminalInfo LookAtTerminal() {
  TerminalInfo info;
  if (isatty(STDOUT_FILENO) == 0) return info;
  info.utf8 = IsUtf8();
  const std::string_view type = Variable("TERM");
  info.live = !type.empty() && type != "dumb";
  info.color = info.live && Variable("NO_COLOR").empty();
  winsize size = {};
  info.width = 80;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    info.width = size.ws_col;
  }
  return info;
}

}  // namespace

int main(int argc, char** argv) {
  CatchInterrupts();
  Environment environment;
  environment.terminal = LookAtTerminal();
  if (const std::string_view server = Variable("CALLCTL_SERVER");
      !server.empty()) {
    environment.default_server = server;
  }
  environment.hook_key = Variable("CALLCTL_HOOK_KEY");
  environment.connect = callcontrol::cli::ConnectTo;
  environment.now = absl::Now;
  environment.sleep = absl::SleepFor;
  environment.interrupted = [] { return interrupted.load(); };
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  return callcontrol::cli::RunCallctl(args, environment, std::cout, std::cerr);
}
