"""When ``dltpod check`` fetches the repository of verified sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.check.all_rows import file_rows
from tests.unit.check.test_check import entry
from tests.unit.secrets.asking import given


@pytest.mark.parametrize("more", ["", "verified_sources: {location: 'https://127.0.0.1:1/none.git'}\n"])
@pytest.mark.parametrize(
    ("module", "container", "fetched"),
    [
        ("my_company.sources.erp", "{requirements: [acme-sources]}", False),
        ("my_company.sources.erp", "{requirements: [acme-sources], extras: [s3]}", False),
        ("my_company.sources.erp", "{extras: [zoo]}", True),
        ("my_company.sources.erp", "{}", True),
        ("jira", "{requirements: ['jira>3']}", False),
        ("jira", "{requirements: [pendulum]}", True),
        ("stripe_analytics", "{}", True),
        ("zendesk", "{}", True),
    ],
)
def test_verified_sources_are_fetched_only_where_nothing_else_may_bring_the_module(
    tmp_path: Path, more: str, module: str, container: str, fetched: bool
) -> None:
    project = given(tmp_path, more + entry(module=module, more=f"    container: {container}\n"))
    said: list[str] = []
    nowhere = {"HOME": str(tmp_path), "PATH": str(tmp_path)}
    found = file_rows(project, project.sources, nowhere, said.append)
    assert [line.startswith("fetching verified sources") for line in said] == [True] * fetched
    (told,) = [row.text for row in found if row.what == "module" and row.source]
    assert ("couldn't be asked" in told, "did you mean" in told) == (fetched, False)


def test_why_verified_sources_could_not_be_asked_is_told_once(tmp_path: Path) -> None:
    sources = entry(module="erp")
    project = given(tmp_path, sources + sources.partition("sources:\n")[2].replace("acme", "emca"))
    nowhere = {"HOME": str(tmp_path), "PATH": str(tmp_path)}
    found = file_rows(project, project.sources, nowhere, print)
    assert [
        (row.source, "with git, which is not installed" in row.text) for row in found if row.what == "module"
    ] == [
        ("", True),
        ("acme", False),
        ("emca", False),
    ]
