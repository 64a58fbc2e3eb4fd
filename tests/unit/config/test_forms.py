"""Sizes, durations, schedules and addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.config.forms import install, schedule, split_egress
from launcher.config.units import parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2g", 2 << 30),
        ("2Gi", 2 << 30),
        ("2GB", 2 << 30),
        ("512m", 512 << 20),
        ("512Mi", 512 << 20),
        ("1.5g", 3 << 29),
        ("100k", 100 << 10),
        ("1t", 1 << 40),
        ("4096", 4096),
        ("10b", 10),
    ],
)
def test_a_size_is_read_as_docker_reads_it(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "g", "2x", "-1g", "2 gigs", "1e9", "inf", "2gg", "½g"])
def test_a_size_that_is_none_raises(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172800), ("0.5s", 0.5), ("1d2h3m4s", 93784)],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "30", "m", "1m1h", "-5s", "1 h"])
def test_a_duration_that_is_none_raises(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    "text", ["0 * * * *", "*/5 0-6 1,15 jan-mar MON-FRI", "@daily", "0 0 29 2 *", "5-50/5 * * * 0,6"]
)
def test_a_schedule_that_cron_and_kubernetes_read_is_right(text: str) -> None:
    assert schedule(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 7",
        "a * * * *",
        "5-1 * * * *",
        "@reboot",
        "L * * * *",
        "*/0 * * * *",
        "1,,2 * * * *",
        "1- * * * *",
    ],
)
def test_a_schedule_that_one_of_them_refuses_is_wrong(text: str) -> None:
    assert schedule(text) is not None


@given(st.text(alphabet="0123456789*/,-@ abcjanmon", max_size=30))
def test_any_schedule_is_judged(text: str) -> None:
    found = schedule(text)
    assert found is None or found


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("api.example.com:443", "api.example.com", 443),
        ("DB.local:5432", "db.local", 5432),
        ("10.0.0.1:1", "10.0.0.1", 1),
        ("[::1]:80", "::1", 80),
        ("203.0.113.0/24:443", "203.0.113.0/24", 443),
        ("10.0.0.0/8:5432", "10.0.0.0/8", 5432),
        ("0.0.0.0/0:443", "0.0.0.0/0", 443),
        ("[2001:DB8::/32]:443", "2001:db8::/32", 443),
    ],
)
def test_an_address_of_the_allow_list_is_a_host_and_a_port(text: str, host: str, port: int) -> None:
    assert split_egress(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        f"git+https://github.com/acme/dltpod@{'0f' * 20}",
        f"git+https://github.com/acme/dltpod.git@{'0f' * 20}",
        f"git+ssh://git@github.com/acme/dltpod@{'0f' * 20}",
        f"https://files.example.com/dltpod-0.1.0-py3-none-any.whl#sha256={'0f' * 32}",
        ".",
        "../",
        "./vendor/dltpod",
        "../../third party/dltpod",
    ],
)
def test_what_stays_what_it_is_can_be_installed(text: str) -> None:
    assert install(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dltpod",
        "dltpod==0.1.0",
        f"dltpod @ git+https://github.com/acme/dltpod@{'0f' * 20}",
        "git+https://github.com/acme/dltpod",
        "git+https://github.com/acme/dltpod@main",
        "git+https://github.com/acme/dltpod@0f0f0f0",
        f"git+https://github.com/acme/dltpod@{'0f' * 20} --pre",
        f"git+http://github.com/acme/dltpod@{'0f' * 20}",
        f"git+file:///srv/dltpod@{'0f' * 20}",
        f"git+https://user:word@github.com/acme/dltpod@{'0f' * 20}",
        f"git+https://token@github.com/acme/dltpod@{'0f' * 20}",
        "https://files.example.com/dltpod.whl",
        "https://files.example.com/dltpod.whl#sha256=0f0f",
        f"https://files.example.com/dltpod.whl#md5={'0f' * 16}",
        f"http://files.example.com/dltpod.whl#sha256={'0f' * 32}",
        "/srv/dltpod",
        "~/dltpod",
        "vendor/dltpod",
        "./a;b",
        "-r x",
    ],
)
def test_what_may_become_something_else_cannot_be_installed(text: str) -> None:
    assert str(install(text)).startswith("must be git+https://HOST/dltpod@COMMIT")
