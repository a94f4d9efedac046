// SPDX-License-Identifier: Apache-2.0
#include "server/hooks/hook_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <system_error>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace callcontrol::server {
namespace {

// Rises when the table changes; a file of a later version is left alone.
constexpr int kSchema = 1;

constexpr char kSettings[] = R"sql(
  PRAGMA journal_mode = WAL;
  -- What was acknowledged is on the disk, also when the power goes.
  PRAGMA synchronous = FULL;
  PRAGMA journal_size_limit = 4194304;
)sql";

constexpr char kTable[] = R"sql(
  CREATE TABLE IF NOT EXISTS delivery (
    id TEXT PRIMARY KEY,
    kind INTEGER NOT NULL,
    transfer_id TEXT NOT NULL,
    call_id TEXT NOT NULL,
    sip_call_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    url TEXT NOT NULL,
    origin TEXT NOT NULL,
    body TEXT NOT NULL,
    traceparent TEXT NOT NULL,
    create_time INTEGER NOT NULL,  -- nanoseconds since 1970
    attempts INTEGER NOT NULL,
    dead INTEGER NOT NULL,
    promised INTEGER NOT NULL,
    last_status INTEGER NOT NULL,
    last_error TEXT NOT NULL
  );
  PRAGMA user_version = 1;
)sql";

constexpr char kPut[] =
    "INSERT OR REPLACE INTO delivery VALUES "
    "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
constexpr char kRemove[] = "DELETE FROM delivery WHERE id = ?";
constexpr char kLoad[] =
    "SELECT id, kind, transfer_id, call_id, sip_call_id, sequence, url, "
    "origin, body, traceparent, create_time, attempts, dead, promised, "
    "last_status, last_error FROM delivery ORDER BY create_time, sequence";

// One statement; its parameters and columns are taken in order.
//
// Ownership: owns the statement, borrows the database and every text bound.
// Threads: thread-compatible. Errors: those of Step(), SQLite's numbers.
class Statement {
 public:
  Statement(sqlite3* database, const char* sql) {
    sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  void Bind(const std::string& text) {
    sqlite3_bind_text64(statement_, ++bound_, text.data(), text.size(),
                        SQLITE_STATIC, SQLITE_UTF8);
  }
  void Bind(std::int64_t number) {
    sqlite3_bind_int64(statement_, ++bound_, number);
  }
  // A statement that could not be prepared fails here, too.
  int Step() {
    column_ = 0;
    return statement_ == nullptr ? SQLITE_ERROR : sqlite3_step(statement_);
  }
  std::string Text() {
    const int column = column_++;
    const auto* text =
        static_cast<const char*>(sqlite3_column_blob(statement_, column));
    const int size = sqlite3_column_bytes(statement_, column);
    return text == nullptr ? ""
                           : std::string(text, static_cast<std::size_t>(size));
  }
  std::int64_t Number() { return sqlite3_column_int64(statement_, column_++); }
  int Int() { return static_cast<int>(Number()); }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  int column_ = 0;
};

// The columns of kLoad.
HookDelivery Read(Statement& row) {
  HookDelivery delivery;
  delivery.id = row.Text();
  delivery.kind = row.Int() == static_cast<int>(HookKind::kAction)
                      ? HookKind::kAction
                      : HookKind::kEvent;
  delivery.transfer_id = row.Text();
  delivery.call_id = row.Text();
  delivery.sip_call_id = row.Text();
  delivery.sequence = row.Number();
  delivery.url = row.Text();
  delivery.origin = row.Text();
  delivery.body = row.Text();
  delivery.traceparent = row.Text();
  delivery.create_time = absl::FromUnixNanos(row.Number());
  delivery.attempts = row.Int();
  delivery.dead = row.Number() != 0;
  delivery.promised = row.Number() != 0;
  delivery.last_status = row.Int();
  delivery.last_error = row.Text();
  return delivery;
}

}  // namespace

void HookStore::Close::operator()(sqlite3* database) const {
  sqlite3_close(database);
}

absl::StatusOr<std::unique_ptr<HookStore>> HookStore::Open(
    const std::string& path, std::vector<HookDelivery>& deliveries,
    std::string* notice) {
  absl::Status status;
  for (const bool again : {false, true}) {
    auto database = Connect(path);
    if (!database.ok()) return database.status();
    std::unique_ptr<HookStore> store(new HookStore(path, *std::move(database)));
    deliveries.clear();
    status = store->Prepare();
    if (status.ok()) status = store->Load(deliveries);
    if (status.ok()) return store;
    if (again || !absl::IsDataLoss(status)) break;
    store.reset();
    if (!MoveAside(path)) break;
    *notice =
        absl::StrCat(status.message(), "; moved aside to ", path, ".damaged");
  }
  return status;
}

bool HookStore::MoveAside(const std::string& path) {
  const std::string aside = path + ".damaged";
  if (std::rename(path.c_str(), aside.c_str()) != 0) return false;
  std::remove((path + "-wal").c_str());
  return true;
}

absl::Status HookStore::Prepare() {
  // First of all: shared, WAL would need another file, and the disk may be
  // full.
  if (absl::Status status = Execute("PRAGMA locking_mode = EXCLUSIVE");
      !status.ok()) {
    return status;
  }
  int version = 0;
  {
    Statement statement(database_.get(), "PRAGMA user_version");
    if (statement.Step() == SQLITE_ROW) version = statement.Int();
  }
  if (version > kSchema) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " was written by a later version (schema ", version,
                     ", this one knows ", kSchema, ")"));
  }
  if (absl::Status status = Execute(kSettings); !status.ok()) return status;
  // A file that is ready is not written to: the disk may be full.
  return version == kSchema ? absl::OkStatus() : Execute(kTable);
}

absl::StatusOr<HookStore::Database> HookStore::Connect(
    const std::string& path) {
  // Before SQLite makes it with the mode of everything: URLs may hold
  // passwords.
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot open ", path, ": ", std::generic_category().message(errno)));
  }
  close(file);
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(
      path.c_str(), &raw,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  Database database(raw);
  if (code == SQLITE_OK) return database;
  return absl::UnavailableError(
      absl::StrCat("cannot open ", path, ": ", sqlite3_errstr(code)));
}

HookStore::HookStore(std::string path, Database database)
    : path_(std::move(path)), database_(std::move(database)) {}

HookStore::~HookStore() = default;

absl::Status HookStore::Failure(const char* what) const {
  const int code = sqlite3_errcode(database_.get());
  const int basic = code & 0xFF;
  const std::string text =
      absl::StrCat("cannot ", what, " ", path_, ": ",
                   basic == SQLITE_BUSY ? "another callcontrold uses it"
                                        : sqlite3_errmsg(database_.get()));
  if (basic == SQLITE_NOTADB || basic == SQLITE_CORRUPT) {
    return absl::DataLossError(text);
  }
  return absl::UnavailableError(text);
}

absl::Status HookStore::Execute(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) ==
      SQLITE_OK) {
    return absl::OkStatus();
  }
  return Failure("use");
}

absl::Status HookStore::Load(std::vector<HookDelivery>& deliveries) {
  Statement statement(database_.get(), kLoad);
  for (;;) {
    const int code = statement.Step();
    if (code == SQLITE_DONE) return absl::OkStatus();
    if (code != SQLITE_ROW) return Failure("read");
    deliveries.push_back(Read(statement));
  }
}

absl::Status HookStore::Write(const std::vector<HookChange>& changes) {
  absl::Status status = Execute("BEGIN IMMEDIATE");
  for (const HookChange& change : changes) {
    if (!status.ok()) break;
    const auto* removed = std::get_if<HookRemoved>(&change);
    status = removed != nullptr ? Remove(removed->id)
                                : Put(std::get<HookDelivery>(change));
  }
  if (status.ok()) status = Execute("COMMIT");
  // Some errors have rolled back already; then this changes nothing.
  if (!status.ok()) {
    sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  return status;
}

absl::Status HookStore::Put(const HookDelivery& delivery) {
  Statement statement(database_.get(), kPut);
  statement.Bind(delivery.id);
  statement.Bind(static_cast<std::int64_t>(delivery.kind));
  statement.Bind(delivery.transfer_id);
  statement.Bind(delivery.call_id);
  statement.Bind(delivery.sip_call_id);
  statement.Bind(delivery.sequence);
  statement.Bind(delivery.url);
  statement.Bind(delivery.origin);
  statement.Bind(delivery.body);
  statement.Bind(delivery.traceparent);
  statement.Bind(absl::ToUnixNanos(delivery.create_time));
  statement.Bind(std::int64_t{delivery.attempts});
  statement.Bind(std::int64_t{delivery.dead ? 1 : 0});
  statement.Bind(std::int64_t{delivery.promised ? 1 : 0});
  statement.Bind(std::int64_t{delivery.last_status});
  statement.Bind(delivery.last_error);
  return statement.Step() == SQLITE_DONE ? absl::OkStatus() : Failure("write");
}

absl::Status HookStore::Remove(const std::string& id) {
  Statement statement(database_.get(), kRemove);
  statement.Bind(id);
  return statement.Step() == SQLITE_DONE ? absl::OkStatus() : Failure("write");
}

}  // namespace callcontrol::server
