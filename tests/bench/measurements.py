# SPDX-License-Identifier: Apache-2.0
"""The measurements behind the goals. Each is bounded in calls and time."""

import dataclasses
import time

import figures
from stage import (
    PATIENCE,
    BenchError,
    FarEnd,
    Floor,
    GrpcFloor,
    Server,
    SippTransferor,
    TooMuch,
)

SUBJECTS = {"server": Server, "floor": Floor, "sipp": SippTransferor}


@dataclasses.dataclass(frozen=True)
class Pace:
    """How long things take, in seconds, and how much there is of them.

    `warm_up` is past Timer J (32 s, RFC 3261, 17.2.2): from then on as many
    transactions end as begin. `t1_ms` is T1 of the REFERs that nobody answers,
    which are given up after 64 times that.
    """

    warm_up: int = 36
    window: int = 8
    rounds: int = 3
    held: int = 10_000
    unanswered: tuple = (500, 5_000)
    pending: int = 5_000
    wave: int = 5_000
    settle: int = 36
    step: int = 6
    halvings: int = 3
    t1_ms: int = 500


FULL = Pace()
SHORT = Pace(3, 3, 1, 2_000, (100, 1_000), 1_000, 1_000, 3, 2, 0, t1_ms=50)


@dataclasses.dataclass
class Steady:
    """A load that went on at one rate."""

    cpu_us: float  # CPU of the subject per transfer, microseconds
    p50_us: float | None
    p99_us: float | None
    flaws: dict


def steady(make, rate, pace, prepare=None):
    """The CPU of one subject per transfer at `rate` a second."""
    with make(warm_up=pace.warm_up) as subject:
        held = prepare(subject) if prepare else None
        count = rate * (pace.warm_up + pace.window + 4)
        with FarEnd(subject, "caller", rate, count) as far_end:
            far_end.await_time(pace.warm_up)
            begin, cpu = time.time(), subject.cpu()
            far_end.await_time(pace.window)
            end, cpu = time.time(), subject.cpu() - cpu
            far_end.await_time(0)
            rows = far_end.rows()
            calls, failed = (
                figures.count_at(rows, end, name) - figures.count_at(rows, begin, name)
                for name in ("SuccessfulCall(C)", "FailedCall(C)")
            )
        seen = subject.report()
        if held:
            held.__exit__()
    if calls < rate * pace.window / 2 or failed > calls / 100:
        raise TooMuch(f"{make.name}: {calls:.0f} calls ended well and {failed:.0f} "
                      f"failed in {pace.window} s")
    return Steady(
        cpu / calls * 1e6,
        seen.get("p50_us"),
        seen.get("p99_us"),
        {**figures.flaws(rows[-1]), **seen.get("failures", {})},
    )


def grpc_cpu(rate, pace):
    """The CPU of gRPC alone per transfer, in microseconds: that of the bare
    program, less what its timers cost. There is no Timer J to wait for."""
    costs = []
    for told in (True, False):
        with GrpcFloor(rate, told) as subject:
            subject.await_time(pace.step)
            begin, cpu = time.monotonic(), subject.cpu()
            subject.await_time(pace.window)
            seconds, cpu = time.monotonic() - begin, subject.cpu() - cpu
            costs.append(cpu / (rate * seconds) * 1e6)
            if told and subject.client.report()["ended"] < rate * pace.window:
                raise BenchError(f"{GrpcFloor.name}: not all transfers ended")
    return costs[0] - costs[1]


def with_held(pace, idle):
    """Prepares a subject with calls that stay; its idle CPU goes into `idle`."""

    def prepare(subject):
        far_end = FarEnd(subject, "held", 1_000, pace.held, pause=600)
        far_end.await_open(pace.held, pace.held / 1_000 + PATIENCE)
        far_end.await_time(pace.settle)
        begin, cpu = time.monotonic(), subject.cpu()
        row = far_end.await_time(pace.window)
        idle.append((subject.cpu() - cpu) / (time.monotonic() - begin) * 100)
        if int(row["CurrentCall"]) != pace.held:
            raise BenchError(f"not all {pace.held} calls are held")
        return far_end

    return prepare


def clean(subject, rate, seconds):
    """Whether a load leaves no call behind and no message is sent twice."""
    with FarEnd(subject, "caller", rate, rate * seconds) as far_end:
        # After the last call: the server's pause before its BYE, and one for
        # SIPp. Whoever is further behind does not keep up.
        if not far_end.await_end(seconds + 1.5):
            return False
        return far_end.process.returncode == 0 and not figures.flaws(far_end.last())


def clean_maximum(make, pace):
    """The highest clean rate, and the CPU of the subject's core there in %."""
    best, load, high = 0, 0, None
    rate = 500
    for _ in range(3 + pace.halvings):
        # Each with its own: nothing is left over from a load that was too much.
        with make() as subject:
            cpu, begin = subject.cpu(), time.monotonic()
            if clean(subject, rate, pace.step):
                best = rate
                load = (subject.cpu() - cpu) / (time.monotonic() - begin) * 100
            else:
                high = rate
        rate = (best + high) // 2 if high else rate * 2
    return best, load


def held_memory(pace):
    """KB of a held call: of a second wave, which needs no memory for
    transactions, because that of the first is free again."""
    with Server(watched=False) as server:
        waves, sizes = [], []
        try:
            for _ in range(2):
                waves.append(FarEnd(server, "held", 500, pace.wave, pause=600))
                waves[-1].await_open(pace.wave, pace.wave / 500 + PATIENCE)
                waves[-1].await_time(pace.settle)
                sizes.append(server.memory())
        finally:
            for wave in waves:
                wave.__exit__()
    return (sizes[1] - sizes[0]) / pace.wave / 1024


def pending_memory(pace):
    """KB of a transfer that rings, with its stream open and its transactions
    waiting out Timer J."""
    with Server() as server:
        before = server.memory()
        with FarEnd(server, "late", 500, pace.pending, pause=600) as far_end:
            far_end.await_open(pace.pending, pace.pending / 500 + PATIENCE)
            # The last of them ring by then.
            far_end.await_time(1)
            return (server.memory() - before) / pace.pending / 1024


def unanswered_cpu(count, t1_ms):
    """CPU in microseconds of a REFER that nobody answers, to its result."""
    with Server(t1_ms=t1_ms, client=[f"--count={count}"]) as server:
        cpu = server.cpu()
        with FarEnd(server, "silent", 500, count, pause=90):
            # 64*T1 of REFERs, and as long to ask whether the call is there.
            server.client.process.wait(count / 500 + 2 * 64 * t1_ms / 1000 + 15)
            cpu = server.cpu() - cpu
        outcomes = server.report()["outcomes"]
        if sum(outcomes.values()) != count:
            raise BenchError(f"{count} REFERs ended as {outcomes}")
    return cpu / count * 1e6
