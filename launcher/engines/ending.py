"""From the engine's own record of a container and the runner's result to how the job ended. Pure."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import stat
from dataclasses import dataclass
from pathlib import Path

from launcher.config.units import size
from launcher.engines.protocol import Ended
from launcher.errors import ConfigurationError
from launcher.untrusted import answers, clean, files
from runner.contract import NEVER_CONNECTED, NO_ROWS, FailureKind, Result, timed_out


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
    kind: FailureKind | None = None
    message = hint = ""
    if exit.asked is FailureKind.TIMEOUT:
        late = timed_out(exit.timeout or 0.0, rows=result is None or NO_ROWS not in result.notes)
        kind, message, hint = late.kind, late.message, late.hint
        failure = result.failure if result is not None else None
        if failure is not None and failure.message.startswith(NEVER_CONNECTED):
            message, hint = f"{message}: {failure.message}", failure.hint
    elif exit.asked is FailureKind.CANCELLED:
        kind, message = FailureKind.CANCELLED, "stopped as asked"
        hint = "the next sync resumes where this one stopped"
    elif exit.asked is not None:
        kind, message = exit.asked, f"stopped: {exit.asked.value.replace('_', ' ')}"
    elif exit.deed:
        kind, message = FailureKind.KILLED, f"killed from outside: someone {exit.deed} the container"
        hint = "sync again: it resumes where this run was interrupted"
    elif exit.oom:
        kind = FailureKind.OUT_OF_MEMORY
        peak = max(peak or 0, exit.memory_limit)
        message = f"out of memory: the limit is {size(exit.memory_limit)}, the peak was {size(peak)}"
        hint = "raise container.memory, or make the source yield smaller pages"
    elif result is not None:
        return Ended(result, exit.code, peak_memory=peak)
    elif exit.error:
        kind = FailureKind.ENVIRONMENT
        message = f"the container could not start: {clean.words(exit.error, 240)}"
        hint = "`dltpod doctor` checks the engine"
    elif exit.code in (128 + signal.SIGKILL, 128 + signal.SIGTERM, 128 + signal.SIGINT):
        name = signal.Signals(exit.code - 128).name
        kind = FailureKind.KILLED
        message = f"killed from outside ({name}): neither dltpod, a timeout nor the memory limit did it"
        hint = "sync again: it resumes where this run was interrupted"
    else:
        kind = FailureKind.RESULT_TORN
        message = f"the runner ended ({_code(exit.code)}) and left no result that can be read"
        hint = "the run's log holds its last words; the next sync goes on from what was loaded"
    return Ended(result, exit.code, kind=kind, message=message, hint=hint, peak_memory=peak)


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
