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
from runner.supervise import webhook
from runner.supervise.job_input import Input
from runner.supervise.supervisor import STOP_SIGNALS

_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 120.0


class Attempt(typing.Protocol):
    """One run of the job."""

    result: dict[str, typing.Any] | None

    def run(self) -> int:
        """Runs it to its end; returns the exit code."""

    def signalled(self) -> bool:
        """Whether a signal to stop it has come, even after its end."""


def run(given: Input, attempt: Callable[[], Attempt]) -> int:
    """Runs the job until it has ended well, for good, or ``job.retries`` times more; returns the exit code.

    Only what the runner calls transient is tried again, after a pause that grows from 5 to 120 seconds. After
    the last attempt the webhook is told of a failure, where no launcher does so. A signal ends it between two
    attempts too, as soon as the first can't show it in its result any more.
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
        _say(webhook.tell(given, tried.result, time.monotonic() - began, number))
    return code


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _stopped(number: int, frame: types.FrameType | None) -> typing.NoReturn:
    raise SystemExit(int(ExitCode.STOPPED))
