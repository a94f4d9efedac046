// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/sipp/many_calls.h"

namespace callcontrol::testing {

std::set<std::string> AwaitAnswered(ReferClient& client, std::size_t count) {
  EventStream<v1::CallEvent> calls = client.WatchCalls();
  std::set<std::string> answered;
  while (answered.size() < count) {
    v1::Call call = calls.Next().call();
    if (call.state() == v1::CALL_STATE_ANSWERED) {
      answered.insert(call.call_id());
    }
  }
  return answered;
}

std::vector<std::vector<v1::ReferEvent>> ReferAll(
    ReferClient& client, const std::set<std::string>& calls,
    const std::function<void(std::size_t n, v1::ReferRequest& request)>& edit) {
  std::vector<TransferStream> streams;
  streams.reserve(calls.size());
  for (const std::string& id : calls) {
    streams.push_back(
        client.Refer(id, "+15083084809", [&](v1::ReferRequest& request) {
          if (edit) edit(streams.size(), request);
        }));
  }
  std::vector<std::vector<v1::ReferEvent>> all;
  all.reserve(streams.size());
  for (TransferStream& stream : streams) {
    all.push_back(stream.RestUntilResult());
  }
  return all;
}

}  // namespace callcontrol::testing
