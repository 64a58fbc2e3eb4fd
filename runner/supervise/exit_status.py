"""Why a worker ended: the failure of one without a result, and corrections to the result of another."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import typing
from pathlib import Path

from runner import contract
from runner.contract import Failure, FailureKind
from runner.explain import classify

_CGROUP_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
_KIND_OF_PHASE = {
    "normalize": FailureKind.NORMALIZE,
    "load": FailureKind.LOAD,
    "restore": FailureKind.LOAD,
    "wait": FailureKind.LOAD,
}
_INTERRUPTED = re.compile(r"interrupt|cancel|abort", re.IGNORECASE)


def explain(status: int, phase: str, stopping: str, out_of_memory: bool) -> Failure:
    """The failure behind a wait status (see ``os.waitpid``) in a phase of the run (see ``contract.Event``).

    ``stopping`` says why the run was told to stop, empty where it wasn't; ``out_of_memory`` whether the
    kernel has killed a process of the container for lack of memory meanwhile.
    """
    if stopping:
        return Failure(
            FailureKind.CANCELLED,
            f"the run was told to stop ({stopping}) and did not end in time during {phase}",
            classify.NEXT_SYNC_HINT,
        )
    if os.WIFSIGNALED(status):
        return _signalled(os.WTERMSIG(status), phase, out_of_memory)
    return Failure(
        _KIND_OF_PHASE.get(phase, FailureKind.EXTRACT),
        f"the source ended the process by itself during {phase}, with exit code {os.WEXITSTATUS(status)}",
        "it must not call os._exit",
    )


def corrected(result: dict[str, typing.Any], phase: str, stopping: str) -> dict[str, typing.Any]:
    """A worker's result, as a JSON object, that is ``cancelled`` if and only if the run was told to stop.

    A source may raise KeyboardInterrupt by itself. And of a run that was told to stop, a library may report
    the interruption in words of its own: DuckDB's "Interrupted!", Postgres' "canceling statement".
    """
    failure = result.get("failure") or {}
    stopped = failure.get("kind") == FailureKind.CANCELLED.value
    if not failure or stopped == bool(stopping):
        return result
    if stopped:
        kind = _KIND_OF_PHASE.get(phase, FailureKind.EXTRACT)
        found = Failure(
            kind,
            f"the source raised KeyboardInterrupt during {phase}, and nobody told the run to stop",
            classify.LOG_HINT,
        )
    elif _INTERRUPTED.search(str(failure.get("message"))):
        found = Failure(
            FailureKind.CANCELLED, f"the run was told to stop during {phase}", classify.NEXT_SYNC_HINT
        )
    else:
        return result
    return with_cause(result, found)


def with_cause(result: dict[str, typing.Any], cause: Failure | None) -> dict[str, typing.Any]:
    """A result, as a JSON object, that tells what its run was stopped for, unless it went well anyway."""
    if cause is None or result.get("status") == "ok":
        return result
    return {**result, "exit_code": classify.exit_code_of(cause), "failure": contract.plain(cause)}


def _signalled(number: int, phase: str, out_of_memory: bool) -> Failure:
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    if number == signal.SIGKILL:
        if out_of_memory:
            return classify.out_of_memory(phase)
        return Failure(
            FailureKind.KILLED,
            f"the source's process was killed during {phase}",
            "sync again: nothing is lost or doubled",
        )
    return Failure(
        _KIND_OF_PHASE.get(phase, FailureKind.EXTRACT),
        f"the source's process crashed during {phase}: {name}",
        "a library's C code, most likely: the log has the last lines",
    )


def oom_kills(counters: tuple[str, ...] = _CGROUP_COUNTERS) -> int:
    """How many processes of this control group the kernel has killed for lack of memory; 0 where nothing says
    it.

    ``counters`` are the files that have the number: those of control groups v2 and v1.
    """
    for place in counters:
        with contextlib.suppress(OSError, ValueError):
            found = re.search(r"^oom_kill (\d+)$", Path(place).read_text(encoding="ascii"), re.MULTILINE)
            if found:
                return int(found[1])
    return 0
