// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_CLIENTS_CLI_ITEM_LIST_H_
#define CALLCONTROL_CLIENTS_CLI_ITEM_LIST_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <string_view>

#include "clients/cli/session.h"
#include "clients/cli/table.h"

namespace callcontrol::cli {

// Prints all pages of a list: as `table`, or with --json a line for each item.
// `ask` makes one RPC, `items_of` takes the items from its response, `add` puts
// one into the table; `none` is told where there is none. Returns an exit code.
template <typename Response, typename Request, typename Ask, typename ItemsOf,
          typename Add>
int PrintItems(const Session& session, Request request, Ask ask,
               ItemsOf items_of, Add add, Table table, std::string_view none) {
  constexpr int kPageSize = 1000;
  request.set_page_size(kPageSize);
  do {
    grpc::ClientContext context;
    session.Limit(context);
    Response response;
    const grpc::Status status = ask(&context, request, &response);
    if (!status.ok()) return session.Fail(status);
    for (const auto& item : items_of(response)) {
      if (session.arguments.json) session.PrintJson(item);
      add(item, session.environment.now(), table);
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  if (session.arguments.json) return kExitOk;
  const TerminalInfo& terminal = session.environment.terminal;
  session.out << table.Render(terminal.width, terminal.utf8 ? "…" : "~")
              << std::flush;
  if (table.empty()) session.err << none << std::endl;
  return kExitOk;
}

}  // namespace callcontrol::cli

#endif  // CALLCONTROL_CLIENTS_CLI_ITEM_LIST_H_
