# SPDX-License-Identifier: Apache-2.0
"""The SIP messages of a test as a ladder: time goes down, a column for each party."""

import re

WIDTH = 31  # from one lifeline to the next
LEFT = 8  # of the first lifeline: room for the time


def label(message):
    """What a message is, in a few words."""
    if message.status == 100:
        return f"100 Trying ({message.method})"
    if message.status:
        return f"{message.status} {message.reason} ({message.method})"
    if message.method == "NOTIFY":
        state = message.header("subscription-state").partition(";")[0] or "no state"
        return f"NOTIFY {message.sipfrag_status or 'of nothing'} ({state})"
    if message.method == "REFER":
        replaces = "Replaces" in message.header("refer-to")
        return "REFER with Replaces" if replaces else "REFER"
    if message.method == "INVITE":
        marks = ["again"] if "tag=" in message.header("to") else []
        marks += ["Replaces"] if message.headers("replaces") else []
        marks += re.findall(r"^a=(sendonly|recvonly|inactive)\s*$", message.body, re.M)[
            :1
        ]
        return f"INVITE ({', '.join(marks)})" if marks else "INVITE"
    return message.method


class Ladder:
    """`parties` are pairs of a name and where it is called, from left to right."""

    def __init__(self, parties):
        self._names = [name for name, _ in parties]
        self._columns = {tuple(end): column for column, (_, end) in enumerate(parties)}
        self._addresses = {}
        for column, (_, end) in enumerate(parties):
            self._addresses.setdefault(end[0], []).append(column)

    def draw(self, messages):
        lines = [self._head(), self._lifelines()]
        begin, learned, seen = None, {}, set()
        for message in messages:
            begin = message.time if begin is None else begin
            source = self._column(message.source, message, learned)
            ends = source, self._column(message.target, message, learned)
            if None in ends or ends[0] == ends[1]:
                continue
            text = label(message)
            known = (message.source, message.target, message.text)
            text += ", sent again" if known in seen else ""
            seen.add(known)
            lines.append(f"{message.time - begin:7.3f}" + self._rung(*ends, text)[7:])
        return "\n".join(line.rstrip() for line in lines) + "\n"

    def _column(self, end, message, learned):
        """Of a TCP connection the far end may use any port and address: its
        first request tells whose it is."""
        if tuple(end) in self._columns:
            return self._columns[tuple(end)]
        if end not in learned and end == message.source and not message.status:
            learned[end] = self._sender(message)
        if end in learned:
            return learned[end]
        alone = self._addresses.get(end.address, [])
        return alone[0] if len(alone) == 1 else None

    def _sender(self, message):
        """By its Via, or where that names a port of the moment, by its user."""
        via = re.match(r"SIP/2\.0/\w+\s+([^:;\s]+):?(\d*)", message.header("via"))
        column = via and self._columns.get((via[1], int(via[2] or 5060)))
        if column is None:
            user = re.search(r"sips?:([^@;>]+)@", message.header("from"))
            for column, name in enumerate(self._names):
                if user and name.startswith(f"{user[1]} "):
                    return column
            return None
        return column

    def _head(self):
        line = ""
        for column, name in enumerate(self._names):
            line = line.ljust(LEFT + column * WIDTH - len(name) // 2) + name
        return line

    def _lifelines(self):
        line = ""
        for column in range(len(self._names)):
            line = line.ljust(LEFT + column * WIDTH) + "│"
        return line

    def _rung(self, source, target, text):
        left, right = sorted((LEFT + source * WIDTH, LEFT + target * WIDTH))
        shaft = f" {text} ".center(right - left - 2, "─")
        arrow = f"{shaft}►" if source < target else f"◄{shaft}"
        line = self._lifelines()
        return line[: left + 1] + arrow + line[right:]
