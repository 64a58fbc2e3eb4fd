"""``dltpod render kubernetes`` as people call it."""

from __future__ import annotations

import stat

import yaml

from tests.containers.cli.calls import dltpod
from tests.containers.folder import Folder

TOKEN = "a-token-that-no-file-may-show"


def render(project: Folder, *arguments: str) -> tuple[int, str, str]:
    said = dltpod(project, "render", "kubernetes", *arguments)
    return said.code, said.out, said.err


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


def test_a_disabled_source_is_suspended_where_it_was_rendered_and_a_removed_one_told(project: Folder) -> None:
    project.code("rows", "def rows():\n    yield [{'id': 1}]\n")
    for name in ("kept", "idle", "gone"):
        project.source(name, "rows", "rows", schedule="H * * * *", kubernetes={"state": {"size": "1Gi"}})
    assert render(project, "-o", "k8s")[0] == 0
    file = project.root / "sources.yml"
    document = yaml.safe_load(file.read_text())
    document["sources"] = [
        {**entry, "enabled": entry["name"] == "kept"}
        for entry in document["sources"]
        if entry["name"] != "gone"
    ]
    file.write_text(yaml.safe_dump(document))
    code, _, errors = render(project, "-o", "k8s")
    folder = project.root / "k8s"
    assert code == 0, errors
    assert "warning: gone is not in sources.yml any more, and the cluster goes on running it" in errors
    assert f"`kubectl delete -f {folder}/gone.yaml` ends that and leaves its volume" in errors
    assert yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"] == [
        "idle.state.yaml",
        "idle.yaml",
        "kept.state.yaml",
        "kept.yaml",
    ]
    suspended = {
        name: [d["spec"]["suspend"] for d in yaml.safe_load_all(text) if d["kind"] == "CronJob"]
        for name in ("kept", "idle")
        if (text := (folder / f"{name}.yaml").read_text())
    }
    assert suspended == {"kept": [False], "idle": [True]}
