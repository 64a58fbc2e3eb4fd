"""Every kind of source function works, and each is run exactly once."""

from __future__ import annotations

import pytest

from runner.contract import ExitCode, FailureKind
from tests.pipeline.runner.box import Box

HEAD = """
import asyncio, dlt

CALLS = []

def called(name):
    print("called", name)

def rows(n=3):
    return [{"id": i} for i in range(n)]
"""

KINDS = {
    "a source factory": """
@dlt.source
def orders():
    called("source")
    @dlt.resource
    def orders():
        called("resource")
        yield rows()
    return orders
""",
    "an async source factory": """
@dlt.source
async def orders():
    await asyncio.sleep(0)
    called("source")
    return dlt.resource(rows(), name="orders")
""",
    "a source factory with another name": """
@dlt.source(name="other", section="elsewhere")
def orders():
    called("source")
    yield dlt.resource(rows(), name="orders")
""",
    "a resource": """
@dlt.resource
def orders():
    called("resource")
    yield rows()
""",
    "an async resource": """
@dlt.resource
async def orders():
    called("resource")
    await asyncio.sleep(0)
    yield rows()
""",
    "a resource that returns a list": """
@dlt.resource
def orders():
    called("resource")
    return rows()
""",
    "a resource instance": "orders = dlt.resource(rows(), name='orders')\n",
    "a bound resource": """
@dlt.resource
def _orders(n):
    called("resource")
    yield rows(n)
orders = _orders(3).with_name("orders")
""",
    "a transformer bound by data_from": """
@dlt.resource
def ids():
    called("parent")
    yield [1, 2, 3]
@dlt.transformer(data_from=ids)
def orders(items):
    called("transformer")
    yield [{"id": i} for i in items]
""",
    "a transformer bound by a pipe": """
@dlt.transformer
def _orders(items):
    yield [{"id": i} for i in items]
orders = (dlt.resource([[1, 2, 3]], name="ids") | _orders).with_name("orders")
""",
    "a source instance": """
@dlt.source
def make():
    called("source")
    return dlt.resource(rows(), name="orders")
orders = make()
""",
    "a generator": """
def orders():
    called("function")
    yield rows()
""",
    "an async generator": """
async def orders():
    called("function")
    await asyncio.sleep(0)
    yield rows()
""",
    "a function that returns a list": """
def orders():
    called("function")
    return rows()
""",
    "a coroutine": """
async def orders():
    await asyncio.sleep(0)
    called("function")
    return rows()
""",
    "a function that returns an iterator": """
def orders():
    called("function")
    return (row for row in rows())
""",
    "a function that returns a source": """
@dlt.source
def _make():
    called("source")
    return dlt.resource(rows(), name="orders")
def orders():
    return _make()
""",
    "a function that returns a resource": """
def orders():
    called("function")
    return dlt.resource(rows(), name="orders")
""",
    "a function that returns resources": """
def orders():
    called("function")
    return [dlt.resource(rows(), name="orders"), dlt.resource(rows(1), name="others")]
""",
    "a generator of resources": """
from collections.abc import Iterator
from dlt.sources import DltResource
def orders() -> Iterator[DltResource]:
    called("function")
    yield dlt.resource(rows(), name="orders")
    yield dlt.resource(rows(1), name="others")
""",
    "a generator of a source's parts": """
@dlt.source
def _make():
    return dlt.resource(rows(), name="orders")
def orders() -> "Iterator[DltSource]":
    called("function")
    yield _make()
""",
    "a function behind another decorator": """
import functools
def logged(f):
    @functools.wraps(f)
    def inner(*args, **kwargs):
        called("wrapper")
        return f(*args, **kwargs)
    return inner
@logged
def orders(n=3):
    return rows(n)
""",
    "an object with __call__": """
class Maker:
    def __call__(self):
        called("object")
        return rows()
orders = Maker()
""",
    "a partial": """
import functools
def _orders(n):
    called("function")
    return rows(n)
orders = functools.partial(_orders, 3)
""",
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_gives_its_rows_and_is_run_once(box: Box, kind: str) -> None:
    box.write("shop.py", HEAD + KINDS[kind])
    outcome = box.run()
    assert outcome.code == 0, outcome.log
    assert outcome.stored.rows["orders"] == 3
    assert box.rows("select count(*), count(distinct id) from raw_shop.orders") == [(3, 3)]
    calls = [line for line in outcome.log.splitlines() if line.startswith("called")]
    assert len(calls) == len(set(calls)), calls


@pytest.mark.parametrize("kind", KINDS)
def test_check_finds_it_good_and_asks_it_for_no_row(box: Box, kind: str) -> None:
    box.write("shop.py", HEAD + KINDS[kind].replace("rows(", "print('rows made') or rows("))
    outcome = box.check()
    assert outcome.code == 0, outcome.log
    assert [verdict.what for verdict in outcome.stored.verdicts][:4] == [
        "module",
        "function",
        "arguments",
        "secrets",
    ]
    lazy = not kind.startswith(
        ("a source", "an async source", "a function", "a resource instance", "a generator of")
    )
    assert "rows made" not in outcome.log or not lazy


REFUSED = {
    "an unbound transformer": (
        "@dlt.transformer\ndef orders(items):\n    yield items\n",
        "transformer without a resource",
        "data_from",
    ),
    "a class": (
        "class orders:\n    pass\n@dlt.source\ndef orders_source(): ...\n",
        "is a class",
        "'orders_source'",
    ),
    "nothing, with a near miss": (
        "@dlt.resource\ndef ordres():\n    yield rows()\n",
        "has no 'orders'",
        "'ordres'",
    ),
    "nothing, with other things": ("from dlt.sources.filesystem import readers\n", "has no 'orders'", "rows"),
    "a value": ("orders = 3\n", "a value of type int", "rows"),
    "a module": ("import json as orders\n", "is a module", "rows"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_source_is_refused_with_what_was_found_and_what_is_there(box: Box, what: str) -> None:
    code, found, there = REFUSED[what]
    box.write("shop.py", HEAD + code)
    outcome = box.run()
    assert (outcome.code, outcome.failure.kind) == (ExitCode.CONFIGURATION, FailureKind.FUNCTION_NOT_FOUND)
    assert found in outcome.failure.message
    assert there in outcome.failure.hint


def test_what_a_module_imports_is_no_near_miss(box: Box) -> None:
    box.write(
        "shop.py", "from dlt.sources.rest_api import rest_api_source\nfrom json import loads as order\n"
    )
    hint = box.run().failure.hint
    assert "rest_api_source" not in hint
    assert "order" not in hint


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return None", "returned nothing"),
        ("return {'id': 1}", "returned a dict"),
        ("return 'text'", "returned a str"),
        ("return [dlt.resource([1], name='a'), {'id': 1}]", "together with a dict"),
        ("return rows", "returned a function"),
    ],
)
def test_a_function_that_returns_no_rows_is_told_so(box: Box, body: str, words: str) -> None:
    box.write("shop.py", f"{HEAD}\ndef orders():\n    {body}\n")
    outcome = box.run()
    assert (outcome.code, outcome.failure.kind) == (ExitCode.FAILED, FailureKind.EXTRACT)
    assert words in outcome.failure.message


@pytest.mark.parametrize("start", ["def", "async def"])
def test_a_generator_of_resources_that_does_not_say_so_is_told_what_to_write(box: Box, start: str) -> None:
    box.write("shop.py", f"{HEAD}\n{start} orders():\n    yield dlt.resource(rows(), name='orders')\n")
    outcome = box.run()
    assert (outcome.code, outcome.failure.kind) == (ExitCode.FAILED, FailureKind.EXTRACT)
    assert "function 'orders' yields a DltResource" in outcome.failure.message
    assert "@dlt.source" in outcome.failure.hint


def test_check_lists_the_resources_of_a_plain_function_that_declares_them_and_says_where_none_is_declared(
    box: Box,
) -> None:
    body = '    return [dlt.resource(rows(), name="orders"), dlt.resource(rows(), name="others")]\n'
    box.write("shop.py", f'{HEAD}\ndef orders() -> "list[DltResource]":\n{body}')
    declared = box.check().stored.verdicts[-1]
    assert (declared.what, declared.text) == ("resources", "orders, others")
    box.write("shop.py", f"{HEAD}\ndef orders():\n{body}")
    silent = box.check().stored.verdicts[-1]
    assert (silent.what, silent.ok) == ("secrets", True)
    assert "@dlt.source" in silent.text


ITEMS = "[{'id': i, 'created_at': f'2024-01-{i:02}'} for i in range(1, 11)]"
CURSORS = {
    "an annotation with None, on a resource": (
        "@dlt.resource\ndef orders(created_after: dlt.sources.incremental('created_at') = None):\n"
        f"    seen(created_after)\n    yield {ITEMS}\n"
    ),
    "the same as text": (
        "@dlt.resource\n"
        "def orders(n=1, *, created_after: 'dlt.sources.incremental(\"created_at\")' = None):\n"
        f"    seen(created_after)\n    yield {ITEMS}\n"
    ),
    "the same within a source": (
        "@dlt.source\ndef orders():\n    @dlt.resource\n"
        "    def orders(created_after: dlt.sources.incremental('created_at') = None):\n"
        f"        seen(created_after)\n        yield {ITEMS}\n    return orders\n"
    ),
    "the same on a generator": (
        "def orders(created_after: dlt.sources.incremental('created_at') = None):\n"
        f"    seen(created_after)\n    yield {ITEMS}\n"
    ),
    "the same on a function that returns a list": (
        "def orders(created_after: dlt.sources.incremental('created_at') = None):\n"
        f"    seen(created_after)\n    return {ITEMS}\n"
    ),
    "the same on a transformer": (
        "ids = dlt.resource([1], name='ids')\n@dlt.transformer(data_from=ids)\n"
        "def orders(item, created_after: dlt.sources.incremental('created_at') = None):\n"
        f"    seen(created_after)\n    yield {ITEMS}\n"
    ),
    "a source's argument that it hands on": (
        "@dlt.source\ndef orders(created_after: dlt.sources.incremental('created_at') = None):\n"
        "    @dlt.resource\n    def orders(created_after=created_after):\n"
        f"        seen(created_after)\n        yield {ITEMS}\n    return orders\n"
    ),
    "an ordinary default": (
        "@dlt.resource\ndef orders(created_after=dlt.sources.incremental('created_at')):\n"
        f"    seen(created_after)\n    yield {ITEMS}\n"
    ),
}


@pytest.mark.parametrize("form", CURSORS)
def test_a_cursor_in_any_form_loads_only_what_is_new(box: Box, form: str) -> None:
    head = "import dlt\ndef seen(cursor):\n    print('cursor', cursor.last_value)\n"
    box.write("shop.py", head + CURSORS[form])
    first = box.run()
    assert first.code == 0, first.log
    assert "cursor None" in first.log
    assert first.stored.rows["orders"] == 10
    box.write("shop.py", head + CURSORS[form].replace("range(1, 11)", "range(1, 13)"))
    second = box.run()
    assert "cursor 2024-01-10" in second.log
    assert second.stored.rows["orders"] == 2
    assert box.rows("select count(*), count(distinct id) from raw_shop.orders") == [(12, 12)]


def test_a_cursors_initial_value_is_kept_and_may_be_given_as_an_argument(box: Box) -> None:
    box.write(
        "shop.py",
        "import dlt\n@dlt.resource\n"
        "def orders(after: dlt.sources.incremental('created_at', initial_value='2024-01-05') = None):\n"
        f"    yield {ITEMS}\n",
    )
    assert box.run(limit=10).stored.rows["orders"] == 6
    assert box.run(kwargs={"after": "2024-01-09"}).stored.rows["orders"] == 2


BUILT_WRONG = {
    "configuration": """
@dlt.source
def orders():
    return [dlt.resource(rows(), name="other")]
""",
    "function": """
@dlt.source
def orders():
    raise ValueError("no such shop")
""",
    "secrets": """
@dlt.source
def orders(api_key: str = dlt.secrets.value):
    return dlt.resource(rows(), name="orders")
""",
}


@pytest.mark.parametrize("subject", BUILT_WRONG)
def test_check_says_what_is_wrong_with_a_source_that_can_not_be_built(box: Box, subject: str) -> None:
    box.write("shop.py", HEAD + BUILT_WRONG[subject])
    outcome = box.check(resources=("orders",) if subject == "configuration" else ())
    assert (outcome.stored.verdicts[-1].what, outcome.stored.verdicts[-1].ok) == (subject, False)


def test_a_misspelt_rest_api_configuration_is_wrong_configuration(box: Box) -> None:
    config = {"client": {"base_url": "http://localhost:9"}, "resorces": ["orders"]}
    outcome = box.run(module="rest_api", function="rest_api_source", kwargs={"config": config})
    assert (outcome.code, outcome.failure.kind) == (ExitCode.CONFIGURATION, FailureKind.CONFIGURATION)
    assert "missing required fields `{'resources'}`" in outcome.failure.message
