"""Follows a pod's log, over as many connections as that takes."""

from __future__ import annotations

from collections.abc import Callable

from launcher.engines.docker.logs import STDOUT
from launcher.engines.kubernetes.api import Api
from launcher.engines.kubernetes.names import CONTAINER
from launcher.engines.kubernetes.paths import item

_SILENCE_SECONDS = 3600.0
"""A source may say nothing for an hour; a dead connection is noticed by the watch beside this."""


class Follower:
    """Reads one container's log, each line once: after a break the timestamps say what was read.

    The API gives both streams as one, so every line may be an event; the token tells (``Sorter``).
    """

    def __init__(self, api: Api, namespace: str, pod: str, line: Callable[[int, bytes], None]) -> None:
        self._api = api
        self._path = item("Pod", namespace, pod) + "/log"
        self._line = line
        self._seen = b""
        self.lines = 0
        """Lines read so far: a watcher sees by it whether the reading goes on."""

    def read(self, *, follow: bool) -> None:
        """One connection, from where the last one ended. Raises ApiError, Unreachable."""
        query = {"container": CONTAINER, "timestamps": "true"}
        if follow:
            query["follow"] = "true"
        if self._seen:
            # Whole seconds only: what is told twice is left out by its stamp.
            query["sinceTime"] = self._seen[:19].decode("ascii", "replace") + _zone(self._seen)
        before = self._seen
        for text in self._api.lines(self._path, query, silence=_SILENCE_SECONDS):
            stamp, _, content = text.partition(b" ")
            if not stamp or stamp <= before:
                continue
            self._seen = stamp
            self.lines += 1
            self._line(STDOUT, content)


def _zone(stamp: bytes) -> str:
    """The time zone at the end of an RFC 3339 stamp: the node's, Z as a rule."""
    text = stamp.decode("ascii", "replace")
    return text[-6:] if len(text) > 6 and text[-6] in "+-" else "Z"
