"""``python -m runner.inspect.hold``: a container that runs nothing, for ``dltpod shell`` and ``dltpod show``.

It takes the same frame as a run, writes the same secrets to the same place in memory, leaves the job
beside them, and ends when its standard input closes: when whoever looks around has gone.
"""

from __future__ import annotations

import os
import signal
import sys
import types

from runner import contract
from runner.supervise import guard
from runner.supervise.job_input import InputError, Paths, read_input, write_secrets

JOB_NAME = "dltpod-job.json"
"""In the scratch folder. Its presence says that the container is ready; it holds no secret."""


def main() -> int:
    """Returns when standard input closes; an exit code, see ``contract.ExitCode``."""
    # As PID 1, it inherits what a visit leaves behind, and ignores what it has no handler for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _exit_now)
    guard.close()
    os.umask(0o022)
    paths = Paths.current()
    try:
        given = read_input(paths)
    except InputError as exc:
        sys.stderr.write(f"dltpod runner: {exc}\n")
        return int(contract.ExitCode.INTERNAL)
    write_secrets(paths.secrets, given.files)
    draft = paths.scratch / f"{JOB_NAME}.new"
    draft.write_text(contract.to_json(given.job), encoding="utf-8")
    draft.rename(paths.scratch / JOB_NAME)
    while os.read(0, 4096):
        continue
    return int(contract.ExitCode.OK)


def _exit_now(signum: int, frame: types.FrameType | None) -> None:
    os._exit(int(contract.ExitCode.STOPPED))


if __name__ == "__main__":
    sys.exit(main())
