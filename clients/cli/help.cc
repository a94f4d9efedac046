// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/help.h"

#include <string_view>

namespace callcontrol::cli {
namespace {

constexpr std::string_view kOverview =
    R"(callctl: looks at calls and transfers them.

Usage: callctl COMMAND [flags]

  calls               the live calls
  watch [CALL]        follows calls, one line per change
  refer CALL TARGET   transfers a call and follows it to its end
  call TARGET         places a call and follows it until it is answered
  answer CALL         answers a call that waits for an application
  reject CALL         rejects it
  hold CALL           puts the far end of a call on hold
  resume CALL         takes it off hold
  hangup CALL         ends a call
  accept REFER        carries out what the far end of a call asks for by REFER
  decline REFER       declines it
  transfers           running transfers and those still kept
  show TRANSFER       what went over the wire in a transfer, as a ladder
  cancel TRANSFER     gives a transfer up, as far as that can be done
  hooks               webhooks that have not arrived
  hooks retry ID      sends one of them again
  hooks listen PORT   prints the webhooks that arrive there, for trying out

callctl COMMAND --help tells more.
)";

constexpr std::string_view kCommonFlags = R"(
Flags of every command:
  --server=HOST:PORT  the server; also unix:PATH. Default: $CALLCTL_SERVER, else
                      127.0.0.1:50051
  --timeout=DURATION  give up after that long (default 10s; for watch and refer:
                      never)
  --json              one line of JSON per item instead of text
)";

constexpr std::string_view kCalls =
    R"(callctl calls: the live calls, as a table.

  --all               those that ended lately, too

Examples:
  callctl calls
  callctl calls --all --json | jq -r .callId
)";

constexpr std::string_view kWatch =
    R"(callctl watch [CALL]: follows calls, one line per change.

CALL is a call id or a SIP Call-ID; the watching then ends with that call.
Without it all calls are followed until Ctrl-C.

Examples:
  callctl watch
  callctl watch c-a1-7f3k2m
)";

constexpr std::string_view kRefer =
    R"(callctl refer CALL TARGET: transfers a call by SIP REFER and follows it.

CALL is a call id ("c-<node>-...", see callctl calls) or a SIP Call-ID. TARGET
is a SIP, SIPS or TEL URI, user@host, a phone number or a plain user. callctl
transfer is the same command.

  --attended          TARGET is a call of this server, which the far end's new
                      call replaces: an attended transfer
  --referred_by=URI   on whose behalf (Referred-By)
  --asserted_identity=URI
                      who this side is, for a trusted trunk; repeatable
  --privacy=VALUES    what is withheld: id, header, session, user, critical,
                      joined by commas, or none
  --header='N: V'     one more header of the REFER; repeatable
  --target_header='N: V'
                      a header for the call to the target; repeatable
  --validate_only     checks the request and prints what would be sent
  --hold_first        puts the far end on hold before the REFER
  --strict            no leniency with off-standard NOTIFYs
  --refer_limit=DURATION   REFER to its answer (1s to 32s)
  --notify_limit=DURATION  REFER to the first NOTIFY (1s to 64s)
  --final_limit=DURATION   REFER to the final status (1s to 1h)
  --reattach=DURATION how long to try again where the connection to the server
                      breaks (default 30s)

Exit codes: 0 transferred, 1 failed, 3 nobody knows, 2 wrong usage. Ctrl-C stops
the watching only: SIP has no message that withdraws a REFER.

Examples:
  callctl refer c-a1-7f3k2m +15083084809
  callctl refer c-a1-7f3k2m sip:1000@example.com --final_limit=60s
  callctl refer 3848276298220188511@atlanta.example.com 1000 --validate_only
  callctl refer c-a1-7f3k2m 1000 --header='X-Queue: sales' --json
  callctl transfer --attended c-a1-7f3k2m c-a1-9p4d8q
)";

constexpr std::string_view kCall =
    R"(callctl call TARGET: places a call and follows it until it is answered.

TARGET is a SIP URI, user@host, or a number or user at the refer_domain of the
server.
The session is inactive: the server has no media.

  --from=URI          who calls
  --trunk=NAME        the configured trunk to call by
  --asserted_identity=URI
                      who calls, for a trusted trunk; repeatable
  --privacy=VALUES    what is withheld: id, header, session, user, critical,
                      joined by commas, or none
  --ring_limit=DURATION
                      how long it may ring (1s to 1h; default 3m)

Exit codes: 0 answered, 1 not, 2 wrong usage. Ctrl-C stops the watching only;
callctl hangup ends the call.

Examples:
  callctl call sip:bob@example.com --from=sip:desk@example.com
  callctl call +15083084809 --trunk=carrier --privacy=user,id
)";

constexpr std::string_view kAnswer =
    R"(callctl answer CALL: answers an incoming call with an inactive session.

CALL is a call id or a SIP Call-ID of a call that a route of the configuration
left to applications (`app`), or that rings.

Example:
  callctl answer c-a1-7f3k2m
)";

constexpr std::string_view kReject =
    R"(callctl reject CALL [STATUS]: rejects an incoming call.

CALL is a call id or a SIP Call-ID; STATUS a SIP status from 300 to 699, 603
(Decline) where it is left out.

  --reason=TEXT       what stands behind the status

Examples:
  callctl reject c-a1-7f3k2m
  callctl reject c-a1-7f3k2m 486 --reason='Closed Today'
)";

constexpr std::string_view kHold =
    R"(callctl hold CALL: puts the far end of a call on hold, by a re-INVITE.

CALL is a call id or a SIP Call-ID of an answered call. Returns once the far end
has agreed.

Example:
  callctl hold c-a1-7f3k2m
)";

constexpr std::string_view kResume =
    R"(callctl resume CALL: takes the far end of a call off hold.

CALL is a call id or a SIP Call-ID.

Example:
  callctl resume c-a1-7f3k2m
)";

constexpr std::string_view kAccept =
    R"(callctl accept REFER [TARGET]: carries out a REFER of a call's far end.

REFER is the id that callctl watch shows with REFER_REQUESTED. The server calls
TARGET, or else whom the far end asked for, and joins it to the other leg of the
call.

Examples:
  callctl accept r-a1-5c1f00
  callctl accept r-a1-5c1f00 +15083084809
)";

constexpr std::string_view kDecline =
    R"(callctl decline REFER [STATUS]: declines a REFER of a call's far end.

REFER is the id that callctl watch shows with REFER_REQUESTED; STATUS is what the
far end is told, 400 to 699, by default 603.

Example:
  callctl decline r-a1-5c1f00
)";

constexpr std::string_view kHangUp = R"(callctl hangup CALL: ends a call.

CALL is a call id or a SIP Call-ID.

Example:
  callctl hangup c-a1-7f3k2m
)";

constexpr std::string_view kTransfers =
    R"(callctl transfers: running transfers and those still kept, newest first.

  --filter=CONDITIONS  joined by AND, of call_id, sip_call_id, state, outcome,
                       verdict

Examples:
  callctl transfers
  callctl transfers --filter='state = RUNNING'
  callctl transfers --filter='verdict = FAILURE AND call_id = c-a1-7f3k2m'
)";

constexpr std::string_view kShow =
    R"(callctl show TRANSFER: what went over the wire in a transfer, as a ladder.

Solid arrows are messages that the server sent or received; dotted ones are what
the far end reported of the target.

  --ascii             no box characters

Examples:
  callctl show t-a1-9x2c4v
  callctl show t-a1-9x2c4v --json | jq '.events[].transferStatus'
)";

constexpr std::string_view kCancel =
    R"(callctl cancel TRANSFER: gives a transfer up, as far as that can be done.

Prints WITHDRAWN where no REFER was out; UNSUBSCRIBED where one was, which the
far end may still act upon; TOO_LATE where the outcome was known.

Example:
  callctl cancel t-a1-9x2c4v
)";

constexpr std::string_view kHooks =
    R"(callctl hooks: webhooks that have not arrived yet, and those that were given up
(DEAD), newest first.

  --filter=CONDITIONS  joined by AND, of transfer_id, call_id, state, kind

callctl hooks retry ID sends one of them again, callctl hooks listen PORT prints
what arrives there; each has a --help of its own.

Examples:
  callctl hooks
  callctl hooks --filter='state = DEAD'
  callctl hooks --json --filter='state = DEAD' | jq -r .deliveryId |
    xargs -n1 callctl hooks retry
)";

constexpr std::string_view kHooksRetry =
    R"(callctl hooks retry ID: sends a webhook again, now.

A dead one gets all its attempts anew; one that waits for its next attempt stops
waiting. The receiver sees the same delivery id.

Example:
  callctl hooks retry h-a1-9x2c4v-6
)";

constexpr std::string_view kHooksListen =
    R"(callctl hooks listen PORT: prints the webhooks that arrive at 127.0.0.1:PORT.

For trying things out: every POST is answered 204. With the server's signing key
in $CALLCTL_HOOK_KEY the signatures are checked. The server has to be allowed to
call loopback addresses: hooks.allowed_networks or hooks.base_url of its
configuration. Ends with Ctrl-C.

Example:
  callctl hooks listen 8080
)";

std::string_view About(Command command) {
  switch (command) {
    case Command::kCalls:
      return kCalls;
    case Command::kWatch:
      return kWatch;
    case Command::kRefer:
      return kRefer;
    case Command::kCall:
      return kCall;
    case Command::kAnswer:
      return kAnswer;
    case Command::kReject:
      return kReject;
    case Command::kHold:
      return kHold;
    case Command::kResume:
      return kResume;
    case Command::kHangUp:
      return kHangUp;
    case Command::kAccept:
      return kAccept;
    case Command::kDecline:
      return kDecline;
    case Command::kTransfers:
      return kTransfers;
    case Command::kShow:
      return kShow;
    case Command::kCancel:
      return kCancel;
    case Command::kHooks:
      return kHooks;
    case Command::kHooksRetry:
      return kHooksRetry;
    case Command::kHooksListen:
      return kHooksListen;
    case Command::kNone:
      break;
  }
  return kOverview;
}

}  // namespace

std::string HelpText(Command command) {
  std::string text(About(command));
  text += kCommonFlags;
  return text;
}

}  // namespace callcontrol::cli
