# SPDX-License-Identifier: Apache-2.0
"""Kamailio in the middle: a proxy that records its route."""

import pathlib

import network
import stage

END = ("127.0.0.5", 5060)
CONFIG = pathlib.Path(__file__).with_name("kamailio.cfg")


class Kamailio(stage.Talker):
    """A proxy at END, over UDP and TCP. `users` says where each of "app",
    "alice" and "bob" is called, by a URI whose transport it then uses."""

    PACKAGE = "kamailio"

    def __init__(self, **users):
        self.name, self.end = "Kamailio", END
        self._home = stage.Folder()
        folder = pathlib.Path(self._home.name)
        config = CONFIG.read_text()
        for user in ("app", "alice", "bob"):
            config = config.replace(f"@{user.upper()}@", users[user])
        (folder / "kamailio.cfg").write_text(config)
        # In the foreground, with all it writes in its own directory.
        command = [
            network.program("kamailio"), "-DD", "-E",
            "-f", str(folder / "kamailio.cfg"),
            "-Y", str(folder), "-w", str(folder),
            "-m", "32", "-M", "4",
        ]  # fmt: skip
        super().__init__(command, {})
        self.await_line("kamailio serves")

    def __exit__(self, *_):
        super().__exit__()
        self._home.cleanup()
