// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/overload_guard.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace callcontrol::sip {
namespace {

// Between two times of one shortage calls are taken now and then.
constexpr std::chrono::seconds kQuiet{2};

}  // namespace

bool OverloadGuard::Refuses(std::chrono::nanoseconds busy, MonotonicTime now) {
  if (limit_ <= Milliseconds(0) || busy <= limit_) return false;
  if (!last_refusal_) {
    news_ = absl::StrCat(
        "overload: at work without a pause for ",
        std::chrono::duration_cast<Milliseconds>(busy).count(),
        " ms; new calls are refused until that ends (calls.overload_after)");
  }
  last_refusal_ = now;
  ++refused_;
  return true;
}

std::optional<MonotonicTime> OverloadGuard::over_at() const {
  if (!last_refusal_) return std::nullopt;
  return *last_refusal_ + kQuiet;
}

void OverloadGuard::Look(MonotonicTime now) {
  if (!last_refusal_ || now < *over_at()) return;
  last_refusal_.reset();
  news_ = absl::StrCat("overload: over; refused: ", std::exchange(refused_, 0));
}

std::optional<std::string> OverloadGuard::TakeNews() {
  return std::exchange(news_, std::nullopt);
}

}  // namespace callcontrol::sip
