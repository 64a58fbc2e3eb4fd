"""Sources of the shapes that people write (docs/field-cases.md): dltpod loads what plain dlt loads.

Each is a file or a package in ``tests/pipeline/field``, whose function ``load`` takes the run's number. It is
run twice by dlt alone in a project's folder, and twice by the runner with the slice of secrets that the
launcher makes of the same folder. A ``.toml`` beside it is the folder's ``.dlt/secrets.toml``.
"""

from __future__ import annotations

import json
import re
import shutil
import typing
from pathlib import Path

import pytest

from launcher import config
from launcher.secrets.gather import part_of, read_environment
from tests.pipeline import child
from tests.pipeline.runner.box import REPOSITORY, Box
from tests.pipeline.runner.forkserver import ForkServer
from tests.pipeline.same import SETTINGS, compare, stored
from tests.pipeline.sandbox import PROCESSES

FIELD = REPOSITORY / "tests" / "pipeline" / "field"
CASES = sorted({place.stem for place in FIELD.iterdir() if place.suffix != ".toml" and place.stem[0] != "_"})
RUNS = 2
IDS = ("_dlt_id", "_dlt_load_id")
GIVEN = {f"NORMALIZE__PARQUET_NORMALIZER__ADD{name.upper()}": "true" for name in IDS}
"""dltpod gives Arrow rows the columns by which it finds what a killed load left; dlt does so when told."""
ARROW_IDS: dict[str, dict[str, str]] = {"files_imported_whole": {}}
"""Where dlt can't do so: its tables are compared without these columns."""
NATIVE: dict[str, dict[str, typing.Any]] = {
    "secrets_read_directly": {"secret_sections": ["my_accounts.eu"]},
}
"""What the entry says besides its module and function."""


def _project(root: Path, case: str) -> Path:
    """A folder as the case's user has it, for both."""
    code = root / "custom_sources"
    code.mkdir(parents=True)
    if (FIELD / case).is_dir():
        shutil.copytree(FIELD / case, code / case, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(FIELD / f"{case}.py", code)
    (root / ".dlt").mkdir()
    if (secrets := FIELD / f"{case}.toml").is_file():
        (root / ".dlt" / "secrets.toml").write_text(secrets.read_text().replace("FOLDER", str(FIELD)))
    native = {"source_module": case, "source_function": "load", "function_kwargs": {"run": 1}}
    native |= NATIVE.get(case, {})
    entry = {"name": "shop", "type": "dlt_native", "dlt_native": native}
    (root / "sources.yml").write_text(json.dumps({"version": 1, "project": "acme", "sources": [entry]}))
    return root


def _by_dlt(project: Path, case: str, database: Path) -> None:
    answer, theirs = PROCESSES.Pipe(duplex=False)
    folders = {"DLT_DATA_DIR": f"{project}/dlt-data", "TMPDIR": str(project)}
    environment = {**SETTINGS, **folders, **ARROW_IDS.get(case, GIVEN)}
    asked = (str(project), case, RUNS, str(database), environment, theirs)
    process = PROCESSES.Process(target=child.plain, args=asked)
    process.start()
    theirs.close()
    said = answer.recv()
    process.join(60)
    assert said == "", said


def _by_dltpod(project: Path, case: str, box: Box) -> None:
    shutil.copytree(project / "custom_sources", box.custom, dirs_exist_ok=True)
    loaded = config.load(project / "sources.yml")
    [source] = loaded.sources
    for action, run in (("check", 1), *(("sync", run) for run in range(1, RUNS + 1))):
        part = part_of(loaded, source, read_environment(loaded, {}), {"run": run})
        slice = part.slice
        assert slice.warnings == ()
        done = box.run(
            slice.files.get("secrets.toml", ""),
            json.loads(slice.files.get("values.json", "{}")),
            slice.files.get("config.toml", ""),
            module=case,
            function="load",
            action=action,
            kwargs=part.kwargs,
            native_sections=slice.sections,
            secret_names=slice.names,
            pipeline_name=source.pipeline_name,
            dataset_name=source.dataset_name,
        )
        assert (done.code, done.stored.failure) == (0, None), done.log
        assert [verdict for verdict in done.stored.verdicts if not verdict.ok] == []


@pytest.mark.parametrize("case", CASES)
def test_a_source_of_this_shape_loads_what_plain_dlt_loads(
    case: str, tmp_path: Path, server: ForkServer
) -> None:
    project = _project(tmp_path / "project", case)
    box = Box(tmp_path / "box", server)
    _by_dlt(project, case, tmp_path / "plain.duckdb")
    _by_dltpod(project, case, box)
    leave_out = IDS if case in ARROW_IDS else ()
    plain = stored(tmp_path / "plain.duckdb", leave_out)
    assert plain["rows"]
    assert list(compare(plain, stored(box.database, leave_out), "")) == []


def test_every_case_is_in_the_list_and_the_list_has_no_other() -> None:
    text = (REPOSITORY / "docs" / "field-cases.md").read_text()
    assert sorted(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == CASES
