// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_REQUEST_IDS_H_
#define CALLCONTROL_SERVER_REQUEST_IDS_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "callcontrol/v1/call.pb.h"
#include "callcontrol/v1/transfer.pb.h"

namespace callcontrol::server {

// Which request ids of an RPC were used, and for which transfer or call, so
// that a request that is made twice is carried out once.
//
// Ownership: owns what waits. Threads: thread-safe; nothing is called under its
// lock. Errors: as Claim() says. Time: none: an id is kept for as long as
// what it began.
class RequestIds {
 public:
  // Told which transfer or call a repeated request is about, or why there is
  // none.
  using Joined =
      absl::AnyInvocable<void(absl::StatusOr<std::string> begun_id) &&>;
  // Whether what was begun can still be read. Must not call back.
  using IsKept = absl::AnyInvocable<bool(const std::string& begun_id) const>;

  explicit RequestIds(IsKept is_kept) : is_kept_(std::move(is_kept)) {}

  // True: the request is the first of its id, the caller carries it out and
  // says by Settle() what came of it; `joined` is dropped. False: it was made
  // before, and `joined` is called: at once, or when the first is settled.
  // ALREADY_EXISTS (REQUEST_ID_REUSED): the id was used with other contents.
  absl::StatusOr<bool> Claim(const std::string& id,
                             const std::string& fingerprint, Joined joined)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The first request of `id` became this transfer, or nothing: then the id is
  // free again, and whoever waits gets the same error.
  void Settle(const std::string& id,
              const absl::StatusOr<std::string>& begun_id)
      ABSL_LOCKS_EXCLUDED(mutex_);

  std::size_t size() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Entry {
    std::string fingerprint;
    // Empty until it is settled.
    std::string begun_id;
    std::vector<Joined> waiting;
  };

  void SweepIfMany() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const IsKept is_kept_;
  mutable Mutex mutex_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::size_t sweep_at_ ABSL_GUARDED_BY(mutex_) = 1'024;
};

// The same for requests that ask for the same, whatever their ids.
std::string FingerprintOf(const v1::ReferRequest& request);
std::string FingerprintOf(const v1::PlaceCallRequest& request);

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_REQUEST_IDS_H_
