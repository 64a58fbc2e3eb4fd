"""The worker: forked by the supervisor, it runs or checks the source, and is free to crash."""

from __future__ import annotations

import gc
import json
import os
import signal
import threading
import time
import traceback
import typing

from runner import contract
from runner.contract import Event, ExitCode, Failure, FailureKind, Result
from runner.explain import classify, wording
from runner.explain.causes import unwrap
from runner.load.progress import Emit, Steps
from runner.supervise import results
from runner.supervise.job_input import Input, Paths, values_of
from runner.supervise.masking import Masker
from runner.work import process

POD_PERIOD = 5.0
"""Seconds between two lines of progress in a pod's log, which people read too and the node keeps."""
_TRACEBACK_PART = 32_000
"""Characters of a long traceback's beginning and end that are kept: an error may quote a whole response."""


class Channel:
    """Writes events to the supervisor as JSON lines, whole, from any thread of the process that made it.

    Programs that the source starts don't inherit the pipe, and a forked child of the worker writes nothing.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._process = os.getpid()

    def emit(self, event: str, fields: dict[str, typing.Any]) -> None:
        """Sends one event; values that JSON doesn't know become text. A closed pipe is no error."""
        if os.getpid() != self._process:
            return
        line = json.dumps({"event": event, "time": time.time(), **fields}, default=str)
        data = memoryview(line.encode() + b"\n")
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except BrokenPipeError:
                return


def become(given: Input, paths: Paths, masker: Masker, events: int, log: int) -> typing.NoReturn:
    """Turns this forked process into the worker. ``events`` and ``log`` are its pipes."""
    code = int(ExitCode.INTERNAL)
    try:
        process.detach(log)
        process.find_packages()
        wording.mask_with(masker.text)
        channel = Channel(events)
        result = _result_of(given, paths, channel.emit)
        channel.emit(Event.RESULT.value, {"result": contract.plain(result)})
        code = result.exit_code
    except BaseException:  # noqa: BLE001 - the process ends here, whatever it is
        traceback.print_exc()
    finally:
        process.flush()
        # Not sys.exit: threads and exit handlers that the source left must not keep the run open.
        os._exit(code)


def _result_of(given: Input, paths: Paths, emit: Emit) -> Result:
    """The job's result; every exception becomes one."""
    steps = Steps(emit)
    if given.mounted:
        steps.period = POD_PERIOD
    try:
        values = values_of(given.files)
        checks = given.job.action in ("check", "connect")
        # Importing dlt makes a hundred thousand objects, hardly any of them cyclic garbage: collecting takes
        # a tenth of the start. What is imported then is left out of later collections.
        gc.disable()
        try:
            process.prepare(given.job, paths)
            if checks:
                from runner.work import check
            else:
                from runner.load import pipeline
                from runner.resolve import source

                make = source.prepare(given.job, paths, values)
        finally:
            gc.freeze()
            gc.enable()
        if checks:
            return check.run(given.job, paths, values, lambda exc: _explained(exc, given.job, steps))
        return pipeline.run(given.job, make, steps, state=paths.state)
    except BaseException as exc:  # noqa: BLE001 - whatever it is, it becomes a result
        # a second request to stop must not interrupt the answer to the first
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        codes = (link.exit_code for link in unwrap(exc) if isinstance(link, classify.JobFailed))
        return results.failed(
            _explained(exc, given.job, steps),
            next(codes, None),
            notes=tuple(steps.notes),
            seconds={name: round(value, 3) for name, value in steps.seconds.items()},
            versions=results.versions(),
        )


def _explained(exc: BaseException, job: contract.JobSpec, steps: Steps) -> Failure:
    """The failure that an exception stands for; its traceback goes to the log file."""
    _send_traceback(exc, steps.emit)
    try:
        from runner.explain import credentials

        return credentials.explained(exc, job, "load" if steps.current == "wait" else steps.current)
    except Exception as second:  # noqa: BLE001 - a source's exception may fail while it is printed
        _send_traceback(second, steps.emit)
        return Failure(FailureKind.EXTRACT, f"the source failed: {type(exc).__name__}", classify.LOG_HINT)


def _send_traceback(exc: BaseException, emit: Emit) -> None:
    text = wording.masked("".join(traceback.format_exception(exc)))
    if len(text) > 2 * _TRACEBACK_PART:
        text = f"{text[:_TRACEBACK_PART]}\n…\n{text[-_TRACEBACK_PART:]}"
    emit(Event.TRACEBACK.value, {"text": text})
