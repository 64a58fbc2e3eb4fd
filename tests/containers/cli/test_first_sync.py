"""From a bare folder to rows: each command as the one before it printed it."""

from __future__ import annotations

import re

import pytest

from tests.containers.cli.calls import dltpod
from tests.containers.folder import Folder


def _next(out: str) -> list[str]:
    """The arguments of the command that was printed last."""
    found = re.search(r"dltpod ([a-z]+ [a-z_]+)$", out.strip())
    assert found, out
    return found[1].split()


@pytest.mark.parametrize(("kind", "name"), [("python", "example"), ("filesystem", "files")])
def test_the_command_that_init_and_new_print_loads_rows(project: Folder, kind: str, name: str) -> None:
    (project.root / "custom_sources").rmdir()
    made = dltpod(project, "init", kind)
    assert (made.code, made.err) == (0, "")
    # a project of a name of its own, so that its containers are found and removed
    file = project.root / "sources.yml"
    file.write_text(file.read_text().replace("version: 1\n", f"version: 1\nproject: {project.name}\n"))
    assert dltpod(project, "check").code == 0
    assert _next(made.out) == ["sync", name]
    ran = dltpod(project, *_next(made.out))
    assert ran.code == 0, ran.err
    assert project.rows(f"select count(*), min(id), max(id) from raw_{name}.{name}") == [(3, 1, 3)]

    more = dltpod(project, "new", "another", "--from", kind)
    assert _next(more.out) == ["sync", "another"]
    assert dltpod(project, *_next(more.out)).code == 0
    assert project.rows("select count(*) from raw_another.another") == [(3,)]

    # nothing has changed since, so nothing is loaded again
    assert dltpod(project, "sync", name).code == 0
    assert project.rows(f"select count(*) from raw_{name}.{name}") == [(3,)]
