"""``dltpod render kubernetes`` as people call it."""

from __future__ import annotations

import stat

import yaml

from tests.containers.folder import Folder

TOKEN = "a-token-that-no-file-may-show"


def render(project: Folder, *arguments: str) -> tuple[int, str, str]:
    process = project.start("render", "kubernetes", *arguments)
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


def two_sources(project: Folder) -> None:
    """One that a cluster can run, one that it can't."""
    project.code("rows", "def rows(token):\n    yield [{'id': 1}]\n")
    project.source("fit", "rows", "rows", {"token": TOKEN}, kubernetes={"state": {"size": "1Gi"}})
    project.source("unfit", "rows", "rows", {"token": "x"})


def test_sources_that_a_cluster_can_run_are_rendered_and_the_others_told(project: Folder) -> None:
    two_sources(project)
    code, output, errors = render(project, "-o", "k8s")
    assert code == 2
    assert "warning: unfit: destination 'duckdb' is a file; a pod's files vanish with it" in errors
    folder = project.root / "k8s"
    assert output.strip() == str(folder)
    assert sorted(file.name for file in folder.iterdir()) == [
        "fit.state.yaml",
        "fit.yaml",
        "kustomization.yaml",
    ]


def test_a_source_that_is_named_and_can_not_be_rendered_is_an_error_and_writes_nothing(
    project: Folder,
) -> None:
    two_sources(project)
    code, _, errors = render(project, "unfit", "-o", "k8s")
    assert code == 2
    assert "error: unfit: destination 'duckdb' is a file" in errors
    assert not (project.root / "k8s").exists()


def test_a_literal_secret_is_rendered_only_on_demand_and_then_readable_by_its_owner_alone(
    project: Folder,
) -> None:
    two_sources(project)
    assert TOKEN not in render(project, "fit")[1]
    code, _, errors = render(project, "fit", "--with-secrets", "-o", "k8s")
    assert code == 0, errors
    file = project.root / "k8s" / "fit.yaml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    [secret] = [d for d in yaml.safe_load_all(file.read_text()) if d["kind"] == "Secret"]
    assert TOKEN in "".join(secret["stringData"].values())


def test_the_same_project_renders_alike_again(project: Folder) -> None:
    two_sources(project)
    assert render(project, "fit") == render(project, "fit")
