"""The options of one sync: everything but which sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.contract import Interval


@dataclass(frozen=True)
class SyncOptions:
    """The options of ``sync`` and of ``check --deep``."""

    action: str = "sync"
    """``sync``; ``check``: resolve everything in the container, extract nothing; ``connect``: log in, too."""
    full_refresh: bool = False
    resources: tuple[str, ...] = ()
    limit: int | None = None
    """The most yields per resource, loaded into a throw-away dataset."""
    steps: tuple[Interval, ...] = ()
    """The intervals to load one after the other, instead of what is new."""
    interval: Interval | None = None
    """The one that is planned; see ``launcher.runs.backfill``."""
    again: bool = False
    """Load steps anew that were loaded."""
    set: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of this run only."""
    timeout: float | None = None
    """Seconds, over ``container.timeout``; None leaves that."""
    locked: bool = False
    """Refuse an environment whose lock is missing or stale."""
    upgrade: bool = False
    dry_run: bool = False
    engine: str = "docker"
    jobs: int = 1
    """How many sources at once, at least 1."""
    fail_fast: bool = False
    """Stop the others gently after the first failure."""
    wait: bool = False
    """Where another run holds a source, wait for it to end instead of refusing."""
