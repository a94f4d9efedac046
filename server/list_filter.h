// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_LIST_FILTER_H_
#define CALLCONTROL_SERVER_LIST_FILTER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "callcontrol/v1/hook.pb.h"
#include "callcontrol/v1/transfer.pb.h"
#include "sip/call/call_types.h"

// The filters and pages of the List RPCs. Pure.
namespace callcontrol::server {

// `field = value`.
struct Condition {
  std::string field;
  std::string value;
  bool operator==(const Condition&) const = default;
};

// Reads "field = value AND field = value" (a small part of AIP-160). A value
// may stand in double quotes. At most 1,024 bytes; fields must be among
// `known`. Errors: INVALID_ARGUMENT on field "filter", BAD_FILTER.
absl::StatusOr<std::vector<Condition>> ReadFilter(
    std::string_view filter, const std::vector<std::string_view>& known);

// Filters of the lists, with the fields that their messages document.
absl::StatusOr<std::vector<Condition>> ReadTransferFilter(
    std::string_view filter);
absl::StatusOr<std::vector<Condition>> ReadCallFilter(std::string_view filter);
absl::StatusOr<std::vector<Condition>> ReadHookFilter(std::string_view filter);
bool Matches(const v1::Transfer& transfer,
             const std::vector<Condition>& conditions);
bool Matches(const sip::CallSnapshot& call,
             const std::vector<Condition>& conditions);
bool Matches(const v1::HookDelivery& delivery,
             const std::vector<Condition>& conditions);

// The page to show: `size` 1 to 1,000 (0: 100), items numbered below `before`.
struct Page {
  std::size_t size = 100;
  std::uint64_t before = UINT64_MAX;
};

// Errors: INVALID_ARGUMENT on "page_size" or "page_token", BAD_PAGE.
absl::StatusOr<Page> ReadPage(std::int32_t page_size, std::string_view token);

// The token that asks for what follows the item of that number.
std::string PageToken(std::uint64_t last_number);

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_LIST_FILTER_H_
