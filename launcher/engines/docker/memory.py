"""How much memory a container holds, and held at most.

Read from the host's cgroup files where they can be seen (they are world-readable), else asked of
the engine. The page cache that the kernel gives back at once doesn't count, as `docker stats` has it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docker import APIClient

SAMPLE_SECONDS = 0.5
_ENGINE_SECONDS = 5.0
"""Between two questions to the engine, which costs it more than reading a file costs us."""
_ROOT = Path("/sys/fs/cgroup")
_PLACES = (
    "memory/docker/{id}",  # cgroups 1
    "system.slice/docker-{id}.scope",
    "docker/{id}",
    "user.slice/docker-{id}.scope",
)


class Memory:
    """Samples one container. ``peak`` is in bytes, None before the first sample."""

    def __init__(self, api: APIClient, container: str) -> None:
        self._api = api
        self._container = container
        self._folder: Path | None = None
        self._next = 0.0
        self.peak: int | None = None

    def sample(self) -> int | None:
        """The bytes held now, None where it isn't time yet or nobody can tell. Never raises."""
        now = time.monotonic()
        if now < self._next:
            return None
        self._next = now + SAMPLE_SECONDS
        held = self._from_files()
        if held is None:
            self._next = now + _ENGINE_SECONDS
            held = self._from_engine()
        if held is not None:
            self.peak = max(self.peak or 0, held)
        return held

    def _from_files(self) -> int | None:
        if self._folder is None:
            candidates = (_ROOT / text.format(id=self._container) for text in _PLACES)
            self._folder = next((folder for folder in candidates if folder.is_dir()), None)
        if self._folder is None:
            return None
        try:
            usage = self._folder / "memory.usage_in_bytes"
            held = int((usage if usage.exists() else self._folder / "memory.current").read_text())
            lines = (self._folder / "memory.stat").read_text().splitlines()
            return _without_cache(held, dict(line.split(" ") for line in lines))
        except (OSError, ValueError):
            return None

    def _from_engine(self) -> int | None:
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        try:
            found = self._api.stats(self._container, stream=False, one_shot=True).get("memory_stats", {})
        except (DockerException, RequestException, OSError, ValueError):
            return None
        if "usage" not in found:
            return None
        return _without_cache(int(found["usage"]), found.get("stats", {}))


def _without_cache(held: int, details: Mapping[str, Any]) -> int:
    """``details`` are memory.stat's, of cgroups 1 (``total_``) or 2."""
    return max(held - int(details.get("total_inactive_file", details.get("inactive_file", 0))), 0)
