#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls of Linphone are transferred: to another Linphone, and to a baresip.

Linphone holds the call by a re-INVITE of its own before it calls the target,
and takes it off again where the target does not answer.
"""

import network
import scene
from phones import Baresip, Linphone

APP = "sip:app@127.0.0.2"


class LinphoneTest(scene.Scene):
    def test_a_call_that_came_is_transferred(self):
        alice = self.join(Linphone("alice", 5071))
        bob = self.join(Baresip("bob", "127.0.0.12"))
        call = self.call_from(alice, APP)
        result = self.refer(call, bob.uri)
        self.assert_transferred(result, call)
        bob.await_event("CALL_ESTABLISHED", "alice@127.0.0.1")
        # It writes "reason=reason=noresource".
        self.assertEqual(result["subscriptionReason"], "noresource")

    def test_a_call_is_held_first(self):
        alice = self.join(Linphone("alice", 5071))
        bob = self.join(Baresip("bob", "127.0.0.12"))
        call = self.call_from(alice, APP)
        result = self.refer(call, bob.uri, "--hold_first")
        self.assert_transferred(result, call)
        bob.await_event("CALL_ESTABLISHED", "alice@127.0.0.1")

    def test_a_target_that_declines_leaves_the_call(self):
        alice = self.join(Linphone("alice", 5071))
        bob = self.join(Linphone("bob", 5072, answering=False))
        call = self.call_from(alice, APP)
        with self.referring(call, bob.uri) as transfer:
            bob.await_event("IncomingReceived")
            bob.hang_up()
        self.assert_not_transferred(transfer.result(), "REFER_DECLINED", 603)
        self.assert_hangs_up(call)

    def test_a_consultation_is_taken_over(self):
        alice = self.join(Linphone("alice", 5071))
        bob = self.join(Linphone("bob", 5072))
        call = self.call_from(alice, APP)
        consultation = self.call_to(bob.uri)
        result = self.refer(call, consultation, "--attended")
        self.assert_transferred(result, call)
        self.assert_taken_over(alice, consultation)

    def test_a_target_that_cannot_replace_leaves_both_calls(self):
        """baresip refuses the Replaces that Linphone asks it for."""
        alice = self.join(Linphone("alice", 5071))
        bob = self.join(Baresip("bob", "127.0.0.12"))
        call = self.call_from(alice, APP)
        consultation = self.call_to(bob.uri)
        result = self.refer(call, consultation, "--attended")
        self.assert_not_transferred(result, "TARGET_FAILED", 420)
        self.assertIn("REPLACES_NOT_ADVERTISED", self.warnings)
        self.assert_hangs_up(consultation)
        self.assert_hangs_up(call)

    def test_a_call_over_tcp_is_transferred(self):
        alice = self.join(Linphone("alice", 5071))
        bob = self.join(Baresip("bob", "127.0.0.12"))
        call = self.call_from(alice, f"{APP};transport=tcp")
        self.assert_transferred(self.refer(call, bob.uri), call)
        sip_call_id = self.call(call)["sipCallId"]
        dialog = [m for m in self.wire.messages() if m.call_id == sip_call_id]
        self.assertEqual({m.transport for m in dialog}, {"TCP"})

    def test_a_caller_hangs_up_while_the_target_rings(self):
        """Nobody knows what becomes of the call to the target, and the server
        says so."""
        alice = self.join(Linphone("alice", 5071))
        bob = self.join(Baresip("bob", "127.0.0.12", answering=False))
        call = self.call_from(alice, APP)
        with self.referring(call, bob.uri, followed=False) as transfer:
            bob.await_event("CALL_INCOMING", "alice@127.0.0.1")
            alice.hang_up(1)
        result = transfer.result()
        self.assertEqual(result["verdict"], "TRANSFER_VERDICT_UNKNOWN", result)
        self.assertEqual(
            result["outcome"], "TRANSFER_OUTCOME_LEG_ENDED_UNCONFIRMED", result
        )
        self.assertEqual(result["callClearedBy"], "CALL_CLEARED_BY_FAR_END", result)
        self.assertEqual(self.call(call)["state"], "CALL_STATE_ENDED")

    def test_a_transfer_is_given_up(self):
        """Linphone refuses the SUBSCRIBE, and forgets the call's dialog over it:
        it has none for the BYE. For the server the call is over all the same."""
        alice = self.join(Linphone("alice", 5071))
        bob = self.join(Baresip("bob", "127.0.0.12", answering=False))
        call = self.call_from(alice, APP)
        with self.referring(call, bob.uri, followed=False) as transfer:
            bob.await_event("CALL_INCOMING", "alice@127.0.0.1")
            self.give_up(call)
        self.assert_given_up(transfer.result(), 501)
        self.assert_hangs_up(call, answer=481)


if __name__ == "__main__":
    network.enter()
    scene.main()
