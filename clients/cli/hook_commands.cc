// SPDX-License-Identifier: Apache-2.0

// callctl hooks and hooks retry.
#include "absl/strings/str_cat.h"
#include "clients/cli/item_list.h"
#include "clients/cli/session.h"
#include "clients/cli/table.h"
#include "clients/cli/text.h"
#include "clients/cli/words.h"

namespace callcontrol::cli {
namespace {

// When it is tried next: "in 3.2s", "now", or never.
std::string Next(const v1::HookDelivery& delivery, absl::Time now) {
  if (!delivery.has_next_attempt_time()) return "";
  const absl::Duration wait = ToTime(delivery.next_attempt_time()) - now;
  return wait <= absl::ZeroDuration() ? "now"
                                      : absl::StrCat("in ", Roughly(wait));
}

void AddDelivery(const v1::HookDelivery& delivery, absl::Time now,
                 Table& table) {
  const absl::Time began = ToTime(delivery.create_time());
  table.AddRow({delivery.delivery_id(), KindToken(delivery.kind()),
                StateToken(delivery.state()), absl::StrCat(delivery.attempts()),
                DateAndTime(began).substr(0, 19), Next(delivery, now),
                delivery.last_error(), delivery.url()});
}

}  // namespace

int RunHooks(const Session& session) {
  v1::ListHookDeliveriesRequest request;
  request.set_filter(session.arguments.filter);
  return PrintItems<v1::ListHookDeliveriesResponse>(
      session, request,
      [&](auto&&... words) {
        return session.stub.ListHookDeliveries(words...);
      },
      [](const auto& response) -> const auto& { return response.deliveries(); },
      AddDelivery,
      Table({"DELIVERY", "KIND", "STATE", "TRIES", "BEGAN (UTC)", "NEXT",
             "LAST ERROR", "URL"}),
      "no undelivered hooks");
}

int RunHooksRetry(const Session& session) {
  v1::RetryHookDeliveryRequest request;
  request.set_delivery_id(session.arguments.delivery);
  grpc::ClientContext context;
  session.Limit(context);
  v1::HookDelivery delivery;
  const grpc::Status status =
      session.stub.RetryHookDelivery(&context, request, &delivery);
  if (!status.ok()) return session.Fail(status);
  if (session.arguments.json) {
    session.PrintJson(delivery);
  } else {
    session.out << Printable(delivery.delivery_id()) << " "
                << StateToken(delivery.state()) << std::endl;
  }
  return kExitOk;
}

}  // namespace callcontrol::cli
