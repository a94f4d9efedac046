// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_CALL_CALL_ROUTES_H_
#define CALLCONTROL_SIP_CALL_CALL_ROUTES_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_network.h"
#include "sip/call/bridge.h"
#include "sip/transfer/transfer_types.h"

// How incoming calls are treated. Pure.
namespace callcontrol::sip {

// What becomes of an incoming call.
struct CallTreatment {
  enum class Kind {
    kAnswer,  // By the server, with an inactive session.
    kApp,     // By a client: AnswerCall() or RejectCall().
    kBridge,  // Calls somebody, and joins the two.
    kReject,
  };
  Kind kind = Kind::kAnswer;
  // Of kAnswer: how long it rings before. Unset: the engine's.
  std::optional<Milliseconds> answer_after{};
  // Of kApp: how long a client has. After that, `status`.
  Milliseconds app_limit{60'000};
  // Of kReject and kApp: 300 to 699, and its phrase; empty: the usual one.
  int status = 480;
  std::string phrase{};
  // Of kBridge.
  BridgeTerms bridge{};
  // What calls of this route carry for the application.
  std::map<std::string, std::string> tags{};

  bool operator==(const CallTreatment&) const = default;
};

// Which calls, and how. A condition that is empty holds for every call; of one
// that is a list, any member may hold.
struct CallRoute {
  std::vector<IpNetwork> sources{};
  // Names of trunks that the call came by.
  std::vector<std::string> trunks{};
  // Patterns of "user@host", or of "host" where there is no user: "*" stands
  // for any text. Hosts are compared without regard to case, users with it
  // (RFC 3261, 19.1.4).
  std::vector<std::string> request_uris{};
  std::vector<std::string> tos{};
  CallTreatment treatment{};
};

// What a call is routed by.
struct IncomingCall {
  // Where the INVITE came from; unset where the transport did not tell.
  std::optional<IpAddress> source{};
  // Empty: by no configured one.
  std::string trunk{};
  // "user@host", without port and parameters.
  std::string request_uri{};
  std::string to{};
};

// Whether `text` fits `pattern`, in which "*" stands for any text.
bool FitsPattern(std::string_view pattern, std::string_view text);

// The first route that fits. Without routes every call is answered; with routes
// of which none fits it is rejected 404.
const CallTreatment& TreatmentOf(const IncomingCall& call,
                                 const std::vector<CallRoute>& routes);

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_CALL_CALL_ROUTES_H_
