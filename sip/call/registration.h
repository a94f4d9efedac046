// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_CALL_REGISTRATION_H_
#define CALLCONTROL_SIP_CALL_REGISTRATION_H_

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "sip/transfer/sip_status.h"
#include "sip/transfer/transfer_types.h"

// How this server makes itself known at a registrar (RFC 3261, 10.2). Pure.
namespace callcontrol::sip {

// A registration as it is configured.
struct RegistrationTerms {
  // The address-of-record: a SIP or SIPS URI.
  std::string aor{};
  // The request-URI of REGISTER.
  std::string registrar{};
  // The user of our Contact, as it stands in a URI.
  std::string contact_user{};
  // How long a binding is asked for.
  std::chrono::seconds expires{3'600};
  // After the first failure, and at most (RFC 5626, 4.5).
  Milliseconds first_retry{30'000};
  Milliseconds longest_retry{1'800'000};

  bool operator==(const RegistrationTerms&) const = default;
};

// What a final answer to REGISTER says. One that never came is 408, one that
// could not be asked for 503.
struct RegisterAnswer {
  SipStatus status{};
  // The "expires" of our Contact, and the header.
  std::optional<std::chrono::seconds> contact_expires{};
  std::optional<std::chrono::seconds> expires{};
  // Of a 423.
  std::optional<std::chrono::seconds> min_expires{};
  std::optional<std::chrono::seconds> retry_after{};
  // The URIs of Service-Route (RFC 3608).
  std::vector<std::string> service_route{};
  // It came by the wire, and is not this side's word.
  bool from_registrar = true;
};

// What became of a registration. Told once, not with each refresh.
struct RegistrationChange {
  enum class Kind {
    kRegistered,    // The registrar has a binding, for `granted`.
    kFailed,        // It refused or is not there; it is asked again.
    kLost,          // The binding has run out.
    kUnregistered,  // We took it back, or gave it up.
  };
  Kind kind = Kind::kRegistered;
  std::chrono::seconds granted{0};
  // What the registrar said; of kRegistered what is odd about it, for people.
  SipStatus status{};

  bool operator==(const RegistrationChange&) const = default;
};

// Where a registration stands.
struct RegistrationState {
  // What is asked for: what is configured, or more where a 423 said so.
  std::chrono::seconds asked{0};
  std::optional<std::chrono::seconds> told_least{};
  // A REGISTER is out, and whether it takes the binding back.
  bool open = false;
  bool unregistering = false;
  // When the open one is given up, and at the latest where this ends.
  std::optional<MonotonicTime> answer_by{};
  std::optional<MonotonicTime> cut_off{};
  // When the binding runs out; unset where there is none.
  std::optional<MonotonicTime> bound_until{};
  // When the next REGISTER leaves.
  std::optional<MonotonicTime> next{};
  int failures = 0;
  // The 423 of this REGISTER was met; another one is a refusal.
  bool raised = false;
  // The terms changed while a REGISTER was out.
  bool again = false;
  bool ending = false;
  bool over = false;
  std::vector<std::string> service_route{};
  // The newest Service-Route could not be followed, which was told.
  bool route_refused = false;

  bool operator==(const RegistrationState&) const = default;
};

// Decides when to send REGISTER, and what its answers mean. One is open at a
// time (RFC 3261, 10.2). Challenges are not its business: a REGISTER that is
// sent again with an answer to one is still the same.
//
//            Begin()           2xx
//   nothing ---------> asking -----> bound --- at nine tenths ---> asking
//              ^         |             |
//              |         | refused     +-- End() --> asking for 0 s --> over
//              +---------+ back-off
//
// Ownership: a plain value. Threads: thread-compatible. Errors: none; answers
// that make no sense are refusals.
// Time: keeps no clock; call OnTime() at NextDeadline(), and ExpectAnswerBy()
// for each REGISTER that is to be sent. End() leaves an open one 1 s, and the
// one that takes the binding back 2 s.
class Registration {
 public:
  // What is to be done now.
  struct Step {
    // Send a REGISTER for expires().
    bool send = false;
    std::optional<RegistrationChange> change{};
    // The answer was a binding.
    bool granted = false;
    // No answer came in time: give the open REGISTER up and call OnAnswer()
    // with a 408, or ask elsewhere and call ExpectAnswerBy().
    bool timed_out = false;
    // Nothing more will come of it.
    bool over = false;
  };

  // `speaks_tls`: a Service-Route over TLS can be followed.
  explicit Registration(RegistrationTerms terms, bool speaks_tls = false);

  Step Begin(MonotonicTime now);
  Step OnTime(MonotonicTime now);
  // When the open REGISTER is given up: after the look-up, and the time that
  // its transaction may take.
  void ExpectAnswerBy(MonotonicTime by);
  // The final answer to the open REGISTER, after challenges. `draw`: from [0,
  // 1), spreads those who try again.
  Step OnAnswer(const RegisterAnswer& answer, MonotonicTime now, double draw);
  // The configuration changed: asks anew, at once.
  Step Renew(RegistrationTerms terms, MonotonicTime now);
  // Takes the binding back, if there is one.
  Step End(MonotonicTime now);

  std::optional<MonotonicTime> NextDeadline() const;
  // What a REGISTER that leaves now asks for.
  std::chrono::seconds expires() const;
  bool bound() const { return state_.bound_until.has_value(); }
  const RegistrationState& state() const { return state_; }
  const RegistrationTerms& terms() const { return terms_; }

 private:
  void Ask(MonotonicTime now);
  std::optional<RegistrationChange> OnGranted(const RegisterAnswer& answer,
                                              std::chrono::seconds granted,
                                              MonotonicTime now);
  std::optional<RegistrationChange> OnRefused(const RegisterAnswer& answer,
                                              MonotonicTime now, double draw);
  std::optional<RegistrationChange> OnNotGranted(const RegisterAnswer& answer,
                                                 MonotonicTime now,
                                                 double draw);
  bool TakeLeast(const RegisterAnswer& answer);
  void Unbind();

  RegistrationTerms terms_;
  const bool speaks_tls_;
  RegistrationState state_;
};

// Whether two registrations are of one binding: what changed between them can
// be told by another REGISTER.
bool SameBinding(const RegistrationTerms& a, const RegistrationTerms& b);

// The value of Route for requests that a registration's Service-Route is
// preloaded into (RFC 3608, 6.1); empty for none.
std::string RouteHeader(const std::vector<std::string>& service_route);

// Whether this side can follow a Service-Route: at most 10 SIP or SIPS URIs,
// each of a loose router (RFC 3608, 5), the first of which is reached by a
// transport that this side speaks: UDP, TCP and, with `speaks_tls`, TLS.
bool IsUsableRoute(const std::vector<std::string>& service_route,
                   bool speaks_tls);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_CALL_REGISTRATION_H_
