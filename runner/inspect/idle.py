"""``python -m runner.inspect.idle``: keeps a container for ``dltpod shell`` and ``dltpod show``, and runs
nothing.

It takes the same frame as a run, writes the same secrets to the same place in memory, leaves the job beside
them, and ends when its standard input closes: when the launcher has ended.
"""

from __future__ import annotations

import os
import signal
import sys

from runner import contract
from runner.supervise import first_process
from runner.supervise.job_input import Input, Paths, write_secrets

JOB_NAME = "dltpod-job.json"
"""A file in the scratch folder. It says that the container is ready; it holds no secret."""


def main() -> int:
    """Returns when standard input closes; an exit code, see ``contract.ExitCode``."""
    return first_process.run(_wait)


def _wait(given: Input, paths: Paths) -> int:
    # As PID 1 it becomes the parent of what a command leaves behind.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    write_secrets(paths.secrets, given.files)
    draft = paths.scratch / f"{JOB_NAME}.new"
    draft.write_text(contract.to_json(given.job), encoding="utf-8")
    draft.rename(paths.scratch / JOB_NAME)
    while os.read(0, 4096):
        continue
    return int(contract.ExitCode.OK)


if __name__ == "__main__":
    sys.exit(main())
