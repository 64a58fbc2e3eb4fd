"""Standard output and error: closed, full, read by nobody any more; and what ``-v`` shows there."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from launcher.errors import ConfigurationError, did_you_mean

F = TypeVar("F", bound=Callable[..., Any])

FILE_HELP = "sources.yml. Default: DLTPOD_FILE, else the nearest one in this folder or a parent folder."


def reopen_closed() -> None:
    """``dltpod … >&-``: a closed stream becomes /dev/null, lest the next file opened take its number."""
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if vars(sys)[name] is None:
            try:
                os.fstat(descriptor)
            except OSError:
                os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))


def discard_stdout() -> None:
    """Stdout's reader is gone: whatever is still written, Python's last flush too, is dropped."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def echo(out: str, err: str) -> None:
    """Data to stdout, then messages to stderr. A reader that left is ignored, and a full disk is a warning:
    neither makes the finished work a failure.
    """
    try:
        if out:
            click.echo(out)
            sys.stdout.flush()
    except OSError as error:
        discard_stdout()
        if not isinstance(error, BrokenPipeError):
            err = f"warning: the output could not be written: {error.strerror}\n{err}".rstrip("\n")
    with contextlib.suppress(OSError):
        if err:
            click.echo(err, err=True)


def _show_log(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    """``-v`` and DLTPOD_LOG: the launcher's own log on standard error, to the end of the command."""
    level = os.environ.get("DLTPOD_LOG", "") or ("info" if value else "")
    if not level:
        return
    from launcher import log
    from launcher.console.text import coloured

    if level not in log.LEVELS:
        raise ConfigurationError(
            f"DLTPOD_LOG is '{level}'{did_you_mean(level, log.LEVELS)}", f"it takes {', '.join(log.LEVELS)}"
        )
    if not log.shown():
        ctx.find_root().with_resource(log.opened(terminal=log.Terminal(level, coloured(sys.stderr))))


def with_log_shown(command: F, *, hidden: bool = False) -> F:
    """``-v``: the launcher's own log on standard error."""
    return click.option(
        "-v",
        is_flag=True,
        expose_value=False,
        callback=_show_log,
        hidden=hidden,
        help="Log to standard error what dltpod does. As DLTPOD_LOG=info; DLTPOD_LOG=debug shows more.",
    )(command)
