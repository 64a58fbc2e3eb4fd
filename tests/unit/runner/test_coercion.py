"""Values of YAML become what a function's type hints ask for, or are refused without being shown."""

from __future__ import annotations

import collections.abc
import datetime
import decimal
import enum
import typing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.resolve.coercion import Mismatch, coerce, hints_of

UTC = datetime.timezone.utc
DAY = datetime.date(2024, 1, 31)
NOON = datetime.datetime(2024, 1, 31, 12, tzinfo=UTC)


class Size(enum.Enum):
    SMALL = "s"
    LARGE = 2


class Settings(typing.TypedDict):
    depth: int


FITS: list[tuple[typing.Any, typing.Any, typing.Any]] = [
    ("5", int, 5),
    (5.0, int, 5),
    ("1_000", int, 1000),
    (5, float, 5.0),
    ("1.5", float, 1.5),
    ("1.5", decimal.Decimal, decimal.Decimal("1.5")),
    ("yes", bool, True),
    (0, bool, False),
    (2024, str, "2024"),
    (DAY, str, "2024-01-31"),
    ("2024-01-31", datetime.date, DAY),
    (DAY, datetime.date, DAY),
    ("2024-01-31T12:00:00Z", datetime.datetime, NOON),
    (DAY, datetime.datetime, datetime.datetime(2024, 1, 31)),
    ("12:30", datetime.time, datetime.time(12, 30)),
    ("12:30:05Z", datetime.time, datetime.time(12, 30, 5, tzinfo=UTC)),
    ("90", datetime.timedelta, datetime.timedelta(seconds=90)),
    ("a/b", Path, Path("a/b")),
    ("5", "typing.Optional[int]", 5),
    (None, "typing.Optional[int]", None),
    ("5", "int | None", 5),
    (5, "typing.Union[str, int]", 5),
    ("5", "typing.Union[int, str]", "5"),
    ("2024-01-31", "typing.Union[datetime.date, str]", "2024-01-31"),
    ("a", typing.Literal["a", "b"], "a"),
    ("2", typing.Literal[1, 2], 2),
    ("s", Size, Size.SMALL),
    ("LARGE", Size, Size.LARGE),
    (["1", 2], list[int], [1, 2]),
    (["a"], "typing.Sequence[str]", ["a"]),
    (["a", "a"], set[str], {"a"}),
    (["1", "b"], tuple[int, str], (1, "b")),
    (["1", "2"], tuple[int, ...], (1, 2)),
    (["2024-01-31"], "typing.List[datetime.date]", [DAY]),
    (["1"], collections.abc.Iterable[int], [1]),
    ({"a": "1"}, dict[str, int], {"a": 1}),
    ({"a": {"b": [1]}}, dict, {"a": {"b": [1]}}),
    ({"depth": "left alone"}, Settings, {"depth": "left alone"}),
    ({"host": "h"}, typing.Any, {"host": "h"}),
    ("x", object, "x"),
    ("5", typing.Annotated[int, "how many"], 5),
]
MISFITS: list[tuple[typing.Any, typing.Any, str]] = [
    ("many-5", int, "a whole number"),
    (1.5, int, "a whole number"),
    (True, int, "a whole number"),
    (2, bool, "true or false"),
    ("31.1.2024", datetime.date, "a date such as 2024-01-31"),
    ("soon", datetime.datetime, "a date and time"),
    ("c", typing.Literal["a", "b"], "one of 'a', 'b'"),
    ("XL", Size, "one of 's', 2"),
    ("a,b", list[str], "list[str]"),
    ({"a": 1}, list[int], "list[int]"),
    (["x"], list[int], "a whole number"),
    ([1, 2, 3], tuple[int, int], "2 items"),
    ("a", dict[str, int], "a mapping"),
    (None, int, "a whole number"),
    (["a"], str, "text"),
    ("x", "typing.Union[int, datetime.date]", "Union[int, datetime.date]"),
]


def resolved(hint: typing.Any) -> typing.Any:
    def function(value: typing.Any) -> None: ...

    function.__annotations__["value"] = hint
    return hints_of(function).get("value", hint)


@pytest.mark.parametrize(("value", "hint", "wanted"), FITS)
def test_a_value_that_fits_is_turned_into_the_hints_type(
    value: typing.Any, hint: typing.Any, wanted: typing.Any
) -> None:
    found = coerce(value, resolved(hint))
    assert (found, type(found)) == (wanted, type(wanted))


@pytest.mark.parametrize(("value", "hint", "words"), MISFITS)
def test_a_value_that_does_not_fit_is_refused_by_what_was_wanted(
    value: typing.Any, hint: typing.Any, words: str
) -> None:
    with pytest.raises(Mismatch) as refused:
        coerce(value, resolved(hint))
    assert words in refused.value.wanted
    assert str(value) not in str(refused.value) or len(str(value)) < 2


def test_pendulums_types_are_made_of_dates() -> None:
    import pendulum

    moment = coerce("2024-01-31T12:00:00Z", pendulum.DateTime)
    assert (moment, type(moment)) == (NOON, pendulum.DateTime)
    assert coerce("2024-01-31", pendulum.Date) == pendulum.date(2024, 1, 31)


def test_without_a_hint_a_plain_default_says_the_type_as_far_as_the_value_fits() -> None:
    import inspect

    assert coerce("5", inspect.Parameter.empty, 10) == 5
    assert coerce("all", inspect.Parameter.empty, 10) == "all"
    assert coerce("5", inspect.Parameter.empty, None) == "5"


def test_hints_that_cannot_be_resolved_are_left_out() -> None:
    def function(a: NoSuchType, b: int) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert hints_of(function) == {"b": int, "return": None}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
HINTS = [case[1] for case in FITS]


@given(JSON, st.sampled_from(HINTS))
def test_any_value_and_any_hint_give_a_value_or_a_refusal(value: typing.Any, hint: typing.Any) -> None:
    try:
        coerce(value, resolved(hint))
    except Mismatch:
        return
