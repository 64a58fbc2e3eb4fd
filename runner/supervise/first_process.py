"""How a container's first process starts, and what keeps the source, which has the same user, out of it.

As PID 1 of its PID namespace a process takes no SIGKILL, no SIGSTOP and no signal without a handler from
inside (pid_namespaces(7)). A process that isn't dumpable can't be traced, and its files below ``/proc`` are
root's (PR_SET_DUMPABLE, prctl(2); ptrace(2), "Ptrace access mode checking"). Where the runner isn't PID 1,
because the image was started in another way, the second alone protects it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

from runner.contract import ExitCode
from runner.supervise.job_input import Input, InputError, Paths, read_input

_PR_SET_DUMPABLE = 4


def run(work: Callable[[Input, Paths], int]) -> int:
    """Protects this process, reads the job, and hands both over to ``work``; returns the exit code.

    That is ``work``'s own, or where no job can be read InputError's, which is said on standard error.
    """
    # PID 1 ignores a signal without a handler. Until the job is known, nothing needs to be ended gently.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, frame: os._exit(int(ExitCode.STOPPED)))
    set_dumpable(False)
    os.umask(0o022)
    paths = Paths.current()
    try:
        given = read_input(paths)
    except InputError as exc:
        sys.stderr.write(f"dltpod runner: {exc}\n")
        return int(exc.code)
    return work(given, paths)


def set_dumpable(dumpable: bool) -> None:
    """Closes this process's memory, variables and descriptors to other processes of its user, or opens them.

    A fork that runs a source is opened: multiprocessing, debuggers and ``/proc/self`` work as anywhere.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, int(dumpable), 0, 0, 0)
