// SPDX-License-Identifier: Apache-2.0
#include "server/list_filter.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/error.h"
#include "callcontrol/v1/call.pb.h"
#include "server/proto_mapping.h"

namespace callcontrol::server {
namespace {

constexpr std::size_t kMaxFilter = 1024;
constexpr int kMaxPage = 1000;

// Whether `value` is `name`, with or without the prefix of its enum.
bool NamesEnum(const std::string& value, const std::string& name,
               const std::string& prefix) {
  return absl::EqualsIgnoreCase(value, name) ||
         absl::EqualsIgnoreCase(absl::StrCat(prefix, value), name);
}

// Whether `value` names any member of the enum.
bool NamesAny(const std::string& value,
              const google::protobuf::EnumDescriptor* type,
              const std::string& prefix) {
  for (int i = 0; i < type->value_count(); ++i) {
    if (NamesEnum(value, std::string(type->value(i)->name()), prefix)) {
      return true;
    }
  }
  return false;
}

absl::Status NoSuchValue(const Condition& condition) {
  return InvalidField("filter", "BAD_FILTER",
                      absl::StrCat("filter: \"", condition.value,
                                   "\" is no value of ", condition.field));
}

absl::Status CheckTransferValue(const Condition& condition) {
  const std::string& value = condition.value;
  bool good = true;
  if (condition.field == "state") {
    good = absl::EqualsIgnoreCase(value, "RUNNING") ||
           NamesAny(value, v1::TransferState_descriptor(), "TRANSFER_STATE_");
  } else if (condition.field == "outcome") {
    good =
        NamesAny(value, v1::TransferOutcome_descriptor(), "TRANSFER_OUTCOME_");
  } else if (condition.field == "verdict") {
    good =
        NamesAny(value, v1::TransferVerdict_descriptor(), "TRANSFER_VERDICT_");
  }
  return good ? absl::OkStatus() : NoSuchValue(condition);
}

absl::Status CheckCallValue(const Condition& condition) {
  const std::string& value = condition.value;
  bool good = true;
  if (condition.field == "state") {
    good = absl::EqualsIgnoreCase(value, "LIVE") ||
           NamesAny(value, v1::CallState_descriptor(), "CALL_STATE_");
  } else if (condition.field == "direction") {
    good = NamesAny(value, v1::CallDirection_descriptor(), "CALL_DIRECTION_");
  }
  return good ? absl::OkStatus() : NoSuchValue(condition);
}

absl::Status CheckHookValue(const Condition& condition) {
  const std::string& value = condition.value;
  bool good = true;
  if (condition.field == "state") {
    good = NamesAny(value, v1::HookDeliveryState_descriptor(),
                    "HOOK_DELIVERY_STATE_");
  } else if (condition.field == "kind") {
    good = NamesAny(value, v1::HookKind_descriptor(), "HOOK_KIND_");
  }
  return good ? absl::OkStatus() : NoSuchValue(condition);
}

// The conditions of `filter`, each with a value that `check` takes.
absl::StatusOr<std::vector<Condition>> ReadChecked(
    std::string_view filter, const std::vector<std::string_view>& known,
    absl::Status (*check)(const Condition&)) {
  auto conditions = ReadFilter(filter, known);
  if (!conditions.ok()) return conditions.status();
  for (const Condition& condition : *conditions) {
    if (absl::Status status = check(condition); !status.ok()) return status;
  }
  return conditions;
}

bool MatchesState(const std::string& value, bool ended,
                  const std::string& running_word, const std::string& name,
                  const std::string& prefix) {
  if (absl::EqualsIgnoreCase(value, running_word)) return !ended;
  return NamesEnum(value, name, prefix);
}

}  // namespace

absl::StatusOr<std::vector<Condition>> ReadFilter(
    std::string_view filter, const std::vector<std::string_view>& known) {
  std::vector<Condition> conditions;
  const std::string text(filter.substr(0, kMaxFilter));
  if (absl::StripAsciiWhitespace(text).empty()) return conditions;
  for (const absl::string_view part : absl::StrSplit(text, " AND ")) {
    const std::pair<absl::string_view, absl::string_view> sides =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    Condition condition;
    condition.field = std::string(absl::StripAsciiWhitespace(sides.first));
    absl::string_view value = absl::StripAsciiWhitespace(sides.second);
    const bool quoted =
        value.size() >= 2 && value.front() == '"' && value.back() == '"';
    if (quoted) value = value.substr(1, value.size() - 2);
    condition.value = std::string(value);
    const bool good =
        std::ranges::find(known, condition.field) != known.end() &&
        (quoted || value.find(' ') == absl::string_view::npos);
    if (!good || condition.value.empty() || filter.size() > kMaxFilter) {
      std::vector<std::string> names(known.begin(), known.end());
      return InvalidField(
          "filter", "BAD_FILTER",
          absl::StrCat("filter: write `field = value AND field = value` in at "
                       "most 1,024 bytes, with fields of ",
                       absl::StrJoin(names, ", ")));
    }
    conditions.push_back(std::move(condition));
  }
  return conditions;
}

absl::StatusOr<std::vector<Condition>> ReadTransferFilter(
    std::string_view filter) {
  return ReadChecked(filter,
                     {"call_id", "sip_call_id", "state", "outcome", "verdict"},
                     CheckTransferValue);
}

absl::StatusOr<std::vector<Condition>> ReadCallFilter(std::string_view filter) {
  return ReadChecked(filter, {"state", "sip_call_id", "direction"},
                     CheckCallValue);
}

absl::StatusOr<std::vector<Condition>> ReadHookFilter(std::string_view filter) {
  return ReadChecked(filter, {"transfer_id", "call_id", "state", "kind"},
                     CheckHookValue);
}

bool Matches(const v1::Transfer& transfer,
             const std::vector<Condition>& conditions) {
  const v1::TransferResult& result = transfer.result();
  return std::ranges::all_of(conditions, [&](const Condition& condition) {
    const std::string& value = condition.value;
    if (condition.field == "call_id") return transfer.call_id() == value;
    if (condition.field == "sip_call_id") {
      return transfer.sip_call_id() == value;
    }
    if (condition.field == "state") {
      return MatchesState(value, transfer.has_result(), "RUNNING",
                          v1::TransferState_Name(transfer.state()),
                          "TRANSFER_STATE_");
    }
    if (!transfer.has_result()) return false;
    if (condition.field == "outcome") {
      return NamesEnum(value, v1::TransferOutcome_Name(result.outcome()),
                       "TRANSFER_OUTCOME_");
    }
    return NamesEnum(value, v1::TransferVerdict_Name(result.verdict()),
                     "TRANSFER_VERDICT_");
  });
}

bool Matches(const sip::CallSnapshot& call,
             const std::vector<Condition>& conditions) {
  return std::ranges::all_of(conditions, [&](const Condition& condition) {
    const std::string& value = condition.value;
    if (condition.field == "sip_call_id") return call.sip_call_id == value;
    if (condition.field == "direction") {
      return NamesEnum(value, v1::CallDirection_Name(ToProto(call.direction)),
                       "CALL_DIRECTION_");
    }
    return MatchesState(value, call.phase == sip::CallPhase::kEnded, "LIVE",
                        v1::CallState_Name(ToProto(call.phase)), "CALL_STATE_");
  });
}

bool Matches(const v1::HookDelivery& delivery,
             const std::vector<Condition>& conditions) {
  return std::ranges::all_of(conditions, [&](const Condition& condition) {
    const std::string& value = condition.value;
    if (condition.field == "transfer_id") {
      return delivery.transfer_id() == value;
    }
    if (condition.field == "call_id") return delivery.call_id() == value;
    if (condition.field == "kind") {
      return NamesEnum(value, v1::HookKind_Name(delivery.kind()), "HOOK_KIND_");
    }
    return NamesEnum(value, v1::HookDeliveryState_Name(delivery.state()),
                     "HOOK_DELIVERY_STATE_");
  });
}

absl::StatusOr<Page> ReadPage(std::int32_t page_size, std::string_view token) {
  Page page;
  if (page_size < 0 || page_size > kMaxPage) {
    return InvalidField("page_size", "BAD_PAGE",
                        "page_size must be from 0 (the default) to 1,000");
  }
  if (page_size > 0) page.size = static_cast<std::size_t>(page_size);
  if (!token.empty() && !absl::SimpleAtoi(std::string(token), &page.before)) {
    return InvalidField("page_token", "BAD_PAGE",
                        "page_token must be the next_page_token of a page of "
                        "the same list");
  }
  return page;
}

std::string PageToken(std::uint64_t last_number) {
  return absl::StrCat(last_number);
}

}  // namespace callcontrol::server
