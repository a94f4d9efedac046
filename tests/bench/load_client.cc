// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/load_client.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <sstream>
#include <utility>

namespace callcontrol::bench {
namespace {

constexpr char kTarget[] = "sip:target@127.0.0.1:5099";
constexpr int kPage = 1000;
constexpr std::chrono::seconds kPatience{20};

}  // namespace

// One Refer() stream. Deletes itself.
class LoadClient::Transfer : public grpc::ClientReadReactor<v1::ReferEvent> {
 public:
  Transfer(LoadClient& client, const std::string& call_id) : client_(client) {
    request_.set_call_id(call_id);
    request_.set_refer_to(kTarget);
    request_.set_referred_by("sip:agent@127.0.0.1");
    client_.stub_.async()->Refer(&context_, &request_, this);
    if (client_.options_.read) StartRead(&event_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    const auto arrived = std::chrono::system_clock::now();
    if (event_.has_transfer_status() && event_.transfer_status().final()) {
      const auto sent = SentTime(event_.transfer_status().reason());
      if (sent) client_.tally_.Arrived(*sent, arrived);
    } else if (event_.has_result()) {
      client_.tally_.Result(
          v1::TransferOutcome_Name(event_.result().outcome()));
    }
    StartRead(&event_);
  }

  void OnDone(const grpc::Status& status) override {
    client_.tally_.Ended(status.ok() ? ""
                                     : std::to_string(status.error_code()));
    delete this;
  }

 private:
  LoadClient& client_;
  grpc::ClientContext context_;
  v1::ReferRequest request_;
  v1::ReferEvent event_;
};

// The stream of calls. Deletes itself.
class LoadClient::Watch : public grpc::ClientReadReactor<v1::CallEvent> {
 public:
  explicit Watch(LoadClient& client) : client_(client) {
    request_.set_tag(client.options_.tag);
    if (!client.options_.watch_all) {
      request_.add_types(v1::CALL_EVENT_TYPE_ANSWERED);
    }
    client_.stub_.async()->WatchCalls(&context_, &request_, this);
    StartRead(&event_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    client_.tally_.Watched();
    client_.OnCall(event_.call());
    StartRead(&event_);
  }

  void OnDone(const grpc::Status& status) override {
    // Calls came faster than they were read; a new watch begins with them all.
    if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
      client_.tally_.WatchedAgain();
      client_.Start();
    }
    delete this;
  }

 private:
  LoadClient& client_;
  grpc::ClientContext context_;
  v1::WatchCallsRequest request_;
  v1::CallEvent event_;
};

void LoadClient::Start() { new Watch(*this); }

void LoadClient::OnCall(const v1::Call& call) {
  {
    std::lock_guard lock(mutex_);
    if (call.state() != v1::CALL_STATE_ANSWERED ||
        !begun_.insert(call.call_id()).second) {
      return;
    }
  }
  tally_.Begun();
  new Transfer(*this, call.call_id());
}

struct UnreadWatches::Stream : grpc::ClientReadReactor<v1::CallEvent> {
  void OnDone(const grpc::Status& /*status*/) override {
    std::lock_guard lock(mutex);
    done = true;
    changed.notify_all();
  }
  grpc::ClientContext context;
  v1::WatchCallsRequest request;
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
};

UnreadWatches::UnreadWatches(v1::CallControl::Stub& stub, int count) {
  for (int i = 0; i < count; ++i) {
    Stream& stream = *streams_.emplace_back(std::make_unique<Stream>());
    stub.async()->WatchCalls(&stream.context, &stream.request, &stream);
    stream.StartCall();
  }
}

UnreadWatches::~UnreadWatches() {
  for (const auto& stream : streams_) {
    stream->context.TryCancel();
    std::unique_lock lock(stream->mutex);
    stream->changed.wait(lock, [&] { return stream->done; });
  }
}

bool IsServed(v1::CallControl::Stub& stub) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  context.set_wait_for_ready(true);
  v1::ListCallsRequest request;
  request.set_page_size(1);
  v1::ListCallsResponse response;
  return stub.ListCalls(&context, request, &response).ok();
}

std::string CountTransfers(v1::CallControl::Stub& stub) {
  std::map<std::string, std::uint64_t> counts;
  v1::ListTransfersRequest request;
  request.set_page_size(kPage);
  do {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    v1::ListTransfersResponse response;
    if (!stub.ListTransfers(&context, request, &response).ok()) return "";
    for (const v1::Transfer& transfer : response.transfers()) {
      ++counts[transfer.has_result()
                   ? v1::TransferOutcome_Name(transfer.result().outcome())
                   : v1::TransferState_Name(transfer.state())];
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  std::ostringstream out;
  out << "{";
  for (const char* comma = ""; const auto& [name, count] : counts) {
    out << comma << "\"" << name << "\":" << count;
    comma = ",";
  }
  out << "}";
  return out.str();
}

}  // namespace callcontrol::bench
