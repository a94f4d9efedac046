#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kamailio stands between the server and its far ends, and stays there.

The server has one dialog with the phone, through the proxy: its REFER and BYE
carry the route that the proxy recorded, and the NOTIFYs come the same way.
"""

import network
import proxy
import scene
from phones import Baresip, Linphone

APP, ALICE, BOB = "sip:app@127.0.0.5", "sip:alice@127.0.0.5", "sip:bob@127.0.0.5"


class KamailioTest(scene.Scene):
    def test_over_udp(self):
        self.set_the_stage("udp", "udp")
        self.transfer(self.call_from(self.alice, APP), "UDP", routes=1)

    def test_over_tcp(self):
        self.set_the_stage("tcp", "tcp")
        self.transfer(self.call_from(self.alice, APP), "TCP", routes=1)

    def test_over_tcp_to_the_server_and_udp_to_the_phones(self):
        """The proxy records itself once for each transport (RFC 5658)."""
        self.set_the_stage("udp", "tcp")
        self.transfer(self.call_from(self.alice, APP), "TCP", routes=2)

    def test_a_call_that_was_placed(self):
        self.set_the_stage("udp", "udp")
        self.transfer(self.call_to(ALICE), "UDP", routes=1)

    def test_a_busy_target_leaves_the_call(self):
        self.set_the_stage("udp", "udp", answering=False)
        call = self.call_from(self.alice, APP)
        with self.referring(call, BOB) as transfer:
            self.bob.await_event("CALL_INCOMING", "alice")
            self.bob.hang_up()
        self.assert_not_transferred(transfer.result(), "TARGET_FAILED", 486)
        self.assert_hangs_up(call)

    def test_a_consultation_is_taken_over(self):
        """Both calls came through the proxy; the call that replaces one of them
        goes to the Contact of bob, past it."""
        self.join(
            proxy.Kamailio(
                app="sip:app@127.0.0.2:5060",
                alice="sip:alice@127.0.0.1:5071",
                bob="sip:bob@127.0.0.1:5072",
            )
        )
        alice = self.join(Linphone("alice", 5071))
        self.join(Linphone("bob", 5072))
        call = self.call_from(alice, APP)
        consultation = self.call_to(BOB)
        result = self.refer(call, consultation, "--attended")
        self.assert_transferred(result, call)
        self.assert_through_proxy(call, "UDP", routes=1)
        self.assert_taken_over(alice, consultation)

    def set_the_stage(self, phones, server, answering=True):
        """`phones` and `server` are the transports to them."""
        self.join(
            proxy.Kamailio(
                app=f"sip:app@127.0.0.2:5060;transport={server}",
                alice=f"sip:alice@127.0.0.11:5060;transport={phones}",
                bob=f"sip:bob@127.0.0.12:5060;transport={phones}",
            )
        )
        by = f"sip:{proxy.END[0]}:{proxy.END[1]};transport={phones}"
        self.alice = self.join(Baresip("alice", "127.0.0.11", by))
        self.bob = self.join(Baresip("bob", "127.0.0.12", by, answering))

    def transfer(self, call, transport, routes):
        self.assert_transferred(self.refer(call, BOB), call)
        self.alice.await_event("CALL_ESTABLISHED", BOB)
        self.bob.await_event("CALL_ESTABLISHED", "alice")
        self.assert_through_proxy(call, transport, routes)

    def assert_through_proxy(self, call, transport, routes):
        """What the server sent has the route set, and reached the phone with the
        proxy's Via on top of the server's; what it got has the same."""
        dialog = [
            m for m in self.wire.messages() if m.call_id == self.call(call)["sipCallId"]
        ]
        own = [
            m
            for m in dialog
            if scene.SERVER.address in (m.source.address, m.target.address)
        ]
        self.assertEqual({m.transport for m in own}, {transport})
        for method in ("REFER", "NOTIFY", "BYE"):
            leaves, arrives = [m for m in dialog if m.is_request(method)][:2]
            self.assertEqual(len(leaves.headers("route")), routes, leaves.text)
            self.assertEqual(len(leaves.headers("via")), 1, leaves.text)
            self.assertEqual(arrives.headers("route"), [], arrives.text)
            self.assertIn("127.0.0.5", arrives.headers("via")[0])
            self.assertEqual(len(arrives.headers("via")), 2, arrives.text)


if __name__ == "__main__":
    network.enter()
    scene.main()
