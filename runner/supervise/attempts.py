"""Tries a job again by itself, where nothing around its container does.

Compose's ``restart: on-failure`` can't tell a failure that passes from one that doesn't.
"""

from __future__ import annotations

import random
import signal
import sys
import time
import types
import typing
from collections.abc import Callable

from runner.contract import ExitCode
from runner.supervise.job_input import Input
from runner.supervise.supervisor import STOP_SIGNALS, Supervisor

_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 120.0


def run(given: Input, attempt: Callable[[], Supervisor]) -> int:
    """Runs the job, and again up to ``job.retries`` times; returns the exit code of the last attempt.

    ``attempt`` makes the supervisor of one run. Only a transient failure is tried again, after a pause that
    grows from 5 to 120 seconds. After the last attempt the webhook is told of a failure, where no launcher
    does so. A signal between two attempts ends the job too, with ``ExitCode.STOPPED``.
    """
    began, number = time.monotonic(), 1
    while True:
        tried = attempt()
        code = tried.run()
        if code != ExitCode.TRANSIENT or number > given.job.retries:
            break
        # Sources that failed together don't try again together.
        pause = min(_FIRST_PAUSE * 2 ** (number - 1), _LONGEST_PAUSE) * random.uniform(0.5, 1.0)
        number += 1
        for each in STOP_SIGNALS:
            signal.signal(each, _stopped)
        if tried.signalled():
            return int(ExitCode.STOPPED)
        _say(f"dltpod: trying again in {pause:.0f} s (attempt {number} of {given.job.retries + 1})\n")
        time.sleep(pause)
    if not given.job.events and tried.result is not None:
        # The HTTP client is slow to import. As for all imports, no source can write where it is looked for.
        from runner.supervise import webhook

        _say(webhook.tell(given, tried.result, time.monotonic() - began, number))
    return code


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _stopped(number: int, frame: types.FrameType | None) -> typing.NoReturn:
    raise SystemExit(int(ExitCode.STOPPED))
