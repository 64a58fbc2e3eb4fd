"""Runs ``dltpod`` in forks of a process that has imported it already: up to a second saved by each call.

The arguments, the environment, the working directory and the end of the interpreter are those of a program
that has just been started. What is killed or sent signals, and an installed dltpod, is a process of its own.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path

from tests.containers.cli.ask import ask

REPOSITORY = Path(__file__).parents[3]
ASK = REPOSITORY / "tests/containers/cli/ask.py"
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
        self._folder = Path(tempfile.mkdtemp(prefix="dltpod-forks-"))
        self._place = str(self._folder / "socket")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self._place)
        listener.listen(64)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.containers.cli.forked", str(listener.fileno())],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        listener.close()
        atexit.register(self._close)

    def _close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)
        shutil.rmtree(self._folder)

    def call(
        self, folder: Path, arguments: Sequence[str], environ: Mapping[str, str]
    ) -> tuple[int, str, str]:
        """``python -m dltpod`` in a folder, to its end: the exit code, stdout and stderr."""
        with (
            Path(os.devnull).open() as nothing,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            fds = [file.fileno() for file in (nothing, out, err)]
            code = ask(self._place, fds, ["", *arguments], str(folder), environ)
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode())
        return code, texts[0], texts[1]

    def start(self, folder: Path, arguments: Sequence[str]) -> subprocess.Popen[str]:
        """The same without waiting: the process that asks. It has the output and the exit code.

        A signal to it doesn't reach the call.
        """
        return subprocess.Popen(
            [sys.executable, "-IS", ASK, self._place, "", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def program(self, folder: Path) -> None:
        """Puts a program ``dltpod`` into a folder, which runs in forks too."""
        file = folder / "dltpod"
        file.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {ASK} {self._place} "$0" "$@"\n')
        file.chmod(0o755)


@functools.cache
def forks() -> Forks:
    """That of this process."""
    return Forks()


def serve(listener: socket.socket) -> None:
    """Forks for each request that comes, until standard input is closed."""
    from launcher.cli import COMMANDS

    for name in (*(f"launcher.commands.{command}" for command in COMMANDS), *LATER):
        importlib.import_module(name)
    gc.freeze()
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            os._exit(0)
        channel, _ = listener.accept()
        # The end of the call is told by a process in between, which nobody waits for: calls run side by side.
        if between := os.fork():
            channel.close()
            os.waitpid(between, 0)
            continue
        if os.fork():
            os._exit(0)
        listener.close()
        _, fds, _, _ = socket.recv_fds(channel, 1, 3)
        with channel.makefile("rb") as stream:
            request = json.loads(stream.read())
        if called := os.fork():
            _, status = os.waitpid(called, 0)
            channel.send(str(os.waitstatus_to_exitcode(status)).encode())
            os._exit(0)
        channel.close()
        os.setsid()
        for target, descriptor in enumerate(fds):
            os.dup2(descriptor, target)
            os.close(descriptor)
        _become(request["command"], request["folder"], request["environ"])


def _become(command: Sequence[str], folder: str, environ: Mapping[str, str]) -> None:
    """The program in this process, which ends by SystemExit."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, TextIOWrapper)
        stream.reconfigure(line_buffering=stream.isatty() or stream is sys.stderr)
    sys.path[0] = folder
    sys.argv = [*command]
    if command[0]:
        from launcher.cli import program

        program()
    runpy.run_module("dltpod", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
