"""``dltpod preview`` and ``dltpod state``: what they show, and changes that wait for the next sync."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from launcher.commands import preview, state
from launcher.errors import ConfigurationError
from launcher.runs import edits
from launcher.untrusted import answers

ANSWER: dict[str, Any] = {
    "cursors": {"orders.at": {"value": "2026-05-01T00:00:00+00:00", "kind": "DateTime"}},
    "resources": ["orders"],
    "schemas": {"shop": 3},
    "last_load": "2026-05-01T08:00:00+00:00",
    "edit": "",
}


def test_the_state_is_shown_with_the_change_that_waits() -> None:
    waiting = {"id": "1", "set": {"orders.at": "2026-01-01"}, "reset": ["visits"]}
    lines = state.screen("shop", ANSWER, waiting, 80)
    assert max(map(len, lines)) <= 80
    assert lines[1].split() == ["orders.at", "2026-05-01T00:00:00+00:00", "DateTime"]
    assert "schema     shop version 3" in lines
    assert "next load  orders.at: 2026-05-01T00:00:00+00:00 becomes 2026-01-01" in lines
    assert "next load  visits: its cursors are forgotten" in lines


def test_a_source_that_has_loaded_nothing_has_no_state() -> None:
    nothing = answers.state(b"{}")
    assert state.screen("shop", nothing, {}, None) == [
        "shop: nothing of this source is at its destination yet"
    ]


@pytest.mark.parametrize(
    ("values", "reset", "message"),
    [
        ({"orders.att": "1"}, (), "shop has no cursor 'orders.att'; did you mean 'orders.at'?"),
        ({}, ("order",), "shop has no state of a resource 'order'; did you mean 'orders'?"),
    ],
)
def test_a_cursor_that_is_not_there_is_refused_before_anything_waits(
    values: dict[str, str], reset: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        state._known("shop", ANSWER, values, reset)
    assert caught.value.message == message


def test_a_change_waits_until_it_was_made_and_no_other_is_taken_for_it(tmp_path: Path) -> None:
    assert edits.waiting(tmp_path, "shop") == {}
    first = edits.ask(tmp_path, "shop", set={"orders.at": "1"}, reset=())
    assert edits.waiting(tmp_path, "shop") == first
    second = edits.ask(tmp_path, "shop", set={}, reset=("orders",))
    edits.done(tmp_path, "shop", first["id"])
    assert edits.waiting(tmp_path, "shop") == second
    edits.done(tmp_path, "shop", second["id"])
    assert edits.waiting(tmp_path, "shop") == {}


def test_a_damaged_file_of_changes_is_told_with_the_way_out(tmp_path: Path) -> None:
    file = edits.file_of(tmp_path, "shop")
    file.parent.mkdir()
    file.write_text('{"id": 1}')
    with pytest.raises(ConfigurationError) as caught:
        edits.waiting(tmp_path, "shop")
    assert str(file) in caught.value.hint


@pytest.mark.parametrize("width", [80, 140])
def test_a_preview_shows_types_and_rows_in_the_terminals_width(width: int) -> None:
    columns = [(f"column_{n}", "text") for n in range(20)]
    found = {"columns": columns, "rows": [["north-by-north-west"] * 20, [None] * 20]}
    lines = preview.screen("orders", found, width).splitlines()
    assert lines[0] == "orders  2 rows, 20 columns"
    assert max(map(len, lines)) <= width
    assert "column_7 text" in "\n".join(lines)


@pytest.mark.parametrize(
    "answer",
    [
        {"previews": {"a": {"columns": [["x", "text"]], "rows": [[1, 2]]}}},
        {"previews": {"a": {"columns": [["x"]], "rows": []}}},
        {"previews": []},
    ],
)
def test_a_preview_that_does_not_fit_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(answers.Unfit):
        answers.preview(json.dumps(answer).encode())
