"""Runs to show."""

from __future__ import annotations

from launcher.runs.history import RunRecord
from runner.contract import FailureKind

WELL = RunRecord(
    run_id="20260101-120000-aaaa",
    source="shop",
    status="ok",
    started="2026-01-01T12:00:00Z",
    ended="2026-01-01T12:00:07Z",
    seconds=7.25,
    phases={"start": 0.4, "extract": 5.0, "load": 1.85},
    rows={"orders": 2000, "order_lines": 4963},
    cursors={"orders.ordered_at": "2026-01-01"},
    first_run=True,
    dataset="raw_shop",
    location="data/warehouse.duckdb",
    peak_memory=180_000_000,
)
ILL = RunRecord(
    run_id="20260102-120000-bbbb",
    source="jira",
    status="failed",
    started="2026-01-02T12:00:00Z",
    ended="2026-01-02T12:00:01Z",
    seconds=1.0,
    failure_kind=FailureKind.SECRETS_MISSING,
    message="api_key is missing",
    hint="add it to .dlt/secrets.toml",
    log_file="/project/.dltpod/logs/jira/b.log",
)
REFUSED = RunRecord(
    run_id="",
    source="erp",
    status="failed",
    started="2026-01-02T12:00:00Z",
    failure_kind=FailureKind.ALREADY_RUNNING,
    message="run 20260102-110000-cccc holds it",
)
