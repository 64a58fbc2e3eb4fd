"""Walls between a container's first process and the source, which has the same user.

As PID 1 of its PID namespace a process takes no SIGKILL, no SIGSTOP and no signal without a handler
from inside (pid_namespaces(7)). A process that isn't dumpable can't be traced, and its files below
``/proc`` are root's (PR_SET_DUMPABLE, prctl(2); ptrace(2), "Ptrace access mode checking"). Where the
runner isn't PID 1, because the image was started in another way, the second alone holds.
"""

from __future__ import annotations

import ctypes
import sys

_PR_SET_DUMPABLE = 4


def close() -> None:
    """Nobody without privileges looks into this process, nor into its memory, variables and descriptors."""
    _set_dumpable(0)


def reopen() -> None:
    """In a fork of it that runs a source: multiprocessing, debuggers and ``/proc/self`` work as anywhere."""
    _set_dumpable(1)


def _set_dumpable(value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, value, 0, 0, 0)
