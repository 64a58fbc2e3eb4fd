"""What all that makes images is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launcher.config.models import Project

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True)
class ImageOptions:
    """What all that makes images needs to know: on which engine, for whom, and what was asked for."""

    client: DockerClient
    project: Project
    environ: Mapping[str, str] = field(repr=False)
    """The host's environment: its PATH finds the builder, its index, proxy and certificate settings reach
    the build."""
    say: Callable[[str], None] = lambda line: None
    """Hears short lines of progress."""
    upgrade: bool = False
    """Take a newer base, and resolve anew."""
    locked: bool = False
    """Refuse a lock that no longer fits."""
    verbose: bool = False
    """Say all that the builder prints."""
    pull: bool = True
    """Without it a base image that is not there is asked for its digest alone."""
