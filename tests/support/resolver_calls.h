// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_RESOLVER_CALLS_H_
#define CALLCONTROL_TESTS_SUPPORT_RESOLVER_CALLS_H_

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "gtest/gtest.h"
#include "sip/dns/resolver.h"

// A Resolver asked as a test would ask it: wait, and look at the answer.
namespace callcontrol::sip {

using Result = absl::StatusOr<std::vector<SipAddress>>;

// For lookups that end by themselves: only a bug meets it.
inline constexpr std::chrono::milliseconds kAmple{30'000};

inline std::unique_ptr<Resolver> Make(ResolverOptions options) {
  return *Resolver::Create(std::move(options));
}

inline std::future<Result> Begin(Resolver& resolver, SipTarget target,
                                 std::chrono::milliseconds deadline = kAmple) {
  std::promise<Result> promise;
  std::future<Result> future = promise.get_future();
  resolver.Resolve(std::move(target), deadline,
                   [promise = std::move(promise)](Result result) mutable {
                     promise.set_value(std::move(result));
                   });
  return future;
}

inline Result Resolve(Resolver& resolver, SipTarget target,
                      std::chrono::milliseconds deadline = kAmple) {
  return Begin(resolver, std::move(target), deadline).get();
}

inline std::vector<SipAddress> Found(Resolver& resolver, SipTarget target) {
  Result result = Resolve(resolver, std::move(target));
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : std::vector<SipAddress>();
}

inline std::string ReasonOf(const Result& result) {
  return DetailOf(result.status()).reason;
}

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_TESTS_SUPPORT_RESOLVER_CALLS_H_
