"""One requirement and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Requirement:
    """One requirement and the place that asks for it, for messages about conflicts."""

    text: str
    origin: str
    """``sources.yml:12``, ``custom_sources/jira/requirements.txt:3``, ``dlt[postgres] for destination``."""
