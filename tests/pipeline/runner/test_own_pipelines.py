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


SHOP = """
import os, dlt

@dlt.resource
def r1(page_size=10):
    yield [{"id": 1}]

@dlt.resource
def r2():
    yield [{"id": 2}]

@dlt.source
def shop(n=1, since="", tables=(), api_key='', **more):
    return [r1(n), r2()]

made = shop(n=5)

def _since():
    return os.environ["HOME"] + "-of-the-environment"

def orders():
    dlt.pipeline("mine", dataset_name="d").run(WHAT)
"""
RUNS = {
    "[r1(), r2()]": (
        "name each in an entry of its own: dlt_native: {source_function: r1, dataset_name: d}, "
        "{source_function: r2, dataset_name: d}, or let 'orders' return what it runs"
    ),
    "[r1(page_size=50)]": (
        "name what it runs: dlt_native: {source_function: r1, function_kwargs: {page_size: 50}, "
        "dataset_name: d}"
    ),
    "shop(n=3)": (
        "name what it runs: dlt_native: {source_function: shop, function_kwargs: {n: 3}, dataset_name: d}"
    ),
    "shop(3, '2024-01-01', tables=['a', 'b'], deep=True)": (
        'function_kwargs: {n: 3, since: "2024-01-01", tables: ["a", "b"], deep: true}'
    ),
    "shop(n=3).with_resources('r2')": (
        "{source_function: shop, function_kwargs: {n: 3}, resources: [r2], dataset_name: d}"
    ),
    "made": "name what it runs: dlt_native: {source_function: made, dataset_name: d}",
    "shop(since=_since())": "function_kwargs: {since: …}",
    "shop(n=2, api_key='hunter2-of-the-shop')": (
        "{source_function: shop, function_kwargs: {n: 2}, dataset_name: d}; in .dlt/secrets.toml: api_key"
    ),
}


@pytest.mark.parametrize("what", RUNS)
def test_what_it_ran_is_told_with_its_arguments_and_without_values_that_may_be_secret(
    box: Box, what: str
) -> None:
    box.write("shop.py", SHOP.replace("WHAT", what))
    failure = box.run().failure
    assert RUNS[what] in failure.hint
    assert "hunter2" not in failure.hint and "of-the-environment" not in failure.hint


def test_a_script_that_runs_when_it_is_imported_is_told_to_keep_that_and_what_to_name(box: Box) -> None:
    box.write("shop.py", SHOP.replace("WHAT", "shop(n=3)") + "\norders()\n")
    assert box.run(function="shop").failure.hint == (
        "keep what a script does below `if __name__ == '__main__':`, and name what it runs: "
        "dlt_native: {source_function: shop, function_kwargs: {n: 3}, dataset_name: d}"
    )


def test_the_lines_that_it_is_told_run_as_they_are(box: Box) -> None:
    box.write("shop.py", SHOP.replace("WHAT", "shop(n=3).with_resources('r2')"))
    assert box.run(function="shop", kwargs={"n": 3}, resources=("r2",)).stored.rows == {"r2": 1}
