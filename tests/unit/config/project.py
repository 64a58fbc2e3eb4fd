"""Small projects on disk for the tests of configuration and secrets."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from launcher.config import Project, load
from launcher.errors import ConfigurationError

ENTRY = "name: {name}, dlt_native: {{source_module: shop, source_function: shop}}"


def write(root: Path, text: str, name: str = "sources.yml") -> Path:
    """A file of the project, its text without the margin of the test around it."""
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


def project(root: Path, text: str) -> Project:
    """The project of a file that is right."""
    return load(write(root, text))


def entries(*names: str) -> str:
    """A ``sources.yml`` of plain entries."""
    return "sources:\n" + "".join(f"  - {{{ENTRY.format(name=name)}}}\n" for name in names)


def one(block: str, indent: int = 4) -> str:
    """A ``sources.yml`` of one entry, ``shop``, with a further block."""
    rest = textwrap.indent(textwrap.dedent(block).strip("\n"), " " * indent)
    return (
        f"sources:\n  - name: shop\n    dlt_native: {{source_module: shop, source_function: shop}}\n{rest}\n"
    )


def report(root: Path, text: str) -> list[str]:
    """The report's lines, without the folder, of a file that is wrong."""
    file = write(root, text)
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    return caught.value.message.replace(f"{root}/", "").splitlines()
