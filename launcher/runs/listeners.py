"""Who hears of a sync: the terminal, a JSON stream, a webhook, a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from launcher.plan.values import JobPlan
from launcher.runs.history import RunRecord


class Audience(Protocol):
    """Hears what happens to each source of a sync, by the source's name.

    Called from several threads at once, one source's calls in order. It may be slow: a thread of
    each run's own stands between it and the engine, and drops log lines (never events) rather than
    wait. The log file misses nothing.
    """

    def say(self, source: str, text: str) -> None:
        """One line of progress before the job runs or between its attempts: images, retries."""

    def planned(self, source: str, plan: JobPlan) -> None:
        """An attempt holds its source and starts now, or, in a dry run, the job would start."""

    def event(self, source: str, data: Mapping[str, Any]) -> None:
        """A runner's event (``runner.contract.Event``), or ``{"event": "memory", "bytes": n}``."""

    def log(self, source: str, line: str) -> None:
        """A line of the source's log, masked."""

    def ended(self, record: RunRecord) -> None:
        """The source is done with, whatever came of it."""

    def learned(self, record: RunRecord) -> None:
        """How an earlier run ended, whose launcher was killed."""


class Silent:
    """An audience that hears nothing."""

    def say(self, source: str, text: str) -> None:
        pass

    def planned(self, source: str, plan: JobPlan) -> None:
        pass

    def event(self, source: str, data: Mapping[str, Any]) -> None:
        pass

    def log(self, source: str, line: str) -> None:
        pass

    def ended(self, record: RunRecord) -> None:
        pass

    def learned(self, record: RunRecord) -> None:
        pass


class All:
    """Several audiences as one."""

    def __init__(self, audiences: Sequence[Audience]) -> None:
        self._audiences = tuple(audiences)

    def say(self, source: str, text: str) -> None:
        for audience in self._audiences:
            audience.say(source, text)

    def planned(self, source: str, plan: JobPlan) -> None:
        for audience in self._audiences:
            audience.planned(source, plan)

    def event(self, source: str, data: Mapping[str, Any]) -> None:
        for audience in self._audiences:
            audience.event(source, data)

    def log(self, source: str, line: str) -> None:
        for audience in self._audiences:
            audience.log(source, line)

    def ended(self, record: RunRecord) -> None:
        for audience in self._audiences:
            audience.ended(record)

    def learned(self, record: RunRecord) -> None:
        for audience in self._audiences:
            audience.learned(record)
