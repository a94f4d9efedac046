// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_HOOKS_HOOK_STORE_H_
#define CALLCONTROL_SERVER_HOOKS_HOOK_STORE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/hooks/hook_delivery.h"

struct sqlite3;

namespace callcontrol::server {

// Undelivered hooks and dead letters in an SQLite file (WAL), held by one
// process at a time.
//
// Ownership: owns the connection. Threads: thread-compatible; every function
// may block on the disk. Errors: a sentence with the file's name. After one of
// Write() nothing of it is written and it may be tried again. Time: none.
class HookStore {
 public:
  // Opens `path`, made with mode 0600 where it is not there, and puts all that
  // is in it into `deliveries`, oldest first. A file that is no database, or a
  // damaged one, is moved aside to PATH.damaged, and `notice` says so.
  static absl::StatusOr<std::unique_ptr<HookStore>> Open(
      const std::string& path, std::vector<HookDelivery>& deliveries,
      std::string* notice);

  // Moves a damaged file to PATH.damaged; false where that fails too.
  static bool MoveAside(const std::string& path);

  ~HookStore();
  HookStore(const HookStore&) = delete;
  HookStore& operator=(const HookStore&) = delete;

  // All changes or none, on the disk when it returns.
  absl::Status Write(const std::vector<HookChange>& changes);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  using Database = std::unique_ptr<sqlite3, Close>;

  HookStore(std::string path, Database database);

  static absl::StatusOr<Database> Connect(const std::string& path);
  // Checks that the file is one of ours, and makes the table.
  absl::Status Prepare();
  absl::Status Load(std::vector<HookDelivery>& deliveries);
  absl::Status Failure(const char* what) const;
  absl::Status Execute(const char* sql);
  absl::Status Put(const HookDelivery& delivery);
  absl::Status Remove(const std::string& id);

  const std::string path_;
  const Database database_;
};

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_HOOKS_HOOK_STORE_H_
