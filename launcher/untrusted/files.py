"""Reads files that come with foreign code: regular ones of a bounded size, without waiting for any."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

LARGEST_FILE = 2 << 20
"""Bytes. No file of Python code or of requirements that a person wrote is larger."""


def open_regular(file: Path, *, follow: bool = True) -> int:
    """A descriptor of a regular file, to be closed by the caller; a FIFO or a device is not waited for.

    ``follow``: whether the file's last part may be a link. Raises OSError, with ``strerror`` for people.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = os.open(file, flags if follow else flags | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(file))
    return descriptor


def read(file: Path, *, most: int = LARGEST_FILE, follow: bool = True) -> bytes:
    """A regular file's bytes. Raises OSError, for one of more than ``most`` bytes too."""
    # Its size is not asked for: a file may claim to be smaller than it is (/proc has such).
    with os.fdopen(open_regular(file, follow=follow), "rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most >> 20} MiB", str(file))
    return content
