"""Where a run can be killed: each puts a SIGKILL at one exact point of dlt, in this process only."""

from __future__ import annotations

import os
import signal
import threading
import typing
from collections.abc import Callable
from functools import partial

from tests.pipeline.sources import die

INTERRUPT = "interrupt:"
AFTER = "after:"


class Action:
    """What happens at the points that are put in place next: a kill, once a request to stop, or a halt."""

    run: Callable[[], None] = staticmethod(die)


def _interrupt_once() -> Callable[[], None]:
    left = [signal.SIGINT]

    def interrupt() -> None:
        if left:
            os.kill(os.getpid(), left.pop())

    return interrupt


STOPS = (
    "extracting",
    "extract_committed",
    "before_normalize",
    "normalize_committed",
    "before_load",
    "job_committed",
    "job_moving",
    "merge_committed",
    "before_complete",
    "after_complete",
)
"""The points at which ``stop_at_each`` stops, in the order of a run."""


def stop_at_each(table: str, line: typing.Any) -> None:
    """The first time that each of STOPS is reached, sends its name over ``line`` and waits for an answer."""
    left, one_at_a_time = set(STOPS), threading.Lock()

    def stop(name: str) -> None:
        with one_at_a_time:
            if name in left:
                left.remove(name)
                line.send(name)
                line.recv()

    for name in STOPS:
        Action.run = partial(stop, name)
        POINTS[name](table)


def install(kill: str, table: str) -> None:
    """Puts a kill at a point or ``after:<seconds>``, or a gentle stop for ``interrupt:<point>``."""
    if kill.startswith(AFTER):
        # nobody handles this signal, so it kills at once, whatever code runs
        signal.setitimer(signal.ITIMER_REAL, float(kill.removeprefix(AFTER)))
        return
    if kill.startswith(INTERRUPT):
        Action.run = _interrupt_once()
    POINTS[kill.removeprefix(INTERRUPT)](table)


def _wrap(owner: typing.Any, name: str, *, after: bool, when: Callable[..., bool] = lambda *_: True) -> None:
    original, act = getattr(owner, name), Action.run

    def wrapped(self: typing.Any, *args: typing.Any, **kwargs: typing.Any) -> typing.Any:
        if after:
            result = original(self, *args, **kwargs)
            if when(self, *args):
                act()
            return result
        if when(self, *args):
            act()
        return original(self, *args, **kwargs)

    setattr(owner, name, wrapped)


def _of_table(table: str) -> Callable[..., bool]:
    return lambda job, *_: job.job_file_info().table_name == table


def _jobs() -> list[typing.Any]:
    from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob
    from dlt.destinations.impl.filesystem.filesystem import FilesystemLoadJob
    from dlt.destinations.insert_job_client import InsertValuesLoadJob

    return [DuckDbCopyJob, InsertValuesLoadJob, FilesystemLoadJob]


def job_committed(table: str) -> None:
    """The rows are in the table, and dlt doesn't know it yet."""
    for job in _jobs():
        _wrap(job, "run", after=True, when=_of_table(table))


def job_moving(table: str) -> None:
    """The rows are in the table, dlt has noted it (if it does), and the file hasn't moved."""
    from dlt.common.storages.load_package import PackageStorage

    _wrap(
        PackageStorage,
        "complete_job",
        after=False,
        when=lambda _self, _load_id, name: name.startswith(f"{table}."),
    )


def job_completed(table: str) -> None:
    """The rows are in the table, and the job's file has moved."""
    from dlt.common.storages.load_package import PackageStorage

    _wrap(
        PackageStorage,
        "complete_job",
        after=True,
        when=lambda _self, _load_id, name: name.startswith(f"{table}."),
    )


def tables_dropped(_: str) -> None:
    """A full refresh has dropped the tables, and hasn't made them anew."""
    _of_clients("drop_tables", after=True)


def merge_committed(table: str) -> None:
    """The merge into the main table is committed, and dlt doesn't know it yet."""
    from dlt.destinations.job_client_impl import SqlLoadJob

    _wrap(SqlLoadJob, "run", after=True, when=_of_table(table))


def _of_clients(name: str, *, after: bool) -> None:
    from dlt.destinations.impl.filesystem.filesystem import FilesystemClient
    from dlt.destinations.job_client_impl import SqlJobClientBase

    for client in (SqlJobClientBase, FilesystemClient):
        _wrap(client, name, after=after)


def before_complete(_: str) -> None:
    """All rows and the state are in the tables, and the load isn't completed."""
    _of_clients("complete_load", after=False)


def after_complete(_: str) -> None:
    """The load is completed, and the package is still there."""
    _of_clients("complete_load", after=True)


def state_stored(_: str) -> None:
    """A bucket holds the new state, and not yet the file that says that its load is completed."""
    from dlt.destinations.impl.filesystem.filesystem import FilesystemClient

    _wrap(FilesystemClient, "_store_current_state", after=True)


def extract_committed(_: str) -> None:
    """The packages are committed, and the cursor isn't saved."""
    from dlt.extract.extract import Extract

    _wrap(Extract, "commit_packages", after=True)


def extracting(_: str) -> None:
    """Rows come in, and none are committed."""
    from dlt.extract.extractors import Extractor

    _wrap(Extractor, "write_items", after=False)


def lost_answer(table: str) -> None:
    """A job is committed, and the connection breaks before the answer comes; the first time only."""
    from dlt.destinations.exceptions import DatabaseTransientException

    for job in _jobs():
        original = job.run

        def run(self: typing.Any, original: typing.Any = original) -> None:
            original(self)
            if _of_table(table)(self) and self.job_file_info().retry_count == 0:
                raise DatabaseTransientException(ConnectionError("the server closed the connection"))

        job.run = run


def refused_job(table: str) -> None:
    """The destination refuses a job for good, before it has taken any of its rows."""
    from dlt.destinations.exceptions import DatabaseTerminalException

    def refuse(self: typing.Any) -> bool:
        if _of_table(table)(self):
            raise DatabaseTerminalException(ValueError("value too long"))
        return False

    for job in _jobs():
        _wrap(job, "run", after=False, when=refuse)


def before_record(_: str) -> None:
    """The folder has noted which record of a load it is about to write, and the destination has it not."""
    from runner.load.recover import ledger

    _wrap(ledger, "write", after=False)


def record_written(_: str) -> None:
    """The destination has the record of a load, and the folder hasn't noted that."""
    from runner.load.recover import ledger

    _wrap(ledger, "write", after=True)


def swept(_: str) -> None:
    """Rows of loads that were cut off are removed, and the folder hasn't noted that."""
    from runner.load.recover import undo

    _wrap(undo, "sweep", after=True)


def started_over(_: str) -> None:
    """What a full refresh that was cut off was to load anew is emptied, and nothing is extracted."""
    from runner.load.recover import restore

    _wrap(restore, "start_over", after=True)


def between_commits(_: str) -> None:
    """One of several packages is committed, with another schema's rows and the cursor missing."""
    from dlt.extract.storage import ExtractStorage

    _wrap(ExtractStorage, "commit_new_load_package", after=True)


def before_normalize(_: str) -> None:
    """All is extracted, nothing is normalized."""
    from dlt.normalize.normalize import Normalize

    _wrap(Normalize, "run", after=False)


def normalize_committed(_: str) -> None:
    """The normalized package is in place, and the extracted one isn't deleted."""
    from dlt.common.storages.load_storage import LoadStorage

    _wrap(LoadStorage, "commit_new_load_package", after=True)


def before_load(_: str) -> None:
    """All is normalized, and the destination knows nothing of it."""
    from dlt.load.load import Load

    _wrap(Load, "run", after=False)


def none(_: str) -> None:
    """An undisturbed run."""


POINTS: dict[str, Callable[[str], None]] = {
    point.__name__: point
    for point in (
        job_committed,
        job_moving,
        job_completed,
        tables_dropped,
        merge_committed,
        before_complete,
        after_complete,
        state_stored,
        extracting,
        extract_committed,
        lost_answer,
        refused_job,
        before_record,
        record_written,
        swept,
        started_over,
        between_commits,
        before_normalize,
        normalize_committed,
        before_load,
        none,
    )
}
