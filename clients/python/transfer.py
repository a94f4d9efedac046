#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Transfers a call over callcontrold and tells how it went.

Exit codes: 0 transferred, 1 failed, 3 nobody knows, 2 wrong usage.
"""

import argparse
import os
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "generated"))

import grpc  # noqa: E402
from callcontrol.v1 import call_control_pb2_grpc, transfer_pb2  # noqa: E402
from google.protobuf import json_format  # noqa: E402

EXIT_CODES = {
    transfer_pb2.TRANSFER_VERDICT_SUCCESS: 0,
    transfer_pb2.TRANSFER_VERDICT_FAILURE: 1,
}
UNKNOWN = 3
# The connection's own troubles: the transfer goes on without us.
BROKEN = (
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.UNKNOWN,
)
PAUSES = (0.2, 0.4, 0.8, 1.6, 2, 2, 2)


# begin-snippet: transfer
def transfer(stub, request):
    """Yields every event of a transfer, whatever happens to the connection."""
    last = None
    pauses = iter(PAUSES)
    events = stub.Refer(request)
    while True:
        try:
            for event in events:
                last, pauses = event, iter(PAUSES)
                yield event
                if event.WhichOneof("event") in ("planned", "result"):
                    return
        except grpc.RpcError as error:
            if last is None or error.code() not in BROKEN:
                raise
        # The stream broke in the middle, but the transfer goes on: look again.
        pause = next(pauses, None)
        if pause is None or last is None:
            raise ConnectionError("the stream ended without a result")
        time.sleep(pause)
        events = stub.WatchTransfer(
            transfer_pb2.WatchTransferRequest(
                transfer_id=last.transfer_id, after_sequence=last.sequence
            )
        )
# end-snippet


def parse_arguments():
    parser = argparse.ArgumentParser(description="Transfers a call.")
    parser.add_argument(
        "--server",
        default=os.environ.get("CALLCTL_SERVER", "127.0.0.1:50051"),
        metavar="HOST:PORT",
    )
    parser.add_argument("call", metavar="CALL", help="call id or SIP Call-ID")
    parser.add_argument("target", metavar="TARGET", help="SIP URI or number")
    return parser.parse_args()


def make_request(call, target):
    request = transfer_pb2.ReferRequest(refer_to=target)
    if re.fullmatch(r"c-[\w.-]+-[A-Za-z0-9]+", call, re.ASCII):
        request.call_id = call
    else:
        request.sip_call_id = call
    return request


def one_line(text):
    """`text` without anything that a terminal would obey."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def print_event(event):
    kind = event.WhichOneof("event") or "unknown"
    fields = json_format.MessageToDict(
        getattr(event, kind, event), preserving_proto_field_name=True
    )
    words = " ".join(f"{name}={value}" for name, value in fields.items())
    print(one_line(f"{event.sequence} {kind}: {words}"), flush=True)


def complain(text):
    print(f"transfer.py: {one_line(text)}", file=sys.stderr)


def run(stub, request):
    event = None
    try:
        for event in transfer(stub, request):
            print_event(event)
    except grpc.RpcError as error:
        complain(f"{error.details()} ({error.code().name})")
        # Before the first event only a broken connection leaves a doubt.
        maybe_begun = event is not None or error.code() in BROKEN
    except (ConnectionError, KeyboardInterrupt) as error:
        complain(str(error) or "stopped watching")
        maybe_begun = True
    else:
        if event.HasField("result"):
            return EXIT_CODES.get(event.result.verdict, UNKNOWN)
        return 0
    if not maybe_begun:
        return 1
    if event is not None:
        complain(f"it may go on: callctl show {event.transfer_id}")
    else:
        complain("it may have begun: callctl transfers")
    return UNKNOWN


def main():
    arguments = parse_arguments()
    with grpc.insecure_channel(arguments.server) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=5)
        except grpc.FutureTimeoutError:
            complain(f"no server answers at {arguments.server}")
            return 1
        stub = call_control_pb2_grpc.CallControlStub(channel)
        return run(stub, make_request(arguments.call, arguments.target))


if __name__ == "__main__":
    sys.exit(main())
