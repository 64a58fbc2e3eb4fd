"""Runs the runner in forks of a process that has imported dlt already: more than a second saved by each run.

All else is the real thing: two processes, a frame on standard input, pipes for what comes out.
"""

from __future__ import annotations

import array
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]


class ForkServer:
    """One helper process; it runs one job at a time.

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

    def run(self, environ: dict[str, str], stdin: int, stdout: int, stderr: int) -> int:
        """The exit code of a runner with these descriptors and this environment."""
        fds = array.array("i", [stdin, stdout, stderr])
        request = json.dumps(environ).encode()
        self._socket.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        return int(self._socket.recv(100))

    def close(self) -> None:
        """Ends the helper."""
        self._socket.close()
        self._process.wait(60)


def serve(channel: socket.socket) -> None:
    """Runs the runner in a fork for each request that comes over ``channel``, until it is closed."""
    from dlt.common.configuration.container import Container

    import runner.__main__ as program
    import tests.pipeline.preload  # noqa: F401

    while True:
        request, fds, _, _ = socket.recv_fds(channel, 1 << 16, 3)
        if not request:
            os._exit(0)  # without taking apart, module by module, what was imported
        pid = os.fork()
        if pid == 0:
            for target, descriptor in enumerate(fds):
                os.dup2(descriptor, target)
            channel.close()
            for descriptor in fds:
                os.close(descriptor)
            os.environ.clear()
            os.environ.update(json.loads(request))
            # Read from the environment when dlt was imported; a runner imports it later.
            Container._INSTANCE = None
            os._exit(program.main())
        for descriptor in fds:
            os.close(descriptor)
        _, status = os.waitpid(pid, 0)
        channel.send(str(os.waitstatus_to_exitcode(status)).encode())


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
