// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_CLIENT_TRANSACTION_H_
#define CALLCONTROL_SIP_SOFIA_CLIENT_TRANSACTION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "sip/dns/sip_route.h"
#include "sip/sofia/sofia.h"
#include "sip/transfer/sip_header.h"

namespace callcontrol::sip {

// A request of ours. What is text goes out as it is and must have been checked.
struct OutgoingRequest {
  sip_method_t method = sip_method_unknown;
  const char* method_name = nullptr;
  // Null: none.
  const sip_contact_t* contact = nullptr;
  std::vector<SipHeader> headers{};
  // Empty: none.
  std::string body{};
  // Empty: where the dialog leads.
  std::string request_uri{};
  std::string content_type = "application/sdp";
  // The value of Allow, which senders of INVITE (RFC 3261, 13.2.1) and UPDATE
  // set; empty: none.
  std::string allow{};
  // The same of Supported; null: none.
  const char* supported = nullptr;
  // The value of Route, where no dialog has one; empty: none.
  std::string route{};
  // Unset: 70 (RFC 3261, 8.1.1.6).
  std::optional<int> max_forwards{};
};

// One request of ours in a dialog, or that begins one, until its final answer.
//
// Ownership: owns Sofia's client transaction; destroying it stops the
// callbacks, and the retransmissions of an INVITE only.
// Threads: SIP thread only. Time: Sofia's Timers A, B, E and F.
class ClientTransaction {
 public:
  enum class Ending {
    kAnswered,  // By a message from the wire.
    kTimedOut,  // Timer B or F.
    kFailed,    // Transport error.
  };

  // `sip`: the answer, provisional ones but 100 included. Null never. Nothing
  // is told after the first final one.
  // `ending` is meaningless for provisional answers. MAY destroy the
  // transaction after a final answer.
  using OnAnswer = absl::AnyInvocable<void(const sip_t& sip, Ending ending)>;

  // Sends `request` on `leg` to `next_hop`, which is numeric: Sofia is never
  // given a name to look up. Null where Sofia cannot build the request, or
  // could not send it at all.
  static std::unique_ptr<ClientTransaction> Send(nta_leg_t* leg,
                                                 const SipAddress& next_hop,
                                                 const std::string& user_agent,
                                                 const OutgoingRequest& request,
                                                 OnAnswer on_answer);

  // Acknowledges the 2xx to this INVITE (RFC 3261, 13.2.2.4), to `next_hop`,
  // and again for each repetition of it. `answer`: to the offer in the 2xx;
  // empty where that was none. Returns whether that was possible.
  bool Acknowledge(nta_leg_t* leg, const SipAddress& next_hop,
                   const std::string& answer = {});

  // Asks for the end of this INVITE (RFC 3261, 9.1), once its first provisional
  // answer is there. Its final answer comes all the same.
  void Cancel();

  // Nobody is told any more. An INVITE is cancelled, and its final answer,
  // other than a 2xx, is still acknowledged (RFC 3261, 17.1.1.3) while this is
  // kept.
  void Abandon();

  ~ClientTransaction();
  ClientTransaction(const ClientTransaction&) = delete;
  ClientTransaction& operator=(const ClientTransaction&) = delete;

  // The request-URI it was sent with.
  std::string request_uri() const;
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
  // A final answer has come.
  bool ended_ = false;
  std::uint32_t cseq_ = 0;
  OnAnswer on_answer_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_CLIENT_TRANSACTION_H_
