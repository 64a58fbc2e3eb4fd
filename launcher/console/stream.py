"""The event stream for machines: one JSON object a line on stdout. docs/events.md is its schema."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from launcher import log
from launcher.plan.values import JobPlan
from launcher.runs.history import RunRecord
from launcher.runs.listeners import Listener
from launcher.untrusted import clean
from runner import contract

VERSION = 1
_KNOWN = {"phase": ("phase",), "progress": ("rows",), "note": ("text",), "memory": ("bytes",)}


class Stream(Listener):
    """Writes JSON lines. A reader that goes away ends the writing, not the sync."""

    def __init__(self) -> None:
        self._gone = False

    def say(self, source: str, text: str) -> None:
        self._write("say", source, text=text)

    def planned(self, source: str, plan: JobPlan) -> None:
        self._write(
            "planned",
            source,
            run_id=plan.job.run_id,
            image=plan.container.image,
            environment=plan.image.environment.digest,
            container=plan.container.name,
            dataset=plan.job.dataset_name,
            added={item.text: item.origin for item in plan.image.environment.added},
            notes=list(plan.image.environment.notes),
        )

    def event(self, source: str, data: Mapping[str, Any]) -> None:
        kind = str(data.get("event", ""))
        if kind in _KNOWN:
            self._write(kind, source, **{key: data[key] for key in _KNOWN[kind]})

    def log(self, source: str, line: str) -> None:
        self._write("log", source, line=line)

    def ended(self, record: RunRecord) -> None:
        self._write("ended", record.source, run=plain(record))

    def announce(self, text: str) -> None:
        """Nothing: a program that sends signals knows of them."""

    def summary(self, records: Sequence[RunRecord], exit_code: int) -> None:
        """Write the last line: the exit code, the sum of all rows, and each source's status."""
        self._write(
            "summary",
            None,
            exit_code=int(exit_code),
            rows=sum(r.total_rows for r in records),
            sources={r.source: r.status for r in records},
        )

    def _write(self, event: str, source: str | None, **fields: Any) -> None:
        about = {"version": VERSION, "time": log.now(), "event": event}
        about |= {} if source is None else {"source": source}
        if not self._gone:
            try:
                sys.stdout.write(clean.json_text({**about, **fields}) + "\n")
                sys.stdout.flush()
            except OSError:  # its reader is gone, or its disk full: the run goes on
                self._gone = True


def plain(record: RunRecord) -> dict[str, Any]:
    """A record as values that JSON knows, with the sum of its rows."""
    data = {**contract.plain(record), "total_rows": record.total_rows}
    del data["launcher"]
    return data
