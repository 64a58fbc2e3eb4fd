"""How a sync is shown: live on a terminal, prefixed lines in a pipe, JSON for machines."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from launcher import log

if TYPE_CHECKING:
    from launcher.console.lines import Lines
    from launcher.console.live import Live
    from launcher.console.stream import Stream


@contextlib.contextmanager
def watching(
    names: Sequence[str], *, json: bool = False, dry_run: bool = False
) -> Iterator[Stream | Live | Lines]:
    """The listener that fits where the output goes; it is closed at the end."""
    if json:
        from launcher.console.stream import Stream

        yield Stream()
    elif log.shown():
        from launcher.console.lines import Lines

        yield Lines(names, only_log=True)
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI"):
        from launcher.console.live import Live

        with Live(names) as live:
            yield live
    else:
        from launcher.console.lines import Lines

        yield Lines(names, dry_run=dry_run)
