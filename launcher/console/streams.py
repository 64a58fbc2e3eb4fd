"""Standard output and error where they are closed or full, or where their reader is gone."""

from __future__ import annotations

import contextlib
import os
import sys

import click


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
    """Write data to stdout, then messages to stderr. No error of that makes the finished work a failure.

    A reader that is gone is ignored; a full disk is a warning.
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
