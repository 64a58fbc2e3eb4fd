"""What people see when something is wrong, and the exit code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from launcher import __version__, cli
from launcher.errors import AlreadyRunning, DltpodError, page

ROOT = Path(__file__).parents[3]


def _run_a_command_that_raises(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    def boom() -> None:
        raise error

    monkeypatch.setattr(cli._Lazy, "get_command", lambda *_: click.Command("boom", callback=boom))
    return cli.main(["sync"])


def test_an_error_is_what_then_why_then_the_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = _run_a_command_that_raises(
        DltpodError("no such thing\nbecause it is gone", "make one"), monkeypatch
    )
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert captured.err == "error: no such thing\n  because it is gone\n  hint: make one\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "can't read 'https://bot:t0ken@packages.acme.com/simple'",
            "can't read 'https://packages.acme.com/simple'",
        ),
        ("fatal: https://t0ken@github.com/a/b@v1 is gone", "fatal: https://github.com/a/b@v1 is gone"),
        ("proxy http://u:t0@ken@proxy:3128: 407", "proxy http://proxy:3128: 407"),
        ("git+https://u:t0/ken@git.acme.com/a", "git+https://git.acme.com/a"),
        ("two: http://u:t0ken@a/x, http://v:t0ken@b/x", "two: http://a/x, http://b/x"),
        ("write it as ssh://user@host", "write it as ssh://user@host"),
        ("ssh://user:t0ken@host", "ssh://host"),
        ("http://localhost:8080/users/@me", "http://localhost:8080/users/@me"),
        ("see https://docs.acme.com (mail a@b)", "see https://docs.acme.com (mail a@b)"),
    ],
)
def test_no_error_holds_the_credentials_of_an_address(text: str, shown: str) -> None:
    error = DltpodError(text, text)
    assert (error.message, error.hint, str(error)) == (shown, shown, shown)


def test_a_bug_of_ours_is_told_without_the_credentials_of_an_address(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ValueError("https://u:t0ken@proxy.acme.com")
    assert _run_a_command_that_raises(error, monkeypatch) == 3
    err = capsys.readouterr().err
    assert "ValueError: https://proxy.acme.com" in err
    Path(err.split("report it, with ")[1].strip()).unlink()


def test_an_error_has_the_exit_code_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run_a_command_that_raises(AlreadyRunning("run 1 holds shop"), monkeypatch) == 4
    assert _run_a_command_that_raises(KeyboardInterrupt(), monkeypatch) == 130


def test_a_bug_is_exit_3_with_the_traceback_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DLTPOD_DEBUG", raising=False)
    code = _run_a_command_that_raises(ZeroDivisionError("oh"), monkeypatch)
    error = capsys.readouterr().err
    assert code == 3
    assert error.startswith("error: a bug of dltpod's: ZeroDivisionError: oh\n")
    assert "Traceback" not in error
    file = Path(error.split("with ")[1].strip())
    assert "Traceback" in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    file.unlink()


def test_debugging_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DLTPOD_DEBUG", "1")
    _run_a_command_that_raises(DltpodError("no such thing"), monkeypatch)
    assert "Traceback" in capsys.readouterr().err


def test_an_unknown_command_names_the_near_miss(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["snyc"]) == 2
    assert "did you mean 'sync'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("run", "sync"),
        ("ls", "list"),
        ("add", "new"),
        ("history", "runs"),
        ("backfil", "sync"),
        ("strat", "sync"),
        ("stat", "state"),
        ("help", "--help"),
    ],
)
def test_a_command_of_other_programs_is_told_by_its_name_here(
    said: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([said]) == 2
    assert f"there is no command '{said}'; did you mean '{meant}'?" in capsys.readouterr().err


def test_a_page_that_a_hint_names_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = re.findall(
        r"""\bpage\(['"]([^'"]+)""", "".join(f.read_text() for f in (ROOT / "launcher").rglob("*.py"))
    )
    assert len(asked) > 1
    for name in asked:
        assert Path(page(name).partition("#")[0]).is_file()


def test_an_unknown_option_names_the_help_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sync", "--al"]) == 2
    assert "`dltpod sync --help`" in capsys.readouterr().err


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, "--help"]) == 0
    assert f"Usage: dltpod {name}" in capsys.readouterr().out


def test_a_reader_that_goes_away_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m dltpod --help | true; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_clone_is_called_as_a_module_wherever_it_is_called(tmp_path: Path) -> None:
    for name in ("launcher", "runner"):  # what someone's folder may hold as well
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    call = [sys.executable, "-m", "dltpod", "--version"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"dltpod {__version__}\n", "")


def test_help_imports_nothing_that_is_slow() -> None:
    code = "import sys; from launcher.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ}
    )
    loaded = set(done.stderr.split())
    assert not loaded & {"pydantic", "docker", "rich", "requests", "kubernetes", "yaml", "dlt", "sqlite3"}
