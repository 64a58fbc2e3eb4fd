"""Cron expressions that both Kubernetes and crontab take."""

from __future__ import annotations

from collections import Counter

import pytest

from launcher.errors import ConfigurationError
from launcher.render.schedule import checked


@pytest.mark.parametrize(
    "expression",
    [
        "0 * * * *",
        "*/5 0-6,22 1-15/2 jan-mar MON,FRI",
        "0 0 29 2 *",
        "@hourly",
        "@daily",
        "59 23 31 12 6",
        "5-59/15 * * jan-12/3 *",
    ],
)
def test_an_expression_of_five_fields_or_a_known_word_is_taken(expression: str) -> None:
    assert checked("x", expression) == expression


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "it has 0 fields, not 5"),
        ("0 0 * * * *", "it has 6 fields, not 5"),
        ("every hour", "it has 2 fields, not 5"),
        ("60 * * * *", "minute '60': '60' is not from 0 to 59"),
        ("* 24 * * *", "hour '24'"),
        ("* * 0 * *", "day of the month '0'"),
        ("* * * 13 *", "month '13'"),
        ("* * * * 7", "day of the week '7': '7' is not from 0 to 6"),
        ("* * * * fry", "'fry' is not from 0 to 6"),
        ("5-1 * * * *", "'5-1' ends before it begins"),
        ("*/0 * * * *", "a step must not be 0"),
        (
            "5/15 * * * *",
            "minute '5/15': '5/15' has a step without a range, which cron refuses: write '5-59/15'",
        ),
        ("0 0 * JAN/3 *", "write 'jan-12/3'"),
        ("*-5 * * * *", "'*-5' is not a range"),
        ("1,,2 * * * *", "'' is not a number, range or step"),
        ("@hourli", "did you mean '@hourly'"),
        ("TZ=UTC 0 * * * *", "it has 6 fields, not 5"),
    ],
)
def test_what_is_no_cron_expression_is_refused_with_the_reason(expression: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        checked("jira", expression)
    assert why in caught.value.message
    assert caught.value.message.startswith("jira: schedule")


def test_a_hashed_minute_and_hour_follow_from_the_sources_name_and_stay() -> None:
    assert checked("jira", "H  * * * *") == checked("jira", "H * * * *") == "1 * * * *"
    assert checked("jira", "H H * * 1") == "1 11 * * 1"
    assert checked("shop", "5 H * * *") != checked("jira", "5 H * * *")


def test_hashed_minutes_of_many_sources_are_spread_over_the_hour() -> None:
    minutes = Counter(checked(f"source_{number}", "H * * * *").split()[0] for number in range(10_000))
    assert len(minutes) == 60
    assert max(minutes.values()) < 250


def test_a_hashed_day_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="day of the month 'H'"):
        checked("jira", "0 0 H * *")
