#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/conformance.md of the items and of what the tests say they show.

    conformance.py            writes the file
    conformance.py --check    complains where file, items and tests disagree

The items are in items.txt. What shows them stands in the tests that play over
real sockets: `Shows({"45", "F1"});`, the first statement of a test below
tests/e2e or tests/conformance. With --binary=PATH (any number of times) each of
these tests must be in one of the binaries.
"""

import argparse
import dataclasses
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]
ITEMS = ROOT / "tests/conformance/items.txt"
TABLE = ROOT / "docs/conformance.md"
TESTS = ("tests/e2e", "tests/conformance")

NOT_DONE = "not done:"
DOES_NOT_APPLY = "does not apply:"

SECTION = re.compile(r"\[(?P<id>\w+)\s+(?P<title>.+)\]")
ITEM = re.compile(r"(?P<id>[FR]?\d+)\s+(?P<rule>.+)")
SHOWS = re.compile(r"\bShows\(")
TEST = re.compile(
    r"^TEST(?:_F|_P)?\(\s*(?P<suite>\w+),\s*(?P<name>\w+)\)\s*\{\s*"
    r"Shows\(\{(?P<items>[^}]*)\}\);",
    re.M,
)

# What every real-socket item there must be: 1 to 108, F1 to F45, R1 to R25.
WANTED = [
    f"{letter}{number}"
    for letter, count in (("", 108), ("F", 45), ("R", 25))
    for number in range(1, count + 1)
]


@dataclasses.dataclass
class Item:
    section: str
    id: str
    rule: str
    does: str
    reason: str  # Empty where tests show it.


@dataclasses.dataclass
class Test:
    name: str  # "Suite.Name"
    items: list[str]


def read_items(text: str) -> list[Item]:
    items, section = [], ""
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.splitlines() if line and line[0] != "#"]
        if not lines:
            continue
        if heading := SECTION.fullmatch(lines[0]):
            section = f"{heading['id']} {heading['title']}"
        elif head := ITEM.fullmatch(lines[0]):
            does, reason = sentences(line.strip() for line in lines[1:])
            items.append(Item(section, head["id"], head["rule"], does, reason))
        else:
            raise ValueError(f"items.txt: neither a section nor an item: {lines[0]}")
    return items


def sentences(lines: Iterable[str]) -> tuple[str, str]:
    """What the server does, and why no test shows it."""
    does, reason = [], []
    for line in lines:
        is_reason = reason or line.startswith((NOT_DONE, DOES_NOT_APPLY))
        (reason if is_reason else does).append(line)
    return " ".join(does), " ".join(reason)


def read_tests(text: str, file: str) -> list[Test]:
    found = [
        Test(f"{test['suite']}.{test['name']}", re.findall(r'"([^"]*)"', test["items"]))
        for test in TEST.finditer(text)
    ]
    if len(found) != len(SHOWS.findall(text)):
        raise ValueError(f"{file}: a Shows() that is not the first statement of a test")
    return found


def all_tests() -> list[Test]:
    tests = []
    for folder in TESTS:
        for file in sorted((ROOT / folder).rglob("*.cc")):
            name = str(file.relative_to(ROOT))
            tests += read_tests(file.read_text(encoding="utf-8"), name)
    return tests


def tests_of(item: Item, tests: list[Test]) -> list[str]:
    return sorted(test.name for test in tests if item.id in test.items)


def wrong_items(items: list[Item], tests: list[Test]) -> Iterator[str]:
    ids = [item.id for item in items]
    if ids != WANTED:
        odd = sorted(set(ids) ^ set(WANTED)) or ["their order"]
        yield f"items.txt: not 1 to 108, F1 to F45, R1 to R25: {', '.join(odd)}"
    for test in tests:
        for unknown in sorted(set(test.items) - set(ids)):
            yield f"{test.name}: there is no item {unknown}"
    for item in items:
        shown = bool(tests_of(item, tests))
        if shown and item.reason:
            yield f"item {item.id}: has a reason and tests: {item.reason}"
        if not shown and not item.reason:
            yield f"item {item.id}: has neither a test nor a reason"
        if shown and not item.does:
            yield f"item {item.id}: does not say what the server does"


def tests_in(binary: str) -> set[str]:
    """Names as in the source: without instance and parameter."""
    listed = subprocess.run(
        [binary, "--gtest_list_tests"], capture_output=True, text=True, check=True
    ).stdout
    names, suite = set(), ""
    for line in listed.splitlines():
        word = line.split("#")[0].strip()
        if not line.startswith(" "):
            suite = word.rstrip(".").split("/")[-1]
        else:
            names.add(f"{suite}.{word.split('/')[0]}")
    return names


def missing_tests(tests: list[Test], binaries: list[str]) -> Iterator[str]:
    if not binaries:
        return
    there = set().union(*(tests_in(binary) for binary in binaries))
    for test in tests:
        if test.name not in there:
            yield f"{test.name}: is in the source and in no binary"


def row(item: Item, tests: list[Test]) -> str:
    shown = "<br>".join(f"`{name}`" for name in tests_of(item, tests))
    cells = (item.id, item.rule, item.does or "–", shown or f"*{item.reason}*")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def table(items: list[Item], tests: list[Test]) -> str:
    def reasons(beginning: str) -> int:
        return sum(item.reason.startswith(beginning) for item in items)

    shown = sum(bool(tests_of(item, tests)) for item in items)
    lines = [
        "# Conformance",
        "",
        "What the RFCs ask of the side that transfers a call, what far ends do in the",
        "field, and what this server does about it. An item counts as shown where a test",
        "plays it over a real socket against the real binary; where only a part of it is",
        "done, the row says so. How the table is made: [testing.md](testing.md).",
        "",
        f"Of {len(items)} items {shown} are shown by tests, {reasons(NOT_DONE)} are not "
        f"done, {reasons(DOES_NOT_APPLY)} do not apply.",
    ]
    section = ""
    for item in items:
        if item.section != section:
            section = item.section
            lines += ["", f"## {section}", ""]
            lines += ["| # | rule | what the server does | shown by |", "|---|---|---|---|"]
        lines.append(row(item, tests))
    return "\n".join(lines) + "\n"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--check", action="store_true", help="write nothing")
    options.add_argument("--binary", action="append", default=[], metavar="PATH")
    arguments = options.parse_args()

    try:
        items = read_items(ITEMS.read_text(encoding="utf-8"))
        tests = all_tests()
    except ValueError as error:
        print(error)
        return 1
    bad = [*wrong_items(items, tests), *missing_tests(tests, arguments.binary)]
    text = table(items, tests)
    if not arguments.check:
        TABLE.write_text(text, encoding="utf-8")
    elif not TABLE.is_file() or TABLE.read_text(encoding="utf-8") != text:
        bad.append(f"{TABLE.relative_to(ROOT)}: out of date; run {sys.argv[0]}")
    print("\n".join(bad) or f"{len(items)} items, {len(tests)} tests: all agree")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
