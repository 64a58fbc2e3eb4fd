"""Follows a container's log by the engine's logs call, which unlike attaching never stalls the job.

The stream is a sequence of frames: one byte of stream (1 stdout, 2 stderr), three of padding, four
of length, then the text, each with its timestamp (https://docs.docker.com/reference/api/engine/).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docker import APIClient

STDOUT = 1
STDERR = 2
LINE_BYTES = 1 << 20
"""A longer line is cut into several."""
_HEADER = 8

Line = Callable[[int, bytes], None]
"""Takes the stream and one whole line without its end."""


class Follower:
    """Reads one container's log to its end, over as many connections as that takes.

    Each line is handed on exactly once: after a broken connection the timestamps say which lines
    were read already.
    """

    def __init__(self, api: APIClient, container: str, line: Line) -> None:
        self._api = api
        self._container = container
        self._line = line
        self._seen = b""
        self._rest: dict[int, bytes] = {STDOUT: b"", STDERR: b""}
        self.frames = 0
        """Frames read so far: a watcher sees by it whether the reading goes on."""

    def read(self) -> None:
        """One connection, from where the last one ended to the end of the log.

        Raises what requests raises where the connection breaks, and docker's APIError.
        """
        parameters: dict[str, int | str] = {"stdout": 1, "stderr": 1, "follow": 1, "timestamps": 1}
        if self._seen:
            parameters["since"] = _since(self._seen)
        url = f"{self._api.base_url}/v{self._api.api_version}/containers/{self._container}/logs"
        before = self._seen
        with contextlib.closing(self._api.get(url, params=parameters, stream=True, timeout=None)) as response:
            response.raise_for_status()
            for stream, text in frames(response.iter_content(chunk_size=None)):
                self.frames += 1
                stamp, _, content = text.partition(b" ")
                # The engine's clock never goes back within one log, and all stamps have one width.
                if stamp <= before:
                    continue
                self._seen = stamp
                self._take(stream, content)

    def finish(self) -> None:
        """Hand on what stands in a last line without an end."""
        for stream, rest in self._rest.items():
            if rest:
                self._line(stream, rest)
                self._rest[stream] = b""

    def _take(self, stream: int, content: bytes) -> None:
        rest = self._rest.get(stream, b"")
        *lines, rest = (rest + content).split(b"\n") if rest else content.split(b"\n")
        for line in lines:
            self._line(stream, line)
        if len(rest) >= LINE_BYTES:
            self._line(stream, rest)
            rest = b""
        self._rest[stream] = rest


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


def _since(stamp: bytes) -> str:
    """An RFC 3339 stamp with nine decimals as seconds and nanoseconds since 1970, as the API takes it."""
    import datetime

    text = stamp.decode("ascii", "replace")
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc).timestamp()
    return f"{int(seconds)}.{fraction.ljust(9, '0')}"
