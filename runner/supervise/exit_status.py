"""Says what became of a worker, beside or instead of what it says itself."""

from __future__ import annotations

import os
import re
import signal
import typing
from pathlib import Path

from runner.contract import ExitCode, Failure, FailureKind

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
_GOES_ON = "the next sync goes on where this one stopped"
_BROKEN_OFF = re.compile(r"interrupt|cancel|abort", re.IGNORECASE)


def explain(status: int, phase: str, stopping: str, out_of_memory: bool) -> Failure:
    """The failure behind a wait status.

    ``stopping`` says why the run was told to stop, if it was; ``out_of_memory`` whether the kernel
    has killed a process for lack of memory meanwhile.
    """
    if stopping:
        return Failure(
            FailureKind.CANCELLED,
            f"the run was told to stop ({stopping}) and did not end in time during {phase}",
            _GOES_ON,
        )
    if os.WIFSIGNALED(status):
        return _signalled(os.WTERMSIG(status), phase, out_of_memory)
    return Failure(
        _STEP_KINDS.get(phase, FailureKind.EXTRACT),
        f"the source ended the process by itself during {phase}, with exit code {os.WEXITSTATUS(status)}",
        "it must not call os._exit",
    )


def settled(result: dict[str, typing.Any], phase: str, stopping: str) -> dict[str, typing.Any]:
    """A worker's result, in which only a run that was told to stop is told as stopped.

    A source may raise KeyboardInterrupt by itself. And of a run that was told to stop, what breaks off may
    be told by a library in words of its own: DuckDB's "Interrupted!", Postgres' "canceling statement".
    """
    failure = result.get("failure") or {}
    stopped = failure.get("kind") == FailureKind.CANCELLED.value
    if not failure or stopped == bool(stopping):
        return result
    if stopped:
        kind = _STEP_KINDS.get(phase, FailureKind.EXTRACT)
        told = Failure(
            kind,
            f"the source raised KeyboardInterrupt during {phase}, and nobody told the run to stop",
            "the log has the whole traceback",
        )
        code = ExitCode.FAILED
    elif _BROKEN_OFF.search(str(failure.get("message"))):
        told = Failure(FailureKind.CANCELLED, f"the run was told to stop during {phase}", _GOES_ON)
        code = ExitCode.STOPPED
    else:
        return result
    return {**result, "exit_code": int(code), "failure": {**vars(told), "kind": told.kind.value}}


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
