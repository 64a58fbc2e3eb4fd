"""Standard output and error that are closed, full, or read by nobody any more."""

from __future__ import annotations

import contextlib
import os
import sys

import click


def open_closed() -> None:
    """``dltpod … >&-``: a closed stream becomes /dev/null, lest the next file opened take its number."""
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if vars(sys)[name] is None:
            try:
                os.fstat(descriptor)
            except OSError:
                os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))


def hang_up() -> None:
    """Nobody takes what is written to stdout: the rest of it goes nowhere, Python's last flush too."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def echo(out: str, err: str) -> None:
    """Data to stdout, then what people are told to stderr. What can't be written is no failure of the work
    that it is about: a reader who left is passed over, a full disk is told.
    """
    try:
        if out:
            click.echo(out)
            sys.stdout.flush()
    except OSError as error:
        hang_up()
        if not isinstance(error, BrokenPipeError):
            err = f"warning: the output could not be written: {error.strerror}\n{err}".rstrip("\n")
    with contextlib.suppress(OSError):
        if err:
            click.echo(err, err=True)
