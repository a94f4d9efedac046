// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_TRUNK_REGISTRATION_H_
#define CALLCONTROL_SIP_SOFIA_TRUNK_REGISTRATION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "base/ip_network.h"
#include "sip/call/registration.h"
#include "sip/call/trunk.h"
#include "sip/sofia/call_host.h"
#include "sip/sofia/challenge_answer.h"
#include "sip/sofia/client_transaction.h"

namespace callcontrol::sip {

// Runs one Registration on the wire: one Call-ID for its life, a CSeq that
// grows with each REGISTER, and each goes from address to address of the
// registrar until one answers (RFC 3261, 10.2; RFC 3263, 4.3).
//
// Sofia has no leg for it but for a turn of the loop, as with UriReferral:
// nobody may send requests in it.
//
// Ownership: shared with what it waits for; whoever holds it keeps the host
// alive. Threads: SIP thread only. Errors: none come out; the host's observer
// is told. Time: its Registration's, which is monotonic; Sofia's Timer F, which
// is not, ends a REGISTER before it where the clock is not set meanwhile.
class TrunkRegistration
    : public std::enable_shared_from_this<TrunkRegistration> {
 public:
  using Over = absl::AnyInvocable<void(const TrunkRegistration& registration)>;

  // `trunk` has terms. `over` is called once nothing more will come; MAY let go
  // of this.
  TrunkRegistration(CallHost& host, std::shared_ptr<const Trunk> trunk,
                    Over over);
  ~TrunkRegistration();
  TrunkRegistration(const TrunkRegistration&) = delete;
  TrunkRegistration& operator=(const TrunkRegistration&) = delete;

  void Begin();
  // The configuration says something else about the same binding.
  void Renew(std::shared_ptr<const Trunk> trunk);
  // Takes the binding back, and then is over.
  void End();

  // Whether this is the registration that `trunk` wants.
  bool Is(const Trunk& trunk) const;
  const Trunk& trunk() const { return *trunk_; }
  bool ending() const { return machine_.state().ending; }
  const std::vector<std::string>& service_route() const {
    return machine_.state().service_route;
  }
  // Where the binding is; unset where there is none.
  std::optional<IpAddress> registered_at() const;

 private:
  void Perform(const Registration::Step& step);
  void ArmTimer();
  void Send();
  void SendNext();
  void ExpectAnswer(Milliseconds limit);
  // No answer came in time.
  void GiveUp();
  // RFC 3263, 4.3. False where there is no further address.
  bool MoveOn();
  void Fail(int status, std::string_view reason);
  void OnAnswer(const sip_t& sip, ClientTransaction::Ending ending,
                const SipAddress& next_hop);
  // What the REGISTER leaves on; null where Sofia is out of memory.
  nta_leg_t* MakeLeg();
  // Our Contact, an addr-spec, for what goes that way.
  std::string ContactUri(SipTransport transport) const;

  CallHost& host_;
  std::shared_ptr<const Trunk> trunk_;
  Over over_;
  Registration machine_;
  const std::string sip_call_id_;
  const std::string tag_;
  std::uint32_t cseq_;
  SipTarget target_;
  std::vector<SipAddress> addresses_;
  std::size_t next_ = 0;
  // Counts REGISTERs that the machine asked for: what comes late of one that
  // was given up is not of the next.
  std::uint32_t asked_ = 0;
  std::unique_ptr<ClientTransaction> register_;
  ChallengeAnswer authorization_;
  // Of the REGISTER that left last.
  std::string contact_;
  // Which granted the binding.
  std::optional<IpAddress> answered_from_;
  std::optional<TimerQueue::Id> timer_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_TRUNK_REGISTRATION_H_
