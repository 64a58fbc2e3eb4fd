"""Detects from the log of a client library that a source does nothing but fail to connect.

Some clients try for ever and raise nothing: librdkafka writes twenty lines a second while its broker can't be
reached. So the run ends if no row comes and the log has no other lines for ``PATIENCE`` seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from runner.contract import NEVER_CONNECTED, Failure, FailureKind
from runner.explain.wording import one_line

PATIENCE = 60.0
"""Seconds of nothing but failed connections after which a run is given up."""
LOCAL_PATIENCE = 10.0
"""The same where all are to localhost: that is the container itself, and nothing comes up there."""
_ENOUGH = 5
"""The fewest lines: two of them, long apart, don't mean that a client does nothing else."""
_LONGEST = 1 << 14
"""Bytes that are kept of a line that has not ended yet."""
_FAILED = re.compile(
    rb"connection refused|no route to host|(network|host) is unreachable|name or service not known|"
    rb"nodename nor servname|name resolution|failed to resolve|brokers? (are|is) down|NoBrokersAvailable|"
    rb"connection (setup )?timed out|connect(ion)? (to \S+ )?(failed|timed out)|broker transport failure",
    re.IGNORECASE,
)
_LOCAL = re.compile(rb"localhost|127\.0\.0\.1|\[?::1\]?", re.IGNORECASE)
_PREFIX = re.compile(r"^(%\d\|[^|]*\|[^|]*\|[^|]*\| *)?(\[thrd:[^]]*\]: *)?")
"""What librdkafka writes before a message."""


class Watch:
    """Reads a run's log while it extracts, until the first row. Times are seconds of one monotonic clock."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        self._mask = mask
        self._partial = b""
        self._since: float | None = None
        self._lines = 0
        self._local = 0
        self._last = b""
        self.rows_came = False

    def feed(self, data: bytes, now: float) -> bool:
        """Takes a piece of the log. Returns whether the source has done nothing else for long enough."""
        if self.rows_came:
            return False
        *lines, rest = (self._partial + data).split(b"\n")
        self._partial = rest[-_LONGEST:]
        for line in lines:
            if _FAILED.search(line):
                self._since = now if self._since is None else self._since
                self._lines += 1
                self._local += _LOCAL.search(line) is not None
                self._last = line
            elif line.strip():
                self._since, self._lines, self._local = None, 0, 0
        patience = min(PATIENCE, LOCAL_PATIENCE) if self._local == self._lines else PATIENCE
        return self._since is not None and self._lines >= _ENOUGH and now - self._since >= patience

    def rows_arrived(self) -> None:
        """Ends the watch: the source gets its rows."""
        self.rows_came, self._since = True, None

    def cause(self, known: Failure | None, now: float) -> Failure | None:
        """Why a run is stopped now: what is known, and what keeps the source from its rows."""
        away = self.failure(now)
        if away is None or known is None:
            return known or away
        if known.kind is not FailureKind.TIMEOUT:
            return known
        return replace(known, message=f"{known.message}: {away.message}", hint=away.hint)

    def failure(self, now: float) -> Failure | None:
        """What keeps the source from its rows: its last line, where it wrote nothing but such lines."""
        if self._since is None or self._lines < _ENOUGH:
            return None
        words = _PREFIX.sub("", one_line(self._mask(self._last.decode("utf-8", "replace")), 300))
        local = _LOCAL.search(self._last) is not None
        hint = "is it up, is its address right, and does container.egress let it through?"
        if local:
            hint = "in the container, localhost is the container itself: name the host host.docker.internal"
        seconds = f"{now - self._since:.0f} s"
        return Failure(
            FailureKind.EXTRACT,
            f"{NEVER_CONNECTED}, for {seconds}: {words}",
            hint,
            transient=not local,
        )
