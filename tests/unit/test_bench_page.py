"""What a benchmark measured takes the place of what stood between its marks, and of nothing else."""

from __future__ import annotations

import pytest

from bench import page

TEXT = "before\n<!-- bench: a -->\nold\n<!-- end -->\n<!-- bench: b -->\nother\n<!-- end -->\nafter\n"


def test_a_table_takes_the_place_of_the_one_that_its_name_marks() -> None:
    made = page.table(["", "seconds"], [["list", "1.0"]])
    assert made == "|  | seconds |\n| --- | ---: |\n| list | 1.0 |\n"
    assert page.put(TEXT, "b", made) == TEXT.replace("other", f"\n{made}")


def test_a_page_without_a_place_for_it_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for c"):
        page.put(TEXT, "c", "")


def test_the_page_has_a_place_for_each_benchmark() -> None:
    text = page.PAGE.read_text()
    for name in ("startup", "many_sources", "masking", "warm_sync", "environment", "rows", "fleet", "peers"):
        assert page.put(text, name, "")
