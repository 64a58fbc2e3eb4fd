"""Cursors that are set or forgotten by hand: once, with the next load, whatever is killed."""

from __future__ import annotations

import typing

import pytest

from runner.explain.classify import JobFailed
from tests.pipeline.sandbox import DuckSandbox


def edits(name: str = "e1", **made: typing.Any) -> dict[str, typing.Any]:
    return {"id": name, "set": {}, "reset": [], **made}


def test_a_cursor_that_is_set_back_has_its_rows_read_again_once(sandbox: DuckSandbox) -> None:
    sandbox.begun("merge", upto=10)
    back = edits(set={"orders.id": "4"})
    result = sandbox.run("merge", upto=10, state_edits=back)
    assert result.rows["orders"] == 6
    assert result.cursors == {"orders.id": "10"}
    assert "cursor orders.id was set to 4, as asked" in result.notes
    again = sandbox.run("merge", upto=10, state_edits=back)
    assert (again.rows, again.notes) == ({}, ())
    sandbox.whole(10)


def test_a_resource_that_forgets_its_cursor_is_read_from_the_beginning(sandbox: DuckSandbox) -> None:
    sandbox.begun("merge", upto=10)
    result = sandbox.run("merge", upto=10, state_edits=edits(reset=["orders"]))
    assert result.rows["orders"] == 10
    sandbox.whole(10)


@pytest.mark.parametrize("kill", ["extracting", "before_load", "job_committed", "before_complete"])
def test_a_change_is_made_once_whatever_is_killed(sandbox: DuckSandbox, kill: str) -> None:
    sandbox.begun("append", upto=10)
    back = edits(set={"orders.id": "8"})
    sandbox.killed("append", kill, upto=12, state_edits=back)
    sandbox.run("append", upto=14, state_edits=back)
    assert sorted(sandbox.ids()) == sorted([*range(1, 15), 9, 10])


def test_a_change_survives_a_lost_working_directory_and_is_not_made_twice(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    back = edits(set={"orders.id": "8"})
    sandbox.run("append", upto=10, state_edits=back)
    sandbox.lose_state()
    assert sandbox.run("append", upto=10, state_edits=back).rows == {}


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"orders.at": "1"}, "there is no cursor 'orders.at' to set; there are: orders.id"),
        ({"orders.id": "soon"}, "the cursor orders.id is a int, and 'soon' is none"),
    ],
)
def test_a_change_that_can_not_be_made_is_refused(
    sandbox: DuckSandbox, made: dict[str, str], message: str
) -> None:
    sandbox.begun("merge", upto=10)
    with pytest.raises(JobFailed) as caught:
        sandbox.run("merge", upto=10, state_edits=edits(set=made))
    assert caught.value.failure.message == message
    assert sandbox.run("merge", upto=12).rows["orders"] == 2


def test_a_cursor_that_is_a_time_takes_a_time(sandbox: DuckSandbox) -> None:
    before = sandbox.run("dated", upto=10).cursors["orders.at"]
    result = sandbox.run("dated", upto=10, state_edits=edits(set={"orders.at": "2000-01-01"}))
    assert result.rows["orders"] == 10
    assert result.cursors == {"orders.at": before}
