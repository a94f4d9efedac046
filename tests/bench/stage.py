# SPDX-License-Identifier: Apache-2.0
"""The processes of a benchmark: who is measured, and the far end.

The one that is measured has a core for itself; the far end and the client share
another one. Ports are the kernel's choice; what was started is stopped by its
pid.
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time

import figures
import scenarios

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/release"
CORES = sorted(os.sched_getaffinity(0))
SUBJECT_CORE, FAR_END_CORE = CORES[-1], CORES[0]
PATIENCE = 30  # seconds
TURN = 0.02  # seconds between two looks for a file
ROW_TURN = 0.2  # and at statistics: rarely, because something is measured
# Files and sockets of each process. SIPp and gRPC take what they find.
MOST_CALLS = 20_000

# A fresh start but for the ports, T1 its default too; only calls to "agent" carry the tag that the
# client looks for.
CONFIG = """
grpc { listen: "127.0.0.1:0" }
sip { listen: "127.0.0.1:0" t1 { nanos: %d } }
routes { request_uri: "agent@*" tags { name: "bench" } answer {} }
routes { answer {} }
"""


class BenchError(Exception):
    """Something that is needed does not run."""


class TooMuch(BenchError):
    """A load that the subject does not keep up with."""


def free_udp_port():
    """SIPp itself would try 5060 first, which isn't ours to take."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Child:
    """A process on a core of its own choice, with a folder of its own."""

    def __init__(self, core):
        self._core = core
        self._folder = tempfile.TemporaryDirectory(prefix="callcontrol-bench-")
        self.path = pathlib.Path(self._folder.name)
        self.process = None

    def start(self, command):
        with open(self.path / "stdout", "wb") as out, open(
            self.path / "stderr", "wb"
        ) as err:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                cwd=self.path,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                preexec_fn=lambda: os.sched_setaffinity(0, {self._core}),
            )

    def await_file(self, name):
        """The text of a file that the process writes once it serves."""
        end = time.monotonic() + PATIENCE
        while not (self.path / name).exists():
            if self.await_end(TURN) or time.monotonic() > end:
                raise BenchError(f"{self.process.args[0]}: {self.complaint()}")
        return (self.path / name).read_text()

    def await_end(self, patience):
        """Whether it ended in time."""
        try:
            self.process.wait(patience)
            return True
        except subprocess.TimeoutExpired:
            return False

    def complaint(self):
        return (self.path / "stderr").read_text(errors="replace")[-2000:]

    def output(self):
        return (self.path / "stdout").read_text(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def cpu(self):
        """Seconds of CPU so far."""
        return figures.cpu_seconds(self._proc("stat"))

    def memory(self):
        """Anonymous bytes now."""
        return figures.anonymous_bytes(self._proc("status"))

    def _proc(self, name):
        return pathlib.Path(f"/proc/{self.process.pid}/{name}").read_text()

    def stop(self):
        """SIGTERM, and SIGKILL where that does not help."""
        if self.process is not None and self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Open calls would make a server drain for long.
        if self.process is not None and self.alive():
            self.kill()
        self._folder.cleanup()


class Client(Child):
    """The application: transfers every call that carries the tag."""

    def __init__(self, grpc, warm_up=0, more=()):
        super().__init__(FAR_END_CORE)
        self.start(
            [BUILD / "tests/bench/load_client", f"--server={grpc}"]
            + [f"--warm_up={warm_up}", f"--ready={self.path / 'ready'}", *more]
        )

    def report(self):
        """Stops it, and what it has seen."""
        self.stop()
        return json.loads(self.output() or "{}")


class Server(Child):
    """callcontrold with its client."""

    name = "server"

    def __init__(self, warm_up=0, t1_ms=500, client=(), watched=True):
        super().__init__(SUBJECT_CORE)
        (self.path / "config").write_text(CONFIG % (t1_ms * 1_000_000))
        self.start(
            [BUILD / "bin/callcontrold", f"--config={self.path / 'config'}"]
            + [f"--ports_file={self.path / 'ports'}", f"--state_dir={self.path}/state"]
        )
        ports = dict(re.findall(r"(grpc|sip)=(\d+)", self.await_file("ports")))
        self.sip, self.grpc = ports["sip"], f"127.0.0.1:{ports['grpc']}"
        self.client = Client(self.grpc, warm_up, client) if watched else None
        if self.client:
            self.client.await_file("ready")

    def report(self):
        return self.client.report() if self.client else {}

    def transfers(self):
        """How many transfers the server knows, by outcome or state."""
        with Client(self.grpc, more=["--list"]) as lister:
            lister.process.wait(PATIENCE)
            return json.loads(lister.output() or "{}")

    def __exit__(self, *exception):
        if self.client:
            self.client.__exit__()
        super().__exit__(*exception)


class Floor(Child):
    """The bare nta program."""

    name = "bare nta"

    def __init__(self, warm_up=0):
        super().__init__(SUBJECT_CORE)
        self.start([BUILD / "tests/bench/nta_floor", self.path / "ports", warm_up])
        self.sip = self.await_file("ports").strip().removeprefix("sip=")

    def report(self):
        self.stop()
        return json.loads(self.output() or "{}")


class GrpcFloor(Child):
    """The bare gRPC program: `rate` transfers a second, as a client sees them."""

    name = "bare gRPC"

    def __init__(self, rate, told=True):
        super().__init__(SUBJECT_CORE)
        self.start(
            [BUILD / "tests/bench/grpc_floor", self.path / "ports", rate]
            + ([] if told else ["silent"])
        )
        port = self.await_file("ports").strip().removeprefix("grpc=")
        self.client = Client(f"127.0.0.1:{port}") if told else None
        if self.client:
            self.client.await_file("ready")

    def await_time(self, seconds):
        """Lets it play for so long."""
        if self.await_end(seconds):
            raise BenchError(f"the bare gRPC program ended: {self.complaint()}")

    def __exit__(self, *exception):
        if self.client:
            self.client.__exit__()
        super().__exit__(*exception)


class SippTransferor(Child):
    """SIPp in the part of the server."""

    name = "SIPp"

    def __init__(self, warm_up=0):
        del warm_up
        super().__init__(SUBJECT_CORE)
        self.sip = str(free_udp_port())
        scenario = scenarios.write("transferor", self.path)
        self.start(
            ["sipp", "-sf", scenario, "-i", "127.0.0.1", "-p", self.sip]
            + ["-nostdin", "-l", MOST_CALLS]
        )

    def report(self):
        return {}


class FarEnd(Child):
    """SIPp: `count` calls at `rate` a second, of one scenario."""

    def __init__(self, subject, scenario, rate, count, pause=0):
        super().__init__(FAR_END_CORE)
        path = scenarios.write(scenario, self.path)
        self.start(
            ["sipp", f"127.0.0.1:{subject.sip}", "-sf", path, "-i", "127.0.0.1"]
            + ["-p", free_udp_port(), "-r", rate, "-m", count, "-l", MOST_CALLS]
            + ["-d", int(pause * 1000), "-nostdin", "-default_behaviors", "none"]
            + ["-trace_stat", "-stf", self.path / "statistics", "-fd", 1]
            + ["-buff_size", 4 * 1024 * 1024]
        )

    def rows(self):
        try:
            return figures.sipp_rows((self.path / "statistics").read_text())
        except FileNotFoundError:
            return []

    def last(self):
        """The last line of its statistics, which there must be."""
        rows = self.rows()
        if not rows:
            raise BenchError(f"SIPp tells nothing: {self.complaint()}")
        return rows[-1]

    def await_row(self, wanted, patience):
        """The first line of its statistics that `wanted` holds for. There is one
        each second, and one at its end."""
        end = time.monotonic() + patience
        while True:
            ended = self.await_end(ROW_TURN)
            for row in self.rows():
                if wanted(row):
                    return row
            if ended or time.monotonic() > end:
                raise BenchError(f"SIPp came to {self.rows()[-1:]}: {self.complaint()}")

    def await_time(self, seconds):
        """Lets it go on for so long, as its own statistics say."""
        until = time.time() + seconds
        return self.await_row(lambda row: row["Time"] >= until, seconds + PATIENCE)

    def await_open(self, count, patience):
        """Until so many of its calls are open at once."""
        self.await_row(lambda row: int(row["CurrentCall"]) == count, patience)
