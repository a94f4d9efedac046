// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_CLIENT_TRANSACTION_H_
#define CALLCONTROL_SIP_SOFIA_CLIENT_TRANSACTION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "sip/dns/sip_route.h"
#include "sip/sofia/sofia.h"
#include "sip/transfer/sip_header.h"

namespace callcontrol::sip {

// One request of ours inside a dialog, until its final answer.
//
// Ownership: owns Sofia's client transaction; destroying it stops the
// callbacks, not the retransmissions.
// Threads: SIP thread only. Time: Sofia's Timers E and F.
class ClientTransaction {
 public:
  enum class Ending {
    kAnswered,  // By a message from the wire.
    kTimedOut,  // Timer F.
    kFailed,    // Transport error.
  };

  // `sip`: the answer, provisional ones but 100 included. Null never.
  // `ending` is meaningless for provisional answers. MAY destroy the
  // transaction after a final answer.
  using OnAnswer = absl::AnyInvocable<void(const sip_t& sip, Ending ending)>;

  // Sends `method` on `leg` to `next_hop`, which is numeric: Sofia is never
  // given a name to look up. `headers` go out as they are and must have been
  // checked; so must `contact`, which may be null. Null where Sofia cannot
  // build the request.
  static std::unique_ptr<ClientTransaction> Send(
      nta_leg_t* leg, const SipAddress& next_hop, sip_method_t method,
      const char* method_name, const sip_contact_t* contact,
      const std::string& user_agent, const std::vector<SipHeader>& headers,
      OnAnswer on_answer);

  ~ClientTransaction();
  ClientTransaction(const ClientTransaction&) = delete;
  ClientTransaction& operator=(const ClientTransaction&) = delete;

  // The CSeq number it was sent with.
  std::uint32_t cseq() const { return cseq_; }

 private:
  explicit ClientTransaction(OnAnswer on_answer)
      : on_answer_(std::move(on_answer)) {}

  static int HandleAnswer(ClientTransaction* self, nta_outgoing_t* request,
                          const sip_t* sip);

  // Null while Send() is making it.
  nta_outgoing_t* request_ = nullptr;
  bool failed_ = false;
  std::uint32_t cseq_ = 0;
  OnAnswer on_answer_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_CLIENT_TRANSACTION_H_
