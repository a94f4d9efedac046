# SPDX-License-Identifier: Apache-2.0
"""What went over the wire: every SIP message of the loopback interface."""

import collections
import os
import re
import select
import socket
import struct
import threading
import time

PATIENCE = 20  # seconds

FIRST_LINE = re.compile(rb"SIP/2\.0 \d{3} |[A-Z]{3,12} \S+ SIP/2\.0\r\n")
COMPACT = {
    "c": "content-type", "f": "from", "i": "call-id", "l": "content-length",
    "m": "contact", "o": "event", "r": "refer-to", "t": "to", "v": "via",
}  # fmt: skip
ETH_P_IP = 0x0800
UDP, TCP = 17, 6
# Where a packet goes that only marks how far the capture has come.
DISCARD = 9

# Where a packet came from or goes to.
End = collections.namedtuple("End", "address port")


class Message:
    """One SIP message, read leniently: a far end wrote it.

    `time` is in seconds on the monotonic clock.
    """

    def __init__(self, data, source, target, transport, when):
        self.text = data.decode("utf-8", "replace")
        self.source, self.target = source, target
        self.transport, self.time = transport, when
        head, _, self.body = self.text.partition("\r\n\r\n")
        self.first_line, *lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
        self._headers = collections.defaultdict(list)
        for line in lines:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            self._headers[COMPACT.get(name, name)].append(value.strip())
        answer = re.match(r"SIP/2\.0 (\d{3}) ?(.*)", self.first_line)
        self.status = int(answer[1]) if answer else 0
        self.reason = answer[2] if answer else ""
        # Of a request or of the one that is answered.
        self.method = self.header("cseq").partition(" ")[2].strip()
        self.uri = "" if answer else self.first_line.split(" ")[1]

    def header(self, name):
        """The value of the first such header, or nothing."""
        return (self.headers(name) or [""])[0]

    def headers(self, name):
        """Each value of such headers that is a list of name-addrs or Vias."""
        values = self._headers.get(name.lower(), [])
        return [
            x.strip() for value in values for x in re.split(r",(?=\s*<|\s*SIP/)", value)
        ]

    @property
    def call_id(self):
        return self.header("call-id")

    def is_request(self, method):
        return not self.status and self.method == method

    @property
    def sipfrag_status(self):
        """What a NOTIFY says of the call to the target; 0 where it says nothing."""
        found = re.match(r"SIP/2\.0 (\d{3})", self.body)
        return int(found[1]) if found and self.is_request("NOTIFY") else 0


class _Stream:
    """One direction of a TCP connection: SIP messages out of its segments."""

    def __init__(self):
        self._next, self._bytes = None, b""

    def take(self, sequence, data):
        """Loopback loses and reorders nothing; what is sent again is dropped."""
        if self._next is not None and sequence != self._next:
            return
        self._next = (sequence + len(data)) % 2**32
        self._bytes = (self._bytes + data).lstrip(b"\r\n")
        while (whole := self._length()) and whole <= len(self._bytes):
            yield self._bytes[:whole]
            self._bytes = self._bytes[whole:].lstrip(b"\r\n")

    def _length(self):
        head = self._bytes.find(b"\r\n\r\n")
        if head < 0:
            return 0
        body = re.search(
            rb"\r\n(?:Content-Length|l)\s*:\s*(\d+)", self._bytes[:head], re.I
        )
        return head + 4 + int(body[1] if body else 0)


class Capture:
    """Listens from the beginning to the end of a `with`, on a thread of its own."""

    def __init__(self):
        self._messages, self._mark = [], b""
        self._grown = threading.Condition()
        self._streams = collections.defaultdict(_Stream)
        self._socket = socket.socket(
            socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP)
        )
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind(("lo", ETH_P_IP))
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.close()
        self._thread.join(PATIENCE)
        self._socket.close()
        self._stopped.close()

    def messages(self):
        """What has come so far, in the order of the wire."""
        mark = os.urandom(16)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(mark, ("127.0.0.1", DISCARD))
        with self._grown:
            if not self._grown.wait_for(lambda: mark == self._mark, PATIENCE):
                raise AssertionError("the capture does not see its own packet")
            return list(self._messages)

    def wait(self, wanted, what):
        """Waits for a message that `wanted` likes, among the past ones too."""
        with self._grown:
            if not self._grown.wait_for(
                lambda: any(map(wanted, self._messages)), PATIENCE
            ):
                raise AssertionError(f"no {what} went over the wire")
            return next(filter(wanted, self._messages))

    def _listen(self):
        while True:
            ready, _, _ = select.select([self._socket, self._stopped], [], [])
            if self._socket not in ready:
                return
            packet, (_, _, kind, *_) = self._socket.recvfrom(1 << 17)
            # On loopback every packet is seen leaving and coming.
            if kind != socket.PACKET_OUTGOING:
                self._take(packet, time.monotonic())

    def _take(self, packet, when):
        protocol, header = packet[9], (packet[0] & 15) * 4
        source, target = map(socket.inet_ntoa, (packet[12:16], packet[16:20]))
        segment = packet[header : struct.unpack("!H", packet[2:4])[0]]
        if protocol not in (UDP, TCP):
            return
        ports = struct.unpack("!HH", segment[:4])
        ends = End(source, ports[0]), End(target, ports[1])
        if protocol == UDP:
            found, transport = [segment[8:]], "UDP"
        else:
            sequence, data = struct.unpack("!L", segment[4:8])[0], segment[12] >> 4
            payload, transport = segment[data * 4 :], "TCP"
            found = self._streams[ends].take(sequence, payload) if payload else []
        with self._grown:
            if ends[1].port == DISCARD:
                self._mark = segment[8:]
            for text in filter(FIRST_LINE.match, found):
                self._messages.append(Message(text, *ends, transport, when))
            self._grown.notify_all()
