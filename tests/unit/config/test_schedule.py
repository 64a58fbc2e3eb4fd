"""Cron expressions that both Kubernetes and crontab take."""

from __future__ import annotations

from collections import Counter

import pytest

from launcher.config.cron import fault, spread


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
    assert fault(expression) == ""
    assert spread(expression, "x") == expression


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
    assert why in fault(expression)


def test_a_hashed_minute_and_hour_follow_from_the_sources_name_and_stay() -> None:
    assert spread("H  * * * *", "jira") == spread("H * * * *", "jira") == "1 * * * *"
    assert spread("H H * * 1", "jira") == "1 11 * * 1"
    assert spread("5 H * * *", "shop") != spread("5 H * * *", "jira")


def test_hashed_minutes_of_many_sources_are_spread_over_the_hour() -> None:
    minutes = Counter(spread("H * * * *", f"source_{number}").split()[0] for number in range(10_000))
    assert len(minutes) == 60
    assert max(minutes.values()) < 250


@pytest.mark.parametrize(
    ("expression", "made"),
    [
        ("H/15 * * * *", "1-59/15 * * * *"),
        ("H(0-29) H(0-6) * * *", "1 0 * * *"),
        ("H(30-59)/10 * * * *", "31-59/10 * * * *"),
        ("H,30 * * * *", "1,30 * * * *"),
        ("0 0 H * *", "0 0 9 * *"),
        ("0 0 1 H/6 H", "0 0 1 2-12/6 1"),
        ("0 H/24 * * *", "0 11 * * *"),
    ],
)
def test_a_hash_stands_in_any_field_with_a_range_and_a_step(expression: str, made: str) -> None:
    assert spread(expression, "jira") == made
    assert fault(made) == ""


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("H(0-60) * * * *", "'60' is not from 0 to 59"),
        ("H(9-5) * * * *", "'9-5' ends before it begins"),
        ("H/0 * * * *", "a step must not be 0"),
        ("H-30 * * * *", "'h' is not from 0 to 59"),
        ("H(5) * * * *", "'h(5)' is not a number, range or step"),
        ("h * * * *", "'h' is not from 0 to 59"),
    ],
)
def test_a_hash_of_another_form_is_refused_with_the_reason(expression: str, why: str) -> None:
    assert why in fault(expression)


@pytest.mark.parametrize("field", range(5))
def test_hashes_of_any_name_are_expressions_that_are_taken(field: int) -> None:
    for number in range(300):
        for form in ("H", "H/2", "H/7", "H/31", "H(1-5)", "H(1-6)/4"):
            fields = ["*"] * 5
            fields[field] = form
            made = spread(" ".join(fields), f"s{number}")
            assert "H" not in made and fault(made) == ""
