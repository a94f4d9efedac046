// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_CALL_RELIABLE_PROVISIONAL_H_
#define CALLCONTROL_SIP_CALL_RELIABLE_PROVISIONAL_H_

#include <cstdint>
#include <optional>
#include <string>

#include "sip/call/call_engine.h"
#include "sip/transfer/transfer_types.h"

// Provisional responses that must arrive (RFC 3262): numbered by RSeq, repeated
// until a PRACK acknowledges them. Pure.
namespace callcontrol::sip {

// What an INVITE says of them, by "100rel" in Supported and Require.
enum class ReliableSupport { kNone, kOptional, kRequired };

// Which response a PRACK acknowledges (RFC 3262, 7.2).
struct RAck {
  std::uint32_t rseq = 0;
  std::uint32_t cseq = 0;  // Of the INVITE.
  std::string method{};

  bool operator==(const RAck&) const = default;
};

// The order of those that one dialog sends for one INVITE of ours.
//
// Ownership: a plain value. Threads: thread-compatible. Errors: none. Time:
// none.
class ProvisionalOrder {
 public:
  enum class Arrival {
    kNext,      // To be acknowledged.
    kRepeated,  // To be discarded.
    kTooEarly,  // One before it is missing: to be discarded, it comes again.
  };
  // `rseq`: not 0.
  Arrival OnResponse(std::uint32_t rseq);

 private:
  std::uint32_t last_ = 0;  // 0: none yet.
};

// Those that this side sends for one INVITE of theirs, one at a time: the next
// leaves when the last one is acknowledged.
//
// A session description that was sent so is not sent again. Where the INVITE
// has no offer, the first of them has one (RFC 3262, 5), so that nothing can be
// sent reliably before it.
//
// Ownership: a plain value. Threads: thread-compatible. Errors: none: what
// cannot be sent is not sent.
// Time: keeps no clock; call OnTime() at next().
class ReliableResponses {
 public:
  struct Terms {
    ReliableSupport support = ReliableSupport::kNone;
    // The INVITE has an offer.
    bool offered = false;
    std::uint32_t invite_cseq = 0;
    // RSeq of the first: drawn, 1 to 2^31-1 (RFC 3262, 3).
    std::uint32_t first_rseq = 1;
    Milliseconds t1{500};
  };

  // One response as it leaves; `rseq` unset: unreliably.
  struct Sending {
    ProgressRequest response{};
    std::optional<std::uint32_t> rseq{};
  };

  enum class Due { kNothing, kRepeat, kGiveUp };

  // For an INVITE that supports none.
  ReliableResponses() = default;
  explicit ReliableResponses(const Terms& terms)
      : terms_(terms), next_rseq_(terms.first_rseq) {}

  bool supported() const { return terms_.support != ReliableSupport::kNone; }

  // A provisional response is wanted, reliably where `reliably` and where the
  // caller requires it. Returns what leaves now. nullopt: it waits for the
  // PRACK of the one before, in place of one that waits already, whose session
  // description it takes over; or it cannot be sent at all.
  std::optional<Sending> OnProgress(ProgressRequest response, bool reliably,
                                    MonotonicTime now);

  // Whether a PRACK acknowledges what is unacknowledged. If not: 481. After a
  // final response too (RFC 3262, 3).
  bool OnPrack(const RAck& rack);
  // What waited for that.
  std::optional<Sending> TakeWaiting(MonotonicTime now);

  // The INVITE was answered: nothing is sent or repeated any more.
  void OnFinal();

  // What is to be sent again at kRepeat.
  const std::optional<Sending>& unacknowledged() const {
    return unacknowledged_;
  }

  // After T1, 2*T1 and so on, until 64*T1 are over: then the INVITE is to be
  // refused (RFC 3262, 3).
  std::optional<MonotonicTime> next() const;
  Due OnTime(MonotonicTime now);

 private:
  Sending SendReliably(ProgressRequest response, MonotonicTime now);

  Terms terms_;
  std::uint32_t next_rseq_ = 1;
  std::optional<Sending> unacknowledged_;
  std::optional<ProgressRequest> waiting_;
  // A session description has left reliably.
  bool described_ = false;
  Milliseconds interval_{0};
  std::optional<MonotonicTime> repeat_;
  std::optional<MonotonicTime> give_up_;
};

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_CALL_RELIABLE_PROVISIONAL_H_
