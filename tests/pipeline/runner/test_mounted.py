"""A job that is mounted in its container, as a cluster does it: no launcher holds its input."""

from __future__ import annotations

import json
import time

from runner import contract
from runner.work import worker
from tests.pipeline.runner.box import Box


def test_a_mounted_job_needs_no_input_and_its_files_stay_where_they_are(box: Box) -> None:
    box.write(
        "shop.py", "import dlt\n@dlt.resource\ndef orders(key=dlt.secrets.value):\n    yield [{'id': key}]\n"
    )
    box.write("/run/dltpod/job.json", contract.to_json(box.job()))
    box.write("/run/secrets/dlt/secrets.toml", "[shop.sources]\nkey = 's3cr3t-value'\n")
    process = box.start(box.job())
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    assert box.ended(process).code == 0
    assert box.rows("select id from raw_shop.orders") == [("s3cr3t-value",)]


def test_a_pods_log_marks_each_event_and_has_progress_once_in_a_while(box: Box) -> None:
    box.write(
        "shop.py",
        """
        import time

        def orders():
            for number in range(40):
                print("page", number, flush=True)
                yield [{"id": number}]
                time.sleep(0.05)
        """,
    )
    box.write("/run/dltpod/job.json", contract.to_json(box.job()))
    box.write("/run/secrets/dlt/secrets.toml", "")
    began = time.monotonic()
    outcome = box.ended(box.start(box.job()))
    pauses = (time.monotonic() - began) // worker.POD_PERIOD
    lines = outcome.stdout.splitlines()
    assert all(line.startswith(contract.EVENT_MARK) for line in lines)
    events = [json.loads(line.removeprefix(contract.EVENT_MARK)) for line in lines]
    assert [event["phase"] for event in events if event["event"] == "phase"][-1] == "load"
    told = [event["rows"] for event in events if event["event"] == "progress"]
    assert told[-1] == {"orders": 40}
    assert len(told) <= 4 + pauses  # the first of them, the last of each step, and one after each pause
    assert outcome.log.count("page ") == 40 and contract.EVENT_MARK not in outcome.log
