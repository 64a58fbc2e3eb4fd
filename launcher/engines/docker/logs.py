"""Reads a container's log by the engine's logs call, which unlike attaching never stalls the job.

The stream is a sequence of frames: one byte of stream (1 stdout, 2 stderr), three of padding, four
of length, then the text, each with its timestamp (https://docs.docker.com/reference/api/engine/).

A source can print several times faster than the engine hands its log on, and the engine begins a
new file meanwhile: a connection that follows the log across that place skips lines or brings them
twice, and doesn't say so. What the engine answers without following is one state of all its files,
with the files held open. So the log is followed only as far as its first file surely reaches; after
that, and after a broken connection, the engine is asked for the last lines time and again, and those
are new which stand behind the last one that was read. Where that one is gone, lines are missing, and
the log says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from launcher.engines.docker.spec import LOG_FILE_BYTES

if TYPE_CHECKING:
    from docker import APIClient

STDOUT = 1
STDERR = 2
LINE_BYTES = 1 << 20
"""A longer line is cut into several."""
MISSING = b"[lines are missing here: the source printed them faster than they could be read]"
FEW_LINES = 1000
"""After so many new ones the engine needn't be asked again at once."""
_MOST_LINES = 4_000_000
"""More than all files of the engine hold: so many are asked for as all that there are."""
_HEADER = 8
_ENTRY_BYTES = 80
"""What the engine's file holds beside a line's text, rounded up."""
_ESCAPED = 6
"""Bytes that one byte of text becomes there at most."""
_PLAIN = bytes(set(range(32, 127)) - set(b'"\\<>&'))

Line = Callable[[int, bytes], None]
"""Takes the stream and one whole line without its end."""


class Follower:
    """Reads one container's log to its end, over as many connections as that takes.

    Each line is handed on exactly once, and in order.
    """

    def __init__(self, api: APIClient, container: str, line: Line) -> None:
        self._api = api
        self._container = container
        self._line = line
        self._rest: dict[int, bytes] = {STDOUT: b"", STDERR: b""}
        self._follows = True
        self._room = LOG_FILE_BYTES
        self._last: tuple[int, bytes] | None = None
        """Stream and stamp of the last frame that was read."""
        self._piece = 0
        """Its number among those that share them: the pieces of a long line do."""
        self._whole = True
        """Whether it ended its line."""
        self._new = 0
        self.frames = 0
        """Frames read so far: a watcher sees by it whether the reading goes on."""

    def read(self) -> bool:
        """Hand on what is new: the first time as long as the container runs, then what there is now.

        Tells whether that was so much that there may be more already. Raises what requests raises
        where the connection breaks, and docker's APIError.
        """
        if self._follows:
            self._follows = False
            with self._ask(follow=1) as found:
                for stream, text in found:
                    self.frames += 1
                    self._room -= _entry_bytes(text)
                    if self._room < 0:
                        break
                    self._take(stream, text)
        self._catch_up()
        return self._new > FEW_LINES

    def finish(self) -> None:
        """Hand on what stands in a last line without an end."""
        for stream, rest in self._rest.items():
            if rest:
                self._line(stream, rest)
                self._rest[stream] = b""

    def _catch_up(self) -> None:
        # The last lines cost the engine little; to find a time it would read all its files.
        lines = max(FEW_LINES, 2 * self._new)
        # They may begin with the second piece of a line, and then its pieces can't be counted.
        if self._last is not None and self._whole and self._piece == 1:
            while lines < _MOST_LINES:
                if self._behind_the_last(lines):
                    return
                lines *= 16
        if not self._behind_the_last(None):
            # All of it is there to read and the last one is not: a clock was set back, say.
            self._skipped()
            self._last = None
            self._behind_the_last(None)

    def _behind_the_last(self, lines: int | None) -> bool:
        """Hand on what the engine has behind the last frame; whether that is among so many lines."""
        last, left = self._last, self._piece
        searching = last is not None
        self._new = 0
        with self._ask(follow=0, tail="all" if lines is None else lines) as found:
            for number, (stream, text) in enumerate(found):
                self.frames += 1
                if searching and last is not None:
                    stamp = text.partition(b" ")[0]
                    if number or lines is not None or stamp <= last[1]:
                        left -= (stream, stamp) == last
                        searching = left > 0
                        continue
                    # Its file is gone, and what stood behind it there.
                    searching = False
                    self._skipped()
                self._new += 1
                self._take(stream, text)
        return not searching

    def _skipped(self) -> None:
        self.finish()
        self._line(STDERR, MISSING)

    @contextlib.contextmanager
    def _ask(self, **parameters: int | str) -> Iterator[Iterator[tuple[int, bytes]]]:
        url = f"{self._api.base_url}/v{self._api.api_version}/containers/{self._container}/logs"
        asked = {"stdout": 1, "stderr": 1, "timestamps": 1, **parameters}
        with contextlib.closing(self._api.get(url, params=asked, stream=True, timeout=None)) as response:
            response.raise_for_status()
            yield frames(response.iter_content(chunk_size=None))

    def _take(self, stream: int, text: bytes) -> None:
        stamp, _, content = text.partition(b" ")
        self._piece = self._piece + 1 if self._last == (stream, stamp) else 1
        self._last, self._whole = (stream, stamp), content.endswith(b"\n")
        rest = self._rest.get(stream, b"")
        *lines, rest = (rest + content).split(b"\n") if rest else content.split(b"\n")
        for line in lines:
            self._line(stream, line)
        if len(rest) >= LINE_BYTES:
            self._line(stream, rest)
            rest = b""
        self._rest[stream] = rest


def _entry_bytes(text: bytes) -> int:
    """What the engine's file holds for a frame, at the most."""
    return _ENTRY_BYTES + len(text) + (_ESCAPED - 1) * len(text.translate(None, _PLAIN))


def frames(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The frames within chunks that are cut anywhere: stream and text. A torn last one is left out."""
    buffer = b""
    for chunk in chunks:
        buffer = buffer + chunk if buffer else chunk
        start = 0
        while len(buffer) - start >= _HEADER:
            length = int.from_bytes(buffer[start + 4 : start + _HEADER], "big")
            end = start + _HEADER + length
            if len(buffer) < end:
                break
            yield buffer[start], buffer[start + _HEADER : end]
            start = end
        buffer = buffer[start:]
