"""The summary of a sync: one source in full, several as a table."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from launcher.config.units import size
from launcher.console.text import columns, folded, joined, number, seconds, style, table
from launcher.engines.kubernetes.names import IN_CLAIM
from launcher.errors import counted
from launcher.runs.history import OK, STOPPED, RunRecord
from runner.contract import FailureKind

_MOST_NEW = 20
"""New tables and columns that are named."""


def summary(records: Sequence[RunRecord], *, file: str | None = None) -> tuple[str, str]:
    """The text for standard output, and what went wrong, for standard error.

    ``file`` is the value of ``--file``, for commands to paste.
    """
    failed = [failure(record) for record in records if record.status != OK]
    if len(records) > 1:
        return several(records), "\n\n".join(failed)
    return "\n\n".join(one(record, file=file) for record in records if record.status == OK), "\n".join(failed)


def one(record: RunRecord, *, file: str | None = None) -> str:
    """A run that went well: tables, rows, seconds by step, where the data is, how to look at it."""
    name = style(record.source, "bold")
    lines = [f"{style('ok', 'ok')}  {name} in {seconds(record.seconds)}{_kind_of_run(record)}"]
    if record.rows:
        rows = [[name, number(count)] for name, count in record.rows.items()]
        lines += ["", table(["table", "rows"], rows, right=[1], indent=4)]
    lines += ["", *([] if record.interval is None else [f"    interval {record.interval}"])]
    for label, facts in (
        ("time", [f"{name} {seconds(took)}" for name, took in record.phases.items()]),
        ("cursor", [f"{name} = {value}" for name, value in record.cursors.items()]),
    ):
        lines += joined(facts, columns(), first=f"    {label:<9}") if facts else []
    if record.location or record.dataset:
        where = record.location + (", dataset " if record.location else "dataset ") + record.dataset
        lines.append(f"    data     {where}")
    lines += _additions(record, first="    new      ")
    if record.dataset and record.limit is None and IN_CLAIM not in record.location:
        given = f"--file {file} " if file else ""
        lines.append(f"    look at  {own_command()} show {given}{record.source}")
    for note in record.notes:
        lines += folded(note, columns(), first="    note     ", then=" " * 13)
    return "\n".join(lines)


def failure(record: RunRecord) -> str:
    """A run that failed, in three lines: what, the hint, the log."""
    kind = record.kind or record.status
    message = record.message.strip().removeprefix(f"source '{record.source}': ")
    first, *rest = message.splitlines() or [kind]
    stopped = record.status == STOPPED
    word = "stopped" if stopped else "error"
    head, *more = folded(first, columns(sys.stderr), first=f"{word}: {record.source}: ", then="  ")
    lines = [style(word, "warn" if stopped else "failed", sys.stderr) + head.removeprefix(word), *more]
    lines += [f"  {line}" for line in rest]
    if record.hint:
        head, *more = record.hint.strip().splitlines()
        lines += [f"  hint: {head}", *(f"    {line}" for line in more)]
    if record.log_file and record.failure_kind != FailureKind.ALREADY_RUNNING:
        lines.append(f"  log:  {own_command()} logs {record.source}  ({kind})")
    return "\n".join(lines)


def several(records: Sequence[RunRecord]) -> str:
    """A line for each source, then the sums, what is new in the schemas, and where the rows are."""
    rows = [
        [
            r.source,
            r.status,
            "" if r.status == STOPPED else r.kind,
            number(r.total_rows) if r.status == OK else "",
            seconds(r.seconds),
            size(r.peak_memory),
            f"{r.attempts}" if r.attempts > 1 else "",
        ]
        for r in records
    ]
    header = ["source", "status", "kind", "rows", "time", "memory", "attempts"]
    text = table(header, rows, right=[3, 4, 5, 6], width=columns(), drop=[6, 5, 2, 4])
    well = sum(r.status == OK for r in records)
    stopped = sum(r.status == STOPPED for r in records)
    total = sum(r.total_rows for r in records)
    verdict = style(f"{well} ok", "ok")
    if well + stopped < len(records):
        verdict += ", " + style(f"{len(records) - well - stopped} failed", "failed")
    if stopped:
        verdict += ", " + style(f"{stopped} stopped", "warn")
    new = [line for r in records for line in _additions(r, first=f"{r.source}: new ")]
    return "\n".join([text, "", f"{verdict}, {counted(total, 'row')}", *new, *_places(records)])


def _additions(record: RunRecord, *, first: str) -> list[str]:
    """The tables and columns that a run added to the schema, in lines that begin with ``first``."""
    told = [f"table {name}" for name in record.new_tables] + [f"column {name}" for name in record.new_columns]
    if len(told) > _MOST_NEW:
        told = [*told[:_MOST_NEW], f"and {len(told) - _MOST_NEW} more"]
    return joined(told, columns(), first=first) if told else []


def _places(records: Sequence[RunRecord]) -> list[str]:
    """Where the rows are, and how to look at them: a line for each place with its datasets."""
    places: dict[str, list[str]] = {}
    for r in records:
        if r.status == OK and r.dataset and r.action == "sync":
            places.setdefault(r.location, []).append(r.dataset)
    width = columns()
    lines = []
    for place, datasets in places.items():
        names = ", ".join(dict.fromkeys(datasets))
        word = "datasets" if len(set(datasets)) > 1 else "dataset"
        where = f"{place}, {word} {names}" if place else f"{word} {names}"
        lines += folded(where, width, first="data     ", then=" " * 9)
    if any(IN_CLAIM not in place for place in places):
        lines.append(f"look at  {own_command()} show NAME")
    return lines


def _kind_of_run(record: RunRecord) -> str:
    rows = counted(record.total_rows, "row")
    if record.limit is not None:
        return f": limited to {rows}, in a throw-away dataset"
    if record.full_refresh:
        return f": started over, {rows}"
    if record.first_run or not record.cursors or record.interval is not None:
        return f": {rows}"
    if not record.rows:
        return ": nothing new since the last run"
    return f": only what is new since the last run, {rows}"


def own_command(*, anywhere: bool = False) -> str:
    """How this dltpod was called, so that a line can be pasted in this folder, or ``anywhere``."""
    import shlex
    import shutil
    from pathlib import Path

    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        python = sys.executable if anywhere else Path(sys.executable).name
        return f"{shlex.quote(python)} -m dltpod"
    if anywhere:
        return shlex.quote(str(called.absolute()))
    found = shutil.which("dltpod")
    if found and Path(found).resolve() == called.resolve():
        return "dltpod"
    script, here = called.resolve(), Path.cwd()
    return shlex.quote(str(script.relative_to(here) if script.is_relative_to(here) else called))
