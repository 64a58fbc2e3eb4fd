"""Tables that are written entry by entry are those that are written at once."""

from __future__ import annotations

from typing import Any

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
