// SPDX-License-Identifier: Apache-2.0
#include "server/engine_settings.h"

#include <utility>

#include "base/ip_network.h"
#include "server/config.h"

namespace callcontrol::server {

sip::TransferPolicy TransferPolicyOf(const config::v1::Config& config) {
  const config::v1::Transfers& t = config.transfers();
  const std::chrono::milliseconds t1 = T1(config);
  sip::TransferPolicy policy;
  policy.hold_limit =
      MillisecondsOr(t.has_hold_limit(), t.hold_limit(), policy.hold_limit);
  policy.refer_unheld = t.refer_unheld();
  policy.ready_limit =
      MillisecondsOr(t.has_ready_limit(), t.ready_limit(), policy.ready_limit);
  policy.refer_response = MillisecondsOr(t.has_refer_response_limit(),
                                         t.refer_response_limit(), 64 * t1);
  policy.first_notify = MillisecondsOr(t.has_first_notify_limit(),
                                       t.first_notify_limit(), 64 * t1);
  policy.final_status = MillisecondsOr(
      t.has_final_status_limit(), t.final_status_limit(), policy.final_status);
  policy.subscription_grace =
      MillisecondsOr(t.has_subscription_grace(), t.subscription_grace(),
                     policy.subscription_grace);
  policy.unconfirmed_wait = MillisecondsOr(
      t.has_unconfirmed_wait(), t.unconfirmed_wait(), policy.unconfirmed_wait);
  policy.bye_grace =
      MillisecondsOr(t.has_bye_grace(), t.bye_grace(), policy.bye_grace);
  policy.lost_grace =
      MillisecondsOr(t.has_lost_grace(), t.lost_grace(), policy.lost_grace);
  policy.bye_answer_wait = MillisecondsOr(
      t.has_bye_answer_wait(), t.bye_answer_wait(), policy.bye_answer_wait);
  // Eight round trips, which is 4 s where T1 is the RFC's.
  policy.probe_wait = 8 * t1;
  policy.silent_probe_wait = t1;
  policy.retry_after_max = MillisecondsOr(
      t.has_retry_after_limit(), t.retry_after_limit(), policy.retry_after_max);
  policy.refresh = t.refresh_subscription();
  policy.tail = MillisecondsOr(t.has_tail(), t.tail(), 64 * t1);
  return policy;
}

std::vector<sip::CallRoute> RoutesOf(const config::v1::Config& config) {
  std::vector<sip::CallRoute> routes;
  for (const config::v1::Route& from : config.routes()) {
    sip::CallRoute route;
    for (const std::string& network : from.source_networks()) {
      if (const auto read = ReadIpNetwork(network)) {
        route.sources.push_back(*read);
      }
    }
    route.request_uris.assign(from.request_uri().begin(),
                              from.request_uri().end());
    route.tos.assign(from.to().begin(), from.to().end());
    sip::CallTreatment& treatment = route.treatment;
    for (const config::v1::Tag& tag : from.tags()) {
      treatment.tags[tag.name()] = tag.value();
    }
    if (from.has_reject()) {
      treatment.kind = sip::CallTreatment::Kind::kReject;
      const int status = from.reject().status();
      treatment.status = status == 0 ? 603 : status;
      treatment.phrase = from.reject().reason();
    } else if (from.has_app()) {
      treatment.kind = sip::CallTreatment::Kind::kApp;
      treatment.app_limit = MillisecondsOr(
          from.app().has_limit(), from.app().limit(), treatment.app_limit);
      const int status = from.app().unanswered_status();
      treatment.status = status == 0 ? 480 : status;
    } else if (from.answer().has_answer_after()) {
      treatment.answer_after =
          MillisecondsOr(true, from.answer().answer_after(), {});
    }
    routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace callcontrol::server
