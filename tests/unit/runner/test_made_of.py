"""Functions that give resources are told from those that give data, by their code alone."""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterator

import dlt
import pytest
from dlt.extract import DltResource

from runner.resolve.yields import makes_resources


class Boto:
    """Has a method named as dlt's is."""

    def resource(self, name: str) -> list[dict[str, int]]:
        return [{"id": len(name)}]


boto = Boto()
a_resource = dlt.resource([{"id": 1}], name="a")


@dlt.source  # type: ignore[untyped-decorator]
def a_source() -> typing.Any:
    return a_resource


def data() -> Iterator[dict[str, int]]:
    yield {"id": 1}


def data_with_a_secret(key: str = dlt.secrets.value) -> typing.Any:
    yield from boto.resource(key)
    yield dlt.config.get("n")


def data_in_state() -> typing.Any:
    state = dlt.current.resource_state()
    yield {"id": state.setdefault("n", 1)}


def inline() -> typing.Any:
    yield dlt.resource([{"id": 1}], name="a")


def named() -> typing.Any:
    return a_resource


def of_a_source() -> typing.Any:
    yield from a_source().resources.values()


def in_a_loop() -> typing.Any:
    return [make(name) for name in ("a", "b")]


def make(name: str) -> typing.Any:
    return dlt.resource([{"id": 1}], name=name)


def imported_within() -> typing.Any:
    from dlt.sources.rest_api import rest_api_source

    return rest_api_source({"client": {"base_url": "http://x/"}, "resources": ["a"]})


def annotated() -> list[DltResource]:
    return globals()["a_resource"]  # type: ignore[no-any-return]


def decorated_within() -> typing.Any:
    @dlt.resource  # type: ignore[untyped-decorator]
    def inner() -> typing.Any:
        yield {"id": 1}

    return inner


@pytest.mark.parametrize(
    "function", [inline, named, of_a_source, in_a_loop, imported_within, annotated, decorated_within]
)
def test_a_function_that_makes_resources_is_known_as_one(function: typing.Any) -> None:
    assert makes_resources(function)
    assert makes_resources(functools.partial(function))


@pytest.mark.parametrize(
    "function", [data, data_with_a_secret, data_in_state, boto, len, functools.partial(data)]
)
def test_a_function_that_gives_data_is_not_taken_for_one(function: typing.Any) -> None:
    assert not makes_resources(function)
