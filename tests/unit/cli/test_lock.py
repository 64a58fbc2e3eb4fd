"""``dltpod lock`` and ``build --outdated`` of several sources. What uv resolves is tested with the images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from launcher import cli
from launcher.errors import ConfigurationError
from launcher.images.lock import SEED, Locks
from tests.unit.images.projects import verified_tree

PINS = "cowsay==1.17.0 \\\n    --hash=sha256:aa\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three sources, of which the second asks for an extra that is none."""
    entries = [
        {
            "name": name,
            "type": "dlt_native",
            "dlt_native": {"source_module": "demo", "source_function": "rows", "pipeline_name": name},
            "container": {"extras": ["wigdet"]} if name == "b" else {},
        }
        for name in ("a", "b", "c")
    ]
    verified_tree(tmp_path / "verified")
    document = {"version": 1, "verified_sources": {"location": "./verified"}, "sources": entries}
    (tmp_path / "sources.yml").write_text(json.dumps(document))
    (tmp_path / "custom_sources").mkdir()
    (tmp_path / "custom_sources" / "demo.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DLTPOD_FILE", raising=False)
    _resolved(monkeypatch, PINS)
    return tmp_path


def _resolved(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(Locks, "_resolve", lambda *_: text)


def test_a_source_that_cannot_be_locked_stops_no_other_and_is_told_at_the_end(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["lock"]) == 2
    told = capsys.readouterr()
    assert told.out == "locks/a.txt: written, 1 package\nlocks/c.txt: written, 1 package\n"
    assert "error: sources.yml:1 (b): 'wigdet' is neither an extra" in told.err
    assert told.err.rindex("resolving c") < told.err.index("wigdet")
    assert sorted(file.name for file in (folder / "locks").iterdir()) == ["a.txt", "c.txt"]


def test_in_json_each_source_has_its_row_and_a_faulty_one_its_message(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["lock", "--json"]) == 2
    rows = json.loads(capsys.readouterr().out)
    assert [(row["source"], row["written"], "wigdet" in row["message"]) for row in rows] == [
        ("a", True, False),
        ("b", False, True),
        ("c", True, False),
    ]


def test_a_source_that_cannot_be_resolved_hides_no_lock_that_is_behind(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.main(["lock"])
    (folder / "locks" / "b.txt").write_text(PINS)
    capsys.readouterr()
    assert cli.main(["build", "--outdated"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("all other locks are up to date\n")
    assert "'wigdet' is neither" in told.err
    _resolved(monkeypatch, "cowsay==1.18.0\n")
    assert cli.main(["build", "--outdated"]) == 1
    told = capsys.readouterr()
    assert told.out == "".join(f"locks/{name}.txt: behind\n  cowsay 1.17.0 → 1.18.0\n" for name in ("a", "c"))
    assert "'wigdet' is neither" in told.err


def test_with_a_tag_only_the_locks_of_its_sources_are_looked_at(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads((folder / "sources.yml").read_text())
    document["sources"][0]["tags"] = ["crm"]
    (folder / "sources.yml").write_text(json.dumps(document))
    cli.main(["lock"])
    _resolved(monkeypatch, "cowsay==1.18.0\n")
    capsys.readouterr()
    assert cli.main(["build", "--outdated", "--tag", "crm"]) == 1
    assert capsys.readouterr().out == "locks/a.txt: behind\n  cowsay 1.17.0 → 1.18.0\n"


def test_a_fault_that_names_no_source_is_told_with_its_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "verified").rename(folder / "gone")
    assert cli.main(["lock"]) == 2
    assert (
        "error: source 'b': verified_sources.location: './verified' does not exist" in capsys.readouterr().err
    )


def test_a_lock_that_is_no_text_is_its_own_sources_fault(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "locks").mkdir()
    (folder / "locks" / "a.txt").write_bytes(b"\xff\xfe")
    assert cli.main(["lock", "a", "c"]) == 2
    told = capsys.readouterr()
    assert told.out == "locks/c.txt: written, 1 package\n"
    assert "error: locks/a.txt can't be read: it is no text\n  hint: mv locks/a.txt" in told.err


def test_a_cutoff_that_is_no_date_is_told_once(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> str:
        raise ConfigurationError("--exclude-newer 'last week' is no date")

    monkeypatch.setattr(Locks, "_resolve", refuse)
    assert cli.main(["lock", "--exclude-newer", "last week"]) == 2
    assert capsys.readouterr().err.count("is no date") == 1


def test_a_fresh_lock_is_not_behind_by_what_dltpod_pins_itself(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = next(line.split()[0] for line in SEED.read_text().splitlines() if line.startswith("six=="))
    _resolved(monkeypatch, f"{pinned} \\\n    --hash=sha256:aa\n")
    cli.main(["lock", "a"])
    _resolved(monkeypatch, "six==99.0.0\n")
    capsys.readouterr()
    assert cli.main(["build", "--outdated", "a"]) == 0
    assert capsys.readouterr().err == "all locks are up to date\n"
