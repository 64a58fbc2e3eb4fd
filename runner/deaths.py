"""Says what became of a worker that ended without a result."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from runner.contract import Failure, FailureKind

_CGROUP_COUNTERS = (
    ("/sys/fs/cgroup/memory.events", "oom_kill"),
    ("/sys/fs/cgroup/memory/memory.oom_control", "oom_kill"),
)
_STEP_KINDS = {
    "normalize": FailureKind.NORMALIZE,
    "load": FailureKind.LOAD,
    "restore": FailureKind.LOAD,
    "wait": FailureKind.LOAD,
}


def explain(status: int, phase: str, stopping: str, out_of_memory: bool) -> Failure:
    """The failure behind a wait status.

    ``stopping`` says why the run was told to stop, if it was; ``out_of_memory`` whether the kernel
    has killed a process for lack of memory meanwhile.
    """
    if stopping:
        return Failure(
            FailureKind.CANCELLED,
            f"the run was told to stop ({stopping}) and did not end in time during {phase}",
            "the next sync goes on where this one stopped",
        )
    if os.WIFSIGNALED(status):
        return _signalled(os.WTERMSIG(status), phase, out_of_memory)
    return Failure(
        _STEP_KINDS.get(phase, FailureKind.EXTRACT),
        f"the source ended the process by itself during {phase}, with exit code {os.WEXITSTATUS(status)}",
        "it must not call os._exit",
    )


def _signalled(number: int, phase: str, out_of_memory: bool) -> Failure:
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    if number == signal.SIGKILL:
        if out_of_memory:
            return Failure(
                FailureKind.OUT_OF_MEMORY,
                f"the source ran out of memory during {phase}",
                "give it more by `container: {memory: …}`, or let it yield smaller pages",
            )
        return Failure(
            FailureKind.KILLED,
            f"the source's process was killed during {phase}",
            "sync again: nothing is lost or doubled",
        )
    return Failure(
        _STEP_KINDS.get(phase, FailureKind.EXTRACT),
        f"the source's process crashed during {phase}: {name}",
        "a library's C code, most likely: the log has the last lines",
    )


def oom_kills(counters: tuple[tuple[str, str], ...] = _CGROUP_COUNTERS) -> int:
    """How many processes of this control group, v1 or v2, the kernel has killed for lack of memory."""
    for place, name in counters:
        try:
            text = Path(place).read_text(encoding="ascii")
        except (OSError, ValueError):
            continue
        for line in text.splitlines():
            key, _, count = line.partition(" ")
            if key == name and count.strip().isdigit():
                return int(count)
    return 0
