"""The examples for Airflow, Dagster and Prefect: the bodies of their tasks are called as plain functions.

Those programs are not installed here: modules of their names stand in, whose decorators return the function.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.containers.folder import REPOSITORY, Folder
from tests.containers.guides.guide import File, steps

PAGE = REPOSITORY / "docs" / "guides" / "orchestrators.md"


class Told(Exception):
    def __init__(self, message: str, **more: Any) -> None:
        super().__init__(message)
        self.more = more


def _same(*given: Any, **_: Any) -> Any:
    """A decorator, with or without arguments, that leaves the function as it is."""
    return given[0] if given else lambda function: function


STAND_INS: dict[str, dict[str, Any]] = {
    "airflow": {},
    "airflow.exceptions": {"AirflowFailException": Told},
    "airflow.sdk": {"dag": lambda **_: lambda function: lambda: None, "task": _same},
    "dagster": {
        "asset": _same,
        "RetryPolicy": SimpleNamespace,
        "Failure": Told,
        "MaterializeResult": SimpleNamespace,
        "Definitions": SimpleNamespace,
    },
    "prefect": {"flow": _same, "task": _same},
}


@pytest.fixture
def example(offline: Folder, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A project with the source that the examples load, as the working directory."""
    for name, content in STAND_INS.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    offline.code("example", "def numbers():\n    yield from ({'n': n} for n in range(3))\n")
    offline.source("example", "example", "numbers")
    monkeypatch.chdir(offline.root)
    return offline


def _example(path: str) -> dict[str, Any]:
    (text,) = [step.text for step in steps(PAGE) if isinstance(step, File) and step.path == path]
    names: dict[str, Any] = {"__name__": Path(path).stem}
    exec(compile(text, path, "exec"), names)
    return names


def test_each_examples_task_loads_the_rows(example: Folder) -> None:
    assert _example("dags/nightly.py")["load"]("example") == {"numbers": 3}
    assert _example("assets.py")["example"]().metadata["numbers"] == 3
    assert _example("flow.py")["load"]("example") == {"numbers": 3}


def test_each_examples_task_is_not_tried_again_where_that_cannot_help(example: Folder) -> None:
    example.code("example", "def numbers():\n    raise ValueError('no more')\n    yield\n")
    with pytest.raises(Told, match="no more"):
        _example("dags/nightly.py")["load"]("example")
    with pytest.raises(Told, match="no more") as told:
        _example("assets.py")["example"]()
    assert told.value.more == {"allow_retries": False}
    names = _example("flow.py")
    state = SimpleNamespace(result=lambda: names["load"]("example"))
    assert names["may_help"](None, None, state) is False
