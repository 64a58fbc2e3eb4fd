"""Whether a ``source_module`` can be a module's name at all."""

from __future__ import annotations

import re

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_GENERAL = "It is a dotted Python name: jira for custom_sources/jira.py, or my_company.sources.erp"


def fault(module: str) -> tuple[str, str] | None:
    """What is wrong with the name, and a hint; None for one that may be a module's."""
    if _NAME.fullmatch(module) and not module.endswith(".py"):
        return None
    text = " ".join(module.split())[:80]
    if not text:
        return "source_module is empty", _GENERAL
    return f"'{text}' is not the name of a Python module", _hint(text)


def _hint(text: str) -> str:
    """The name that is meant, where what stands there is a file's or has dots too many."""
    plain = text.removesuffix(".py").replace("\\", "/")
    outside = plain.startswith(("/", "~", "../"))
    plain = plain.rpartition("/")[2] if outside else plain.replace("/", ".")
    meant = re.sub(r"\.{2,}", ".", plain).strip(".").removeprefix("custom_sources.").replace("-", "_")
    if not _NAME.fullmatch(meant):
        return _GENERAL
    place = f"custom_sources/{meant.replace('.', '/')}.py"
    if outside:
        return f"Put it into custom_sources/ and write source_module: {meant}"
    return f"source_module: {meant}" + (f", with its file named {place}" if "-" in plain else "")
