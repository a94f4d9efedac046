// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_RPC_ERROR_H_
#define CALLCONTROL_CLIENTS_CLI_RPC_ERROR_H_

#include <grpcpp/support/status.h>

#include <string>
#include <string_view>

namespace callcontrol::cli {

// What callcontrold attaches to an RPC that it fails on purpose.
struct ErrorFacts {
  // The stable reason, such as "CALL_NOT_FOUND". Empty: the status does not
  // come from callcontrold but from the connection.
  std::string reason;
  // The transfer that is in the way; empty for none.
  std::string transfer_id;
  // The field that is wrong; empty for none.
  std::string field;
};

ErrorFacts FactsOf(const grpc::Status& status);

// Whether asking again may help: the connection broke, or what answered was not
// callcontrold.
bool IsConnectionTrouble(const grpc::Status& status);

// One printable line that a person can act on, without "callctl: ".
std::string ErrorLine(const grpc::Status& status, std::string_view server);

// The line for a server that does not answer at all.
std::string UnreachableLine(std::string_view server);

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_RPC_ERROR_H_
