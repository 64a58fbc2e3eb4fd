"""``python -m runner``: reads the job, then supervises the process that runs it.

Two processes, for each must outlive the other's mishaps. This one stays small, imports neither dlt
nor the source, and holds the input, the output, the secrets' values and the lock; the worker, which
it forks, runs the source, and may crash, hang in C code, or end itself without a word: the result
comes all the same.
"""

from __future__ import annotations

import os
import signal
import sys
import types
import typing

from runner import contract
from runner.supervise import guard
from runner.supervise.job_input import Input, InputError, Paths, read_input, write_secrets
from runner.supervise.masking import Masker
from runner.supervise.supervisor import Supervisor


def main() -> int:
    """Runs the one job of this container; returns the exit code, see ``contract.ExitCode``."""
    # As PID 1, a signal without a handler is ignored; before the job is known it ends all.
    signal.signal(signal.SIGTERM, _exit_now)
    signal.signal(signal.SIGINT, _exit_now)
    guard.close()
    os.umask(0o022)
    paths = Paths.current()
    try:
        given = read_input(paths)
    except InputError as exc:
        sys.stderr.write(f"dltpod runner: {exc}\n")
        return int(contract.ExitCode.INTERNAL)
    return Supervisor(given, paths, _prepare, _work).run()


def _prepare(given: Input, paths: Paths) -> None:
    if not given.mounted:
        write_secrets(paths.secrets, given.files)


def _work(given: Input, paths: Paths, masker: Masker, events: int, log: int) -> typing.NoReturn:
    """In the forked process alone: the supervisor's imports nothing that a source could have changed."""
    from runner.work import worker

    worker.become(given, paths, masker, events, log)


def _exit_now(signum: int, frame: types.FrameType | None) -> None:
    os._exit(int(contract.ExitCode.STOPPED))


if __name__ == "__main__":
    sys.exit(main())
