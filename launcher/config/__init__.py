"""Reading and checking ``sources.yml``."""

from __future__ import annotations

from launcher.config.locate import NAME, check_known, find_file, select
from launcher.config.models import Project, Source
from launcher.config.reading import load, root_of
from launcher.config.schema import schema

__all__ = ["NAME", "Project", "Source", "check_known", "find_file", "load", "root_of", "schema", "select"]
