// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_RELIABLE_PROGRESS_H_
#define CALLCONTROL_SIP_SOFIA_RELIABLE_PROGRESS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sip/call/reliable_provisional.h"
#include "sip/sofia/call_host.h"
#include "sip/sofia/challenge_answer.h"
#include "sip/sofia/client_transaction.h"

namespace callcontrol::sip {

// The provisional answers to one INVITE of ours: acknowledges those that want
// it by PRACK, in the order of each dialog that the INVITE was forked into
// (RFC 3262, 4). An INVITE outside a dialog begins early ones, each with a leg
// of its own, whose CSeq its PRACKs raise.
//
// Ownership: shared with what it waits for; the INVITE owns it, and its call
// outlives it. Owns early legs and PRACKs.
// Threads: SIP thread only. Errors: none come out: who gets no PRACK sends his
// answer again, and then gives the INVITE up.
// Time: Sofia's Timers E and F.
class ReliableProgress : public std::enable_shared_from_this<ReliableProgress> {
 public:
  enum class Kind {
    kBegins,    // The INVITE begins a dialog, and has an offer.
    kAsks,      // It begins one, and has none: an answer may have the offer.
    kInDialog,  // A re-INVITE with an offer.
  };

  // What an answer tells.
  struct News {
    bool reliable = false;
    // The session description that counts; empty for none. One that was given
    // reliably is not changed by later answers in its dialog (RFC 3261,
    // 13.2.1).
    std::string sdp{};
  };

  ReliableProgress(CallHost& host, SofiaCall& call, Kind kind)
      : host_(host), call_(call), kind_(kind) {}
  ~ReliableProgress();
  ReliableProgress(const ReliableProgress&) = delete;
  ReliableProgress& operator=(const ReliableProgress&) = delete;

  // Takes a provisional answer to the INVITE. nullopt where it tells nothing: a
  // repetition, one that overtook another, or one with an offer where that of
  // another fork is being answered.
  std::optional<News> OnAnswer(const sip_t& sip);

  // Answers the offer that came (Kind::kAsks), in the PRACK that waits for it.
  void AnswerWith(const std::string& answer);

  // Of the dialog that a request or an answer of the far end belongs to: its
  // leg, where it is an early one, else null; and the session description that
  // it stands by, where offer and answer were exchanged reliably, else empty.
  nta_leg_t* LegOf(const sip_t& sip) const;
  std::string Description(const sip_t& sip) const;
  // An offer in that UPDATE was answered.
  void OnUpdated(const sip_t& update);
  // Its leg becomes the call's.
  nta_leg_t* TakeLeg(const sip_t& sip);

 private:
  struct Prack {
    RAck rack{};
    std::string answer{};
    ChallengeAnswer authorization{};
    std::unique_ptr<ClientTransaction> transaction{};
    // It did not get there: the far end's repetition has it sent again.
    bool lost = false;
  };
  struct Dialog {
    std::string tag{};
    nta_leg_t* leg = nullptr;  // Null where it is the call's.
    ProvisionalOrder order{};
    std::string description{};
    // What was acknowledged, in order.
    std::vector<std::shared_ptr<Prack>> pracks{};
  };

  std::shared_ptr<Dialog> Find(std::string_view tag) const;
  std::shared_ptr<Dialog> FindOrBegin(const sip_t& sip);
  nta_leg_t* LegFor(const Dialog& dialog) const;
  void Repeat(const std::shared_ptr<Dialog>& dialog, std::uint32_t rseq);
  void Send(const std::shared_ptr<Dialog>& dialog,
            const std::shared_ptr<Prack>& prack);
  void SendTo(const SipAddress& next_hop, const std::shared_ptr<Dialog>& dialog,
              const std::shared_ptr<Prack>& prack);
  void OnPrackAnswered(const std::shared_ptr<Dialog>& dialog,
                       const std::shared_ptr<Prack>& prack, const sip_t& sip,
                       ClientTransaction::Ending ending);

  CallHost& host_;
  SofiaCall& call_;
  const Kind kind_;
  std::vector<std::shared_ptr<Dialog>> dialogs_;
  // Whose offer, which is being answered, and its PRACK, which waits for that.
  std::shared_ptr<Dialog> offerer_;
  std::string offer_;
  std::shared_ptr<Prack> unanswered_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_RELIABLE_PROGRESS_H_
