// SPDX-License-Identifier: Apache-2.0
#include "server/hooks/hook_message.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace callcontrol::server {
namespace {

using Json = nlohmann::ordered_json;

// The names of the API without the prefixes of its enums.
template <typename Name>
std::string ShortName(const Name& name, std::string_view prefix) {
  return std::string(
      absl::StripPrefix(absl::string_view(name.data(), name.size()),
                        absl::string_view(prefix.data(), prefix.size())));
}

// The keys of the `sip:refer` page, spelled as there.
Json PageKeys(const v1::TransferStatus& status) {
  return {{"event", status.event()},
          {"call_status", absl::StrCat(status.call_status())}};
}

Json PageKeys(const v1::TransferResult& result) {
  Json keys = {{"referStatus", result.refer_status()}};
  if (result.has_final_referred_call_status()) {
    keys["final_referred_call_status"] = result.final_referred_call_status();
  }
  keys["verdict"] = ShortName(v1::TransferVerdict_Name(result.verdict()),
                              "TRANSFER_VERDICT_");
  keys["outcome"] = ShortName(v1::TransferOutcome_Name(result.outcome()),
                              "TRANSFER_OUTCOME_");
  return keys;
}

constexpr std::size_t kTraceparentSize = 55;
constexpr std::size_t kTraceAt = 3;
constexpr std::size_t kSpanAt = 36;
constexpr std::size_t kFlagsAt = 53;

bool IsLowerHex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

bool IsId(std::string_view text) {
  return IsLowerHex(text) &&
         text.find_first_not_of('0') != std::string_view::npos;
}

}  // namespace

std::optional<HookDelivery> DeliveryOf(const v1::ReferEvent& event,
                                       const std::string& sip_call_id,
                                       const HookTargets& targets) {
  const bool action = event.has_result();
  const HookTargets::Target& target = action ? targets.action : targets.event;
  if (target.url.empty() || !(action || event.has_transfer_status())) {
    return std::nullopt;
  }
  Json body =
      action ? PageKeys(event.result()) : PageKeys(event.transfer_status());
  body["transfer_id"] = event.transfer_id();
  body["call_id"] = event.call_id();
  body["sip_call_id"] = sip_call_id;
  body["sequence"] = event.sequence();

  HookDelivery delivery;
  // "t-node-random" becomes "h-node-random-sequence". There is one action hook,
  // whichever event turns out to be the last.
  delivery.id =
      absl::StrCat("h", absl::StripPrefix(event.transfer_id(), "t"), "-",
                   action ? "end" : absl::StrCat(event.sequence()));
  delivery.kind = action ? HookKind::kAction : HookKind::kEvent;
  delivery.transfer_id = event.transfer_id();
  delivery.call_id = event.call_id();
  delivery.sip_call_id = sip_call_id;
  delivery.sequence = event.sequence();
  delivery.url = target.url;
  delivery.origin = target.origin;
  // Replaces what is not UTF-8, though protobuf strings are.
  delivery.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  delivery.traceparent = targets.traceparent;
  delivery.create_time = absl::FromUnixSeconds(event.time().seconds()) +
                         absl::Nanoseconds(event.time().nanos());
  return delivery;
}

v1::TransferResult ResultBefore() {
  v1::TransferResult result;
  result.set_outcome(v1::TRANSFER_OUTCOME_SERVER_SHUTDOWN);
  result.set_verdict(v1::TRANSFER_VERDICT_FAILURE);
  return result;
}

void AddEvent(const v1::ReferEvent& event, v1::TransferResult& result) {
  if (event.has_refer_sent()) {
    // From here on the far end may carry it out, whoever watches.
    result.set_verdict(v1::TRANSFER_VERDICT_UNKNOWN);
  } else if (event.has_refer_response()) {
    result.set_refer_status(event.refer_response().refer_status());
  } else if (event.transfer_status().final()) {
    result.set_final_referred_call_status(
        event.transfer_status().call_status());
  }
}

std::optional<HookDelivery> PromiseOf(const v1::ReferEvent& newest,
                                      const v1::TransferResult& result,
                                      const std::string& sip_call_id,
                                      const HookTargets& targets) {
  v1::ReferEvent end = newest;
  end.set_sequence(newest.sequence() + 1);
  *end.mutable_result() = result;
  auto promise = DeliveryOf(end, sip_call_id, targets);
  if (promise) promise->promised = true;
  return promise;
}

std::string Signature(const std::vector<std::string>& keys, absl::Time time,
                      std::string_view body) {
  if (keys.empty()) return "";
  const std::int64_t seconds = absl::ToUnixSeconds(time);
  const std::string text = absl::StrCat(seconds, ".", std::string(body));
  std::string signature = absl::StrCat("t=", seconds);
  for (const std::string& key : keys) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         mac.data(), &size);
    absl::StrAppend(&signature, ",v1=",
                    absl::BytesToHexString(absl::string_view(
                        reinterpret_cast<const char*>(mac.data()), size)));
  }
  return signature;
}

std::optional<std::string> ReadTraceparent(std::string_view traceparent) {
  if (traceparent.size() < kTraceparentSize) return std::nullopt;
  const std::string_view version = traceparent.substr(0, 2);
  const std::string_view known = traceparent.substr(0, kTraceparentSize);
  const bool longer = traceparent.size() > kTraceparentSize;
  const bool good =
      IsLowerHex(version) && version != "ff" &&
      // A later version may append fields, version 00 has no more.
      (!longer || (version != "00" && traceparent[kTraceparentSize] == '-')) &&
      known[2] == '-' && known[kSpanAt - 1] == '-' &&
      known[kFlagsAt - 1] == '-' && IsId(known.substr(kTraceAt, 32)) &&
      IsId(known.substr(kSpanAt, 16)) && IsLowerHex(known.substr(kFlagsAt));
  if (!good) return std::nullopt;
  return absl::StrCat("00", std::string(known.substr(2)));
}

std::string NewTraceparent(std::uint64_t high, std::uint64_t low) {
  // All zeros is no id.
  return absl::StrFormat("00-%016x%016x-%016x-00", high, low | 1, low | 1);
}

std::string WithSpan(const std::string& traceparent, std::uint64_t span) {
  return absl::StrCat(traceparent.substr(0, kSpanAt),
                      absl::StrFormat("%016x", span == 0 ? 1 : span),
                      traceparent.substr(kFlagsAt - 1));
}

}  // namespace callcontrol::server
