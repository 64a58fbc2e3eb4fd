"""From the engine's own record of a container and the runner's result to how the job ended. Pure."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from launcher.config.units import size
from launcher.engines.protocol import Ended
from launcher.errors import ConfigurationError
from launcher.untrusted import answers, clean, files
from runner.contract import NEVER_CONNECTED, NO_ROWS, Failure, FailureKind, Result, timed_out

_RESUMES = "sync again: it resumes where this run was interrupted"


@dataclass(frozen=True)
class ContainerExit:
    """What the engine says of a container that ended. Sizes in bytes, times in seconds."""

    code: int | None
    oom: bool = False
    error: str = ""
    """The engine's own text where it couldn't start or keep the container."""
    asked: FailureKind | None = None
    """Why this launcher asked it to stop, None where it didn't."""
    deed: str = ""
    """What somebody else did to the container: ``removed`` or ``restarted``."""
    timeout: float | None = None
    memory_limit: int = 0
    peak_memory: int | None = None


def conclude(exit: ContainerExit, result: Result | None) -> Ended:
    """How a job ended. A result that says ``ok`` is believed: it is written after the last load.

    Everything else is named by its first cause: what this launcher asked for, then memory, then
    what the runner says, then how the container went.
    """
    peak = exit.peak_memory
    if result is not None and result.status == "ok":
        return Ended(result, exit.code, peak_memory=peak)
    if exit.asked is FailureKind.TIMEOUT:
        failure = timed_out(exit.timeout or 0.0, rows=result is None or NO_ROWS not in result.notes)
        told = result.failure if result is not None else None
        if told is not None and told.message.startswith(NEVER_CONNECTED):
            failure = replace(failure, message=f"{failure.message}: {told.message}", hint=told.hint)
    elif exit.asked is FailureKind.CANCELLED:
        failure = Failure(exit.asked, "stopped as asked", "the next sync resumes where this one stopped")
    elif exit.asked is not None:
        failure = Failure(exit.asked, f"stopped: {exit.asked.value.replace('_', ' ')}")
    elif exit.deed:
        message = f"killed from outside: someone {exit.deed} the container"
        failure = Failure(FailureKind.KILLED, message, _RESUMES)
    elif exit.oom:
        peak = max(peak or 0, exit.memory_limit)
        failure = Failure(
            FailureKind.OUT_OF_MEMORY,
            f"out of memory: the limit is {size(exit.memory_limit)}, the peak was {size(peak)}",
            "raise container.memory, or make the source yield smaller pages",
        )
    elif result is not None:
        return Ended(result, exit.code, peak_memory=peak)
    elif exit.error:
        message = f"the container could not start: {clean.words(exit.error, 240)}"
        failure = Failure(FailureKind.ENVIRONMENT, message, "`dltpod doctor` checks the engine")
    elif exit.code in (128 + signal.SIGKILL, 128 + signal.SIGTERM, 128 + signal.SIGINT):
        name = signal.Signals(exit.code - 128).name
        message = f"killed from outside ({name}): neither dltpod, a timeout nor the memory limit did it"
        failure = Failure(FailureKind.KILLED, message, _RESUMES)
    else:
        failure = Failure(
            FailureKind.RESULT_TORN,
            f"the runner ended ({_code(exit.code)}) and left no result that can be read",
            "the run's log holds its last words; the next sync goes on from what was loaded",
        )
    return Ended(result, exit.code, failure, peak)


def read_result(file: Path) -> Result | None:
    """The result that the runner left in ``file``, None where it is missing, torn or no plain file.

    The folder belongs to the container's user, so a link or a device there is not followed.
    """
    try:
        return answers.result(files.read(file, most=answers.RESULT_BYTES, follow=False))
    except OSError:
        return None


def clear_result(file: Path) -> None:
    """Remove whatever lies where the runner will leave its result, without following or entering it.

    A folder gets another name first, which takes no right within it. What of it can't be removed then
    (folders without rights, too many levels) is the source's own litter. Raises ConfigurationError
    where the folder of the file can't be used.
    """
    try:
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _unusable(file.parent, error) from None
    try:
        if not stat.S_ISDIR(os.lstat(file.name, dir_fd=folder).st_mode):
            os.unlink(file.name, dir_fd=folder)
            return
        aside = f".{file.name}.{secrets.token_hex(8)}"
        os.rename(file.name, aside, src_dir_fd=folder, dst_dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(file.parent, error) from None
    finally:
        os.close(folder)
    with contextlib.suppress(RecursionError):
        shutil.rmtree(file.with_name(aside), ignore_errors=True)


def _unusable(folder: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{folder} can't be used: {error.strerror or error}",
        "remove it: the source's state is then restored from its destination",
    )


def _code(code: int | None) -> str:
    if code is None:
        return "no exit code"
    name = next((f", {one.name}" for one in signal.Signals if one == code - 128), "")
    return f"exit code {code}{name}"
