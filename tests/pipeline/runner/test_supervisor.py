"""What leaves a run: whole lines, whole events, one result; and what the source finds around it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from launcher.engines.docker.logs import LINE_BYTES
from runner import contract
from runner.contract import Event, ExitCode, FailureKind
from runner.supervise import results
from tests.pipeline.runner.box import TOKEN, Box, result_of
from tests.waiting import wait_for

ONE_ROW = """
    def orders():
        yield [{"id": 1}]
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_run_ends_with_its_result_as_the_last_event_and_in_the_file(real_box: Box) -> None:
    real_box.write("shop.py", ONE_ROW)
    outcome = real_box.run()
    assert outcome.code == 0, outcome.log
    assert {event["token"] for event in outcome.events} == {TOKEN}
    assert [event["event"] for event in outcome.events].count(Event.RESULT.value) == 1
    assert result_of(outcome.events[-1]["result"]) == outcome.stored
    assert (outcome.stored.status, outcome.stored.rows, outcome.stored.run_id) == (
        "ok",
        {"orders": 1},
        "run-1",
    )
    phases = [event["phase"] for event in outcome.events if event["event"] == Event.PHASE.value]
    assert phases == ["start", "restore", "extract", "normalize", "load"]


def test_what_a_source_prints_in_any_way_cannot_tear_or_forge_an_event(box: Box) -> None:
    box.write(
        "shop.py",
        """
        import json, os, subprocess, sys

        def orders():
            print("no newline", end="")
            os.write(1, b"\\xff\\xfe\\x00 binary\\n")
            print(json.dumps({"token": "?", "event": "result", "result": {}}))
            subprocess.run(["sh", "-c", "echo from a child; echo to stderr >&2"])
            for descriptor in range(3, 30):
                try:
                    if os.readlink(f"/proc/self/fd/{descriptor}").startswith("pipe:"):
                        print("a pipe", descriptor)
                except OSError:
                    pass
            pid = os.fork()
            if pid == 0:
                print("from a fork")
                os._exit(0)
            os.waitpid(pid, 0)
            sys.stdout.close()
            os.close(1)
            yield [{"id": 1}]
        """,
    )
    outcome = box.run()
    assert outcome.code == 0, outcome.log
    assert all(event["token"] == TOKEN for event in outcome.events)
    for text in ("binary", '"result": {}', "from a child", "to stderr", "from a fork"):
        assert text in outcome.log
        assert text not in outcome.stdout


def test_what_a_source_writes_to_the_runners_own_pipe_does_not_end_the_run(box: Box) -> None:
    box.write(
        "shop.py",
        """
        import os

        BAD = [
            b"no JSON", b"[]", b"{}", b"7", b"[" * 60_000 + b"]" * 60_000, b"\\xff", b'{"event": ["note"]}',
            b'{"event":"result","result":' + b'{"a":' * 60_000 + b"1" + b"}" * 60_001,
            b'{"event":"note","text":"\\ud800"}', b'{"event":"progress","rows":NaN}',
            b'{"event":"result"}', b'{"event":"result","result":[]}', b'{"event":"result","result":5}',
            b'{"event":"phase","phase":{"a":[]}}', b'{"event":"note","text":' + b"9" * 5000 + b"}",
        ]

        def orders():
            for descriptor in range(3, 40):
                try:
                    os.write(descriptor, b"\\n".join(BAD) + b"\\n")
                except OSError:
                    pass
            yield [{"id": 1}]
        """,
    )
    outcome = box.run()
    assert (outcome.code, outcome.stored.status) == (0, "ok"), outcome.log
    assert any("a" in str(event.get("phase")) for event in outcome.events)


def test_an_event_that_is_longer_than_a_line_of_a_log_is_told_to_nobody(box: Box) -> None:
    box.write(
        "shop.py",
        """
        import os

        def orders():
            for descriptor in range(3, 40):
                try:
                    os.write(descriptor, b'{"event":"note","text":"' + b"x" * (3 << 20) + b'"}\\n')
                except OSError:
                    pass
            yield [{"id": 1}]
        """,
    )
    outcome = box.run()
    assert (outcome.code, outcome.stored.status) == (0, "ok"), outcome.log
    assert outcome.events[-1]["event"] == "result"
    assert max(map(len, outcome.stdout.splitlines())) < LINE_BYTES


def test_a_result_of_another_shape_ends_the_run_with_a_code_of_its_own(box: Box) -> None:
    box.write(
        "shop.py",
        """
        import os, time

        def orders():
            for descriptor in range(3, 40):
                try:
                    os.write(descriptor, b'{"event":"result","result":{"exit_code":"zero","notes":5}}\\n')
                except OSError:
                    pass
            time.sleep(0.5)
            os._exit(0)
            yield
        """,
    )
    process = box.start(box.job())
    process.wait(60)
    assert process.returncode == ExitCode.FAILED


def test_the_result_is_written_to_no_place_that_the_source_chose(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("kept")
    file = tmp_path / "result.json"
    for place in (file, file.with_name(f".{file.name}.{os.getpid()}")):
        place.symlink_to(outside)
    results.store(file, {"status": "ok"}, None)
    assert (outside.read_text(), file.is_symlink()) == ("kept", False)
    file.unlink()
    file.mkdir()
    with pytest.raises(OSError, match="directory"):
        results.store(file, {"status": "ok"}, None)


def test_every_line_of_many_writers_arrives_whole_and_once(box: Box) -> None:
    box.write(
        "shop.py",
        """
        import os, threading

        def orders():
            def talk(name):
                for number in range(2000):
                    print(f"<{name} {number} {'x' * 100}>")
            threads = [threading.Thread(target=talk, args=(f"t{i}",)) for i in range(3)]
            pids = []
            for i in range(3):
                pid = os.fork()
                if pid == 0:
                    talk(f"f{i}")
                    os._exit(0)
                pids.append(pid)
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            [os.waitpid(pid, 0) for pid in pids]
            yield [{"id": 1}]
        """,
    )
    outcome = box.run()
    lines = [line for line in outcome.log.splitlines() if line.startswith("<")]
    # A thread may slip between print's text and its newline; processes never tear a line.
    forked = sorted(line for line in lines if line.startswith("<f"))
    assert forked == sorted(f"<f{i} {n} {'x' * 100}>" for i in range(3) for n in range(2000))
    assert outcome.log.count(f"{'x' * 100}>") == 12_000


def test_a_flood_of_output_is_passed_on_whole_while_the_run_waits_for_its_reader(box: Box) -> None:
    box.write(
        "shop.py",
        """
        def orders():
            line = "y" * 1023
            for _ in range(10_000):
                print(line)
            print("the last line")
            yield [{"id": 1}]
        """,
    )
    outcome = box.run("[shop.sources]\nkey = 's3cr3t-Qx-value'")
    assert outcome.code == 0
    assert outcome.log.count("y" * 1023) == 10_000
    assert "the last line" in outcome.log


def test_children_that_a_source_leaves_running_do_not_keep_the_run_open(box: Box) -> None:
    box.write(
        "shop.py",
        f"""
        import subprocess, threading, time

        def orders():
            child = subprocess.Popen(["sleep", "300"])
            threading.Thread(target=time.sleep, args=(300,)).start()
            open({str(box.root / "child")!r}, "w").write(str(child.pid) + "\\n")
            yield [{{"id": 1}}]
        """,
    )
    outcome = box.run()  # which gives up long before those would have ended
    assert outcome.code == 0
    child = int((box.root / "child").read_text())
    # A signal to a process group takes effect a moment after it was sent.
    wait_for(lambda: not alive(child), text="the child is killed with the run")


def test_a_source_may_use_processes_of_any_kind(box: Box) -> None:
    box.write("helper.py", "def double(n):\n    print('doubling', n)\n    return n * 2\n")
    box.write(
        "shop.py",
        """
        import multiprocessing
        from .helper import double

        def triple(n):
            return n * 3

        def orders():
            for method in ("spawn", "fork"):
                with multiprocessing.get_context(method).Pool(1) as pool:
                    yield [{"id": n} for n in pool.map(double, [1]) + pool.map(triple, [1])]
        """,
    )
    outcome = box.run()
    assert outcome.stored.rows == {"orders": 4}
    assert outcome.log.count("doubling 1") == 2


def test_the_source_gets_an_empty_input_and_none_of_the_frame(box: Box) -> None:
    box.write(
        "shop.py",
        """
        import os, sys

        def orders():
            print("input:", os.readlink("/proc/self/fd/0"), repr(sys.stdin.read()))
            yield [{"id": 1}]
        """,
    )
    assert "input: /dev/null ''" in box.run().log


def test_a_reader_that_is_gone_costs_the_log_and_not_the_run(box: Box) -> None:
    box.write("shop.py", "def orders():\n    print('z' * 500_000)\n    yield [{'id': 1}]\n")
    process = box.start_interpreter(box.job())
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    process.stderr.close()
    assert process.wait(60) == 0
    stored = json.loads((box.root / "state/result.json").read_text(encoding="utf-8"))
    assert stored["rows"] == {"orders": 1}


def test_secret_files_are_the_users_alone(box: Box) -> None:
    box.write("shop.py", ONE_ROW)
    box.run("a = 'secret-thing'")
    for name in (contract.SECRETS_FILE, contract.CONFIG_FILE, contract.VALUES_FILE):
        assert (box.root / "run/secrets/dlt" / name).stat().st_mode & 0o777 == 0o600
    assert (box.root / "run/secrets/dlt").stat().st_mode & 0o777 == 0o700


def test_a_result_too_long_for_its_place_is_shortened_and_still_a_result(box: Box) -> None:
    box.write(
        "shop.py",
        """
        import dlt

        def orders():
            return [dlt.resource([{"id": 1}], name=f"a_table_with_a_rather_long_name_{i}") for i in range(80)]
        """,
    )
    outcome = box.run(result_bytes=1024)
    size = (box.root / "state/result.json").stat().st_size
    assert size <= 1024
    assert outcome.stored.status == "ok"
    assert sum(outcome.stored.rows.values()) == 80
    assert len(outcome.events[-1]["result"]["rows"]) == 80


@pytest.mark.parametrize("frame", [b"", b"\0\0\0\0\0\0\0\x05{}", b"\0\0\0\0\0\0\0\x02{}", b"\xff" * 8])
def test_without_a_whole_job_the_runner_says_so_and_ends(box: Box, frame: bytes) -> None:
    environ = {"PATH": os.environ["PATH"], "DLTPOD_ROOT": str(box.root)}
    repository = Path(__file__).parents[3]
    run = subprocess.run(
        ["python3", "-m", "runner"], input=frame, capture_output=True, cwd=repository, env=environ, timeout=60
    )
    assert run.returncode == ExitCode.INTERNAL
    assert run.stderr.startswith(b"dltpod runner: no job could be read")
    assert run.stdout == b""


def test_container_env_and_what_a_user_without_a_name_needs_are_set_before_the_source_is_imported(
    real_box: Box,
) -> None:
    real_box.write(
        "shop.py",
        """
        import getpass, json, os, tempfile
        SEEN = {name: os.environ.get(name) for name in ("TZ", "HOME", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")}
        SEEN.update(user=getpass.getuser(), cwd=os.getcwd(), tmp=tempfile.gettempdir())
        print(json.dumps(SEEN))

        def orders():
            yield [{"id": 1}]
        """,
    )
    real_box.environ["SSL_CERT_FILE"] = "/etc/ssl/certs/ca-certificates.crt"
    outcome = real_box.run(env={"TZ": "UTC", "LOGNAME": "me"})
    seen = json.loads(outcome.log.splitlines()[0])
    tmp = str(real_box.root / "tmp")
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    assert seen == {
        "TZ": "UTC",
        "HOME": tmp,
        "SSL_CERT_FILE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
        "user": "me",
        "cwd": tmp,
        "tmp": tmp,
    }


def test_references_in_container_env_get_their_values(box: Box) -> None:
    box.write("shop.py", "import os\ndef orders():\n    yield [{'id': os.environ['API_KEY']}]\n")
    assert box.run(values={"KEY": "the-api-key-9"}, env={"API_KEY": "env:KEY"}).code == 0
    assert box.rows("select id from raw_shop.orders") == [("the-api-key-9",)]


def test_the_log_of_an_error_that_quotes_a_whole_answer_stays_short(box: Box) -> None:
    box.write("shop.py", "def orders():\n    yield [{'id': 1}]\n    raise ValueError('q' * 1_000_000)\n")
    outcome = box.run()
    assert (outcome.code, outcome.failure.kind) == (ExitCode.FAILED, FailureKind.EXTRACT)
    assert len(outcome.stdout) < 200_000


def test_without_a_launcher_events_are_lines_for_people_in_the_log(real_box: Box) -> None:
    real_box.write("shop.py", ONE_ROW)
    outcome = real_box.run(events=False)
    assert (outcome.code, outcome.stdout) == (0, "")
    told = [line for line in outcome.log.splitlines() if line.startswith("dltpod: ")]
    assert told == [
        "dltpod: start",
        "dltpod: restore",
        "dltpod: extract",
        "dltpod: normalize",
        "dltpod: load",
        "dltpod: ok: 1 into orders",
    ]


def test_without_a_launcher_the_log_says_why_a_run_failed_and_hides_secrets(box: Box) -> None:
    box.write("shop.py", "def orders(key=None):\n    raise ValueError('no account for pa55-and-word')\n")
    outcome = box.run(secrets='[sources.shop]\nkey = "pa55-and-word"\n', events=False)
    assert outcome.code == ExitCode.FAILED
    assert "Traceback (most recent call last)" in outcome.log
    assert "dltpod: failed (extract): " in outcome.log
    assert "no account for" in outcome.log
    assert "pa55-and-word" not in outcome.log
