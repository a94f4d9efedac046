# SPDX-License-Identifier: Apache-2.0
"""Measures the goals of docs/performance.md: see --help."""

import argparse
import dataclasses
import os
import pathlib
import subprocess
import sys
import time

import figures
import measurements
from measurements import FULL, SHORT, SUBJECTS
from stage import BenchError, CORES, Server, TooMuch

KEYS = [f"P{n}" for n in range(1, 9)]
# What P7 compares 100/s with: the first that the core can do.
BUSY_RATES = (1_000, 700, 500)


def arguments():
    parser = argparse.ArgumentParser(
        prog="./bench",
        description="Measures what a transfer costs, against the bare nta program "
        "and SIPp in the same run, and prints a line for each goal of "
        "docs/performance.md.",
    )
    parser.add_argument("goals", nargs="*", metavar="GOAL", help="P1 to P8; all")
    parser.add_argument("--short", action="store_true", help="under two minutes: "
                        "windows before Timer J, one round, fewer calls")
    parser.add_argument("--rounds", type=int, help="interleaved rounds; 3")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--check", action="store_true", help="exit status 1 where "
                        "a goal is not met; it is 2 where something did not run")
    parsed = parser.parse_args()
    wrong = sorted(set(parsed.goals) - set(KEYS))
    if wrong:
        parser.error(f"no goal {' '.join(wrong)}: there are {' '.join(KEYS)}")
    if parsed.rounds is not None and not 1 <= parsed.rounds <= 20:
        parser.error("--rounds: 1 to 20")
    parsed.goals = parsed.goals or KEYS
    return parsed


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


class Bench:
    """Runs what the wanted goals need, in rounds, and fills in the goals."""

    def __init__(self, wanted, pace):
        self._wanted = set(wanted)
        self._pace = pace
        self._samples = {}  # lists of Steady by what was run
        self._too_much = set()  # rates that the server does not keep up with
        self._grpc = []  # microseconds of the bare gRPC program
        self._idle = []
        self._maxima = {"server": [], "floor": []}

    def _wants(self, *keys):
        return bool(self._wanted & set(keys))

    def _steady_runs(self):
        """Who runs at which rate in a round, in this order."""
        runs = []
        if self._wants("P1", "P2", "P4", "P5"):
            runs.append(("server", 300))
        if self._wants("P1", "P4"):
            runs.append(("floor", 300))
        if self._wants("P2"):
            runs.append(("sipp", 300))
        if self._wants("P7"):
            runs += [("server", 100), ("floor", 100)]
        return runs

    def _round(self):
        for name, rate in self._steady_runs():
            self._take((name, rate), SUBJECTS[name], rate)
        if self._wants("P7"):
            self._take_busy()
        if self._wants("P1"):
            try:
                self._grpc.append(measurements.grpc_cpu(300, self._pace))
                say(f"bare gRPC at 300/s: {self._grpc[-1]:.0f} us a transfer")
            except (BenchError, subprocess.SubprocessError) as error:
                say(f"bare gRPC: left out: {error}")
        if self._wants("P5"):
            prepare = measurements.with_held(self._pace, self._idle)
            self._take(("held", 300), Server, 300, prepare)
        if self._wants("P3"):
            for name, found in self._maxima.items():
                found.append(measurements.clean_maximum(SUBJECTS[name], self._pace))
                say(f"{name}: clean up to {found[-1][0]}/s, its core at "
                    f"{found[-1][1]:.0f} %")

    def _take_busy(self):
        """The server at the first rate that it keeps up with, and the floor."""
        for rate in BUSY_RATES:
            if rate not in self._too_much and self._take(
                ("server", rate), Server, rate
            ):
                self._take(("floor", rate), SUBJECTS["floor"], rate)
                return

    def _take(self, key, make, rate, prepare=None):
        """Measures once; whether there is a figure."""
        try:
            sample = measurements.steady(make, rate, self._pace, prepare)
        except BenchError as error:
            # The other rounds may still tell.
            say(f"{key[0]} at {rate}/s: left out: {error}")
            if make is Server and isinstance(error, TooMuch):
                self._too_much.add(rate)
            return False
        self._samples.setdefault(key, []).append(sample)
        late = "" if sample.p50_us is None else (
            f", NOTIFY p50 {sample.p50_us:.0f} us, p99 {sample.p99_us:.0f} us")
        flaws = f", flaws {sample.flaws}" if sample.flaws else ""
        say(f"{key[0]} at {rate}/s: {sample.cpu_us:.0f} us a transfer{late}{flaws}")
        return True

    def _middle(self, key, member):
        return figures.middle(
            [getattr(sample, member) for sample in self._samples.get(key, [])]
        )

    def run(self):
        """The goals that are wanted, measured."""
        for number in range(1, self._pace.rounds + 1):
            if self._steady_runs() or self._wants("P3", "P5"):
                say(f"round {number} of {self._pace.rounds}")
                self._round()
        goals = figures.goals()
        self._fill_costs(goals)
        self._fill_maximum(goals)
        for key, measure in (
            ("P6a", measurements.held_memory),
            ("P6b", measurements.pending_memory),
            ("P8", self._unanswered(goals["P8"])),
        ):
            if not self._wants(key[:2]):
                continue
            try:
                goals[key].figure = measure(self._pace)
            except (BenchError, subprocess.SubprocessError) as error:
                say(f"{key}: left out: {error}")
        return [goal for goal in goals.values() if goal.key[:2] in self._wanted]

    @staticmethod
    def _unanswered(goal):
        def measure(pace):
            few, many = (
                measurements.unanswered_cpu(count, pace.t1_ms)
                for count in pace.unanswered
            )
            goal.detail = f"{many:.0f} : {few:.0f} us"
            return many / few

        return measure

    def _fill_costs(self, goals):
        def compare(key, above, below, member="cpu_us", factor=1):
            values = [self._middle(run, member) for run in (above, below)]
            goals[key].figure = figures.ratio(*values)
            if None not in values:
                goals[key].detail = f"{values[0]:.0f} : {values[1]:.0f} us"

        server, floor = ("server", 300), ("floor", 300)
        compare("P1", server, floor)
        compare("P2", server, ("sipp", 300))
        self._fill_floors(goals["P1f"], server, floor)
        compare("P4a", server, floor, "p50_us")
        compare("P4b", server, floor, "p99_us")
        compare("P5a", ("held", 300), server)
        self._fill_busy(goals, compare)
        goals["P5b"].figure = figures.middle(self._idle)

    def _fill_busy(self, goals, compare):
        busy = figures.busiest(
            {rate: self._samples[("server", rate)] for rate in BUSY_RATES
             if ("server", rate) in self._samples},
            self._pace.rounds,
        )
        for key, name in (("P7", "server"), ("P7f", "floor")):
            compare(key, (name, 100), (name, busy))
            if goals[key].figure is None or busy == BUSY_RATES[0]:
                continue
            goals[key].eased = True
            goals[key].detail += f", at {busy}/s"

    def _fill_floors(self, goal, server, floor):
        parts = [self._middle(floor, "cpu_us"), figures.middle(self._grpc)]
        if None in parts:
            return
        goal.figure = figures.ratio(self._middle(server, "cpu_us"), sum(parts))
        goal.detail = " + ".join(f"{part:.0f}" for part in parts) + " us"

    def _fill_maximum(self, goals):
        middles = {}
        for name, found in self._maxima.items():
            if not found:
                return
            rate = figures.middle([rate for rate, _ in found])
            load = figures.middle([load for _, load in found])
            middles[name] = (rate, load)
        goals["P3"].figure = figures.ratio(middles["server"][0], middles["floor"][0])
        goals["P3"].detail = " : ".join(
            f"{rate:.0f}/s at {load:.0f} % of the core"
            for rate, load in middles.values()
        )


def main():
    parsed = arguments()
    pace = SHORT if parsed.short else FULL
    if parsed.rounds:
        pace = dataclasses.replace(pace, rounds=parsed.rounds)
    if len(CORES) < 2:
        say("one core only: the far end shares it, so figures are not comparable")
    if parsed.short:
        say("short: windows end before Timer J, so figures are lower than they "
            "stay and noisier")
    load = os.getloadavg()[0]
    if load > 0.5:
        say(f"the machine is busy (load {load:.1f}): expect noise")
    try:
        measured = Bench(parsed.goals, pace).run()
    except (BenchError, OSError, subprocess.SubprocessError) as error:
        say(f"failed: {error}")
        return 2
    print(figures.table(measured))
    if parsed.json:
        about = {"short": parsed.short, "rounds": pace.rounds, "load": load,
                 "cores": len(CORES)}
        parsed.json.write_text(figures.as_json(measured, about) + "\n")
    if any(goal.figure is None for goal in measured):
        return 2
    missed = any(goal.met is False for goal in measured)
    return 1 if parsed.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
