"""What one job sees of the project's secrets and configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Slice:
    """One job's own secrets and configuration: file name below SECRETS_DIR to its text."""

    files: Mapping[str, str] = field(repr=False)
    warnings: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Dotted keys that the files hold, for near misses in messages about missing secrets."""
    sections: tuple[str, ...] = ()
    """Names below ``[sources]`` of which the files hold what there is, besides the source's own."""
