#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Webhooks that outlive the server, and disks that don't help."""

import pathlib
import threading
import unittest

import stage
from hooks_stage import HooksTest, configuration, line_with, statuses_of
from receivers import Receiver


# The action hook is tried soon, though no event hook arrives.
SOON = "action_wait { nanos: 100000000 }"


class Switch:
    """An answer that fails until it is told to be good."""

    def __init__(self):
        self.status = 503

    def __call__(self, hook):
        return self.status


class StoreTest(HooksTest):
    def setUp(self):
        self.answer = Switch()
        self.receiver = self.enterContext(Receiver(self.answer))
        self.state = pathlib.Path(self.enterContext(stage.Folder())) / "state"

    def hooks(self):
        return {
            "eventHook": self.receiver.url("/e"),
            "actionHook": self.receiver.url("/a"),
        }

    def transfer_untold(self, server, **hooks):
        """A transfer whose receiver fails; its deliveries are on the disk once
        each lane was tried."""
        self.refer(server, **(hooks or self.hooks()))
        return self.await_listed(
            server,
            lambda listed: len({h["kind"] for h in listed if h.get("attempts")})
            == len(hooks or self.hooks()),
        )

    def stop(self, server):
        server.process.terminate()
        self.assertEqual(server.process.wait(stage.PATIENCE), 0)

    def good_again(self):
        """The next hooks that are taken are good ones."""
        self.receiver.take(len(self.receiver.untaken))
        self.answer.status = 200

    def test_what_a_crash_interrupts_arrives_after_the_restart(self):
        server = self.start(SOON, state=self.state)
        before = self.transfer_untold(server)
        self.assertEqual(len(before), 4)
        server.kill()
        self.good_again()
        again = self.start(state=self.state)
        hooks = self.receiver.take(4)
        self.assertEqual(statuses_of(hooks), ["100", "180", "200", "action"])
        self.assertEqual(
            [h.delivery for h in hooks], [d["deliveryId"] for d in reversed(before)]
        )
        # Those that had been tried go on counting.
        self.assertGreater(hooks[0].attempt, 1)
        self.assertEqual(hooks[1].attempt, 1)
        self.await_none(again)
        # And they do not come a third time.
        self.stop(again)
        third = self.start(state=self.state)
        self.await_none(third)
        self.assertEqual(self.receiver.untaken, [])

    def test_a_transfer_that_a_crash_cut_off_gets_its_action_hook(self):
        self.answer.status = 200
        server = self.start(state=self.state)
        call_id = "cut-off@far"
        with stage.FarEnd(server, "caller_srvbye.xml", call_id, ring=60_000):
            call = server.await_call(call_id)
            request = {"callId": call, "referTo": "1000", **self.hooks()}
            watcher = threading.Thread(
                target=self.grpcurl, args=(server, "Refer", request)
            )
            watcher.start()
            *_, ringing = self.receiver.take(2)
            server.kill()
            watcher.join()
        again = self.start(state=self.state)
        # That the events arrived may have been forgotten in the crash.
        hook = ringing
        while "verdict" not in hook.json:
            (hook,) = self.receiver.take(1)
        self.assertEqual(
            hook.json,
            {
                "referStatus": 202,
                "verdict": "UNKNOWN",
                "outcome": "SERVER_SHUTDOWN",
                "transfer_id": ringing.json["transfer_id"],
                "call_id": call,
                "sip_call_id": call_id,
                "sequence": ringing.json["sequence"] + 1,
            },
        )
        self.await_none(again)
        # Once, over all the restarts.
        self.stop(again)
        self.await_none(self.start(state=self.state))
        self.assertEqual(self.receiver.untaken, [])

    def test_dead_letters_outlive_the_server_and_can_be_revived(self):
        self.answer.status = 410
        with stage.Server(configuration(""), state=self.state) as server:
            self.refer(server, actionHook=self.receiver.url("/a"))
            (dead,) = self.await_dead(server)
        self.good_again()
        server = self.start(state=self.state)
        (same,) = self.await_dead(server)
        self.assertEqual(same, dead)
        self.assertEqual(self.receiver.untaken, [])
        self.callctl(server, "hooks", "retry", dead["deliveryId"])
        (hook,) = self.receiver.take(1)
        self.assertEqual(hook.delivery, dead["deliveryId"])

    def test_a_stop_delivers_what_it_can(self):
        self.answer.status = 200
        with stage.Server(configuration(""), state=self.state) as server:
            call_id = "stop@far"
            with stage.FarEnd(server, "caller_srvbye.xml", call_id) as far_end:
                call = server.await_call(call_id)
                request = {"callId": call, "referTo": "1000", **self.hooks()}
                self.grpcurl(server, "Refer", request)
                self.stop(server)
                far_end.wait()
        self.assertEqual(
            statuses_of(self.receiver.take(4)), ["100", "180", "200", "action"]
        )

    def test_a_stop_does_not_wait_for_a_dead_receiver(self):
        limits = "drain_limit { nanos: 200000000 }"
        with stage.Server(configuration(SOON + limits), state=self.state) as server:
            self.transfer_untold(server)
            server.process.terminate()
            self.assertEqual(server.process.wait(3), 0)
        self.good_again()
        self.start(state=self.state)
        self.assertEqual(
            statuses_of(self.receiver.take(4)), ["100", "180", "200", "action"]
        )

    def test_urls_that_are_no_longer_allowed_are_not_called(self):
        server = self.start(state=self.state)
        self.transfer_untold(server, actionHook=self.receiver.url("/a"))
        server.kill()
        self.good_again()
        strict = self.start(loopback=False, state=self.state)
        (dead,) = self.await_dead(strict)
        self.assertIn("allowed_networks", dead["lastError"])
        self.assertEqual(self.receiver.untaken, [])

    def test_passwords_in_urls_are_for_nobody_else_s_eyes(self):
        server = self.start(state=self.state)
        url = self.receiver.url("/a", user="me:sesame@")
        (listed,) = self.transfer_untold(server, actionHook=url)
        self.assertNotIn("sesame", str(listed))
        for file in self.state.iterdir():
            self.assertEqual(file.stat().st_mode & 0o077, 0, file)

    # ---- Disks that don't help ----

    def await_log(self, server, word):
        with stage.Deadline() as deadline:
            while line_with(server.log, word) is None:
                deadline.check(f"no {word} in the log:\n" + "".join(server.log))

    def delivered_without_a_disk(self, server):
        self.answer.status = 200
        self.refer(server, **self.hooks())
        self.assertEqual(
            statuses_of(self.receiver.take(4)), ["100", "180", "200", "action"]
        )
        self.await_log(server, "hook_store_degraded")
        # Told once, not once for each hook.
        self.refer(server, **self.hooks())
        self.receiver.take(4)
        told = [line for line in server.log if "hook_store_degraded" in line]
        self.assertEqual(len(told), 1)
        self.assertRegex(told[0], "error=")

    def test_a_full_disk_is_told_and_stops_nothing(self):
        self.state.mkdir()
        fill = 'mount -t tmpfs -o size=64k x "$0" || exit; yes >"$0/fill"; exec "$@"'
        server = self.start(SOON, state=self.state, wrapper=(*stage.MOUNTED, fill, self.state))
        self.delivered_without_a_disk(server)
        # Room again: what waits is written.
        self.answer.status = 503
        self.transfer_untold(server)
        pathlib.Path(f"/proc/{server.process.pid}/root{self.state}/fill").unlink()
        self.await_log(server, "hook_store_recovered")

    def test_a_read_only_disk_is_told_and_stops_nothing(self):
        self.state.mkdir()
        mount = 'mount -t tmpfs -o ro x "$0" || exit; exec "$@"'
        server = self.start(state=self.state, wrapper=(*stage.MOUNTED, mount, self.state))
        self.delivered_without_a_disk(server)

    def test_a_damaged_file_is_moved_aside(self):
        self.state.mkdir()
        file = self.state / "hooks.sqlite3"
        file.write_bytes(b"no database at all\n" * 300)
        server = self.start(SOON, state=self.state)
        self.await_log(server, "hook_store_notice")
        self.transfer_untold(server)
        self.assertTrue((self.state / "hooks.sqlite3.damaged").exists())
        server.kill()
        self.good_again()
        self.start(state=self.state)
        self.assertEqual(
            statuses_of(self.receiver.take(4)), ["100", "180", "200", "action"]
        )

    def test_one_state_directory_is_for_one_server(self):
        first = self.start(state=self.state)
        self.transfer_untold(first, actionHook=self.receiver.url("/a"))
        second = self.start(state=self.state)
        self.await_log(second, "another callcontrold uses it")
        self.assertEqual(self.listed(second), [])
        # What the first leaves behind, the second takes up.
        first.kill()
        self.await_log(second, "hooks_restored")
        self.good_again()
        self.receiver.take(1)

    def test_more_than_may_wait_become_dead_letters(self):
        server = self.start(
            "max_pending: 2 action_wait { seconds: 0 }", state=self.state
        )
        self.refer(server, **self.hooks())
        self.refer(server, **self.hooks())
        dead = [h for h in self.await_dead(server, 4) if h["state"].endswith("DEAD")]
        self.assertEqual({h["kind"] for h in dead}, {"HOOK_KIND_EVENT"})
        self.assertIn("too many", dead[0]["lastError"])
        self.good_again()
        hooks = self.receiver.take(4)
        self.assertEqual(sorted(statuses_of(hooks)), ["100", "180", "action", "action"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
