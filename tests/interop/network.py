# SPDX-License-Identifier: Apache-2.0
"""A network of the test's own: a network namespace with nothing but loopback.

Phones and proxies have ports that can't be left to the kernel, and one of them
wants a default route before it calls anybody. In here nobody else is in the
way, and no packet leaves. Every party has an address of 127.0.0.0/8:

    callcontrold  127.0.0.2       Kamailio  127.0.0.5
    baresip       127.0.0.11...   Linphone  127.0.0.1, which can't be changed,
                                            at ports of its own
"""

import os
import shutil
import subprocess
import sys

INSIDE = "CALLCONTROL_INTEROP_NETWORK"


def enter():
    """Runs this program again inside such a network, and returns there. What it
    starts ends with it, however it ends."""
    if INSIDE not in os.environ:
        command = [
            program("unshare"), "--user", "--map-root-user", "--net",
            "--pid", "--fork", "--kill-child",
            sys.executable, "-B", *sys.argv,
        ]  # fmt: skip
        os.execve(command[0], command, {**os.environ, INSIDE: "1"})
    ip = program("ip")
    subprocess.run([ip, "link", "set", "lo", "up"], check=True)
    # Linphone looks for the way to the Internet and stays silent without one.
    route = [ip, "route", "replace", "default", "dev", "lo", "src", "127.0.0.1"]
    subprocess.run(route, check=True)


def program(name):
    """The path of a program, which must be there: no test is skipped."""
    path = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
    found = shutil.which(name, path=path)
    if found is None:
        raise AssertionError(f"{name} is missing: run ./run-tests, which installs it")
    return found
