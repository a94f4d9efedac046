# SPDX-License-Identifier: Apache-2.0
"""What the tests of webhooks share: transfers by grpcurl, hooks by callctl."""

import json
import re
import unittest

import stage

# Short, so that what fails is tried again while the test looks on.
FAST = """
  first_retry { nanos: 50000000 } longest_retry { nanos: 200000000 }
  connect_limit { seconds: 2 } attempt_limit { seconds: 2 }
"""
# SIP's T1 stays the real one; what waits after success doesn't.
COMMON = "transfers { bye_grace { nanos: 50000000 } }\n"


def configuration(hooks, loopback=True, fast=FAST):
    allowed = 'allowed_networks: "127.0.0.0/8"' if loopback else ""
    return f"{COMMON} hooks {{ {allowed} {fast} {hooks} }}"


class HooksTest(unittest.TestCase):
    calls = 0

    def start(self, hooks="", loopback=True, fast=FAST, **more):
        """A server of the test's own."""
        config = configuration(hooks, loopback, fast)
        return self.enterContext(stage.Server(config, **more))

    def refer(self, server, scenario="caller_srvbye.xml", metadata=(), **request):
        """A whole transfer; returns its events. The call is a new one."""
        HooksTest.calls += 1
        call_id = f"hooks-{HooksTest.calls}@far"
        with stage.FarEnd(server, scenario, call_id) as far_end:
            server.await_call(call_id)
            result = self.grpcurl(
                server,
                "Refer",
                {"sipCallId": call_id, "referTo": "+15083084809", **request},
                metadata,
            )
            self.assertEqual(result.returncode, 0, result.stderr)
            events = stage.messages_of(result.stdout)
            if scenario == "caller_busy.xml":
                call = events[0]["callId"]
                self.callctl(server, "hangup", call)
            self.assertEqual(far_end.wait(), 0)
        return events

    def grpcurl(self, server, rpc, request, metadata=()):
        headers = [word for line in metadata for word in ("-H", line)]
        return stage.run(
            [
                stage.tool("bin/grpcurl"), "-plaintext", *headers,
                "-d", json.dumps(request),
                server.grpc, f"callcontrol.v1.CallControl/{rpc}",
            ]
        )  # fmt: skip

    def callctl(self, server, *words, code=0):
        result = stage.run([stage.CALLCTL, *words, f"--server={server.grpc}"])
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def listed(self, server, *flags):
        lines = self.callctl(server, "hooks", "--json", *flags).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def await_listed(self, server, good):
        """The list of hooks, once `good` of it is true."""
        with stage.Deadline() as deadline:
            while True:
                listed = self.listed(server)
                if good(listed):
                    return listed
                deadline.check(f"the hooks stay {listed}")

    def await_dead(self, server, count=1):
        """The dead letters, once there are `count`."""

        def all_dead(listed):
            dead = [h for h in listed if h["state"] == "HOOK_DELIVERY_STATE_DEAD"]
            return len(dead) == count

        return self.await_listed(server, all_dead)

    def await_none(self, server):
        self.await_listed(server, lambda listed: not listed)


def statuses_of(hooks):
    """The call_status of each event hook, and "action" for an action hook."""
    return [h.json.get("call_status", "action") for h in hooks]


def line_with(log, word):
    return next((line for line in log if re.search(word, line)), None)
