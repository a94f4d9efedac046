// SPDX-License-Identifier: Apache-2.0
#include "server/request_ids.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error.h"

namespace callcontrol::server {
namespace {

// Of all but the request id.
template <typename Request>
std::string FingerprintOfRest(Request copy) {
  copy.clear_request_id();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    // Maps have no order of their own.
    coded.SetSerializationDeterministic(true);
    copy.SerializeToCodedStream(&coded);
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(),
             nullptr);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

}  // namespace

absl::StatusOr<bool> RequestIds::Claim(const std::string& id,
                                       const std::string& fingerprint,
                                       Joined joined) {
  std::string begun_id;
  {
    MutexLock lock(mutex_);
    SweepIfMany();
    auto entry = entries_.find(id);
    if (entry != entries_.end() && !entry->second.begun_id.empty() &&
        !is_kept_(entry->second.begun_id)) {
      entries_.erase(entry);
      entry = entries_.end();
    }
    if (entry == entries_.end()) {
      entries_[id].fingerprint = fingerprint;
      return true;
    }
    if (entry->second.fingerprint != fingerprint) {
      return MakeError(
          absl::StatusCode::kAlreadyExists,
          {.reason = "REQUEST_ID_REUSED",
           .field = "request_id",
           .transfer_id = entry->second.begun_id},
          absl::StrCat("request_id \"", id,
                       "\" was used for a request with other contents; a new "
                       "request needs an id of its own"));
    }
    begun_id = entry->second.begun_id;
    if (begun_id.empty()) {
      entry->second.waiting.push_back(std::move(joined));
      return false;
    }
  }
  std::move(joined)(begun_id);
  return false;
}

void RequestIds::Settle(const std::string& id,
                        const absl::StatusOr<std::string>& begun_id) {
  std::vector<Joined> waiting;
  {
    MutexLock lock(mutex_);
    const auto entry = entries_.find(id);
    if (entry == entries_.end()) return;
    waiting.swap(entry->second.waiting);
    if (begun_id.ok()) {
      entry->second.begun_id = *begun_id;
    } else {
      entries_.erase(entry);
    }
  }
  for (Joined& joined : waiting) std::move(joined)(begun_id);
}

std::size_t RequestIds::size() const {
  MutexLock lock(mutex_);
  return entries_.size();
}

void RequestIds::SweepIfMany() {
  if (entries_.size() < sweep_at_) return;
  std::erase_if(entries_, [this](const auto& entry) {
    return !entry.second.begun_id.empty() && !is_kept_(entry.second.begun_id);
  });
  // So that a sweep costs each of the ids that came since a step or two.
  sweep_at_ = std::max<std::size_t>(1'024, 2 * entries_.size());
}

std::string FingerprintOf(const v1::ReferRequest& request) {
  return FingerprintOfRest(request);
}

std::string FingerprintOf(const v1::PlaceCallRequest& request) {
  return FingerprintOfRest(request);
}

}  // namespace callcontrol::server
