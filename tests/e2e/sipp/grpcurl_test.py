#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an operator does with grpcurl, who has no .proto file at hand."""

import json
import pathlib
import unittest

import stage

# The JSON of the sip:refer action, as its page has it; the README shows it.
REFER = json.loads((pathlib.Path(__file__).parent / "refer.json").read_text())


class GrpcurlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tool = stage.tool("bin/grpcurl")
        cls.server = cls.enterClassContext(stage.Server())

    def grpcurl(self, *words, request=None):
        data = [] if request is None else ["-d", json.dumps(request)]
        command = [self.tool, "-plaintext", *data, self.server.grpc, *words]
        result = stage.run(command)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_lists_the_services(self):
        self.assertEqual(
            set(self.grpcurl("list").split()),
            {
                "callcontrol.v1.CallControl",
                "grpc.channelz.v1.Channelz",
                "grpc.health.v1.Health",
                "grpc.reflection.v1alpha.ServerReflection",
            },
        )
        methods = self.grpcurl("list", "callcontrol.v1.CallControl").split()
        for name in ("Refer", "WatchTransfer", "ListTransfers", "WatchCalls"):
            self.assertIn(f"callcontrol.v1.CallControl.{name}", methods)

    def test_describes_a_request(self):
        text = self.grpcurl("describe", "callcontrol.v1.ReferRequest")
        self.assertIn("string refer_to = ", text)
        self.assertIn("map<string, string> headers = ", text)
        service = self.grpcurl("describe", "callcontrol.v1.CallControl")
        self.assertIn("returns ( stream .callcontrol.v1.ReferEvent )", service)

    def test_checks_the_health(self):
        for name in ("", "callcontrol.v1.CallControl"):
            with self.subTest(service=name):
                answer = self.grpcurl(
                    "grpc.health.v1.Health/Check", request={"service": name}
                )
                self.assertEqual(json.loads(answer), {"status": "SERVING"})

    def test_looks_at_the_connections(self):
        (answer,) = stage.messages_of(
            self.grpcurl("grpc.channelz.v1.Channelz/GetServers", request={})
        )
        self.assertEqual(len(answer["server"]), 1)
        self.assertIn("listen_socket", answer["server"][0])

    def test_transfers_a_call_by_the_json_of_the_page(self):
        with stage.FarEnd(self.server, "caller_srvbye.xml") as far_end:
            self.server.await_call(far_end.call_id)
            events = stage.messages_of(
                self.grpcurl("callcontrol.v1.CallControl/Refer", request=REFER)
            )
            self.assertEqual(far_end.wait(), 0)
            wire = far_end.messages()

        self.assertEqual([int(e["sequence"]) for e in events], [1, 2, 3, 4, 5, 6])
        sent, answered, *statuses, last = events
        self.assertIn("+15083084809", sent["referSent"]["referTo"])
        self.assertIn("1001", sent["referSent"]["referredBy"])
        self.assertEqual(answered["referResponse"]["referStatus"], 202)
        self.assertEqual(
            [s["transferStatus"]["callStatus"] for s in statuses], [100, 180, 200]
        )
        self.assertEqual(statuses[0]["transferStatus"]["event"], "transfer-status")
        self.assertEqual(last["result"]["verdict"], "TRANSFER_VERDICT_SUCCESS")
        self.assertEqual(last["result"]["outcome"], "TRANSFER_OUTCOME_TRANSFERRED")
        self.assertEqual(last["result"]["referStatus"], 202)
        self.assertEqual(last["result"]["finalReferredCallStatus"], 200)

        self.assertRegex(wire, r"(?m)^Refer-To: <sip:\+15083084809@")
        self.assertRegex(wire, r"(?m)^Referred-By: <sip:1001@")
        self.assertRegex(wire, r"(?m)^X-Reason: demo\s*$")


if __name__ == "__main__":
    unittest.main(verbosity=2)
