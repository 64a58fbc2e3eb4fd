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
    """Yield the listener for where the output goes; on leaving, it is closed."""
    terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")
    if json:
        from launcher.console.stream import Stream

        yield Stream()
    elif terminal and not log.shown():
        from launcher.console.live import Live

        with Live(names) as live:
            yield live
    else:
        from launcher.console.lines import Lines

        yield Lines(names, only_log=log.shown(), dry_run=dry_run)
