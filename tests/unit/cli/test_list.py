"""``dltpod list``, for people and for CI."""

from __future__ import annotations

import json
import os
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


IN = "custom_sources"


def _commit() -> None:
    _git("add", ".")
    _git("commit", "-q", "-m", "more")


def _entries(folder: Path, **keys: object) -> None:
    """Gives source c these keys of an entry."""
    file = folder / "sources.yml"
    document = json.loads(file.read_text())
    document["sources"][2] |= keys
    file.write_text(json.dumps(document))


def test_a_helper_that_is_taken_away_touches_all_that_could_import_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("_helper.py", "parts/one.py"):
        (folder / IN / name).parent.mkdir(exist_ok=True)
        (folder / IN / name).write_text("x = 1\n")
    _commit()
    (folder / IN / "_helper.py").unlink()
    assert _listed(capsys, "--changed-since", "HEAD") == ["a", "b"]
    _git("checkout", ".")
    _git("rm", "-q", "-r", f"{IN}/parts")
    assert _listed(capsys, "--changed-since", "HEAD") == ["a", "b"]


def test_a_file_beside_a_module_of_its_name_is_anybodys(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / IN / "a.sql").write_text("select 1\n")
    assert _listed(capsys, "--changed-since", "HEAD") == ["a", "b"]


def test_the_readme_beside_the_modules_is_nobodys(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / IN / "README.md").write_text("read me\n")
    assert _listed(capsys, "--changed-since", "HEAD") == []


@pytest.mark.parametrize(
    "text",
    [
        "import a\n",
        "def f():\n    from a import x\n",
        "from custom_sources.a import x\n",
        "import helper\n",
        "import importlib\nm = importlib.import_module(NAME)\n",
        "text = open('/opt/custom_sources/a/query.sql').read()\n",
        "def broken(\n",
    ],
)
def test_a_module_that_may_use_another_sources_is_touched_with_it(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (folder / IN / "helper.py").write_text("from a import x\n")
    (folder / IN / "b.py").write_text(text)
    _commit()
    (folder / IN / "a.py").write_text("x = 2\n")
    assert _listed(capsys, "--changed-since", "HEAD") == ["a", "b"]
    _git("checkout", ".")
    (folder / IN / "helper.py").unlink()
    _commit()
    (folder / IN / "b.py").write_text("x = 2\n")
    assert _listed(capsys, "--changed-since", "HEAD") == ["b"]


def test_a_local_package_touches_its_source_whatever_extras_it_is_asked_for_with(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / IN / "b.py").unlink()
    common = f"{IN}/b/common/requirements.txt"  # a file that '-r' names lies in the package's own folder
    for name in ("packages/erp/erp.py", "packages/crm/crm.py", common):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("")
    _entries(folder, container={"requirements": ["./packages/erp[fast]"]})
    (folder / IN / "a.py").write_text('# /// script\n# dependencies = ["./packages/crm"]\n# ///\n')
    (folder / IN / "b" / "__init__.py").write_text("")
    (folder / IN / "b" / "requirements.txt").write_text("-r common/requirements.txt\n")
    _commit()
    for place, touched in (("packages/erp/erp.py", "c"), ("packages/crm/crm.py", "a"), (common, "b")):
        (folder / place).write_text("six\n")
        assert _listed(capsys, "--changed-since", "HEAD") == [touched]
        _git("checkout", ".")


def test_a_change_behind_a_link_touches_what_the_link_is_part_of(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("shared/lib.py", "elsewhere/m.py", "deeper/x.py", "data_v1/x.csv", "data_v2/x.csv"):
        (folder / name).parent.mkdir()
        (folder / name).write_text("")
    (folder / IN / "lib").symlink_to("../shared")
    (folder / "shared" / "more").symlink_to("../deeper")
    (folder / IN / "a.py").unlink()
    (folder / IN / "a.py").symlink_to("../elsewhere/m.py")
    (folder / "current").symlink_to("data_v1")
    _entries(folder, container={"mounts": ["current:/mnt/data:ro"]})
    _commit()
    for place, touched in (
        ("shared/lib.py", ["a", "b"]),
        ("deeper/x.py", ["a", "b"]),
        ("elsewhere/m.py", ["a"]),
        ("data_v1/x.csv", ["c"]),
        ("data_v2/x.csv", []),
    ):
        (folder / place).write_text("x = 1\n")
        assert _listed(capsys, "--changed-since", "HEAD") == touched, place
        _git("checkout", ".")
    (folder / "current").unlink()
    (folder / "current").symlink_to("data_v2")
    assert _listed(capsys, "--changed-since", "HEAD") == ["c"]


def test_a_ring_of_links_is_no_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / IN / "here").symlink_to(".")
    (folder / IN / "ring").symlink_to("ring")
    _commit()
    (folder / IN / "a.py").write_text("x = 1\n")
    assert _listed(capsys, "--changed-since", "HEAD") == ["a", "b"]


def test_a_project_in_a_subfolder_is_seen_whatever_git_is_set_to(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = folder / "pipelines"
    inner.mkdir()
    for name in (IN, "sources.yml"):
        (folder / name).rename(inner / name)
    _commit()
    _git("config", "diff.relative", "true")
    monkeypatch.chdir(inner)
    (inner / IN / "a.py").write_text("x = 1\n")
    assert _listed(capsys, "--changed-since", "HEAD") == ["a"]
    linked = folder / "linked"
    linked.symlink_to("pipelines")
    monkeypatch.chdir(folder)
    assert _listed(capsys, "--changed-since", "HEAD", "--file", "linked/sources.yml") == ["a"]


def test_what_all_sources_share_touches_all(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / ".dlt").mkdir()
    (folder / ".dlt" / "config.toml").write_text("")
    assert _listed(capsys, "--changed-since", "HEAD") == ["a", "b", "c"]


def test_a_name_that_is_no_utf_8_is_a_file_as_any_other(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(os.fsdecode(os.fsencode(folder / IN) + b"/caf\xe9.csv")).write_text("")
    assert _listed(capsys, "--changed-since", "HEAD") == ["a", "b"]


def test_a_ref_that_git_does_not_know_is_refused_and_touches_not_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for ref in ("nowhere", "--all"):
        assert cli.main(["list", f"--changed-since={ref}"]) == 2
        assert f"git knows no '{ref}'" in capsys.readouterr().err


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
    call = [sys.executable, "-m", "dltpod", "list"]
    done = subprocess.run(
        call, check=True, capture_output=True, env={"PYTHONPATH": str(REPOSITORY), "PATH": "/bin"}
    )
    assert len(done.stdout.splitlines()) == 501
