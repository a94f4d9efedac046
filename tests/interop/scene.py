# SPDX-License-Identifier: Apache-2.0
"""What the tests with phones of others share.

Where CALLCONTROL_INTEROP_LADDERS names a directory, each test leaves its ladder
there: that is what docs/interop.md is made of.
"""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import sys
import unittest

import capture
import ladder
import stage

SERVER = capture.End("127.0.0.2", 5060)
# Of 64*T1 the tests wait for nothing; a grace is as short as it may be in use.
CONFIG = """
  transfers { subscription_grace { seconds: 1 } lost_grace { seconds: 1 } }
"""


class Server(stage.Server):
    """callcontrold at SERVER."""

    def __init__(self, config=CONFIG):
        super().__init__(config, sip_listen=f"{SERVER.address}:{SERVER.port}")

    def callctl(self, *words):
        return stage.run([stage.CALLCTL, *words, f"--server={self.grpc}"])

    def items(self, *words):
        """The lines of JSON that a command of callctl prints."""
        return [
            json.loads(x) for x in self.callctl(*words, "--json").stdout.splitlines()
        ]


class Scene(unittest.TestCase):
    """One test: a server, what goes over the wire, and whoever takes part."""

    config = CONFIG

    def setUp(self):
        self.wire = self.enterContext(capture.Capture())
        self.cast, self.warnings = [], []
        self.addCleanup(self._tell)
        self.server = self.enterContext(Server(self.config))

    def join(self, program):
        """A phone or a proxy takes part, to the end of the test."""
        self.enterContext(program)
        self.cast.append(program)
        return program

    def _tell(self):
        parties = [("callcontrold", SERVER), *((x.name, x.end) for x in self.cast)]
        drawn = ladder.Ladder(parties).draw(self.wire.messages())
        if folder := os.environ.get("CALLCONTROL_INTEROP_LADDERS"):
            name = self.id().removeprefix("__main__.")
            (pathlib.Path(folder) / f"{name}.txt").write_text(drawn)
        result = self._outcome.result
        if any(test is self for test, _ in result.errors + result.failures):
            print(drawn, "callcontrold said:\n", *self.server.log, file=sys.stderr)
            for program in self.cast:
                # But not how much it hears, four times a second.
                lines = [line for line in program.lines if "(bit/s)" not in line]
                print(f"{program.name} said:\n", *lines, file=sys.stderr)

    # Calls.

    def call_from(self, phone, uri):
        """The phone calls the server; returns the id of the answered call."""
        phone.dial(uri)
        invite = self.wire.wait(
            lambda m: m.is_request("INVITE") and m.target.address == SERVER.address,
            f"INVITE of {phone.user}",
        )
        return self.server.await_call(invite.call_id)

    def call_to(self, uri):
        """The server calls somebody; returns the id of the answered call."""
        call = self.server.items("call", uri)[-1]["call"]
        self.assertEqual(call["state"], "CALL_STATE_ANSWERED", call)
        return call["callId"]

    def call(self, call):
        """What the server says of a call."""
        calls = self.server.items("calls", "--all")
        return next(x for x in calls if x["callId"] == call)

    # Transfers.

    @contextlib.contextmanager
    def referring(self, call, *words, followed=True):
        """A transfer that goes on while the test does something else; to be
        asked for its result() afterwards."""
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            yield thread.submit(self.refer, call, *words, followed=followed)

    def refer(self, call, *words, followed=True):
        """A whole transfer by `callctl refer`; returns its result. What the
        events say of the target must be what the NOTIFYs said: all of it, if the
        transfer is `followed` to its end, and else the first of it. `warnings`
        are then the codes of its warnings."""
        told = self.server.items("refer", call, *words)
        self.assertTrue(told and "result" in told[-1], told)
        statuses = [
            x["transferStatus"]["callStatus"] for x in told if "transferStatus" in x
        ]
        notified = self.notified()
        if not followed:
            notified = notified[: len(statuses)]
        self.assertEqual(statuses, notified)
        self.warnings = [x["warning"]["code"] for x in told if "warning" in x]
        return told[-1]["result"]

    def give_up(self, call):
        """Once it has been told something of the target."""
        self.wire.wait(lambda m: m.is_request("NOTIFY"), "NOTIFY")
        transfers = self.server.items("transfers")
        transfer = next(x for x in transfers if x["callId"] == call)
        self.server.items("cancel", transfer["transferId"])

    def notified(self):
        """What came to the server in NOTIFYs, each once, in the order of CSeq."""
        notifys = {
            int(m.header("cseq").split()[0]): m.sipfrag_status
            for m in self.wire.messages()
            if m.is_request("NOTIFY") and m.target.address == SERVER.address
        }
        return [status for _, status in sorted(notifys.items()) if status]

    def assert_transferred(self, result, call):
        """The target answered, and the server has cleared its leg: the far end
        has agreed to its BYE."""
        self.assertEqual(result["outcome"], "TRANSFER_OUTCOME_TRANSFERRED", result)
        self.assertEqual(result["finalReferredCallStatus"], 200, result)
        self.assertEqual(result["callClearedBy"], "CALL_CLEARED_BY_SERVER", result)
        self.assertEqual(result["byeStatus"], 200, result)
        self.assertEqual(self.call(call)["state"], "CALL_STATE_ENDED")

    def assert_not_transferred(self, result, outcome, status):
        """The target did not answer but with this status, and nobody hung up."""
        self.assertEqual(result["outcome"], f"TRANSFER_OUTCOME_{outcome}", result)
        self.assertEqual(result["finalReferredCallStatus"], status, result)
        self.assertEqual(result["callClearedBy"], "CALL_CLEARED_BY_NOBODY", result)

    def assert_given_up(self, result, status):
        """The far end has answered so to the SUBSCRIBE that ends the interest."""
        self.assertEqual(result["outcome"], "TRANSFER_OUTCOME_CANCELLED", result)
        answer = self.wire.wait(
            lambda m: m.status and m.method == "SUBSCRIBE", "answer to a SUBSCRIBE"
        )
        self.assertEqual(answer.status, status)

    def assert_hangs_up(self, call, answer=200):
        """The call is there until it is hung up now; the far end answers so."""
        self.assertEqual(self.call(call)["state"], "CALL_STATE_ANSWERED")
        self.server.items("hangup", call)
        self.assert_bye(self.call(call)["sipCallId"], answer)
        self.assertEqual(self.call(call)["state"], "CALL_STATE_ENDED")

    def assert_bye(self, sip_call_id, status=200):
        """A BYE in this dialog is answered so."""
        self.wire.wait(
            lambda m: (m.method, m.status, m.call_id) == ("BYE", status, sip_call_id),
            f"{status} to a BYE",
        )

    def assert_taken_over(self, phone, consultation):
        """The new call of the phone names the consultation, which the target
        then ends: its other side is now the phone (RFC 3891, 3)."""
        sip_call_id = self.call(consultation)["sipCallId"]
        replaces = self.last_invite(phone).header("replaces")
        self.assertEqual(replaces.partition(";")[0], sip_call_id)
        self.assert_bye(sip_call_id)
        bye = next(
            m
            for m in self.wire.messages()
            if m.is_request("BYE") and m.call_id == sip_call_id
        )
        self.assertNotEqual(bye.source.address, SERVER.address)
        self.assertEqual(self.call(consultation)["state"], "CALL_STATE_ENDED")

    def last_invite(self, phone):
        """The INVITE by which a phone placed its last call."""
        via = f"{phone.end[0]}:{phone.end[1]}"
        return [
            m
            for m in self.wire.messages()
            if m.is_request("INVITE")
            and "tag=" not in m.header("to")
            and via in m.header("via")
        ][-1]


def main():
    unittest.main(verbosity=2)
