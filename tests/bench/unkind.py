#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Unkind load: nothing may be lost and memory must have a bound.

    tests/bench/unkind.py [--short] [SCENE]...

Prints a line for each scene and ends with 1 where something was lost. Needs
what ./bench builds.
"""

import argparse
import contextlib
import socket
import subprocess
import sys

from stage import PATIENCE, BenchError, FarEnd, Server

MB = 1024 * 1024


def transferred(seen):
    return seen.get("outcomes", {}).get("TRANSFER_OUTCOME_TRANSFERRED", 0)


def await_client(server, patience):
    """Waits until the client has its --count of results."""
    server.client.process.wait(patience)
    return server.client.report()


def held_calls(size):
    """Many calls stay while others are transferred."""
    with Server(client=["--count=1000"]) as server:
        with FarEnd(server, "held", 1_000, size, pause=600) as held:
            held.await_open(size, size / 1_000 + PATIENCE)
            with FarEnd(server, "caller", 200, 1_000):
                seen = await_client(server, 60)
            still = int(held.last()["CurrentCall"])
            memory = server.memory()
    return (
        transferred(seen) == 1_000 and still == size,
        f"{still} held, {transferred(seen)} of 1000 transferred beside them, "
        f"{memory / MB:.0f} MB",
    )


def unanswered(size):
    """REFERs that nobody answers: each still gets its result."""
    with Server(client=[f"--count={size}"]) as server:
        with FarEnd(server, "silent", 500, size, pause=120):
            seen = await_client(server, size / 500 + 90)
            memory = server.memory()
    ended = sum(seen.get("outcomes", {}).values())
    return ended == size, f"{seen.get('outcomes')}, {memory / MB:.0f} MB"


def unread_streams(size):
    """Clients that never read: neither transfers nor watches."""
    calls = 1_000
    with Server(client=["--unread", f"--unread_watches={size}"]) as server:
        before = server.memory()
        with FarEnd(server, "caller", 100, calls) as far_end:
            ended = far_end.await_end(calls / 100 + 20)
            known = server.transfers()
            memory = server.memory()
        done = known.get("TRANSFER_OUTCOME_TRANSFERRED", 0)
    return (
        ended and done == calls,
        f"{done} of {calls} transferred under {size} watches and {calls} streams "
        f"that nobody reads, {before / MB:.0f} MB before, {memory / MB:.0f} MB after",
    )


def connection_flood(size):
    """Connections to both ports that say nothing, while transfers go on."""
    with Server(client=["--count=500"]) as server, contextlib.ExitStack() as stack:
        grpc = int(server.grpc.rsplit(":", 1)[1])
        refused = 0
        for n in range(size):
            flood = stack.enter_context(socket.socket())
            flood.settimeout(2)
            try:
                flood.connect(("127.0.0.1", grpc if n % 2 else int(server.sip)))
            except OSError:
                refused += 1
        with FarEnd(server, "caller", 100, 500):
            seen = await_client(server, 40)
        memory = server.memory()
    return (
        transferred(seen) == 500,
        f"{size} connections, {refused} of them refused, {transferred(seen)} of 500 "
        f"transferred, {memory / MB:.0f} MB",
    )


def late_answers(size):
    """The target rings for 20 s, so that all transfers are open at once."""
    with Server(client=[f"--count={size}"]) as server:
        with FarEnd(server, "late", 500, size, pause=20) as far_end:
            far_end.await_open(size, size / 500 + PATIENCE)
            memory = server.memory()
            seen = await_client(server, 60)
    return (
        transferred(seen) == size,
        f"{transferred(seen)} of {size} transferred, {memory / MB:.0f} MB while all "
        "were open",
    )


def overload(rate):
    """More calls than can be done: those that are taken are transferred."""
    seconds = 8
    with Server() as server:
        with FarEnd(server, "refusable", rate, rate * seconds) as far_end:
            ended = far_end.await_end(seconds + 20)
            again = int(far_end.last()["Retransmissions(C)"])
        done = server.transfers().get("TRANSFER_OUTCOME_TRANSFERRED", 0)
        memory = server.memory()
        seen = server.report()
    taken = seen["begun"]
    return (
        ended and done == taken > 0,
        f"{rate}/s for {seconds} s: {done} of {taken} that were taken transferred, "
        f"{done / seconds:.0f}/s, NOTIFY p99 {seen['p99_us'] / 1000:.0f} ms, {again} "
        f"messages sent again, {memory / MB:.0f} MB",
    )


# Scenes with their size, and the size of a short run.
SCENES = {
    "held_calls": (held_calls, 10_000, 1_000),
    "unanswered": (unanswered, 5_000, 200),
    "unread_streams": (unread_streams, 1_000, 100),
    "connection_flood": (connection_flood, 2_000, 200),
    "late_answers": (late_answers, 5_000, 500),
    "overload": (overload, 2_500, 1_500),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=", ".join(SCENES))
    parser.add_argument("--short", action="store_true", help="a tenth of the size")
    parsed = parser.parse_args()
    if wrong := sorted(set(parsed.scenes) - set(SCENES)):
        parser.error(f"no scene {' '.join(wrong)}: there are {' '.join(SCENES)}")
    lost = False
    for name in parsed.scenes or SCENES:
        scene, size, small = SCENES[name]
        try:
            good, text = scene(small if parsed.short else size)
        except (BenchError, OSError, subprocess.SubprocessError) as error:
            good, text = False, str(error)
        print(f"{name:18} {'nothing lost' if good else 'LOST'}: {text}", flush=True)
        lost = lost or not good
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
