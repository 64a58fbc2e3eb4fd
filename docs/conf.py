"""The settings of the site, which `make docs` builds with Sphinx, MyST and furo (requirements/docs.txt)."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from launcher import __version__  # noqa: E402

project = "dltpod"
release = version = __version__
copyright = "the dltpod authors"
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_block"]
nitpicky = True
html_theme = "furo"
html_title = "dltpod"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
# Blocks with "…" for what is left out are not whole files, and "console" has commands and what they print.
suppress_warnings = ["misc.highlighting_failure"]

_OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+(?!guides/)[^)]*\)")


def _without_outside(app: Any, name: str, source: list[str]) -> None:
    """Links to files of the repository that are no pages (``../bench/projects.py``) stay as their text."""
    depth = name.count("/") + 1

    def kept(found: re.Match[str]) -> str:
        ups = found[0].count("../")
        return found[1] if ups >= depth else found[0]

    source[0] = _OUTSIDE.sub(kept, source[0])


def setup(app: Any) -> None:
    app.connect("source-read", _without_outside)
