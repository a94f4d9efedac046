#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/interop.md of interop.txt and of the tests.

    document.py            runs the tests and writes the file
    document.py --check    complains where the file and the tests disagree

interop.txt has the words. Behind them comes a section for each test, with its
first lines and the ladder that it produced. A ladder is of one run: two messages
that cross on the wire may stand in another order in the next.
"""

import argparse
import ast
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DOCUMENT = ROOT / "docs/interop.md"
FILES = ("baresip_test.py", "linphone_test.py", "kamailio_test.py", "bridge_test.py")
PACKAGES = ("baresip-core", "linphone-cli", "kamailio")


def tests():
    """Of each file its module's words, and name and words of its tests."""
    for file in FILES:
        module = ast.parse((HERE / file).read_text())
        found = [
            (f"{group.name}.{test.name}", ast.get_docstring(test) or "")
            for group in module.body
            if isinstance(group, ast.ClassDef)
            for test in group.body
            if isinstance(test, ast.FunctionDef) and test.name.startswith("test_")
        ]
        yield file, ast.get_docstring(module), found


def ladders():
    """The ladder of each test, by its name; every test must pass."""
    with tempfile.TemporaryDirectory() as folder:
        for file in FILES:
            subprocess.run(
                [sys.executable, "-B", HERE / file],
                env={
                    **os.environ,
                    "CALLCONTROL_INTEROP_LADDERS": folder,
                    "PYTHONPATH": str(ROOT / "tests/e2e/sipp"),
                },
                check=True,
            )
        return {x.stem: x.read_text() for x in pathlib.Path(folder).iterdir()}


def version(package):
    query = ["dpkg-query", "-W", "-f", "${Version}", package]
    return subprocess.run(query, capture_output=True, text=True, check=True).stdout


def sentence(name):
    words = name.partition(".test_")[2].replace("_", " ")
    return words[0].upper() + words[1:]


def document():
    drawn = ladders()
    text = (HERE / "interop.txt").read_text()
    for package in PACKAGES:
        text = text.replace(f"@{package}@", version(package))
    parts = [text.rstrip()]
    for _, words, found in tests():
        title, _, more = words.partition("\n\n")
        parts.append(f"## {' '.join(title.split()).rstrip('.')}")
        parts += [more] if more else []
        for name, told in found:
            parts.append(f"### {sentence(name)}\n\n`{name}`")
            parts += [textwrap.dedent(told)] if told else []
            parts.append(f"```\n{drawn[name].rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def disagreements():
    shown = re.findall(r"^`(\w+\.test_\w+)`$", DOCUMENT.read_text(), re.M)
    there = [name for _, _, found in tests() for name, _ in found]
    if shown != there:
        yield f"{DOCUMENT.name} shows {shown}, and the tests are {there}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        DOCUMENT.write_text(document())
        return 0
    complaints = list(disagreements())
    for complaint in complaints:
        print(f"{complaint}; tests/interop/document.py writes it anew", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
