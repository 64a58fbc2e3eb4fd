"""The state of one run, which its parts share: the job, its pipeline, its folders, its steps."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from runner.contract import JobSpec
from runner.load import compat
from runner.load.destination import check_file, retry_while_locked
from runner.load.locks import file_lock
from runner.load.progress import Steps
from runner.load.workdir import Workdir

T = typing.TypeVar("T")


@dataclass
class Session:
    """One run of one pipeline. ``pipeline`` changes where the working directory is started anew."""

    job: JobSpec
    steps: Steps
    work: Workdir
    open_pipeline: Callable[[], typing.Any]
    pipeline: typing.Any = None
    resumed: list[str] = field(default_factory=list)
    """Loads of a killed run that this one finished."""
    counted: dict[str, dict[str, int]] = field(default_factory=dict)
    """Rows by table of the packages that this run normalized, by load id."""
    rows: dict[str, int] = field(default_factory=dict)
    load_ids: list[str] = field(default_factory=list)
    bytes: int = 0
    ledger: typing.Any = None
    """The destination's client that ``ledger`` reads and writes by."""
    ledger_open: bool = False
    ledger_refused: bool = False
    """The destination refuses to make a table for the record."""
    cut_off: bool = False
    """The destination knows of a load that was begun and never ended."""
    cut: typing.Mapping[str, typing.Sequence[str]] = field(default_factory=dict)
    """Loads that were begun and never ended: schema and when it was made (ISO 8601), by id."""
    known: typing.Mapping[str, typing.Collection[str]] = field(default_factory=dict)
    """The tables and their columns before this run."""
    dataset: str = ""
    """Where the rows are, by the destination's own name for it."""

    @contextmanager
    def at_destination(self, step: str) -> Iterator[None]:
        """A step that opens the destination, under the destination's lock where it has one.

        Raises JobFailed where its file is none that can be opened (see ``destination.check_file``).
        """
        with self.steps.step(step), file_lock(self.job.destination.lock, self.steps):
            check_file(self.job.destination)
            yield

    def retry_while_locked(self, action: Callable[[], T]) -> T:
        """See ``destination.retry_while_locked``."""
        return retry_while_locked(self.steps, self.job.destination, action)

    def start_anew(self) -> None:
        """Empties the working directory and opens the pipeline again, without any state."""
        if self.pipeline is not None:
            compat.deactivate(self.pipeline)
        self.work.empty()
        self.pipeline = self.open_pipeline()

    def tables(self) -> dict[str, frozenset[str]]:
        """The columns of all tables that the pipeline has rows for, without dlt's own."""
        return {
            str(table["name"]): frozenset(
                name for name in schema.get_table_columns(table["name"]) if not name.startswith("_dlt")
            )
            for schema in self.known_schemas()
            for table in schema.data_tables(seen_data_only=True)
        }

    def tables_with_rows(self) -> set[str]:
        """The tables, dlt's own too, that this run normalized rows for."""
        return {table for counts in self.counted.values() for table, rows in counts.items() if rows}

    def known_schemas(self) -> list[typing.Any]:
        """The schemas that the pipeline knows."""
        live = compat.live_schemas(self.pipeline)
        return [live.get(name) or self.pipeline.schemas[name] for name in self.pipeline.schema_names]
