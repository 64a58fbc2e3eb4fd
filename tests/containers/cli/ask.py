"""Asks a process that has imported dltpod to run it in a fork: ``ask.py SOCKET PROGRAM ARGUMENT…``.

It imports little, for it stands in for the program ``dltpod`` itself where a test's shell calls that.
"""

from __future__ import annotations

import array
import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence

SECONDS = 600
"""A call that takes longer fails."""


def ask(
    server: str, fds: Sequence[int], command: Sequence[str], folder: str, environ: Mapping[str, str]
) -> int:
    """The exit code of a call with these three standard streams.

    ``command`` begins with the path of the program, or with nothing for ``python -m dltpod``.
    """
    request = {"command": [*command], "folder": folder, "environ": {**environ}}
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(SECONDS)
        channel.connect(server)
        channel.sendmsg([b"?"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
        channel.sendall(json.dumps(request).encode())
        channel.shutdown(socket.SHUT_WR)
        return int(channel.recv(100))


if __name__ == "__main__":
    sys.exit(ask(sys.argv[1], (0, 1, 2), sys.argv[2:], os.getcwd(), os.environ))  # noqa: PTH109
