"""One requirement and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Requirement:
    """One requirement and the place that asks for it, for messages about conflicts."""

    text: str
    origin: str
    """``sources.yml:12``, ``custom_sources/jira/requirements.txt:3``, ``dlt[postgres] for destination``."""
    within: Path | None = field(default=None, compare=False)
    """Of what a file of a source's code asks for: the folder that a path must stay in. None: the project's.

    Nobody vouches for such a file, so messages tell its place and never what stands there.
    """

    @property
    def shown(self) -> str:
        """The place, and what stands there where it is the user's own."""
        return f"{self.origin}: '{self.text}'" if self.within is None else f"{self.origin}: this requirement"
