// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_CALLCONTROLD_PROCESS_H_
#define CALLCONTROL_TESTS_SUPPORT_CALLCONTROLD_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace callcontrol::testing {

// A directory of its own that goes with the object.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Writes a file into it and returns its path.
  std::string Write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

// One child that runs the real binary. Its standard streams go to files in
// `dir`. Killed, by its own pid only, when the object goes while it runs.
//
// Threads: one thread.
// Errors: throws std::runtime_error where it can't be started.
class ChildProcess {
 public:
  ChildProcess(const std::vector<std::string>& arguments, const TempDir& dir);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  bool Running();
  void Signal(int signal);
  // The exit code, or 128 + the signal that ended it. Throws where the child
  // still runs after `patience`.
  int Wait(std::chrono::milliseconds patience = std::chrono::seconds(10));
  std::string stdout_text() const;
  std::string stderr_text() const;
  int pidfd() const { return pidfd_; }

 private:
  const TempDir& dir_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  bool reaped_ = false;
  int exit_code_ = -1;
};

// What a run of the binary left behind.
struct RunResult {
  int exit_code = -1;
  std::string out;
  std::string err;
};

// Runs the binary with `arguments` until it ends by itself.
RunResult RunToEnd(const std::vector<std::string>& arguments);

// The settings of the tests: T1 = 20 ms, so that 64*T1 = 1.28 s, and every
// other timer short enough to be seen. `more`, in protobuf text format, is
// merged over them.
std::string TestConfig(const std::string& more = "");

// A callcontrold that serves: started with a configuration on ports that the
// kernel chose, in a state directory of its own.
//
//   CallcontroldProcess server(TestConfig());
//   ScriptedPeer peer(server.sip_port());
//
// Threads: one thread.
// Errors: the constructor throws, with what the child wrote to stderr, where
// the child dies or doesn't serve within 10 s.
class CallcontroldProcess {
 public:
  explicit CallcontroldProcess(const std::string& config = TestConfig(),
                               const std::vector<std::string>& flags = {});
  // Kills it. The test fails where a sanitizer of its build found something.
  ~CallcontroldProcess();

  uint16_t sip_port() const { return sip_port_; }
  // 0 where the configuration has no sip.tls.
  uint16_t sip_tls_port() const { return sip_tls_port_; }
  uint16_t grpc_port() const { return grpc_port_; }
  bool Running() { return child_.Running(); }
  // The configuration file, written anew, and SIGHUP; returns at once.
  void Reload(const std::string& config) {
    dir_.Write("callcontrold.textproto", config);
    child_.Signal(1);
  }
  // Waits until a line of the log holds `text`.
  void AwaitLog(const std::string& text) const;
  // SIGTERM; returns at once.
  void Terminate() { child_.Signal(15); }
  // Waits for the end and gives the exit code.
  int Wait() { return child_.Wait(); }
  std::string stderr_text() const { return child_.stderr_text(); }

 private:
  void WaitForPorts();

  TempDir dir_;
  int inotify_;
  ChildProcess child_;
  uint16_t sip_port_ = 0;
  uint16_t sip_tls_port_ = 0;
  uint16_t grpc_port_ = 0;
};

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_CALLCONTROLD_PROCESS_H_
