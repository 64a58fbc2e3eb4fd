"""The process that runs the source: forked by the supervisor, free to crash.

What the source and its children print goes to the masking pipe, and its input is /dev/null.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import io
import logging
import os
import signal
import site
import sys
import traceback
import types
import typing
from pathlib import Path

from runner import contract
from runner.contract import Event, ExitCode, Failure, FailureKind, Result
from runner.explain import classify, wording
from runner.load.progress import Steps
from runner.supervise import first_process, results
from runner.supervise.job_input import Input, Paths, environment_for, values_of
from runner.supervise.masking import Masker
from runner.work import own_variables
from runner.work.channel import Channel, Emit

_TRACE_PART = 32_000
"""Characters of a traceback's beginning and end that are kept: an error may quote a whole answer."""


class Stopped(KeyboardInterrupt):
    """The run was told to stop while dlt was not watching for signals itself."""


def become(given: Input, paths: Paths, masker: Masker, events: int, log: int) -> typing.NoReturn:
    """Turns this forked process into the worker. ``events`` and ``log`` are its pipes."""
    code = int(ExitCode.INTERNAL)
    try:
        _detach(log)
        _find_packages()
        wording.mask_with(masker.text)
        channel = Channel(events)
        result = _result_of(given, paths, channel.emit)
        channel.emit(Event.RESULT.value, {"result": contract.plain(result)})
        code = result.exit_code
    except BaseException:  # noqa: BLE001 - the process ends here, whatever it is
        traceback.print_exc()
    finally:
        _flush()
        # Not sys.exit: threads and exit handlers that the source left must not keep the run open.
        os._exit(code)


def _detach(log: int) -> None:
    first_process.set_dumpable(True)
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    for descriptor, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, target)
    os.close(null)
    os.close(log)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.register_at_fork(after_in_child=_as_python_starts)
    # New ones: those made at start may think that they write to a file or a terminal.
    streams = {
        "stdin": io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False))),
        "stdout": _printer(1),
        "stderr": _printer(2),
    }
    for name, stream in streams.items():
        vars(sys).update({name: stream, f"__{name}__": stream})
    faulthandler.enable()


def _find_packages() -> None:
    """What an interpreter does as it starts, ``.pth`` files included; the supervisor's left it out (-S)."""
    if sys.flags.no_site:
        site.main()


def _printer(descriptor: int) -> io.TextIOWrapper:
    """A stream that hands on each line when it ends, and survives what can't be encoded."""
    raw = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _stop(signum: int, frame: types.FrameType | None) -> None:
    raise Stopped(signal.Signals(signum).name)


def _as_python_starts() -> None:
    """In a child that the source forks: the signals that the runner or dlt handle, as they were.

    Else a child that is ended (``multiprocessing.Pool`` does so with each of its own) would raise what
    means that the run was told to stop. Handlers of the source's own stay.
    """
    for number, default in ((signal.SIGTERM, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
        module = getattr(signal.getsignal(number), "__module__", None) or ""
        if module.partition(".")[0] in ("runner", "dlt"):
            signal.signal(number, default)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue
    logging.shutdown()
    ctypes.CDLL(None).fflush(None)  # what C code printed


def _result_of(given: Input, paths: Paths, emit: Emit) -> Result:
    """The job's result; every exception becomes one."""
    steps = Steps(emit)
    try:
        values = values_of(given.files)
        _settle(given.job, paths)
        own_variables.hide(own_variables.of_process(os.environ, given.job.env))
        if given.job.action == "check":
            from runner.work import check

            return check.run(given.job, paths, values, lambda exc: _told(exc, given.job, steps))
        from runner.load import pipeline
        from runner.resolve import source

        # Importing dlt makes garbage by the hundred thousand and hardly any that is cyclic: collecting
        # it takes a tenth of the start. What is imported then stays out of later collections.
        gc.disable()
        try:
            make = source.prepare(given.job, paths, values)
        finally:
            gc.freeze()
            gc.enable()
        return pipeline.run(given.job, make, emit, state=paths.state, steps=steps)
    except BaseException as exc:  # noqa: BLE001 - whatever it is, people are told
        # A second request to stop must not cut off the answer to the first.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        return _failed(exc, given.job, steps)


def _failed(exc: BaseException, job: contract.JobSpec, steps: Steps) -> Result:
    failure = _told(exc, job, steps)
    codes = (link.exit_code for link in classify.unwrap(exc) if isinstance(link, classify.JobFailed))
    return results.failed(
        failure,
        next(codes, None),
        notes=tuple(steps.notes),
        seconds={name: round(value, 3) for name, value in steps.seconds.items()},
        versions=results.versions(),
    )


def _told(exc: BaseException, job: contract.JobSpec, steps: Steps) -> Failure:
    # The log file gets it all, people get one sentence.
    _trace(exc, steps.emit)
    try:
        return explained(exc, job, steps.current)
    except Exception as second:  # noqa: BLE001 - a source's exception can fail while it is printed
        _trace(second, steps.emit)
        return Failure(FailureKind.EXTRACT, f"the source failed: {type(exc).__name__}", classify.LOG_HINT)


def _trace(exc: BaseException, emit: Emit) -> None:
    text = wording.masked("".join(traceback.format_exception(exc)))
    if len(text) > 2 * _TRACE_PART:
        text = f"{text[:_TRACE_PART]}\n…\n{text[-_TRACE_PART:]}"
    emit(Event.TRACEBACK.value, {"text": text})


def explained(exc: BaseException, job: contract.JobSpec, step: str) -> Failure:
    """The failure behind an exception, told for this job."""
    from runner.explain import credentials

    missing = credentials.explain_missing(exc, job)
    failure = missing or classify.classify(exc, "load" if step == "wait" else step)
    return Failure(
        failure.kind, failure.message, failure.hint.replace("<name>", job.source), failure.transient
    )


def _settle(job: contract.JobSpec, paths: Paths) -> None:
    """The process as dlt and the source find it."""
    os.environ.update(environment_for(job, paths, os.environ))
    paths.scratch.mkdir(parents=True, exist_ok=True)
    os.chdir(paths.workspace if paths.workspace.is_dir() else paths.scratch)
    Path(os.environ["DLT_DATA_DIR"]).mkdir(parents=True, exist_ok=True)
    sys.argv = ["dltpod"]
    sys.dont_write_bytecode = True  # the sources' folder is the user's
    # The last one is for processes that the source spawns: they import custom_sources.<module> anew.
    for place in (paths.custom_sources, paths.verified_sources, paths.custom_sources.parent):
        if place.is_dir() and str(place) not in sys.path:
            sys.path.append(str(place))
