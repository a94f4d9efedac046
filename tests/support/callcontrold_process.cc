// SPDX-License-Identifier: Apache-2.0
#include "tests/support/callcontrold_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "callcontrol/config/v1/config.pb.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "tests/support/text.h"

extern char** environ;

namespace callcontrol::testing {
namespace {

constexpr char kPortsFile[] = "ports";

constexpr char kTestConfig[] = R"pb(
  node: "test"
  grpc { listen: "127.0.0.1:0" }
  sip {
    listen: "127.0.0.1:0"
    t1 { nanos: 20000000 }
  }
  transfers {
    ready_limit { nanos: 600000000 }
    final_status_limit { seconds: 20 }
    subscription_grace { nanos: 150000000 }
    unconfirmed_wait { nanos: 250000000 }
    bye_grace { nanos: 60000000 }
    lost_grace { nanos: 300000000 }
    bye_answer_wait { nanos: 500000000 }
  }
  # Tests ask for much at once, of machines that have other things to do.
  calls { overload_after {} }
  drain_limit { seconds: 1 }
  log { level: "debug" }
)pb";

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

int Milliseconds(std::chrono::steady_clock::time_point deadline) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  return left.count() > 0 ? static_cast<int>(left.count()) : 0;
}

// That of the same build, or one that the environment names: one with
// sanitizers is played to by tests that have none.
std::string ServerUnderTest() {
  const char* const named = std::getenv("CALLCONTROLD_UNDER_TEST");
  return named != nullptr ? named : CALLCONTROLD_PATH;
}

pid_t Spawn(const std::vector<std::string>& arguments, const TempDir& dir) {
  std::vector<std::string> words = {ServerUnderTest()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND;
  std::string out = dir.path() / "stdout";
  std::string err = dir.path() / "stderr";
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), kFlags, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), kFlags, 0600);
  pid_t pid = -1;
  int error =
      posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw std::runtime_error(
        Cat("can't start ", argv[0], ": ", std::strerror(error)));
  }
  return pid;
}

std::vector<std::string> ServerArguments(const TempDir& dir,
                                         const std::string& config,
                                         const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {
      Cat("--config=", dir.Write("callcontrold.textproto", config)),
      Cat("--ports_file=", (dir.path() / kPortsFile).string()),
      Cat("--state_dir=", (dir.path() / "state").string())};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// The number behind `name`= in the ports file; 0 where it isn't there.
uint16_t PortNamed(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name + "=")) continue;
    return static_cast<uint16_t>(std::atoi(line.c_str() + name.size() + 1));
  }
  return 0;
}

}  // namespace

TempDir::TempDir() {
  std::string pattern =
      std::filesystem::temp_directory_path() / "callcontrol_test_XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error(Cat("mkdtemp: ", std::strerror(errno)));
  }
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::Write(const std::string& name,
                           const std::string& text) const {
  std::filesystem::path path = path_ / name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

ChildProcess::ChildProcess(const std::vector<std::string>& arguments,
                           const TempDir& dir)
    : dir_(dir), pid_(Spawn(arguments, dir)) {
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (pidfd_ < 0) {
    throw std::runtime_error(Cat("pidfd_open: ", std::strerror(errno)));
  }
}

ChildProcess::~ChildProcess() {
  if (Running()) {
    Signal(SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(pidfd_);
}

bool ChildProcess::Running() {
  if (reaped_) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  reaped_ = true;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

void ChildProcess::Signal(int signal) {
  if (!reaped_) kill(pid_, signal);
}

int ChildProcess::Wait(std::chrono::milliseconds patience) {
  auto deadline = std::chrono::steady_clock::now() + patience;
  pollfd fd = {pidfd_, POLLIN, 0};
  while (Running()) {
    if (poll(&fd, 1, Milliseconds(deadline)) == 0) {
      throw std::runtime_error(
          Cat("callcontrold did not end; stderr:\n", stderr_text()));
    }
  }
  return exit_code_;
}

std::string ChildProcess::stdout_text() const {
  return ReadFile(dir_.path() / "stdout");
}

std::string ChildProcess::stderr_text() const {
  return ReadFile(dir_.path() / "stderr");
}

RunResult RunToEnd(const std::vector<std::string>& arguments) {
  TempDir dir;
  ChildProcess child(arguments, dir);
  int exit_code = child.Wait();
  return {exit_code, child.stdout_text(), child.stderr_text()};
}

std::string TestConfig(const std::string& more) {
  config::v1::Config config;
  using google::protobuf::TextFormat;
  if (!TextFormat::MergeFromString(kTestConfig, &config) ||
      !TextFormat::MergeFromString(more, &config)) {
    throw std::runtime_error(Cat("no configuration: ", more));
  }
  std::string text;
  TextFormat::PrintToString(config, &text);
  return text;
}

CallcontroldProcess::CallcontroldProcess(const std::string& config,
                                         const std::vector<std::string>& flags)
    : inotify_(inotify_init1(IN_CLOEXEC)),
      child_((inotify_add_watch(inotify_, dir_.path().c_str(),
                                IN_CLOSE_WRITE | IN_MOVED_TO),
              ServerArguments(dir_, config, flags)),
             dir_) {
  WaitForPorts();
  close(inotify_);
}

CallcontroldProcess::~CallcontroldProcess() {
  const std::string text = stderr_text();
  for (const char* const word : {"Sanitizer: ", "runtime error: "}) {
    if (text.find(word) != std::string::npos) ADD_FAILURE() << text;
  }
}

void CallcontroldProcess::AwaitLog(const std::string& text) const {
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(10);
  int inotify = inotify_init1(IN_CLOEXEC);
  inotify_add_watch(inotify, (dir_.path() / "stderr").c_str(), IN_MODIFY);
  while (child_.stderr_text().find(text) == std::string::npos) {
    pollfd fd = {inotify, POLLIN, 0};
    if (poll(&fd, 1, Milliseconds(deadline)) == 0) {
      close(inotify);
      throw std::runtime_error(
          Cat("no ", text, " in the log:\n", child_.stderr_text()));
    }
    char events[4096];
    if (read(inotify, events, sizeof(events)) < 0) break;
  }
  close(inotify);
}

void CallcontroldProcess::WaitForPorts() {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (true) {
    std::string text = ReadFile(dir_.path() / kPortsFile);
    sip_port_ = PortNamed(text, "sip");
    sip_tls_port_ = PortNamed(text, "sip_tls");
    grpc_port_ = PortNamed(text, "grpc");
    if (sip_port_ != 0 && grpc_port_ != 0) return;
    pollfd fds[] = {{inotify_, POLLIN, 0}, {child_.pidfd(), POLLIN, 0}};
    int ready = poll(fds, 2, Milliseconds(deadline));
    if (ready == 0 || fds[1].revents != 0) {
      std::string end = child_.Running() ? "does not serve after 10 s"
                                         : Cat("ended with ", child_.Wait());
      throw std::runtime_error(
          Cat("callcontrold ", end, "; stderr:\n", child_.stderr_text()));
    }
    char events[4096];
    if (read(inotify_, events, sizeof(events)) < 0) {
      throw std::runtime_error(Cat("inotify: ", std::strerror(errno)));
    }
  }
}

}  // namespace callcontrol::testing
