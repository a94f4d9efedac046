// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_MANY_CALLERS_H_
#define CALLCONTROL_TESTS_SUPPORT_MANY_CALLERS_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/sip_message.h"
#include "tests/support/udp_thread.h"

namespace callcontrol::testing {

// A far end of many calls at once over UDP, for networks on which a message may
// get lost, come twice or late. Each call
//
//   ---> INVITE, ACK
//   <--- REFER
//   ---> 202, NOTIFY 100, NOTIFY 180, NOTIFY with the end of the call
//   <--- BYE
//   ---> 200
//
// A NOTIFY waits for the answer to the one before. Requests are repeated as RFC
// 3261, 17.1 says, repeated ones are answered as before, and a repeated 2xx to
// INVITE gets its ACK again.
//
// Ownership: owns its socket and its thread.
// Threads: one thread, beside its own.
// Errors: a request that is refused, or not answered in 64*T1, counts as a
// failure.
class ManyCallers {
 public:
  struct Options {
    // Where it sends to, and what it gives for its own address.
    uint16_t network_port = 0;
    int calls = 0;
    // The final status of the n-th call's transfer is ends[n % size]; it is
    // also the user in From, "sip:486@far.example".
    std::vector<int> ends;
    std::chrono::milliseconds t1{500};
    std::chrono::milliseconds ringing{1000};
    // Between one call and the next.
    std::chrono::milliseconds pace{2};
  };

  explicit ManyCallers(Options options);

  // Waits until every call has got its BYE. False where that takes longer.
  bool AwaitByes(std::chrono::milliseconds patience);
  int failures() const { return failures_; }
  int repeated_requests() const { return repeated_requests_; }
  int repeated_answers() const { return repeated_answers_; }

 private:
  struct Call {
    int end = 0;
    // The values of From and To of the far end's own requests.
    std::string local;
    std::string remote;
    std::string target;
    int64_t cseq = 0;
    std::string ack;
    // The request that waits for its answer; empty branch: none.
    std::string branch;
    // Those that are still to come, in their order.
    std::vector<SipMessage> notifies;
    // To requests of the server, by branch and method.
    std::map<std::string, std::string> answers;
    bool ended = false;
  };

  void Begin(int number);
  void OnRequest(Call& call, const SipMessage& request);
  void OnAnswer(Call& call, const SipMessage& answer);
  SipMessage NewRequest(const std::string& call_id, Call& call,
                        std::string_view method);
  SipMessage NewNotify(const std::string& call_id, Call& call, int status,
                       std::string_view state);
  void SendNextNotify(const std::string& call_id, Call& call);
  void SendRequest(const std::string& call_id, Call& call,
                   const SipMessage& request);
  void Repeat(const std::string& call_id, const std::string& branch,
              const std::string& text, std::chrono::milliseconds interval,
              std::chrono::milliseconds left);
  void Send(const std::string& text) { udp_.Send(text, network_); }
  std::string Contact() const;

  const Options options_;
  const sockaddr_in network_;
  int64_t branches_ = 0;
  int ended_ = 0;
  std::map<std::string, Call> calls_;
  std::promise<void> all_ended_;
  std::atomic<int> failures_ = 0;
  std::atomic<int> repeated_requests_ = 0;
  std::atomic<int> repeated_answers_ = 0;
  // Last, because its thread uses the others.
  UdpThread udp_;
};

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_MANY_CALLERS_H_
