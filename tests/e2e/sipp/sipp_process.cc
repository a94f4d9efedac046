// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/sipp/sipp_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "tests/support/text.h"

extern char** environ;

namespace callcontrol::testing {
namespace {

// SIPp itself would try 5060 first, which isn't ours to take.
uint16_t FreeUdpPort() {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  bool bound =
      bind(fd, generic, size) == 0 && getsockname(fd, generic, &size) == 0;
  close(fd);
  if (!bound) throw std::runtime_error("no free UDP port");
  return ntohs(address.sin_port);
}

pid_t Spawn(std::vector<std::string> words, const TempDir& dir) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND;
  std::string screen = dir.path() / "screen";
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, screen.c_str(), kFlags, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  // Where it leaves the counts, whose name can't be chosen.
  posix_spawn_file_actions_addchdir_np(&actions, dir.path().c_str());
  pid_t pid = -1;
  int error =
      posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw std::runtime_error(Cat("can't start SIPp (", std::strerror(error),
                                 "); ./run-tests installs it"));
  }
  return pid;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> Fields(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, ';');) {
    fields.push_back(field);
  }
  return fields;
}

}  // namespace

SippProcess::SippProcess(const std::string& scenario, uint16_t server_port,
                         const std::vector<std::string>& more) {
  std::vector<std::string> words = {"sipp",
                                    Cat("127.0.0.1:", server_port),
                                    "-sf",
                                    Cat(SIPP_SCENARIOS, "/", scenario),
                                    "-i",
                                    "127.0.0.1",
                                    "-p",
                                    Cat(FreeUdpPort()),
                                    "-nostdin",
                                    "-timeout",
                                    "50s",
                                    "-timeout_error",
                                    "-trace_stat",
                                    "-stf",
                                    dir_.path() / "statistics.csv",
                                    "-trace_counts",
                                    "-trace_err",
                                    "-error_file",
                                    dir_.path() / "errors"};
  counts_ = std::filesystem::path(scenario).stem();
  words.insert(words.end(), more.begin(), more.end());
  pid_ = Spawn(std::move(words), dir_);
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (pidfd_ < 0) {
    throw std::runtime_error(Cat("pidfd_open: ", std::strerror(errno)));
  }
}

SippProcess::~SippProcess() {
  if (!reaped_) {
    std::cerr << Errors() << std::endl;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(pidfd_);
}

int SippProcess::Wait(std::chrono::milliseconds patience) {
  pollfd fd = {pidfd_, POLLIN, 0};
  if (poll(&fd, 1, static_cast<int>(patience.count())) != 1) {
    throw std::runtime_error(Cat("SIPp does not end; ", Errors()));
  }
  int status = 0;
  waitpid(pid_, &status, 0);
  reaped_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string SippProcess::Errors() const {
  return Cat("SIPp complained:\n", ReadFile(dir_.path() / "errors"),
             ReadFile(dir_.path() / "screen"));
}

SippRow SippProcess::MessageCounts() const {
  return LastRow(Cat(counts_, "_", pid_, "_counts.csv"));
}

SippRow SippProcess::LastRow(const std::string& file) const {
  std::ifstream in(dir_.path() / file);
  std::string names;
  std::getline(in, names);
  std::string last;
  for (std::string line; std::getline(in, line);) last = line;
  std::vector<std::string> keys = Fields(names);
  std::vector<std::string> values = Fields(last);
  SippRow row;
  for (size_t i = 0; i < keys.size() && i < values.size(); ++i) {
    row[keys[i]] = values[i];
  }
  return row;
}

}  // namespace callcontrol::testing
