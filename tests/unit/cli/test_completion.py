"""What the shell offers on TAB."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from launcher import cli

Capture = pytest.CaptureFixture[str]
ENTRY = "- {name: %s, dlt_native: {source_module: m, source_function: f}}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    text = "sources:\n" + "".join(ENTRY % name for name in ("jira", "shop", "shoes"))
    (tmp_path / "sources.yml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DLTPOD_FILE", raising=False)
    return tmp_path


def offered(line: str) -> list[str]:
    """What the last word of a line may become."""
    *before, last = line.split(" ")[1:]
    completion = ShellComplete(cli.cli, {}, "dltpod", "_DLTPOD_COMPLETE")
    return [item.value for item in completion.get_completions(before, last)]


@pytest.mark.parametrize(
    "command",
    ["sync", "check", "list", "runs", "logs", "stop", "show", "build", "lock", "secrets", "shell", "config"],
)
def test_commands_that_take_a_source_offer_the_projects(command: str) -> None:
    assert offered(f"dltpod {command} sho") == ["shop", "shoes"]


def test_commands_kinds_and_options_are_offered() -> None:
    assert offered("dltpod sy") == ["sync"]
    assert offered("dltpod new tickets --from s") == ["sql_database"]
    assert offered("dltpod init py") == ["python"]
    assert offered("dltpod sync --source j") == ["jira"]
    assert offered("dltpod sync --fail") == ["--failed", "--fail-fast"]
    assert offered("dltpod sync --fro") == ["--from"]


def test_the_file_that_is_named_counts_wherever_it_is_named(folder: Path) -> None:
    (folder / "other.yml").write_text("sources:\n" + ENTRY % "elsewhere")
    assert offered("dltpod sync --file other.yml ") == ["elsewhere"]
    assert offered("dltpod --file other.yml sync ") == ["elsewhere"]


@pytest.mark.parametrize("text", ["sources: [", "sources: []", None])
def test_where_the_project_cannot_be_read_nothing_is_offered_or_said(
    folder: Path, capsys: Capture, text: str | None
) -> None:
    (folder / "sources.yml").unlink()
    if text is not None:
        (folder / "sources.yml").write_text(text)
    assert offered("dltpod sync s") == []
    assert "sync" in offered("dltpod nonsense s")
    assert capsys.readouterr() == ("", "")
