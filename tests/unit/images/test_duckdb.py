"""Sources that share a DuckDB file share the DuckDB version: an old one can't open a new one's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.environment.values import Environment
from launcher.errors import ConfigurationError
from tests.unit.closed import closed
from tests.unit.images.projects import described, source


def duckdb(environment: Environment) -> str:
    return next(item.text for item in environment.requirements if item.text.startswith("duckdb"))


def test_all_get_the_default_version(tmp_path: Path) -> None:
    one = source(destination="duckdb")
    old = source("two", destination="duckdb", dlt="==1.18.2", python="3.11")
    assert duckdb(described(tmp_path, one, old)) == duckdb(described(tmp_path, old, one)) == "duckdb==2.0.0"


def test_one_sources_pin_decides_for_all_and_the_reason_is_told(tmp_path: Path) -> None:
    one = source(destination="duckdb")
    pinned = source("two", destination="duckdb", requirements=("duckdb==1.5.6",))
    environment = described(tmp_path, one, pinned)
    assert [(item.text, item.origin) for item in environment.requirements] == [
        ("duckdb==1.5.6", "sources.yml:20 (two), whose DuckDB file 'one' shares")
    ]


def test_two_pins_that_differ_are_refused_naming_both(tmp_path: Path) -> None:
    one = source(destination="duckdb", requirements=("duckdb==1.5.6",))
    two = source("two", destination="duckdb", requirements=("duckdb==2.0.0",))
    with pytest.raises(ConfigurationError, match=r"'one' \(duckdb==1.5.6\) and 'two' \(duckdb==2.0.0"):
        described(tmp_path, one, two)


def test_a_python_that_cannot_have_the_others_version_is_refused_naming_both(tmp_path: Path) -> None:
    old = source(destination="duckdb", python="3.10")
    new = source("two", destination="duckdb")
    with pytest.raises(ConfigurationError) as error:
        described(tmp_path, old, new)
    assert "'one' (Python 3.10, DuckDB 1.5.6 at most)" in error.value.message
    assert "'two' (Python 3.13)" in error.value.message
    assert "duckdb==1.5.6" in error.value.hint
    assert duckdb(described(tmp_path, new, old)) == "duckdb==2.0.0"


def test_where_all_run_on_an_old_python_they_get_its_newest(tmp_path: Path) -> None:
    one = source(destination="duckdb", python="3.10")
    two = source("two", destination="duckdb", python="3.10")
    assert duckdb(described(tmp_path, one, two)) == "duckdb==1.5.6"


def test_a_source_of_another_destination_has_no_say(tmp_path: Path) -> None:
    one = source(destination="duckdb")
    other = source("two", destination="postgres", requirements=("duckdb==1.5.6",))
    assert duckdb(described(tmp_path, one, other)) == "duckdb==2.0.0"
    assert all("duckdb==2" not in item.text for item in described(tmp_path, other, one).requirements)


def test_a_source_whose_code_may_not_be_read_hinders_no_other(place: Path) -> None:
    one = source("one", destination="duckdb")
    other = source("two", module="shut", destination="duckdb")
    shut = place / "custom_sources/shut"
    shut.mkdir(parents=True)
    with closed(shut):
        assert duckdb(described(place, one, other)) == "duckdb==2.0.0"
