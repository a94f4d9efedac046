# SPDX-License-Identifier: Apache-2.0
"""The stage of a test: a callcontrold of its own and SIPp as its far end.

    with Server() as server, FarEnd(server, "caller_srvbye.xml") as far_end:
        server.await_call(far_end.call_id)

Ports are the kernel's choice, waiting is for events, each wait has an end, and
what was started is stopped by its pid.
"""

import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
TOOLS = pathlib.Path(os.environ.get("CALLCONTROL_TOOLS", ROOT / "build/tools"))
BIN = ROOT / "build/dev/bin"
CALLCONTROLD = os.environ.get(
    "CALLCONTROLD_UNDER_TEST",
    os.environ.get("CALLCONTROLD", BIN / "callcontrold"))
CALLCTL = os.environ.get("CALLCTL", BIN / "callctl")
PATIENCE = 20  # seconds
# In front of a shell script whose $0 and $@ follow: what it mounts is seen by
# nobody else, and needs no rights outside.
MOUNTED = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")


def tool(path):
    """A file below build/tools, which must be there: no test is skipped."""
    found = TOOLS / path
    if not found.exists():
        raise AssertionError(f"{found} is missing: run ./run-tests, which installs it")
    return str(found)


def run(command, **more):
    """Runs `command` to its end, which must come in time."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        **more,
    )


def messages_of(text):
    """The JSON messages that grpcurl printed one after the other."""
    decoder, messages, at = json.JSONDecoder(), [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        message, at = decoder.raw_decode(text, at)
        messages.append(message)
    return messages


def Folder():
    """A directory that goes with the test."""
    return tempfile.TemporaryDirectory(prefix="callcontrol_test_")


class Deadline:
    """The end of a wait that has to ask again and again."""

    def __enter__(self):
        self._end = time.monotonic() + PATIENCE
        return self

    def __exit__(self, *_):
        pass

    def check(self, complaint):
        if time.monotonic() > self._end:
            raise AssertionError(complaint)


class Child:
    """A process with a directory of its own; both go at the end."""

    def __init__(self):
        self._dir = Folder()
        self.path = pathlib.Path(self._dir.name)
        self.process = None

    def start(self, command, **more):
        more = {"stdin": subprocess.DEVNULL, **more}
        self.process = subprocess.Popen(command, **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._dir.cleanup()


class Talker(Child):
    """A program that is waited for by what it prints."""

    def __init__(self, command, environment):
        super().__init__()
        self.lines = []
        self._grown = threading.Condition()
        self.start(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._grown:
                self.lines.append(line)
                self._grown.notify_all()

    def await_line(self, pattern):
        """Waits for a line that `pattern` is found in; returns its last group."""

        def find():
            return next(filter(None, (re.search(pattern, x) for x in self.lines)), None)

        with self._grown:
            if not self._grown.wait_for(find, PATIENCE):
                raise AssertionError(f"no line {pattern}:\n" + "".join(self.lines))
            return find().group(find().re.groups)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.process.stdout.close()
        super().__exit__()


class Server(Child):
    """A callcontrold that serves, with the defaults of a fresh start.

    `config` is in protobuf text format. `state` is a state directory that
    outlives the server. `wrapper` are the words in front of the command.
    """

    def __init__(
        self,
        config="",
        state=None,
        wrapper=(),
        environment=None,
        sip_listen="127.0.0.1:0",
    ):
        super().__init__()
        self.log = []
        (self.path / "config").write_text(config)
        self._serving = threading.Event()
        self._ports = {}
        self.start(
            [
                *wrapper,
                CALLCONTROLD,
                f"--config={self.path / 'config'}",
                "--grpc_listen=127.0.0.1:0",
                f"--sip_listen={sip_listen}",
                f"--state_dir={state or self.path / 'state'}",
            ],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        if not self._serving.wait(PATIENCE) or not self._ports:
            self.__exit__()
            raise AssertionError("callcontrold does not serve:\n" + "".join(self.log))
        self.grpc = f"127.0.0.1:{self._ports['grpc']}"
        self.sip = f"{sip_listen.rpartition(':')[0]}:{self._ports['sip']}"

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line)
            if " serving " in line:
                self._ports = dict(re.findall(r"\b(grpc|sip)_port=(\d+)", line))
                self._serving.set()
        self._serving.set()

    def kill(self):
        """As a crash would: no time for anything."""
        self.process.kill()
        self.process.wait()

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._reader.join(PATIENCE)
        self.process.stderr.close()
        super().__exit__()

    def await_call(self, sip_call_id):
        """Waits until the call is answered and returns its id."""
        watch = [CALLCTL, "watch", "--json", f"--server={self.grpc}"]
        with subprocess.Popen(
            watch + [f"--timeout={PATIENCE}s"], stdout=subprocess.PIPE, text=True
        ) as watcher:
            try:
                for line in watcher.stdout:
                    call = json.loads(line)["call"]
                    if (call["sipCallId"], call["state"]) == (
                        sip_call_id,
                        "CALL_STATE_ANSWERED",
                    ):
                        return call["callId"]
            finally:
                watcher.kill()
        raise AssertionError(f"no call {sip_call_id} came:\n" + "".join(self.log))


class FarEnd(Child):
    """SIPp with one call, from a scenario of tests/sipp/."""

    def __init__(self, server, scenario, call_id="call-1@far", ring=0):
        super().__init__()
        self.call_id = call_id
        self.start(
            [
                "sipp", server.sip,
                "-sf", ROOT / "tests/sipp" / scenario,
                "-i", "127.0.0.1", "-p", str(free_udp_port()),
                "-m", "1", "-cid_str", call_id, "-d", str(ring), "-nostdin",
                "-timeout", f"{2 * PATIENCE}s", "-timeout_error",
                "-trace_msg", "-message_file", self.path / "messages",
            ],
            cwd=self.path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def wait(self):
        """The exit code: 0 when the call ran through the scenario."""
        return self.process.wait(PATIENCE)

    def messages(self):
        """Every SIP message that came or went, as SIPp wrote it down."""
        return (self.path / "messages").read_text(errors="replace")


def free_udp_port():
    """SIPp itself would try 5060 first, which isn't ours to take."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
