"""Runs the runner in forks of a process that has imported dlt already: more than a second saved by each run.

All else is the real thing: two processes, a frame on standard input, pipes for what comes out.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import typing
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]


class Forked:
    """A runner of the server's, to be used as a ``subprocess.Popen`` is. What it writes goes to files."""

    def __init__(
        self, told: socket.socket, stdin: typing.BinaryIO | None, stdout: Path, stderr: Path
    ) -> None:
        self.stdin = stdin
        self.returncode: int | None = None
        self._outputs = (stdout, stderr)
        self._told = told
        self.pid = int(told.recv(20))

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless the runner has ended."""
        if self.wait(0) is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it hard."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float) -> int | None:
        """The exit code, None if it still runs after so many seconds."""
        if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
            self.returncode = int(self._told.recv(20))
            self._told.close()
        return self.returncode

    def communicate(self, timeout: float) -> tuple[bytes, bytes]:
        """What it wrote, once it has ended. Raises TimeoutExpired."""
        if self.wait(timeout) is None:
            raise subprocess.TimeoutExpired("runner", timeout)
        stdout, stderr = (output.read_bytes() for output in self._outputs)
        return stdout, stderr


class ForkServer:
    """One helper process, from which each runner is forked.

    ``python`` and ``module`` are the interpreter and the program, for one that does more than ``serve``.
    """

    def __init__(
        self, python: str = sys.executable, module: str = "tests.pipeline.runner.forkserver"
    ) -> None:
        self._socket, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [python, "-m", module, str(theirs.fileno())],
            cwd=REPOSITORY,
            env={
                "PATH": os.environ["PATH"],
                "DLT_CONFIG_FOLDER": "dlt",
                "RUNTIME__DLTHUB_TELEMETRY": "false",
            },
            pass_fds=[theirs.fileno()],
        )
        theirs.close()

    def start(self, environ: dict[str, str], stdin: int, stdout: int, stderr: int) -> socket.socket:
        """Starts a runner with these descriptors and this environment.

        Returns a socket that gives its process id, and its exit code when it has ended, each as one text.
        """
        told, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        fds = array.array("i", [stdin, stdout, stderr, theirs.fileno()])
        request = json.dumps(environ).encode()
        self._socket.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        theirs.close()
        return told

    def close(self) -> None:
        """Ends the helper."""
        self._socket.close()
        self._process.wait(60)


def serve(channel: socket.socket) -> None:
    """Runs the runner in a fork for each request that comes over ``channel``, until it is closed."""
    from dlt.common.configuration.container import Container

    import runner.__main__ as program
    import tests.pipeline.preload  # noqa: F401

    poll = select.poll()
    poll.register(channel, select.POLLIN)
    running: dict[int, tuple[int, int]] = {}
    """By a descriptor that tells the end: the process, and where its exit code goes."""
    while True:
        for ready, _ in poll.poll():
            if ready in running:
                poll.unregister(ready)
                pid, told = running.pop(ready)
                _, status = os.waitpid(pid, 0)
                with contextlib.suppress(BrokenPipeError):  # nobody waits for it
                    os.write(told, b"%d" % os.waitstatus_to_exitcode(status))
                os.close(ready)
                os.close(told)
                continue
            request, fds, _, _ = socket.recv_fds(channel, 1 << 16, 4)
            if not request:
                os._exit(0)  # without taking apart, module by module, what was imported
            told = fds.pop()
            pid = os.fork()
            if pid == 0:
                for target, descriptor in enumerate(fds):
                    os.dup2(descriptor, target)
                channel.close()
                for descriptor in (*fds, told, *running, *(other for _, other in running.values())):
                    os.close(descriptor)
                os.environ.clear()
                os.environ.update(json.loads(request))
                # Read from the environment when dlt was imported; a runner imports it later.
                Container._INSTANCE = None
                os._exit(program.main())
            for descriptor in fds:
                os.close(descriptor)
            os.write(told, b"%d" % pid)
            end = os.pidfd_open(pid)
            running[end] = (pid, told)
            poll.register(end, select.POLLIN)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
