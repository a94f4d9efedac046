# SPDX-License-Identifier: Apache-2.0
"""HTTP servers that receive webhooks, well-behaved or not.

    with Receiver() as receiver:
        ... receiver.url("/action") ...
        (hook,) = receiver.take(1)

Ports are the kernel's choice, waiting is for events, and each wait has an end.
"""

import dataclasses
import http.server
import json
import socket
import ssl
import subprocess
import threading
import time

import stage


@dataclasses.dataclass
class Hook:
    """One POST as it came."""

    path: str
    headers: dict
    body: bytes
    connection: tuple
    time: float

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def delivery(self):
        return self.headers["X-Callcontrol-Delivery"]

    @property
    def attempt(self):
        return int(self.headers["X-Callcontrol-Attempt"])


class Receiver:
    """Takes every POST down and answers it by `answer`, a function of the hook
    that gives a status, or a status and headers, or a status, headers and a
    body. None: the connection is closed without an answer."""

    def __init__(self, answer=lambda hook: 200, tls=None, address="127.0.0.1"):
        self._hooks = []
        self._taken = 0
        self._grown = threading.Condition()
        self._answer = answer
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = stage.PATIENCE

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook = Hook(
                    self.path,
                    dict(self.headers),
                    body,
                    self.client_address,
                    time.monotonic(),
                )
                answer = receiver.take_down(hook)
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, text = (
                    (answer, {}, b"")
                    if isinstance(answer, int)
                    else (*answer, b"")[:3]
                )
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                try:
                    self.wfile.write(text)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        # What goes away in the middle is told by the test, not on the terminal.
        self._server.handle_error = lambda *_: None
        self.port = self._server.server_address[1]
        self._scheme = "http"
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.certificate, tls.key)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url(self, path="", host="127.0.0.1", user=""):
        return f"{self._scheme}://{user}{host}:{self.port}{path}"

    def take_down(self, hook):
        with self._grown:
            self._hooks.append(hook)
            self._grown.notify_all()
        return self._answer(hook)

    def take(self, count):
        """The next `count` hooks, which must come in time."""
        with self._grown:
            enough = self._grown.wait_for(
                lambda: len(self._hooks) >= self._taken + count, stage.PATIENCE
            )
            taken = self._hooks[self._taken : self._taken + count]
            if not enough:
                raise AssertionError(f"only {len(taken)} of {count} came: {taken}")
            self._taken += count
            return taken

    @property
    def untaken(self):
        with self._grown:
            return self._hooks[self._taken :]


class Silent:
    """Takes connections and never says a word."""

    def __enter__(self):
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._socket.getsockname()[1]
        return self

    def __exit__(self, *_):
        self._socket.close()

    def url(self, path=""):
        return f"http://127.0.0.1:{self.port}{path}"


def closed_port():
    """A port of 127.0.0.1 where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Certificate:
    """A self-signed certificate for `name`, which is its own authority."""

    def __init__(self, folder, name):
        self.certificate = folder / f"{name}.crt"
        self.key = folder / f"{name}.key"
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2",
                "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-subj", "/CN=callcontrol test",
                "-addext", f"subjectAltName={name}",
                "-keyout", self.key, "-out", self.certificate,
            ],
            check=True,
            capture_output=True,
        )  # fmt: skip
