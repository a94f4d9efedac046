#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls of baresip are transferred: to another baresip, and to a Linphone."""

import network
import scene
from phones import Baresip, Linphone

APP = "sip:app@127.0.0.2"


class BaresipTest(scene.Scene):
    def test_a_call_that_came_is_transferred(self):
        alice = self.join(Baresip("alice", "127.0.0.11"))
        bob = self.join(Baresip("bob", "127.0.0.12"))
        call = self.call_from(alice, APP)
        self.assert_transferred(self.refer(call, bob.uri), call)
        alice.await_event("CALL_ESTABLISHED", bob.uri)
        bob.await_event("CALL_ESTABLISHED", "alice@127.0.0.11")

    def test_a_call_that_was_placed_is_transferred(self):
        alice = self.join(Baresip("alice", "127.0.0.11"))
        bob = self.join(Linphone("bob", 5072))
        call = self.call_to(alice.uri)
        self.assert_transferred(self.refer(call, bob.uri), call)
        alice.await_event("CALL_ESTABLISHED", bob.uri)
        bob.await_event("StreamsRunning")

    def test_a_call_is_held_first(self):
        alice = self.join(Baresip("alice", "127.0.0.11"))
        bob = self.join(Baresip("bob", "127.0.0.12"))
        call = self.call_from(alice, APP)
        result = self.refer(call, bob.uri, "--hold_first")
        self.assert_transferred(result, call)
        alice.await_event("CALL_ESTABLISHED", bob.uri)

    def test_a_busy_target_leaves_the_call(self):
        alice = self.join(Baresip("alice", "127.0.0.11"))
        bob = self.join(Baresip("bob", "127.0.0.12", answering=False))
        call = self.call_from(alice, APP)
        with self.referring(call, bob.uri) as transfer:
            bob.await_event("CALL_INCOMING", "alice@127.0.0.11")
            bob.hang_up()
        self.assert_not_transferred(transfer.result(), "TARGET_FAILED", 486)
        self.assert_hangs_up(call)

    def test_a_target_that_is_not_there_leaves_the_call(self):
        """baresip makes a status of its own of what its system says."""
        alice = self.join(Baresip("alice", "127.0.0.11"))
        call = self.call_from(alice, APP)
        result = self.refer(call, "sip:nobody@127.0.0.12;transport=tcp")
        self.assert_not_transferred(result, "TARGET_FAILED", 500)
        self.assertEqual(result["reason"], "Connection refused")
        self.assert_hangs_up(call)

    def test_a_consultation_is_not_taken_over(self):
        """baresip leaves the Replaces out, and so calls bob a second time. It
        tells the truth about that call; the consultation is left for the server
        to end."""
        alice = self.join(Baresip("alice", "127.0.0.11"))
        bob = self.join(Baresip("bob", "127.0.0.12"))
        call = self.call_from(alice, APP)
        consultation = self.call_to(bob.uri)
        result = self.refer(call, consultation, "--attended")
        self.assert_transferred(result, call)
        self.assertIn("REPLACES_NOT_ADVERTISED", self.warnings)
        alice.await_event("CALL_ESTABLISHED", "@127.0.0.12")
        self.assertEqual(self.last_invite(alice).headers("replaces"), [])
        self.assert_bye(self.call(consultation)["sipCallId"])

    def test_a_transfer_is_given_up(self):
        """baresip is content with the SUBSCRIBE and hangs up, with bob still
        ringing: who gives up a transfer may lose the call."""
        alice = self.join(Baresip("alice", "127.0.0.11"))
        bob = self.join(Baresip("bob", "127.0.0.12", answering=False))
        call = self.call_from(alice, APP)
        with self.referring(call, bob.uri, followed=False) as transfer:
            bob.await_event("CALL_INCOMING", "alice@127.0.0.11")
            self.give_up(call)
        self.assert_given_up(transfer.result(), 200)
        self.assert_bye(self.call(call)["sipCallId"])
        self.assertEqual(self.call(call)["state"], "CALL_STATE_ENDED")


if __name__ == "__main__":
    network.enter()
    scene.main()
