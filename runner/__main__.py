"""``python -m runner``: reads the job, then supervises the process that runs it.

There are two processes, so that each outlives what happens to the other. This one stays small, imports
neither dlt nor the source, and holds the input, the output, the secrets' values and the lock. The worker,
which it forks, runs the source and may crash, hang in C code, or end itself without a word: a result is given
all the same.
"""

from __future__ import annotations

import os
import typing

from runner.supervise import attempts, first_process
from runner.supervise.job_input import Input, Paths
from runner.supervise.masking import Masker
from runner.supervise.supervisor import Supervisor


def main() -> int:
    """Runs the one job of this container; returns the exit code, see ``contract.ExitCode``."""
    return first_process.run(_run)


def _run(given: Input, paths: Paths) -> int:
    return attempts.run(given, lambda: Supervisor(given, paths, _work))


def _work(given: Input, paths: Paths, masker: Masker, events: int, log: int) -> typing.NoReturn:
    """In the forked process alone: the supervisor imports nothing that a source could have changed."""
    from runner.work import worker

    worker.become(given, paths, masker, events, log)


if __name__ == "__main__":
    # All is written, and nothing is left to be taken apart: the container's end waits for this process.
    os._exit(main())
