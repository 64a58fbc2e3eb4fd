"""The rendered Compose file, run with the Compose tool that is here."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import docker.errors
import pytest
import yaml

from tests.containers.cli.calls import dltpod
from tests.containers.folder import Folder
from tests.waiting import wait_for

NUMBERS = """
    import dlt

    @dlt.resource(primary_key="id", write_disposition="merge")
    def numbers(
        token: str = dlt.secrets.value, cursor=dlt.sources.incremental("id", initial_value=-1), last: int = 5
    ):
        print("the token is", token)
        yield [{"id": n, "square": n * n, "letters": len(token)} for n in range(cursor.last_value + 1, last)]
"""
TOKEN = "a-token-that-no-output-may-show"


@pytest.fixture(scope="module")
def tool() -> list[str]:
    """``docker compose`` where the plugin is, else ``docker-compose``."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    found = shutil.which("docker-compose")
    assert found, "these tests need Compose: apt-get install docker-compose"
    return [found]


class Composed:
    """A project folder with a Compose file rendered in it."""

    def __init__(self, folder: Folder, tool: list[str]) -> None:
        self.folder = folder
        self._tool = [*tool, "-f", str(folder.root / "compose.yml"), "-p", folder.name]

    def dltpod(self, *arguments: str) -> str:
        said = dltpod(self.folder, *arguments)
        assert said.code == 0, said.err
        return said.out

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # Compose reads .env beside its file; of this process's variables it needs those that name the engine.
        engine = {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
        return subprocess.run(
            [*self._tool, *arguments],
            cwd=self.folder.root,
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **engine},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    def run(self, name: str) -> tuple[int, str]:
        """``compose run --rm NAME``: the exit code and all that came out."""
        done = self.call("run", "--rm", "-T", name)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def composed(project: Folder, tool: list[str]) -> Composed:
    """A project with two sources, built, rendered, with their secrets written."""
    return composed_in(project, tool)


@pytest.fixture(scope="module")
def loaded(make_shared_folder: Callable[[], Folder], tool: list[str]) -> tuple[Composed, int, str]:
    """One whose service has run once: the exit code and all that came out."""
    made = composed_in(make_shared_folder(), tool)
    return (made, *made.run("numbers"))


def composed_in(project: Folder, tool: list[str]) -> Composed:
    project.code("numbers", NUMBERS)
    project.code("broken", 'def broken():\n    raise ValueError("there is no such account")\n    yield {}\n')
    project.source("numbers", "numbers", "numbers")
    project.source("broken", "broken", "broken")
    project.write(".dlt/secrets.toml", f'[sources.numbers]\ntoken = "{TOKEN}"\n')
    made = Composed(project, tool)
    made.dltpod("build", "--all")
    made.dltpod("render", "compose", "-o", "compose.yml")
    for name in ("numbers", "broken"):
        made.dltpod("secrets", name)
    return made


def test_the_tool_takes_the_file_and_up_starts_nothing(loaded: tuple[Composed, int, str]) -> None:
    composed, *_ = loaded
    assert composed.call("config", "-q").returncode == 0
    composed.call("up", "-d")
    assert composed.call("ps", "-q").stdout == ""


def test_a_service_loads_the_same_rows_as_a_sync_and_then_only_what_is_new(
    loaded: tuple[Composed, int, str], make_folder: Callable[[], Folder]
) -> None:
    composed, code, output = loaded
    assert code == 0, output
    assert composed.run("numbers")[0] == 0
    synced = make_folder()
    synced.code("numbers", NUMBERS)
    synced.source("numbers", "numbers", "numbers")
    synced.write(".dlt/secrets.toml", f'[sources.numbers]\ntoken = "{TOKEN}"\n')
    synced.must("numbers")
    query = "select id, square, letters from raw_numbers.numbers order by id"
    assert composed.folder.rows(query) == synced.rows(query)
    assert composed.folder.rows("select count(*) from raw_numbers._dlt_loads") == [(1,)]


def test_the_sync_of_a_source_goes_on_where_its_service_stopped(
    project: Folder, loaded: tuple[Composed, int, str]
) -> None:
    project.take_over(loaded[0].folder)
    record = project.must("numbers", set={"last": 8})
    assert dict(record.rows) == {"numbers": 3}


def test_no_output_shows_a_secret_and_no_container_holds_one(loaded: tuple[Composed, int, str]) -> None:
    composed, _, output = loaded
    assert "the token is" in output
    assert TOKEN not in output
    assert TOKEN not in (composed.folder.root / "compose.yml").read_text()


def test_a_failure_is_the_exit_code_of_the_run_and_not_tried_again(loaded: tuple[Composed, int, str]) -> None:
    composed, *_ = loaded
    code, output = composed.run("broken")
    assert (code, "trying again" in output) == (1, False)
    assert "there is no such account" in output


def test_a_service_that_runs_too_long_ends_and_says_so(composed: Composed) -> None:
    composed.folder.code("slow", "import time\n\ndef slow():\n    time.sleep(600)\n    yield {'id': 1}\n")
    composed.folder.source("slow", "slow", "slow", container={"timeout": "3s"})
    composed.dltpod("render", "compose", "slow", "-o", "compose.yml")
    composed.dltpod("secrets", "slow")
    code, output = composed.run("slow")
    assert (code, "dltpod: failed (timeout): " in output) == (1, True), output


def test_a_failure_that_may_pass_is_tried_again_in_the_service(composed: Composed) -> None:
    passing = """
        import pathlib
        def passing():
            tried = pathlib.Path("/state/tried")
            if not tried.exists():
                tried.touch()
                raise ConnectionError("the other side hung up")
            yield {"id": 1}
    """
    composed.folder.code("passing", passing)
    composed.folder.source("passing", "passing", "passing")
    composed.dltpod("render", "compose", "-o", "compose.yml")
    composed.dltpod("secrets", "passing")
    code, output = composed.run("passing")
    assert (code, output.count("trying again in")) == (0, 1), output
    assert composed.folder.rows("select id from raw_passing.passing") == [(1,)]


def test_one_up_runs_all_and_shows_how_each_ended(composed: Composed) -> None:
    done = composed.call("--profile", "dltpod", "up", "--no-color")
    try:
        assert "numbers_1 exited with code 0" in done.stdout.replace("-1 ", "_1 "), done.stdout + done.stderr
        assert "broken_1 exited with code 1" in done.stdout.replace("-1 ", "_1 ")
        assert '{"token"' not in done.stdout
        assert composed.folder.rows("select count(*) from raw_numbers.numbers") == [(5,)]
    finally:
        composed.call("--profile", "dltpod", "down")


def test_the_files_that_a_service_makes_are_its_users(loaded: tuple[Composed, int, str]) -> None:
    composed, code, output = loaded
    assert code == 0, output
    document = yaml.safe_load((composed.folder.root / "compose.yml").read_text())
    uid = int(document["services"]["numbers"]["user"].split(":")[0])
    made = [composed.folder.root / "data" / "warehouse.duckdb"]
    made += (composed.folder.root / ".dltpod" / "state" / "numbers").rglob("*")
    assert {path.stat().st_uid for path in made} == {uid}
    assert uid != 0


def test_a_service_stops_gently(composed: Composed) -> None:
    slow = "import time\n\ndef slow():\n    time.sleep(120)\n    yield {'id': 1}\n"
    composed.folder.code("slow", slow)
    composed.folder.source("slow", "slow", "slow")
    composed.dltpod("render", "compose", "slow", "-o", "compose.yml")
    composed.dltpod("secrets", "slow")
    name = composed.call("run", "-d", "--rm", "slow").stdout.strip()
    container = composed.folder.client.containers.get(name)
    try:
        wait_for(lambda: b"dltpod: extract" in container.logs(), text="the source is extracted")
        container.stop()
    finally:
        # docker-compose 1.29 forgets --rm where it detaches.
        with contextlib.suppress(docker.errors.NotFound):
            container.remove(force=True)
    result = json.loads((composed.folder.root / ".dltpod" / "state" / "slow" / "result.json").read_text())
    assert (result["exit_code"], result["failure"]["kind"]) == (143, "cancelled")


def test_a_file_elsewhere_names_the_project_by_relative_paths(loaded: tuple[Composed, int, str]) -> None:
    composed, *_ = loaded
    place = Path("deploy") / "compose.yml"
    composed.dltpod("render", "compose", "numbers", "-o", str(place))
    text = (composed.folder.root / place).read_text()
    assert "source: ../.dltpod/state/numbers" in text
