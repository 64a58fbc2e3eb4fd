"""``dltpod list``, for people and for CI."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from launcher import cli
from tests.containers.folder import REPOSITORY


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    entries = [
        {
            "name": name,
            "type": "dlt_native",
            "tags": [f"t{name}"],
            "dlt_native": {"source_module": name, "source_function": name},
        }
        for name in ("a", "b", "c")
    ]
    (tmp_path / "sources.yml").write_text(json.dumps({"version": 1, "sources": entries}))
    (tmp_path / "custom_sources").mkdir()
    for name in ("a", "b"):
        (tmp_path / "custom_sources" / f"{name}.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DLTPOD_FILE", raising=False)
    _git("init", "-q")
    _git("add", ".")
    _git("commit", "-q", "-m", "first")
    return tmp_path


def _git(*arguments: str) -> None:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def _listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert cli.main(["list", "--json", *arguments]) == 0
    return [entry["name"] for entry in json.loads(capsys.readouterr().out)]


def test_names_and_tags_choose_what_is_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _listed(capsys) == ["a", "b", "c"]
    assert _listed(capsys, "--tag", "tb") == ["b"]
    assert _listed(capsys, "c", "a") == ["a", "c"]


def test_a_change_of_code_touches_its_source(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _listed(capsys, "--changed-since", "HEAD") == []
    (folder / "custom_sources" / "a.py").write_text("x = 1\n")
    assert _listed(capsys, "--changed-since", "HEAD") == ["a"]


def test_a_new_helper_beside_the_modules_touches_all_that_could_import_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "custom_sources" / "helper.py").write_text("")
    assert _listed(capsys, "--changed-since", "HEAD") == ["a", "b"]


def test_a_change_of_an_entry_touches_it_and_one_of_the_defaults_touches_all(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "sources.yml"
    document = json.loads(file.read_text())
    document["sources"][2]["container"] = {"memory": "1g"}
    file.write_text(json.dumps(document))
    assert _listed(capsys, "--changed-since", "HEAD") == ["c"]
    document["defaults"] = {"container": {"memory": "3g"}}
    file.write_text(json.dumps(document))
    assert _listed(capsys, "--changed-since", "HEAD") == ["a", "b", "c"]


def test_500_sources_are_listed_one_a_line(folder: Path) -> None:
    entries = [
        {
            "name": f"source_{n}",
            "type": "dlt_native",
            "description": f"number {n}",
            "dlt_native": {"source_module": f"m{n}", "source_function": "f", "function_kwargs": {"n": n}},
            "container": {"requirements": ["requests"], "memory": "1g"},
        }
        for n in range(500)
    ]
    import yaml

    (folder / "sources.yml").write_text(yaml.safe_dump({"version": 1, "sources": entries}))
    call = [sys.executable, "-m", "launcher", "list"]
    done = subprocess.run(
        call, check=True, capture_output=True, env={"PYTHONPATH": str(REPOSITORY), "PATH": "/bin"}
    )
    assert len(done.stdout.splitlines()) == 501
