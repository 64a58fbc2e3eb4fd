"""What is executed in a source's container: a command, and the queries of ``dltpod show``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runner.inspect import execute
from runner.supervise.job_input import Paths
from tests.pipeline.runner.box import Box

REPOSITORY = Path(__file__).resolve().parents[3]


def become(*command: str, folder: Path) -> tuple[int, str, str]:
    code = "import sys; from runner.inspect.execute import become; sys.exit(become(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        env={"PYTHONPATH": str(REPOSITORY), "PATH": f"/bin:/usr/bin:{folder}"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_command_takes_the_place_of_the_process(tmp_path: Path) -> None:
    assert become("sh", "-c", "echo here; exit 7", folder=tmp_path) == (7, "here\n", "")


@pytest.mark.parametrize(
    ("command", "code", "why"),
    [
        ("nosuchcmd", 127, "not found"),
        ("./nosuchcmd", 127, "not found"),
        ("", 127, "not found"),
        ("./plain", 126, "Permission denied"),
        ("./folder", 126, "Permission denied"),
        ("./plain/below", 126, "Not a directory"),
        ("./empty", 126, "Exec format error"),
        ("./greeting", 126, "its interpreter does not exist"),
        ("greeting", 126, "its interpreter does not exist"),
    ],
)
def test_one_that_cannot_be_run_is_said_in_a_line_with_a_shells_exit_code(
    tmp_path: Path, command: str, code: int, why: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").write_text("text")
    for name, text in (("empty", "text"), ("greeting", "#!/no/such/interpreter\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    assert become(command, folder=tmp_path) == (code, "", f"dltpod: {command!r}: {why}\n")


@pytest.mark.parametrize("question", [{}, {"table": "orders"}, {"sql": "SELECT id FROM orders"}])
def test_the_dataset_is_told_by_the_name_that_the_destination_gives_it(
    box: Box, question: dict[str, str]
) -> None:
    box.write("shop.py", "def orders():\n    yield [{'id': 1}]\n")
    assert box.run(dataset_name="RawCamelDS").code == 0
    job = box.job(dataset_name="RawCamelDS")
    asked = {"table": None, "sql": None, **question}
    answer = execute.show(job, Paths(str(box.root)), limit=10, **asked)
    assert answer["dataset"] == "raw_camel_ds"
