"""Reading and checking ``sources.yml``."""

from __future__ import annotations

from launcher.config.locate import NAME, check_known, find_file, select
from launcher.config.models import Project, Source, schema
from launcher.config.reading import load, root_of

__all__ = ["NAME", "Project", "Source", "check_known", "find_file", "load", "root_of", "schema", "select"]
