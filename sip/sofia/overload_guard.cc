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
  const bool refuses = limit_ > Milliseconds(0) && busy > limit_;
  if (refuses) {
    if (!last_refusal_ || now - *last_refusal_ > kQuiet) {
      refused_ = 0;
      news_ = absl::StrCat(
          "overload: at work without a pause for ",
          std::chrono::duration_cast<Milliseconds>(busy).count(),
          " ms; new calls are refused until that ends (calls.overload_after)");
    }
    last_refusal_ = now;
    ++refused_;
  } else if (last_refusal_ && now - *last_refusal_ > kQuiet) {
    last_refusal_.reset();
    news_ =
        absl::StrCat("overload: over; refused: ", std::exchange(refused_, 0));
  }
  return refuses;
}

std::optional<std::string> OverloadGuard::TakeNews() {
  return std::exchange(news_, std::nullopt);
}

}  // namespace callcontrol::sip
