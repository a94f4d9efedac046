# SPDX-License-Identifier: Apache-2.0
"""What is read from /proc and from SIPp, and the table of goals. Pure."""

import dataclasses
import json
import os
import statistics

TICK = 1 / os.sysconf("SC_CLK_TCK")


def cpu_seconds(stat):
    """User and system time of all threads, from the text of /proc/PID/stat."""
    # The name of the program, in parentheses, may hold anything.
    fields = stat[stat.rindex(")") + 1 :].split()
    return (int(fields[11]) + int(fields[12])) * TICK


def anonymous_bytes(status):
    """Memory that no file stands behind, from the text of /proc/PID/status."""
    for line in status.splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise ValueError("no RssAnon in /proc/PID/status")


def sipp_rows(text):
    """SIPp's -trace_stat file as dictionaries, one for each line.

    A line that is still being written is left out. "Time" is CurrentTime in
    seconds since 1970.
    """
    lines = text.split("\n")[:-1]
    if not lines:
        return []
    names = lines[0].rstrip(";").split(";")
    rows = []
    for line in lines[1:]:
        row = dict(zip(names, line.split(";"), strict=False))
        row["Time"] = float(row["CurrentTime"].split("\t")[-1])
        rows.append(row)
    return rows


def count_at(rows, time, name="SuccessfulCall(C)"):
    """What SIPp had counted at `time`, between rows by proportion."""
    before = rows[0]
    for row in rows:
        if row["Time"] >= time:
            span = row["Time"] - before["Time"]
            share = (time - before["Time"]) / span if span > 0 else 0
            old, new = (int(r[name]) for r in (before, row))
            return old + (new - old) * share
        before = row
    return int(rows[-1][name])


def flaws(row):
    """What went wrong by SIPp's last line: counts by name, those above 0 only."""
    names = (
        "FailedCall(C)",
        "Retransmissions(C)",
        "OutOfCallMsgs(C)",
        "DeadCallMsgs(C)",
        "FatalErrors(C)",
    )
    return {name[:-3]: int(row[name]) for name in names if int(row[name])}


@dataclasses.dataclass
class Goal:
    """One line of the table. `figure` is None where nothing was measured, `bound`
    where the line is no goal of its own. `eased`: measured where it is easier to
    meet than it says, which does not count as met."""

    key: str
    text: str
    bound: float | None
    unit: str
    figure: float | None = None
    detail: str = ""
    at_least: bool = False
    eased: bool = False

    @property
    def met(self):
        if self.figure is None or self.bound is None:
            return None
        if self.eased:
            return False
        if self.at_least:
            return self.figure >= self.bound
        return self.figure <= self.bound


# The text of docs/performance.md, in its order. P4, P5 and P6 have two parts; P1f
# and P7f are no goals of their own: what P1 is where gRPC counts as floor, too,
# and what P7 is without a server.
GOALS = (
    ("P1", "CPU per transfer at 300/s, server : bare nta", 1.5, "x"),
    ("P2", "CPU per transfer at 300/s, server : SIPp", 2.0, "x"),
    ("P1f", "P1, server : bare nta + bare gRPC", None, "x"),
    ("P3", "clean maximum on one core, server : bare nta", 0.7, "x"),
    ("P4a", "NOTIFY to client, p50, server : bare nta", 4.0, "x"),
    ("P4b", "NOTIFY to client, p99, server : bare nta", 6.0, "x"),
    ("P5a", "CPU per transfer, held calls : none", 1.2, "x"),
    ("P5b", "idle CPU with held calls", 2.0, "%"),
    ("P6a", "memory of a long-held call", 6.0, "KB"),
    ("P6b", "memory of a pending transfer with its stream", 40.0, "KB"),
    ("P7", "CPU at 100/s : a tenth of that at 1,000/s", 1.3, "x"),
    ("P7f", "P7 of bare nta", None, "x"),
    ("P8", "CPU per unanswered REFER, 5,000 : 500", 2.0, "x"),
)


def goals():
    """All goals, not measured."""
    return {
        key: Goal(key, text, bound, unit, at_least=key == "P3")
        for key, text, bound, unit in GOALS
    }


def middle(values):
    """The median; None for nothing."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def ratio(above, below):
    """None where a side was not measured."""
    return above / below if above is not None and below else None


def busiest(samples, rounds):
    """The highest rate that was measured in half of the rounds at least; else the
    one with the most samples, None for none. `samples`: lists by rate."""
    often = [rate for rate, found in samples.items() if 2 * len(found) >= rounds]
    if often:
        return max(often)
    return max(samples, key=lambda rate: (len(samples[rate]), rate), default=None)


def table(measured):
    """The goals as lines of text."""
    words = {True: "met", False: "NOT MET", None: ""}
    lines = [f"{'':4} {'goal':46} {'figure':>9} {'bound':>9}"]
    for goal in measured:
        figure = "-" if goal.figure is None else f"{goal.figure:.2f} {goal.unit}"
        bound = ""
        if goal.bound is not None:
            bound = f"{'>=' if goal.at_least else '<='} {goal.bound:g} {goal.unit}"
        word = "not measured" if goal.figure is None else words[goal.met]
        lines.append(
            f"{goal.key:4} {goal.text:46} {figure:>9} {bound:>9}  "
            f"{word}  {goal.detail}".rstrip()
        )
    return "\n".join(lines)


def as_json(measured, about):
    """The same for machines; `about` says how it was measured."""
    rows = [{**dataclasses.asdict(goal), "met": goal.met} for goal in measured]
    return json.dumps({**about, "goals": rows}, indent=2)
