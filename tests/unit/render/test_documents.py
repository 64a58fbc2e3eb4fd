"""Tables that are written entry by entry are those that are written at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from launcher.render.documents import dump, dump_entry, table

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
)


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4))
def test_a_table_written_entry_by_entry_is_the_one_written_at_once(services: dict[str, Any]) -> None:
    entries = (dump_entry("services", name, value) for name, value in services.items())
    assert table("services", entries) == dump({"services": services})


def test_a_table_of_nothing_is_not_written() -> None:
    assert table("secrets", ()) == ""


TEXTS = st.text() | st.text("ab1:-_./ \n#'\"\\{}[]|>?*&!%@`=~é\t") | NAMES
VALUES_OF_ANY_TEXT: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
)


@given(VALUES_OF_ANY_TEXT)
def test_what_is_written_is_read_as_the_same_values(value: Any) -> None:
    assert yaml.load(dump(value), Loader=yaml.CSafeLoader) == value


class _Dumper(yaml.CSafeDumper):
    """What PyYAML itself makes of the values, quotes where they stand as here."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = None
    if "\n" in value.rstrip("\n") and not re.search(r"[ \t]\n", value):
        style = "|"
    elif re.match(r"[-+.]?[0-9]|(?i:y|n|yes|no|on|off|true|false|null|nan|inf|~)\Z", value):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


@given(VALUES_OF_ANY_TEXT)
def test_what_is_written_is_what_yaml_writes(value: Any) -> None:
    assert dump(value) == yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=10_000
    )


def test_what_is_no_value_of_yaml_is_refused() -> None:
    with pytest.raises(yaml.YAMLError):
        dump({"path": Path()})
