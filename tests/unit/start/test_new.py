"""``dltpod init`` and ``dltpod new``: the first files of a project and of a source."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from launcher import cli, config
from launcher.config.toml_files import read_toml

Capture = pytest.CaptureFixture[str]

JIRA = '''\
"""Loads issues of Jira. And more."""
import dlt
from .helpers import Auth

raise SystemExit("code of a verified source was run")


@dlt.source
def jira_search(jql: list[str], token: str = dlt.secrets.value): ...


@dlt.source
def jira(
    site: str = dlt.config.value,
    email: str = dlt.secrets.value,
    credentials: GcpServiceAccountCredentials = dlt.secrets.value,
):
    return issues


@dlt.resource
def issues(api_token: str = dlt.secrets.value, pages: int = 1): ...
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DLTPOD_FILE", raising=False)
    monkeypatch.setattr("launcher.console.summary.own_command", lambda: "dltpod")
    return tmp_path


def content(folder: Path) -> dict[str, str]:
    """Every file's text, by its path."""
    files = (file for file in folder.rglob("*") if file.is_file() and ".dltpod" not in file.parts)
    return {str(file.relative_to(folder)): file.read_text() for file in files}


def verified(folder: Path, code: str = JIRA) -> None:
    """A work tree of verified sources, which sources.yml names."""
    (folder / "vs/sources/jira").mkdir(parents=True)
    (folder / "vs/sources/jira/__init__.py").write_text(code)
    (folder / "sources.yml").write_text(
        "verified_sources: {location: vs}\n"
        "sources:\n- {name: a, dlt_native: {source_module: m, source_function: f}}\n"
    )


def test_init_makes_a_whole_project_in_a_bare_folder(folder: Path, capsys: Capture) -> None:
    assert cli.main(["init"]) == 0
    assert set(content(folder)) == {
        ".dlt/secrets.toml",
        ".gitignore",
        "custom_sources/example.py",
        "sources.yml",
        "tests/test_example.py",
    }
    assert stat.S_IMODE((folder / ".dlt/secrets.toml").stat().st_mode) == 0o600
    out = capsys.readouterr().out
    assert out.endswith("\nnext   dltpod sync example\n")
    assert max(len(line) for line in out.splitlines()) <= 80
    assert cli.main(["check"]) == 0


@pytest.mark.parametrize("kind", ["python", "rest_api", "sql_database", "filesystem"])
def test_what_is_made_passes_check_but_for_secrets_that_are_empty(
    folder: Path, capsys: Capture, kind: str
) -> None:
    assert cli.main(["init", kind, "--name", "one"]) == 0
    assert cli.main(["new", "two", "--from", kind]) == 0
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines()) <= 80
    empty = read_toml(folder / ".dlt/secrets.toml").get("sources", {})
    assert cli.main(["check", "--no-secrets"]) == (2 if empty else 0)
    said = capsys.readouterr().out
    for name, keys in empty.items():
        assert f": [sources.{name}" in said
        assert all(key in said and f"sources.{name}" in out for key in keys)
    filled = (folder / ".dlt/secrets.toml").read_text().replace('""', '"postgresql://u:long-one@h/db"')
    (folder / ".dlt/secrets.toml").write_text(filled)
    assert cli.main(["check"]) == 0
    assert "wrong" not in capsys.readouterr().out


def test_init_adds_to_gitignore_and_leaves_the_secrets_that_are_there(folder: Path) -> None:
    (folder / ".gitignore").write_bytes(b"# mine\r\n/data\r\n*.log")
    (folder / ".dlt").mkdir()
    (folder / ".dlt/secrets.toml").write_text('[destination.postgres]\npassword = "x"  # of the warehouse')
    assert cli.main(["init", "sql_database"]) == 0
    ignored = (folder / ".gitignore").read_bytes()
    assert ignored.startswith(b"# mine\r\n/data\r\n*.log\r\n.dlt/secrets.toml\r\n")
    assert ignored.count(b"data") == 1
    secrets = (folder / ".dlt/secrets.toml").read_text()
    assert secrets.startswith(
        '[destination.postgres]\npassword = "x"  # of the warehouse\n\n[sources.database]\n'
    )


@pytest.mark.parametrize(
    "there",
    [
        "sources.yml",
        "custom_sources/example.py",
        "custom_sources/example/__init__.py",
        "tests/test_example.py",
    ],
)
def test_nothing_is_overwritten_and_nothing_made_beside_what_is_there(
    folder: Path, capsys: Capture, there: str
) -> None:
    (folder / there).parent.mkdir(exist_ok=True, parents=True)
    (folder / there).write_text("mine")
    assert cli.main(["init"]) == 2
    assert content(folder) == {there: "mine"}
    error = capsys.readouterr().err
    assert "there already" in error
    assert "hint:" in error


def test_a_link_that_leads_nowhere_is_there_too(folder: Path) -> None:
    (folder / "custom_sources").mkdir()
    (folder / "custom_sources/example.py").symlink_to("/nowhere")
    assert cli.main(["init"]) == 2


def test_new_refuses_a_name_that_is_taken(folder: Path, capsys: Capture) -> None:
    assert cli.main(["init", "--name", "orders"]) == 0
    before = content(folder)
    for name, why in (
        ("orders", "sources.yml:6: there is a source 'orders' already"),
        ("Orders", "the name 'Orders' must be lower-case"),
        ("class", "a word of Python's own"),
        ("list", "a word of Python's own"),
        ("off", "a word of YAML's own"),
        ("dlt", "a name of dlt's own"),
        ("rest_api", "a name of dlt's own"),
        ("schema", "a table of dlt's own configuration"),
    ):
        assert cli.main(["new", name, "--from", "python"]) == 2
        assert why in capsys.readouterr().err
    assert content(folder) == before


def test_new_takes_no_other_entrys_module_or_pipeline(folder: Path, capsys: Capture) -> None:
    entry = "{name: %s, dlt_native: {source_module: %s, source_function: f%s}}"
    texts = [entry % ("eu", "jira", ""), entry % ("us", "m", ", pipeline_name: Crm")]
    (folder / "sources.yml").write_text("sources:\n" + "".join(f"- {text}\n" for text in texts))
    assert cli.main(["new", "jira", "--from", "python"]) == 2
    assert "'eu' uses a module jira" in capsys.readouterr().err
    assert cli.main(["new", "crm", "--from", "sql_database"]) == 2
    assert "the pipeline of 'us'" in capsys.readouterr().err


def test_new_says_what_can_follow_from(folder: Path, capsys: Capture) -> None:
    verified(folder)
    assert cli.main(["new", "x"]) == 2
    assert "python, rest_api, sql_database, filesystem" in capsys.readouterr().err
    assert cli.main(["new", "x", "--from", "jirra"]) == 2
    assert "did you mean 'jira'?" in capsys.readouterr().err


def test_a_verified_sources_arguments_and_secrets_are_read_from_its_code_which_never_runs(
    folder: Path, capsys: Capture
) -> None:
    verified(folder)
    assert cli.main(["new", "tickets", "--from", "jira"]) == 0
    (source,) = (s for s in config.load(folder / "sources.yml").sources if s.name == "tickets")
    native = source.dlt_native
    assert (native.source_module, native.source_function) == ("jira", "jira")
    assert native.function_kwargs == {"site": ""}
    assert source.container.extras == ("jira",)
    assert read_toml(folder / ".dlt/secrets.toml")["sources"] == {
        "tickets": {
            "email": "",
            "api_token": "",
            "credentials": {"project_id": "", "private_key": "", "client_email": ""},
        }
    }
    out = capsys.readouterr().out
    assert "site in function_kwargs" in out
    assert "dltpod check tickets" in out
    assert ".dlt/secrets.toml" in (folder / ".gitignore").read_text()


def test_a_section_that_is_filled_already_is_left_as_it_is(folder: Path) -> None:
    assert cli.main(["init"]) == 0
    (folder / ".dlt/secrets.toml").write_text('[sources.crm]\ncredentials = "sqlite:////workspace/x.db"\n')
    before = (folder / ".dlt/secrets.toml").read_text()
    assert cli.main(["new", "crm", "--from", "sql_database"]) == 0
    assert (folder / ".dlt/secrets.toml").read_text() == before


def test_a_file_of_secrets_with_no_place_is_left_alone_and_the_lines_are_told(
    folder: Path, capsys: Capture
) -> None:
    assert cli.main(["init"]) == 0
    (folder / ".dlt/secrets.toml").write_text('sources = {jira = {token = "hush-hush"}}\n')
    before = content(folder)
    capsys.readouterr()
    assert cli.main(["new", "crm", "--from", "sql_database"]) == 2
    said = capsys.readouterr().err
    assert 'credentials = ""' in said
    assert "hush" not in said
    assert content(folder) == before


def test_a_dango_project_gets_an_entry_of_its_own_kind(folder: Path, capsys: Capture) -> None:
    (folder / ".dango").mkdir()
    file = folder / ".dango/sources.yml"
    native = "type: dlt_native, dlt_native: {source_module: m, source_function: f}"
    file.write_text(f"sources:\n  - {{name: sheet, type: google_sheets}}\n  - {{name: own, {native}}}\n")
    assert cli.main(["init"]) == 2
    assert "Dango" in capsys.readouterr().err
    assert cli.main(["new", "shop", "--from", "python", "--file", ".dango/sources.yml"]) == 0
    assert "next   dltpod sync --file .dango/sources.yml shop" in capsys.readouterr().out
    assert [source.name for source in config.load(file).sources] == ["own", "shop"]
    assert (folder / "custom_sources/shop.py").is_file()


def test_a_failure_half_way_leaves_no_new_file(folder: Path, capsys: Capture) -> None:
    (folder / "tests").write_text("no folder")
    assert cli.main(["init"]) != 0
    assert content(folder) == {"tests": "no folder"}
    assert [entry.name for entry in folder.iterdir()] == ["tests"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_what_root_makes_in_anothers_folder_is_the_owners(folder: Path) -> None:
    os.chown(folder, 12345, 12345)
    folder.parent.chmod(0o755)
    assert cli.main(["init", "sql_database"]) == 0
    assert cli.main(["new", "orders", "--from", "filesystem"]) == 0
    owners = {place.lstat().st_uid for place in folder.rglob("*") if ".dltpod" not in place.parts}
    assert owners == {12345}
