#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A bridge with a baresip behind it, in a media server's place, and phones that
refer the server."""

import network
import scene
from phones import Baresip, Linphone

APP = "sip:app@127.0.0.2"
BEHIND = """
  calls { inbound_refer { mode: INBOUND_REFER_MODE_EXECUTE targets: "carol@*" } }
  routes { bridge { to: "sip:media@127.0.0.12" } }
"""


class BridgeTest(scene.Scene):
    config = scene.CONFIG + BEHIND

    def connect(self):
        """alice calls, and media answers. Returns the ids of both legs."""
        self.media = self.join(Baresip("media", "127.0.0.12"))
        call = self.call_from(self.alice, APP)
        self.media.await_event("CALL_ESTABLISHED")
        return call, self.call(call)["bridgedCallId"]

    def assert_joined(self, leg):
        """The leg and another one, that a REFER had placed, are both up and each
        other's."""
        target = self.call(self.call(leg)["bridgedCallId"])
        self.assertEqual(target["bridgedCallId"], leg)
        self.assertEqual(target["state"], "CALL_STATE_ANSWERED")
        self.assertTrue(target["referringCallId"])

    def told(self):
        """What the server told the phone of the target."""
        return [
            m.sipfrag_status
            for m in self.wire.messages()
            if m.is_request("NOTIFY") and m.source.address == scene.SERVER.address
        ]

    def test_the_caller_is_transferred_away(self):
        self.alice = self.join(Baresip("alice", "127.0.0.11"))
        carol = self.join(Baresip("carol", "127.0.0.13"))
        call, behind = self.connect()
        self.assert_transferred(self.refer(call, carol.uri), call)
        carol.await_event("CALL_ESTABLISHED", "alice@127.0.0.11")
        self.assert_bye(self.call(behind)["sipCallId"])

    def test_a_baresip_transfers_whom_it_is_talking_to(self):
        self.alice = self.join(Baresip("alice", "127.0.0.11"))
        carol = self.join(Linphone("carol", 5072))
        call, behind = self.connect()
        self.alice.transfer(carol.uri)
        carol.await_event("StreamsRunning")
        self.assert_bye(self.call(call)["sipCallId"])
        self.assert_joined(behind)
        self.assertEqual([self.told()[0], self.told()[-1]], [100, 200])

    def test_a_busy_target_is_told_of(self):
        """The bridge would stay: it is baresip that hangs up then."""
        self.alice = self.join(Baresip("alice", "127.0.0.11"))
        carol = self.join(Baresip("carol", "127.0.0.13", answering=False))
        call, behind = self.connect()
        self.alice.transfer(carol.uri)
        carol.await_event("CALL_INCOMING", "media@127.0.0.12")
        carol.hang_up()
        self.alice.await_event("TRANSFER_FAILED")
        self.assertEqual(self.told()[-1], 486)
        for leg in (call, behind):
            self.assert_bye(self.call(leg)["sipCallId"])


if __name__ == "__main__":
    network.enter()
    scene.main()
