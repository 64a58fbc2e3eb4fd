"""Commands on the real engine: what they print, and with what they exit."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable

import pytest

from runner.contract import FailureKind
from tests.containers.cli.calls import Said, dltpod, started
from tests.containers.engine.faulty import TROUBLE
from tests.containers.folder import NO_NETWORK, Folder
from tests.unit.cli.hook import Hook
from tests.waiting import wait_for

pytestmark = pytest.mark.usefixtures("offline")

NUMBERS = """
    import dlt

    @dlt.resource(primary_key="n", write_disposition="merge")
    def numbers(upto: int = 3, n=dlt.sources.incremental("n")):
        print("counting")
        yield [{"n": i, "word": f"word {i}"} for i in range(upto)]

    def broken():
        raise ValueError("the answer was 418")
        yield
"""
FLAKY = """
    def flaky(well: bool):
        if not well:
            raise ValueError("the answer was 418")
        yield {"n": 1}
"""
SLEEPY = """
    import time

    def sleepy():
        print("asleep", flush=True)
        time.sleep(300)
        yield {"n": 1}
"""


def with_numbers(project: Folder) -> Folder:
    project.code("counting", NUMBERS)
    project.source("numbers", "counting", "numbers")
    return project


@pytest.fixture
def counting(project: Folder) -> Folder:
    return with_numbers(project)


@pytest.fixture(scope="module")
def synced(make_shared_folder: Callable[[], Folder]) -> tuple[Folder, Said]:
    """The same project, which has been synced once, and what that said."""
    project = with_numbers(make_shared_folder())
    return project, dltpod(project, "sync", "numbers", "--json")


@pytest.fixture
def counted(project: Folder, synced: tuple[Folder, Said]) -> Folder:
    """The project that has been synced once."""
    project.take_over(synced[0])
    return project


@pytest.fixture(scope="module")
def set_for_one_run(make_shared_folder: Callable[[], Folder]) -> Said:
    """What a sync with another argument said."""
    return dltpod(with_numbers(make_shared_folder()), "sync", "numbers", "--set", "upto=5")


@pytest.fixture(scope="module")
def half_failed(make_shared_folder: Callable[[], Folder]) -> tuple[Folder, Said]:
    """A project of two sources after a sync of both, one of which failed, and what that said."""
    project = with_numbers(make_shared_folder())
    project.defaults = NO_NETWORK
    project.source("broken", "counting", "broken", container={"retries": 0})
    return project, dltpod(project, "sync", "--all", "-j", "2")


def test_the_json_stream_has_each_event_of_a_run_and_ends_with_the_summary(
    synced: tuple[Folder, Said],
) -> None:
    _, said = synced
    events = [json.loads(line) for line in said.out.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[-2:] == ["ended", "summary"]
    assert kinds.count("planned") == 1
    assert kinds.index("planned") < kinds.index("phase")
    phases = [event["phase"] for event in events if event["event"] == "phase"]
    assert list(dict.fromkeys(phases)) == ["start", "restore", "extract", "normalize", "load"]
    assert any(event.get("line") == "counting" for event in events)
    assert events[-2]["run"]["rows"] == {"numbers": 3}
    assert events[-1]["sources"] == {"numbers": "ok"}
    assert (said.code, said.err) == (0, "")


def test_the_summary_goes_to_stdout_and_the_log_to_stderr(set_for_one_run: Said) -> None:
    said = set_for_one_run
    assert said.code == 0
    assert said.out.startswith("ok  numbers in ")
    assert "numbers | counting" in said.err.splitlines()
    assert "counting" not in said.out


def test_a_failure_is_at_most_four_lines_and_the_log_holds_the_traceback(counting: Folder) -> None:
    counting.source("broken", "counting", "broken", container={"retries": 0})
    said = dltpod(counting, "sync", "broken")
    assert said.code == 1
    assert said.out == ""
    told = [line for line in said.err.splitlines() if not line.startswith("broken ")]
    assert told[0].startswith("error: broken: ")
    assert "the answer was 418" in told[0]
    assert len(told) <= 4
    assert "Traceback" in dltpod(counting, "logs", "broken").out


def test_one_failure_stops_no_other_source(half_failed: tuple[Folder, Said]) -> None:
    _, said = half_failed
    assert said.code == 1
    assert "1 ok, 1 failed, 3 rows" in said.out


def test_sync_failed_runs_what_failed_last_and_nothing_else(
    project: Folder, half_failed: tuple[Folder, Said]
) -> None:
    project.take_over(half_failed[0])
    again = dltpod(project, "sync", "--failed")
    assert (again.code, "broken" in again.err) == (1, True)
    assert len(project.history.runs("broken")) == 2
    assert len(project.history.runs("numbers")) == 1
    project.code("counting", NUMBERS.replace("raise ValueError", "print"))
    assert dltpod(project, "sync", "--failed").code == 0
    assert "no source's last run failed" in dltpod(project, "sync", "--failed").err


def test_what_was_loaded_can_be_shown_without_a_database_client(counted: Folder) -> None:
    assert dltpod(counted, "show", "numbers").out == "table    rows\nnumbers     3\n"
    shown = dltpod(counted, "show", "numbers", "numbers", "-n", "2", "--json")
    assert [row["word"] for row in json.loads(shown.out)] == ["word 0", "word 1"]
    query = dltpod(counted, "show", "numbers", "--sql", "SELECT sum(n) AS total FROM numbers")
    assert query.out == "total\n3\n"
    empty = dltpod(counted, "show", "numbers", "--sql", "SELECT '' AS nothing, NULL AS none")
    assert empty.out == "nothing  none\n\n"
    missing = dltpod(counted, "show", "numbers", "nombers")
    assert (missing.code, "did you mean 'numbers'?" in missing.err) == (2, True)
    assert counted.containers() == []


def test_no_image_is_built_to_show_a_source_that_has_loaded_nothing(counted: Folder) -> None:
    counted.source("other", "counting", "numbers", container={"requirements": ["never-to-be-installed==0"]})
    told = dltpod(counted, "show", "other")
    assert (told.code, told.out) == (2, "")
    assert "other has loaded nothing yet" in told.err
    assert "`dltpod build other` first" in told.err


def test_a_shell_is_behind_the_same_walls_as_a_run(counting: Folder) -> None:
    counting.write(
        ".dlt/secrets.toml", '[sources.numbers]\ntoken = "hush-hush-hush"\n[sources.other]\nx = "not mine"\n'
    )
    script = (
        "id -u; cat /run/secrets/dlt/secrets.toml; touch /usr/x || echo walled; touch /state/x || echo kept"
    )
    said = dltpod(counting, "shell", "numbers", "sh", "-c", script)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] != "0"
    assert "hush-hush-hush" in said.out
    assert "not mine" not in said.out
    assert lines[-2:] == ["walled", "kept"]
    assert dltpod(counting, "shell", "numbers", "sh", "-c", "exit 7").code == 7
    missing = dltpod(counting, "shell", "numbers", "nosuchcmd")
    assert (missing.code, missing.err) == (127, "dltpod: 'nosuchcmd': not found\n")
    assert counting.containers() == []


def test_an_open_shell_holds_up_no_run_and_is_no_run(counting: Folder) -> None:
    visit = counting.start("shell", "numbers", "sh", "-c", "sleep 100")
    try:
        wait_for(counting.containers)
        assert dltpod(counting, "sync", "numbers").code == 0
        assert dltpod(counting, "stop", "numbers").out == "numbers: does not run\n"
        assert dltpod(counting, "ps").err == "nothing runs\n"
        assert [container.status for container in counting.containers()] == ["running"]
    finally:
        visit.kill()
        visit.communicate()
    wait_for(lambda: all(c.status != "running" for c in counting.containers()))


def test_a_dry_run_says_what_would_run_and_starts_and_writes_nothing(counting: Folder) -> None:
    said = dltpod(counting, "sync", "numbers", "--dry-run", "--full-refresh")
    assert said.code == 0
    assert "counting.numbers" in said.out
    assert "tables and cursors are reset first" in said.out
    assert not (counting.root / "data" / "warehouse.duckdb").exists()
    assert dltpod(counting, "runs").err == "nothing ran yet\n"


def test_a_dry_run_says_why_verified_sources_could_not_be_asked(project: Folder) -> None:
    project.source("erp", "jira", "jira")
    entries = (project.root / "sources.yml").read_text()
    settings = '"verified_sources": {"location": "./gone"}, '
    (project.root / "sources.yml").write_text(entries.replace("{", "{" + settings, 1))
    said = dltpod(project, "sync", "erp", "--dry-run")
    why = "verified sources couldn't be asked for 'jira': verified_sources.location: './gone' does not exist"
    assert f"    note         {why}\n" in said.out


def test_a_dry_run_asks_for_verified_sources_once_where_they_cannot_be_had(project: Folder) -> None:
    project.source("erp", "jira", "jira")
    project.source("crm", "jira", "jira")
    entries = (project.root / "sources.yml").read_text()
    settings = '"verified_sources": {"location": "https://127.0.0.1:9/none.git"}, '
    (project.root / "sources.yml").write_text(entries.replace("{", "{" + settings, 1))
    said = dltpod(project, "sync", "--all", "--dry-run")
    assert said.err.count("fetching verified sources") == 1, said.err


def test_a_dry_run_fails_where_check_does_for_code_that_is_not_there(counting: Folder) -> None:
    counting.write("verified/sources/jira/__init__.py", "")
    counting.source("lost", "contacts", "numbers")
    counting.source("renamed", "counting", "numbres")
    entries = (counting.root / "sources.yml").read_text()
    settings = '"verified_sources": {"location": "./verified"}, '
    (counting.root / "sources.yml").write_text(entries.replace("{", "{" + settings, 1))
    checked = json.loads(dltpod(counting, "check", "--json").out)
    texts = {row["source"]: row["text"] for row in checked if row["level"] == "wrong"}
    said = dltpod(counting, "sync", "lost", "renamed", "--dry-run")
    assert (said.code, said.out) == (2, "")
    assert all(texts[name] in said.err for name in ("lost", "renamed"))
    both = dltpod(counting, "sync", "--all", "--dry-run")
    assert both.code == 1
    assert "counting.numbers" in both.out
    assert texts["lost"] in both.err


def test_an_argument_may_be_set_for_one_run(set_for_one_run: Said) -> None:
    assert "5 rows" in set_for_one_run.out.splitlines()[0]


def test_a_second_run_of_a_source_is_refused_and_told_which_run_holds_it(project: Folder) -> None:
    project.code("sleeping", SLEEPY)
    project.source("sleepy", "sleeping", "sleepy")
    first = started(project, "sync", "sleepy")
    wait_for(lambda: project.logged("sleepy", "asleep"))
    assert "asleep" in dltpod(project, "logs", "sleepy").out
    running = json.loads(dltpod(project, "ps", "--json").out)
    assert [row["source"] for row in running] == ["sleepy"]
    second = dltpod(project, "sync", "sleepy")
    assert second.code == 4
    assert running[0]["run_id"] in second.err
    assert dltpod(project, "stop", "sleepy").out == f"sleepy: stopped, run {running[0]['run_id']}\n"
    _, err = first.communicate(timeout=60)
    assert first.returncode == 1
    assert "\nstopped: sleepy: " in err
    assert dltpod(project, "ps").err == "nothing runs\n"
    assert dltpod(project, "stop", "--all") == Said(0, "", "nothing runs\n")
    assert dltpod(project, "stop", "sleepy").code == 1


def test_a_source_that_is_deaf_to_stop_is_killed_in_the_end_and_was_stopped_as_asked(project: Folder) -> None:
    project.code("faulty", TROUBLE)
    project.source("deaf", "faulty", "ignores_signals")
    first = started(project, "sync", "deaf")
    # not earlier: a stop between the step's begin and the source's first line ends it gently
    wait_for(lambda: project.logged("deaf", "deaf from now on"))
    assert dltpod(project, "stop", "deaf", "--grace", "1").code == 0
    first.communicate(timeout=60)
    (record,) = project.history.runs()
    assert (record.failure_kind, record.message[:16]) == (FailureKind.CANCELLED, "stopped as asked")


def test_ctrl_c_stops_gently_and_exits_with_130(project: Folder) -> None:
    project.code("sleeping", SLEEPY)
    project.source("sleepy", "sleeping", "sleepy")
    process = project.start("sync", "sleepy")
    wait_for(lambda: project.logged("sleepy", "asleep"))
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    assert project.containers() == []
    (record,) = project.history.runs()
    assert record.failure_kind is not None
    assert record.failure_kind.value == "cancelled"


def test_the_webhook_is_told_of_a_failure_and_of_the_recovery(project: Folder) -> None:
    hook = Hook()
    try:
        project.code("flaky", FLAKY)
        project.source("flaky", "flaky", "flaky", {"well": False}, container={"retries": 0})
        file = project.root / "sources.yml"
        document = json.loads(file.read_text()) | {"notify": {"webhook": "env:HOOK_URL"}}
        file.write_text(json.dumps(document))
        assert dltpod(project, "sync", "flaky", HOOK_URL=hook.url).code == 1
        assert dltpod(project, "sync", "flaky", "--set", "well=true", HOOK_URL=hook.url).code == 0
        assert dltpod(project, "sync", "flaky", "--set", "well=true", HOOK_URL=hook.url).code == 0
    finally:
        hook.close()
    assert [(body["event"], body["source"]) for body in hook.bodies] == [
        ("failure", "flaky"),
        ("recovery", "flaky"),
    ]
    assert "418" in hook.bodies[0]["message"]


def test_doctor_finds_nothing_wrong_where_syncs_work(counting: Folder) -> None:
    said = dltpod(counting, "doctor")
    assert said.code == 0, said.out
    assert "Docker Engine" in said.out


def test_the_report_is_written_beside_the_history(counted: Folder) -> None:
    said = dltpod(counted, "report")
    text = (counted.root / ".dltpod" / "report.html").read_text()
    assert said.out.strip().endswith(".dltpod/report.html")
    assert "numbers" in text
