"""What the runner sets in its process from the job."""

from __future__ import annotations

import json
from pathlib import Path

from runner.contract import VALUES_FILE
from runner.supervise.job_input import Paths, environment_for
from tests.unit.engine.builders import plan, source


def test_references_in_the_environment_get_their_values_from_the_slice(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    paths.secrets.mkdir(parents=True)
    (paths.secrets / VALUES_FILE).write_text(json.dumps({"PROXY": "http://u:p@proxy"}))
    job = plan(tmp_path, source(env={"A": "env:PROXY", "B": "plain", "C": "env:MISSING"})).job
    found = environment_for(job, paths, {})
    assert (found["A"], found["B"]) == ("http://u:p@proxy", "plain")
    assert "C" not in found
