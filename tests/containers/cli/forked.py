"""Runs ``dltpod`` in forks of a process that has imported it already: half a second saved by each call.

The arguments, the environment, the working directory and the end of the interpreter are those of
``python -m dltpod``. What is killed or sent signals, and an installed dltpod, is a process from its start.
"""

from __future__ import annotations

import array
import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
# What commands import as they run, besides their own modules.
LATER = (
    "docker",
    "launcher.engines.docker.engine",
    "launcher.engines.images",
    "launcher.runs.sync",
    "launcher.runs.webhook",
    "rich.live",
    "rich.table",
)


class Forks:
    """The process that forks; it ends with the one that made it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        environ = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, "-m", "tests.containers.cli.forked", str(theirs.fileno())]
        self._process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=environ,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        atexit.register(self._close)

    def _close(self) -> None:
        self._socket.close()
        self._process.wait(10)

    def call(
        self, folder: Path, arguments: Sequence[str], environ: Mapping[str, str], seconds: float
    ) -> tuple[int, str, str]:
        """One call in a folder, to its end: the exit code, stdout and stderr."""
        request = json.dumps({"folder": str(folder), "arguments": arguments, "environ": {**environ}}).encode()
        answer, theirs = socket.socketpair()
        with (
            answer,
            theirs,
            Path(os.devnull).open() as nothing,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            fds = [file.fileno() for file in (nothing, out, err, theirs)]
            told = len(request).to_bytes(4, "big")
            self._socket.sendmsg([told], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
            self._socket.sendall(request)
            theirs.close()
            answer.settimeout(seconds)
            code = int(answer.recv(100))
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode())
        return code, texts[0], texts[1]


@functools.cache
def forks() -> Forks:
    """That of this process."""
    return Forks()


def serve(channel: socket.socket) -> None:
    """Forks for each request that comes over ``channel``, until it is closed."""
    from launcher.cli import COMMANDS

    for name in (*(f"launcher.commands.{command}" for command in COMMANDS), *LATER):
        importlib.import_module(name)
    gc.freeze()
    while True:
        told, fds, _, _ = socket.recv_fds(channel, 4, 4)
        if not told:
            os._exit(0)
        with channel.dup().makefile("rb") as stream:
            request = json.loads(stream.read(int.from_bytes(told, "big")))
        # Its end is told by a process in between, which nobody waits for: calls may run side by side.
        between = os.fork()
        if between:
            for descriptor in fds:
                os.close(descriptor)
            os.waitpid(between, 0)
            continue
        channel.close()
        if os.fork():
            os._exit(0)
        called = os.fork()
        if called:
            _, status = os.waitpid(called, 0)
            os.write(fds[3], str(os.waitstatus_to_exitcode(status)).encode())
            os._exit(0)
        os.setsid()
        for target, descriptor in enumerate(fds[:3]):
            os.dup2(descriptor, target)
        for descriptor in fds:
            os.close(descriptor)
        _become(request["folder"], request["arguments"], request["environ"])


def _become(folder: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """``python -m dltpod`` in this process; it ends it, by SystemExit."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.path[0] = folder
    sys.argv = ["dltpod", *arguments]
    runpy.run_module("dltpod", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
