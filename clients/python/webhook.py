#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Receives the webhooks of callcontrold and prints what they tell.

Needs nothing but Python 3.9. The keys are those of the server's
hooks.signing_keys, one for each line of $CALLCONTROL_HOOK_KEYS.
"""

import argparse
import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time

MAX_BODY = 64 * 1024
# Deliveries that were taken already: any of them may come twice.
MAX_SEEN = 10_000


# begin-snippet: verify
def verify(keys, header, body, now=None, tolerance=300):
    """Whether X-Callcontrol-Signature was made by one of `keys` over `body`.

    `keys` and `body` are bytes. A signature older or newer than `tolerance`
    seconds counts for nothing, so that nobody can send an old one again.
    """
    fields = [part.partition("=")[::2] for part in header.split(",")]
    stamps = [value for name, value in fields if name == "t"]
    if len(stamps) != 1 or not (stamps[0].isascii() and stamps[0].isdigit()):
        return False
    if len(stamps[0]) > 15:
        return False
    now = time.time() if now is None else now
    if abs(now - int(stamps[0])) > tolerance:
        return False
    signed = stamps[0].encode() + b"." + body
    good = [hmac.new(key, signed, hashlib.sha256).hexdigest() for key in keys]
    return any(
        hmac.compare_digest(value.encode(), mac.encode())
        for name, value in fields
        if name == "v1"
        for mac in good
    )
# end-snippet


def tell(hook):
    """One line about the JSON of a hook."""
    if hook.get("event") == "transfer-status":
        return f"{hook['transfer_id']} {hook['sequence']}: {hook['call_status']}"
    final = hook.get("final_referred_call_status", "never reported")
    return (
        f"{hook['transfer_id']} {hook['sequence']}: {hook['verdict']} "
        f"{hook['outcome']}, REFER {hook['referStatus']}, target {final}"
    )


class Receiver(http.server.BaseHTTPRequestHandler):
    # Connections are kept for the next hook.
    protocol_version = "HTTP/1.1"
    timeout = 60
    keys = ()
    seen = {}
    lock = threading.Lock()

    def do_POST(self):
        size = self.headers.get("Content-Length", "")
        if not (size.isascii() and size.isdigit()) or int(size) > MAX_BODY:
            self.close_connection = True
            return self.answer(413)
        body = self.rfile.read(int(size))
        signature = self.headers.get("X-Callcontrol-Signature", "")
        if self.keys and not verify(self.keys, signature, body):
            # Final: the server will not send this one again.
            return self.answer(401)
        try:
            line = tell(json.loads(body))
        except (ValueError, KeyError, AttributeError):
            return self.answer(400)
        if self.is_new(self.headers.get("X-Callcontrol-Delivery", "")):
            print("".join(c if c.isprintable() else "?" for c in line), flush=True)
        # Quickly, and before any work that takes long: 2xx means that the hook
        # has arrived.
        return self.answer(204)

    def is_new(self, delivery):
        with self.lock:
            if delivery in self.seen:
                return False
            self.seen[delivery] = None
            if len(self.seen) > MAX_SEEN:
                del self.seen[next(iter(self.seen))]
            return True

    def answer(self, status):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description="Receives webhooks.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("port", type=int, help="0 picks a free one")
    arguments = parser.parse_args()
    keys = os.environ.get("CALLCONTROL_HOOK_KEYS", "").splitlines()
    Receiver.keys = tuple(key.encode() for key in keys if key)
    address = (arguments.host, arguments.port)
    with http.server.ThreadingHTTPServer(address, Receiver) as server:
        print(f"listening on port {server.server_address[1]}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main())
