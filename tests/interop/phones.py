# SPDX-License-Identifier: Apache-2.0
"""Phones of others, of Debian's packages, without a sound card.

    with Baresip("alice", "127.0.0.11") as alice:
        alice.dial("sip:app@127.0.0.2")

Each has a directory of its own for all that it reads and writes, is waited for
by what it says, and is stopped by its pid.
"""

import contextlib
import json
import pathlib
import re
import socket
import threading

import network
import stage

PATIENCE = stage.PATIENCE

BARESIP = """\
poll_method            epoll
sip_listen             {address}:5060
net_interface          {address}
call_local_timeout     120
call_max_calls         4
audio_source           ausine,440
ausrc_srate            48000
ausrc_channels         2
ctrl_tcp_listen        {address}:4444
module_path            {modules}
module                 g711.so
module                 ausine.so
module_app             account.so
module_app             menu.so
module_app             ctrl_tcp.so
"""

LINPHONE = """\
[sip]
sip_port={port}
sip_tcp_port={port}
contact=sip:{user}@127.0.0.1
use_ipv6=0
[rtp]
audio_rtp_port={rtp_port}
[video]
enabled=0
[storage]
uri=null
"""


class Phone(stage.Talker):
    """What every phone has: a user, an address and a directory.

    `end` is where it is called; `uri` is how.
    """

    PACKAGE = PRODUCT = ""

    def __init__(self, user, end, command, home, environment=None):
        self.user, self.end = user, end
        self.name = f"{user} ({self.PRODUCT})"
        self.uri = f"sip:{user}@{end[0]}:{end[1]}"
        self._home = home
        super().__init__(command, {"HOME": home.name, **(environment or {})})

    def __exit__(self, *_):
        # Asked to stop it would hang up, and wait for whoever has gone already.
        self.process.kill()
        super().__exit__()
        self._home.cleanup()


class Baresip(Phone):
    """baresip, at port 5060 of its own address.

    `proxy` is the URI of its outbound proxy. A phone that isn't `answering`
    rings until it is told to do something else.
    """

    PACKAGE = "baresip-core"
    PRODUCT = "baresip"

    def __init__(self, user, address, proxy=None, answering=True):
        home = stage.Folder()
        folder = pathlib.Path(home.name)
        account = f"<sip:{user}@{address}>;regint=0"
        account += f";answermode={'auto' if answering else 'manual'}"
        account += f';outbound="{proxy}"' if proxy else ""
        (folder / "accounts").write_text(f"{account}\n")
        modules = pathlib.Path("/usr/lib/baresip/modules")
        config = BARESIP.format(address=address, home=home.name, modules=modules)
        (folder / "config").write_text(config)
        # Through a pipe it would keep what it says to itself until its end.
        command = ["stdbuf", "-oL", network.program("baresip"), "-f", home.name]
        super().__init__(user, (address, 5060), command, home)
        self.await_line("baresip is ready")
        self._control = socket.create_connection((address, 4444), PATIENCE)
        self._control.settimeout(None)
        self.events = []
        self._told = threading.Condition()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def dial(self, uri):
        self.command("dial", uri)

    def hang_up(self):
        """Ends its call, or declines one that rings."""
        self.command("hangup")

    def transfer(self, uri):
        """Sends the far end of its call to somebody, by REFER."""
        self.command("transfer", uri)

    def command(self, name, parameters=""):
        text = json.dumps({"command": name, "params": parameters})
        self._control.sendall(f"{len(text)}:{text},".encode())

    def await_event(self, kind, peer=""):
        """Waits for what it tells by its control connection, past or to come."""

        def find():
            return next(
                (
                    event
                    for event in self.events
                    if event.get("type") == kind and peer in event.get("peeruri", "")
                ),
                None,
            )

        with self._told:
            if not self._told.wait_for(find, PATIENCE):
                raise AssertionError(f"no {kind} of {peer}:\n{self.events}")
            return find()

    def _listen(self):
        """Netstrings of JSON."""
        reset = contextlib.suppress(ConnectionResetError)
        with reset, self._control.makefile("rb") as stream:
            while length := re.match(rb"\d+", _until(stream, b":")):
                event = json.loads(stream.read(int(length[0])))
                stream.read(1)
                with self._told:
                    self.events.append(event)
                    self._told.notify_all()

    def __exit__(self, *_):
        self._control.shutdown(socket.SHUT_RDWR)
        self._listener.join(PATIENCE)
        self._control.close()
        super().__exit__()


def _until(stream, mark):
    read = b""
    while (byte := stream.read(1)) not in (mark, b""):
        read += byte
    return read


class Linphone(Phone):
    """linphone-daemon, at 127.0.0.1 and a port of its own."""

    PACKAGE = "linphone-cli"
    PRODUCT = "Linphone"

    def __init__(self, user, port, answering=True):
        home = stage.Folder()
        folder = pathlib.Path(home.name)
        config = LINPHONE.format(user=user, port=port, rtp_port=port + 2000)
        (folder / "linphonerc").write_text(config)
        for name in (".local/share/linphone", ".config/linphone"):
            (folder / name).mkdir(parents=True)
        command = [
            network.program("linphone-daemon"),
            "--config", str(folder / "linphonerc"),
            "--log", str(folder / "log"),
            "--disable-stats-events",
            *(["--auto-answer"] if answering else []),
        ]  # fmt: skip
        super().__init__(user, ("127.0.0.1", port), command, home)
        self.command("version")
        self.await_line(r"Version: (\S+)")

    def start(self, command, **more):
        # Its commands come by its standard input.
        super().start(command, **{**more, "stdin": stage.subprocess.PIPE})

    def dial(self, uri):
        self.command(f"call {uri}")

    def hang_up(self, call=""):
        """Ends its call, or declines one that rings; of several the one with
        this number, counted from 1."""
        self.command(f"terminate {call}".rstrip())

    def command(self, text):
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def await_event(self, state):
        """Waits for a call of it to be in this state, such as "StreamsRunning"."""
        self.await_line(f"Event: LinphoneCall({state})")

    def said(self):
        """Its own log."""
        return (pathlib.Path(self._home.name) / "log").read_text(errors="replace")

    def __exit__(self, *_):
        self.process.stdin.close()
        super().__exit__()
