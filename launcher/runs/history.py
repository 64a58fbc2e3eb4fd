"""Every run, in SQLite under ``.dltpod/``, safe for several launchers at once."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import itertools
import json
import math
import sqlite3
import urllib.parse
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.errors import DltpodError, Exit
from launcher.host.launchers import Alive
from launcher.log import timestamp
from launcher.untrusted import clean
from runner.contract import FailureKind, Interval, interval, moment

if TYPE_CHECKING:
    from pydantic import TypeAdapter

RUNNING = "running"
OK = "ok"
FAILED = "failed"
STOPPED = "stopped"
"""It was stopped by a signal, ``dltpod stop`` or ``--fail-fast``."""
PLANNED = "planned"
"""A dry run: nothing was started, and nothing is kept in history."""
INTERRUPTED = "interrupted"
"""Its launcher died before the run ended."""
DAMAGED = "damaged"
"""The record in history is damaged. This status is never written."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    status TEXT NOT NULL,
    started TEXT NOT NULL,
    launcher TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS runs_by_source ON runs (source, started);
CREATE TABLE IF NOT EXISTS stops (run_id TEXT PRIMARY KEY);
"""
_COLUMNS = "run_id, source, status, started, launcher, record"
_BUSY_SECONDS = 30.0
_HIGHEST = 2**63 - 1
_BEFORE_ALL = "1970-01-01T00:00:00Z"


class HistoryError(DltpodError):
    """The history file can't be used."""

    exit_code = Exit.FAILED


@dataclass(frozen=True)
class RunRecord:
    """One run as history keeps it. Times are RFC 3339 in UTC, durations seconds, sizes bytes.

    It holds no secret: messages were masked in the container, and no argument is kept.
    """

    run_id: str
    source: str
    status: str
    """``running``, ``ok``, ``failed``, ``stopped``, ``interrupted``; ``damaged`` where it can't be known."""
    started: str
    ended: str | None = None
    seconds: float = 0.0
    environment: str = ""
    """The environment's digest."""
    image: str = ""
    dlt: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    """``python``, ``dlt`` and the destination's driver, as the run found them."""
    packages: Mapping[str, str] = field(default_factory=dict)
    engine: str = "docker"
    phases: Mapping[str, float] = field(default_factory=dict)
    """Seconds by step, in order."""
    rows: Mapping[str, int] = field(default_factory=dict)
    bytes: int = 0
    peak_memory: int | None = None
    memory_limit: int | None = None
    exit_code: int | None = None
    failure_kind: FailureKind | None = None
    message: str = ""
    hint: str = ""
    transient: bool = False
    attempts: int = 1
    full_refresh: bool = False
    limit: int | None = None
    interval: Interval | None = None
    """What was loaded instead of what is new."""
    resources: tuple[str, ...] = ()
    """Those that were asked for; none for all."""
    action: str = "sync"
    new_tables: tuple[str, ...] = ()
    new_columns: tuple[str, ...] = ()
    """What the run added to the schema, ``table.column``; nothing on a first run."""
    first_run: bool = False
    cursors: Mapping[str, str] = field(default_factory=dict)
    load_ids: tuple[str, ...] = ()
    resumed_load_ids: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    verdicts: tuple[Mapping[str, Any], ...] = ()
    """Of ``check --deep``: ``what``, ``ok`` and ``text``."""
    dataset: str = ""
    location: str = ""
    log_file: str = ""
    launcher: str = ""
    """The identity of the launcher that runs it (see ``launcher.host.launchers``)."""

    @property
    def total_rows(self) -> int:
        return sum(self.rows.values())

    @property
    def kind(self) -> str:
        """The kind of failure in words; empty where there is none."""
        return self.failure_kind.value.replace("_", " ") if self.failure_kind else ""


class History:
    """The runs of a project. ``folder`` is ``.dltpod``; it is made when the first run is written.

    With ``alive``, which tells whether a launcher lives, a run whose launcher died is read as
    interrupted; only ``reconcile`` writes that down. Reading changes no file.
    A record that is damaged is read as ``DAMAGED`` and hides no other. Raises OSError or HistoryError where
    the folder or the file can't be used.
    """

    def __init__(self, folder: Path, alive: Alive | None = None) -> None:
        self.file = folder / "history.sqlite"
        self._alive = alive

    def write(self, record: RunRecord) -> None:
        """Insert a run, or replace what is known of it."""
        statement = f"INSERT OR REPLACE INTO runs ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
        self._change(statement, *_columns(record), _text(record))

    def forget(self, run_id: str) -> None:
        """Remove a run that never began."""
        self._change("DELETE FROM runs WHERE run_id = ?", run_id)

    def ask_to_stop(self, run_id: str) -> None:
        """Note that ``dltpod stop`` ends this run: its own launcher learns of it here."""
        self._change("INSERT OR IGNORE INTO stops (run_id) VALUES (?)", run_id)

    def asked_to_stop(self, run_id: str) -> bool:
        """Whether ``dltpod stop`` was called for this run."""
        return bool(self._read("SELECT 1 FROM stops WHERE run_id = ?", (run_id,)))

    def reconcile(self, alive: Alive) -> tuple[RunRecord, ...]:
        """Write down the runs of dead launchers as interrupted, and return them."""
        marked = []
        for written in History(self.file.parent).runs(statuses=(RUNNING,), limit=None):
            record = _seen(written, alive)
            if record.status == RUNNING:
                continue
            # Another launcher may have said so meanwhile, or the run's own one how it ended.
            statement = "UPDATE runs SET status = ?, record = ? WHERE run_id = ? AND status = ?"
            if self._change(statement, INTERRUPTED, _text(record), record.run_id, RUNNING):
                marked.append(record)
        return tuple(marked)

    def runs(
        self,
        source: str | None = None,
        *,
        limit: int | None = 20,
        statuses: Collection[str] = (),
        since: str = "",
    ) -> tuple[RunRecord, ...]:
        """The newest runs first; of one source, of some statuses, that began at or after ``since`` (as
        ``RunRecord.started``), at most ``limit``.
        """
        if not self.file.exists():
            return ()
        # What is written down as running may be read as interrupted.
        written = {*statuses, RUNNING} if statuses else set()
        clauses = ["source = ?"] if source is not None else []
        clauses += ["started >= ?"] if since else []
        clauses += [f"status IN ({', '.join('?' * len(written))})"] if written else []
        where = f" WHERE {' AND '.join(clauses)}" if clauses else ""
        values = [value for value in (source, since) if value] + sorted(written)
        most = -1 if limit is None or statuses else limit
        query = f"SELECT {_COLUMNS} FROM runs{where} ORDER BY started DESC, rowid DESC LIMIT {most}"
        records = [_seen(_record(row), self._alive) for row in self._read(query, values)]
        wanted = (record for record in records if not statuses or record.status in statuses)
        return tuple(itertools.islice(wanted, limit))

    def run(self, run_id: str) -> RunRecord | None:
        """One run by its id or by the beginning of its id, None where there is none or several."""
        if not self.file.exists() or not run_id:
            return None
        query = f"SELECT {_COLUMNS} FROM runs WHERE substr(run_id, 1, ?) = ? LIMIT 2"
        rows = self._read(query, (len(run_id), run_id))
        return _seen(_record(rows[0]), self._alive) if len(rows) == 1 else None

    def _read(self, query: str, values: Sequence[Any]) -> list[Any]:
        """The rows that a query finds. It creates no file, so read access to the project suffices."""
        log = self.file.with_name(f"{self.file.name}-wal")
        if not log.exists():
            # Nobody writes. To look for a write-ahead log would make one.
            with contextlib.suppress(sqlite3.DatabaseError):
                return self._rows("immutable=1", query, values)
        with _history_errors(self.file):
            return self._rows("mode=ro", query, values)

    def _rows(self, mode: str, query: str, values: Sequence[Any]) -> list[Any]:
        place = urllib.parse.quote(str(self.file.absolute()))
        with contextlib.closing(
            sqlite3.connect(f"file:{place}?{mode}", timeout=_BUSY_SECONDS, uri=True)
        ) as connection:
            connection.text_factory = lambda text: text.decode("utf-8", "replace")
            # Another launcher may have made the file a moment ago, and its tables not yet.
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchall():
                return []
            return connection.execute(query, values).fetchall()

    def _change(self, statement: str, *values: str) -> int:
        """Execute a statement; how many rows it changed."""
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (
            _history_errors(self.file),
            contextlib.closing(
                sqlite3.connect(self.file, timeout=_BUSY_SECONDS, isolation_level=None)
            ) as connection,
        ):
            # WAL lets readers go on while a launcher writes. Two launchers that open a new file
            # together may find it locked for a moment in spite of the timeout, hence the check.
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                with contextlib.suppress(sqlite3.OperationalError):
                    connection.execute("PRAGMA journal_mode = wal")
            connection.execute("PRAGMA synchronous = normal")
            connection.executescript(_SCHEMA)
            return connection.execute(statement, values).rowcount


def _seen(record: RunRecord, alive: Alive | None) -> RunRecord:
    """The record; marked as interrupted where its launcher died before the run's end, as ``alive`` tells."""
    if alive is None or record.status != RUNNING or alive(record.launcher) is not False:
        return record
    ended = _last_sign(record)
    return dataclasses.replace(
        record,
        status=INTERRUPTED,
        ended=timestamp(ended),
        seconds=round((ended - moment(record.started)).total_seconds(), 3),
        failure_kind=FailureKind.KILLED,
        message="interrupted: dltpod itself was killed while this ran",
        hint="the job goes on in the cluster: `dltpod runs --engine kubernetes` shows how it ends"
        if record.engine == "kubernetes"
        else "sync again: it resumes where this run was interrupted",
    )


def _last_sign(record: RunRecord) -> datetime.datetime:
    """The last known time of a run whose launcher died: that of its log's last line, else its start."""
    started = moment(record.started)
    try:
        written = Path(record.log_file).stat().st_mtime if record.log_file else 0.0
    except OSError:
        return started
    return max(started, datetime.datetime.fromtimestamp(written, datetime.timezone.utc))


@contextlib.contextmanager
def _history_errors(file: Path) -> Iterator[None]:
    """Turns what SQLite raises into HistoryError."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise HistoryError(
            f"{file} can't be used: {error}", "is its disk full, its folder read-only, or its file locked?"
        ) from None
    except sqlite3.DatabaseError as error:
        raise HistoryError(
            f"{file} is damaged: {error}",
            "move it away: dltpod begins a new one, sources resume where they were, and only the list of"
            " runs is lost",
        ) from None


def failing(history: History, names: Iterable[str]) -> dict[str, RunRecord]:
    """The last sync of each of these sources whose last sync failed or was interrupted.

    A limited run (``sync --limit``), a backfill, a check and a run that somebody stopped say nothing of
    whether the source works, so they don't count.
    """
    found = {}
    for name in names:
        runs = history.runs(name, limit=None)
        whole = (r for r in runs if r.action == "sync" and r.limit is None and r.interval is None)
        last = next((run for run in whole if run.status != STOPPED), None)
        if last is not None and last.status in (FAILED, INTERRUPTED):
            found[name] = last
    return found


def _columns(record: RunRecord) -> tuple[str, ...]:
    """The columns that are not ``record``."""
    return record.run_id, record.source, record.status, record.started, record.launcher


def _text(record: RunRecord) -> str:
    return json.dumps(dataclasses.asdict(record))


def _record(row: Sequence[Any]) -> RunRecord:
    """A row of ``_COLUMNS`` as a record, also if it is damaged."""
    try:
        record = _parsed(row[-1])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return _damaged(row)
    return record if _columns(record) == tuple(row[:-1]) else _damaged(row)


def _damaged(row: Sequence[Any]) -> RunRecord:
    run_id, source, _, started = (clean.line(str(value), 200) for value in row[:4])
    try:
        _check_time(started)
    except (ValueError, OverflowError):
        started = _BEFORE_ALL
    return RunRecord(
        run_id,
        source,
        DAMAGED,
        started,
        message="the history record of this run is damaged",
        hint="other runs are not affected; its log may still be in .dltpod/logs",
    )


def _parsed(text: Any) -> RunRecord:
    """The record in a JSON object. Raises ValueError, TypeError and the like on anything else."""
    record = _reader().validate_json(json.dumps(_cleaned(json.loads(text))), strict=True)
    if record.status not in (RUNNING, OK, FAILED, STOPPED, INTERRUPTED):
        raise ValueError(record.status)
    if record.interval is not None:
        interval(record.interval.start, record.interval.end)
    for written in (record.started, record.ended):
        if written is not None:
            _check_time(written)
    return record


def _check_time(text: str) -> None:
    """Raises ValueError where the text is no time with a zone."""
    if moment(text).tzinfo is None:
        raise ValueError(text)
    moment(text).astimezone(datetime.timezone.utc)


def _cleaned(value: Any) -> Any:
    """A JSON value without control characters: others may write the file, and what is read here is shown.

    Raises ValueError for numbers that SQLite and JSON readers don't take.
    """
    if isinstance(value, str):
        return clean.lines(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {clean.line(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, (int, float)) and not (math.isfinite(value) and abs(value) <= _HIGHEST):
        raise ValueError(value)
    return value


@functools.cache
def _reader() -> TypeAdapter[RunRecord]:
    from pydantic import TypeAdapter

    return TypeAdapter(RunRecord)
