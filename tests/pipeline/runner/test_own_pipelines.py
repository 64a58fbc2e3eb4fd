"""Code that runs a pipeline of its own is told what to name instead, and loads nothing."""

from __future__ import annotations

import pytest

from runner.contract import FailureKind
from tests.pipeline.runner.box import Box

HEAD = """
import dlt

@dlt.resource(name="x")
def lines():
    yield [{"id": 1}]

@dlt.source(name="store")
def shop():
    return lines

"""
RUN = 'dlt.pipeline("mine", destination="duckdb", dataset_name="mydata").run'
BODIES = {
    "that returns what it came to": (
        f"return {RUN}(lines())",
        "source_function: lines, dataset_name: mydata",
    ),
    "that returns nothing": (f"print({RUN}(shop()))", "source_function: shop, dataset_name: mydata"),
    "that returns the pipeline": (
        "p = dlt.pipeline('mine'); p.run([lines()], dataset_name='other'); return p",
        "source_function: lines, dataset_name: other",
    ),
    "that extracts alone": ("dlt.pipeline('mine').extract(lines)", "source_function: lines"),
    "of rows without a name": (f"{RUN}([{{'id': 1}}], table_name='t')", "let 'orders' return"),
}


@pytest.mark.parametrize("what", BODIES)
def test_a_function_that_runs_a_pipeline_is_told_what_it_ran(box: Box, what: str) -> None:
    body, words = BODIES[what]
    box.write("shop.py", f"{HEAD}\ndef orders():\n    {body}\n")
    failure = box.run().failure
    assert failure.kind is FailureKind.FUNCTION_NOT_FOUND
    assert failure.message == (
        "function 'orders' runs a pipeline of its own ('mine'), and dltpod runs the pipeline itself"
    )
    assert words in failure.hint
    assert not (box.root / "data/mine.duckdb").exists()


@pytest.mark.parametrize("action", ["sync", "check"])
def test_a_script_that_runs_when_it_is_imported_is_told_so(box: Box, action: str) -> None:
    box.write("shop.py", f"{HEAD}\n{RUN}(shop())\n")
    failure = box.run(action=action, function="shop").failure
    assert failure.message.startswith(
        "module 'shop', when it is imported, runs a pipeline of its own ('mine')"
    )
    assert "source_function: shop" in failure.hint


def test_what_a_function_ran_is_run_under_its_name(box: Box) -> None:
    box.write("shop.py", f"{HEAD}\ndef orders():\n    {RUN}(shop())\n")
    assert box.run(function="shop").stored.rows == {"x": 1}
