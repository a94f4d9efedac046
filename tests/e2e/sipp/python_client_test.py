#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clients/python as a stranger uses it: by the commands of its README.md."""

import os
import pathlib
import re
import shutil
import tempfile
import unittest

import stage

CLIENT = stage.ROOT / "clients/python"


def documented_command():
    """The line of README.md that generates the stubs."""
    readme = (CLIENT / "README.md").read_text()
    return re.search(r"^.*grpc_tools\.protoc .*$", readme, re.M).group()


class PythonClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        python = pathlib.Path(stage.tool("python/bin/python"))
        cls.environment = dict(os.environ)
        cls.environment["PATH"] = f"{python.parent}:{os.environ['PATH']}"
        # A copy beside the .proto files, so that nothing is generated into the
        # source tree.
        copy = tempfile.TemporaryDirectory(
            prefix="python_client_", dir=os.environ.get("CALLCONTROL_TEST_DIR")
        )
        cls.addClassCleanup(copy.cleanup)
        cls.folder = pathlib.Path(copy.name) / "clients/python"
        cls.folder.mkdir(parents=True)
        (pathlib.Path(copy.name) / "proto").symlink_to(stage.ROOT / "proto")
        shutil.copy(CLIENT / "transfer.py", cls.folder)
        generated = cls.in_folder(["bash", "-c", documented_command()])
        assert generated.returncode == 0, generated.stderr
        cls.server = cls.enterClassContext(stage.Server())

    @classmethod
    def in_folder(cls, command):
        return stage.run(command, cwd=cls.folder, env=cls.environment)

    def transfer(self, call, target="+15083084809", server=None):
        server = server or self.server.grpc
        return self.in_folder(
            ["python", "transfer.py", f"--server={server}", call, target]
        )

    def assert_kinds(self, result, kinds):
        """The printed events are these, in this order, numbered from 1."""
        printed = re.findall(r"^(\d+) (\w+):", result.stdout, re.M)
        expected = [(str(i), kind) for i, kind in enumerate(kinds, 1)]
        self.assertEqual(printed, expected, result.stdout + result.stderr)

    STORY = ["refer_sent", "refer_response"] + 3 * ["transfer_status"] + ["result"]

    def test_a_transfer_that_works_ends_with_0(self):
        with stage.FarEnd(self.server, "caller_srvbye.xml", "good@far") as far_end:
            call = self.server.await_call(far_end.call_id)
            result = self.transfer(call)
            self.assert_kinds(result, self.STORY)
            self.assertIn("outcome=TRANSFER_OUTCOME_TRANSFERRED", result.stdout)
            self.assertEqual(result.returncode, 0)
            self.assertEqual(far_end.wait(), 0)

    def test_a_far_end_that_hangs_up_first_changes_nothing(self):
        with stage.FarEnd(self.server, "caller_farbye.xml", "first@far") as far_end:
            self.server.await_call(far_end.call_id)
            result = self.transfer(far_end.call_id)
            self.assert_kinds(result, self.STORY)
            self.assertIn("outcome=TRANSFER_OUTCOME_TRANSFERRED", result.stdout)
            self.assertIn("call_cleared_by=CALL_CLEARED_BY_FAR_END", result.stdout)
            self.assertEqual(result.returncode, 0)
            self.assertEqual(far_end.wait(), 0)

    def test_a_busy_target_ends_with_1_and_keeps_the_call(self):
        with stage.FarEnd(self.server, "caller_busy.xml", "busy@far") as far_end:
            call = self.server.await_call(far_end.call_id)
            result = self.transfer(call)
            self.assert_kinds(result, self.STORY)
            self.assertIn("final_referred_call_status=486", result.stdout)
            self.assertEqual(result.returncode, 1)
            kept = stage.run(
                [stage.CALLCTL, "hangup", call, f"--server={self.server.grpc}"]
            )
            self.assertEqual(kept.returncode, 0, kept.stderr)
            self.assertEqual(far_end.wait(), 0)

    def test_a_call_that_is_not_there_ends_with_1(self):
        result = self.transfer("nobody@far")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, "")
        self.assertIn("NOT_FOUND", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
