#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the code in a Markdown file is the code of the files it names.

    check_readme.py README.md...

A fenced block behind the line `<!-- from: PATH#REGION -->` must equal what
stands in PATH, seen from the root of the project, between the lines that hold
`begin-snippet: REGION` and `end-snippet`, its indentation taken off. Without
#REGION it must equal the whole file.
"""

import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(
    r"^<!-- from: (?P<path>[^#\s]+)(?:#(?P<region>\S+))? -->\n+"
    r"^(?P<fence>```+)[^\n]*\n(?P<text>.*?)^(?P=fence)$",
    re.M | re.S,
)
MARK = re.compile(r"^<!-- from:", re.M)


def source_of(path, region):
    file = ROOT / path
    if not file.is_file():
        raise LookupError(f"there is no {path}")
    text = file.read_text(encoding="utf-8")
    if region is None:
        return text
    found = re.search(
        rf"^[^\n]*begin-snippet: {re.escape(region)}\s*\n(.*?)^[^\n]*end-snippet",
        text,
        re.M | re.S,
    )
    if found is None:
        raise LookupError(f"{path} has no region {region}")
    return textwrap.dedent(found.group(1))


def complaints(name, text):
    blocks = list(BLOCK.finditer(text))
    if len(blocks) != len(MARK.findall(text)):
        yield f"{name}: a `<!-- from: -->` line without a fenced block behind it"
    for block in blocks:
        line = text.count("\n", 0, block.start()) + 1
        path, region = block["path"], block["region"]
        try:
            if block["text"].rstrip() != source_of(path, region).rstrip():
                yield f"{name}:{line}: differs from {path}" + (
                    f"#{region}" if region else ""
                )
        except LookupError as error:
            yield f"{name}:{line}: {error}"


def main():
    bad = []
    for name in sys.argv[1:]:
        text = (ROOT / name).read_text(encoding="utf-8")
        bad.extend(complaints(name, text))
    print("\n".join(bad) or "every marked block is up to date")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
