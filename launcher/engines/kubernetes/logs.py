"""Follows a pod's log, over as many connections as that takes."""

from __future__ import annotations

import re
from collections.abc import Callable

from launcher.engines.docker.logs import STDOUT
from launcher.engines.kubernetes.api import Api
from launcher.engines.kubernetes.names import CONTAINER

_SILENCE_SECONDS = 3600.0
"""A source may say nothing for an hour; a dead connection is noticed by the watch beside this."""
_STAMPED = re.compile(rb"((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d))(?: (.*))?", re.DOTALL)
"""A line of the log: its RFC 3339 stamp, whole seconds and time zone of that, and the text."""


class Follower:
    """Reads one container's log, each line once: after a break the timestamps say what was read.

    The API gives both streams as one, so every line may be an event; the token tells (``Sorter``).
    """

    def __init__(self, api: Api, pod: str, line: Callable[[int, bytes], None]) -> None:
        """``pod`` is the pod's path; ``line`` hears of each line, as one of standard output."""
        self._api = api
        self._path = f"{pod}/log"
        self._line = line
        self._seen = b""
        self._since = ""
        self._said = b""
        self.lines = 0
        """Lines read so far: a watcher sees by it whether the reading goes on."""

    def read(self, *, follow: bool) -> None:
        """One connection, from where the last one ended. Raises ApiError, Unreachable."""
        query = {"container": CONTAINER, "timestamps": "true"}
        if follow:
            query["follow"] = "true"
        if self._since:
            # Whole seconds only: what is told twice is left out by its stamp.
            query["sinceTime"] = self._since
        before = self._seen
        for text in self._api.lines(self._path, query, silence=_SILENCE_SECONDS):
            found = _STAMPED.fullmatch(text)
            if found is None:
                # A sentence of the kubelet's in place of lines says why there are none: it is told once.
                if text.strip() and text != self._said:
                    self._said = text
                    self._line(STDOUT, b"the kubelet says: " + text)
                continue
            stamp, second, zone, content = found.groups(b"")
            if stamp <= before:
                continue
            self._seen, self._since = stamp, (second + zone).decode()
            self.lines += 1
            self._line(STDOUT, content)
