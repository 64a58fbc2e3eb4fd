"""Prepares the worker's process for dlt and the source: descriptors, signals, variables, folders."""

from __future__ import annotations

import ctypes
import faulthandler
import io
import logging
import os
import signal
import site
import sys
import types
import typing
from collections.abc import Collection
from pathlib import Path

from runner import patches
from runner.contract import JobSpec
from runner.supervise import first_process
from runner.supervise.job_input import Paths, environment_for


class Stopped(KeyboardInterrupt):
    """The run was told to stop while dlt was not watching for signals itself."""


def detach(log: int) -> None:
    """Separates the worker from the supervisor: its input is /dev/null, its output the pipe ``log``."""
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
    os.register_at_fork(after_in_child=_default_signals)
    # new ones: those made at start may take their descriptors for a file or a terminal
    streams = {
        "stdin": io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False))),
        "stdout": _line_stream(1),
        "stderr": _line_stream(2),
    }
    for name, stream in streams.items():
        vars(sys).update({name: stream, f"__{name}__": stream})
    faulthandler.enable()


def find_packages() -> None:
    """Does what an interpreter does at start, ``.pth`` files included; the supervisor skips it (-S)."""
    if sys.flags.no_site:
        site.main()


def _line_stream(descriptor: int) -> io.TextIOWrapper:
    """A stream that writes each line when it ends, and escapes what can't be encoded."""
    raw = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _stop(signum: int, frame: types.FrameType | None) -> None:
    raise Stopped(signal.Signals(signum).name)


def _default_signals() -> None:
    """In a child that the source forks: resets the signals that the runner or dlt handle.

    Otherwise a child that is terminated (``multiprocessing.Pool`` does so with each of its own) would raise
    what means that the run was told to stop. Handlers of the source's own stay.
    """
    for number, default in ((signal.SIGTERM, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
        module = getattr(signal.getsignal(number), "__module__", None) or ""
        if module.partition(".")[0] in (__name__.partition(".")[0], "dlt"):
            signal.signal(number, default)


def flush() -> None:
    """Writes all that Python and C code have buffered for standard output and error."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue
    logging.shutdown()
    ctypes.CDLL(None).fflush(None)


def prepare(job: JobSpec, paths: Paths) -> None:
    """Sets variables, folders and ``sys.path`` for dlt and the source. Imports dlt."""
    os.environ.update(environment_for(job, paths, os.environ))
    paths.scratch.mkdir(parents=True, exist_ok=True)
    os.chdir(paths.workspace if paths.workspace.is_dir() else paths.scratch)
    Path(os.environ["DLT_DATA_DIR"]).mkdir(parents=True, exist_ok=True)
    sys.argv = ["dltpod"]
    sys.dont_write_bytecode = True  # the sources' folder is the user's
    # the last one is for processes that the source spawns: they import custom_sources.<module> anew
    for place in (paths.custom_sources, paths.verified_sources, paths.custom_sources.parent):
        if place.is_dir() and str(place) not in sys.path:
            sys.path.append(str(place))
    _hide_from_dlt({name for name in os.environ if "__" not in name and name not in job.env})


def _hide_from_dlt(names: Collection[str]) -> None:
    """Keeps dlt from taking the process's own variables for configuration, from now on.

    dlt looks an argument up under sections first, ``SOURCES__ORDERS__USER``, and at last under its bare name,
    before any file: an argument ``path`` would be given ``PATH``, and a secret ``user`` in a file would lose
    to the ``USER`` that the runner sets. What ``container.env`` sets is about the source, and counts.
    """
    from dlt.common.configuration.providers.environ import EnvironProvider

    def get_value(
        found: typing.Any, self: typing.Any, key: str, hint: typing.Any, pipeline: typing.Any, *sections: str
    ) -> typing.Any:
        name = self.get_key_name(key, pipeline, *sections)
        return (None, name) if name in names else found(self, key, hint, pipeline, *sections)

    patches.changed(EnvironProvider, "get_value", get_value)
