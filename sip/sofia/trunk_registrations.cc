// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/trunk_registrations.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace callcontrol::sip {

void TrunkRegistrations::Configure(const Trunks& trunks) {
  if (ended_) return;
  waiting_.clear();
  // Those that are over at once leave the list at once.
  std::vector<std::shared_ptr<TrunkRegistration>> unwanted;
  Trunks fresh;
  std::ranges::copy_if(registrations_, std::back_inserter(unwanted),
                       [](const auto& each) { return !each->ending(); });
  for (const std::shared_ptr<const Trunk>& trunk : trunks) {
    if (!trunk->registration) continue;
    const auto same = std::ranges::find_if(
        unwanted, [&](const auto& old) { return old->Is(*trunk); });
    if (same == unwanted.end()) {
      fresh.push_back(trunk);
      continue;
    }
    const std::shared_ptr<TrunkRegistration> renewed = *same;
    unwanted.erase(same);
    renewed->Renew(trunk);
  }
  // None begins before all that it may have to wait for are ending.
  for (const auto& registration : unwanted) registration->End();
  waiting_ = std::move(fresh);
  BeginWaiting();
}

void TrunkRegistrations::BeginWaiting() {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const bool blocked =
        std::ranges::any_of(registrations_, [&](const auto& registration) {
          return registration->ending() &&
                 registration->trunk().registration->aor ==
                     (*it)->registration->aor;
        });
    if (blocked) {
      ++it;
      continue;
    }
    const auto begun = std::make_shared<TrunkRegistration>(
        host_, *it, [this](const TrunkRegistration& over) { Forget(over); });
    it = waiting_.erase(it);
    registrations_.push_back(begun);
    begun->Begin();
  }
}

void TrunkRegistrations::Forget(const TrunkRegistration& over) {
  std::erase_if(registrations_,
                [&](const auto& each) { return each.get() == &over; });
  if (ended_) {
    TellIfEnded();
  } else {
    BeginWaiting();
  }
}

void TrunkRegistrations::End(CallEngine::Done done,
                             std::chrono::milliseconds limit) {
  ended_ = true;
  on_end_ = std::move(done);
  waiting_.clear();
  end_timer_ = host_.loop().timers().Add(
      std::chrono::steady_clock::now() + limit, [this] {
        end_timer_.reset();
        Clear();
        TellIfEnded();
      });
  // Those that are over at once leave the list at once.
  const std::vector<std::shared_ptr<TrunkRegistration>> all = registrations_;
  for (const auto& registration : all) {
    if (!registration->ending()) registration->End();
  }
  TellIfEnded();
}

void TrunkRegistrations::TellIfEnded() {
  if (!registrations_.empty() || !on_end_) return;
  if (end_timer_) host_.loop().timers().Cancel(*end_timer_);
  end_timer_.reset();
  std::move(std::exchange(on_end_, nullptr))();
}

void TrunkRegistrations::Clear() {
  registrations_.clear();
  waiting_.clear();
}

std::vector<std::string> TrunkRegistrations::ServiceRouteOf(
    std::string_view trunk) const {
  for (const auto& registration : registrations_) {
    if (!registration->ending() && registration->trunk().name == trunk) {
      return registration->service_route();
    }
  }
  return {};
}

RegisteredAt TrunkRegistrations::registered_at() const {
  RegisteredAt all;
  for (const auto& registration : registrations_) {
    if (registration->ending()) continue;
    const std::optional<IpAddress> address = registration->registered_at();
    if (address) all.emplace(registration->trunk().name, *address);
  }
  return all;
}

}  // namespace callcontrol::sip
