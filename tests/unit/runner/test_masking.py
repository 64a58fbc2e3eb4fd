"""Secret values stay in, however they are written and wherever the stream is cut."""

from __future__ import annotations

import base64
import html
import json
import sys
import urllib.parse

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runner.masking import SHORT, Masker, StreamMasker, secrets_of

SECRETS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=SHORT, max_size=60
)
TEXT = st.text(st.characters(codec="utf-8"), max_size=200)
OPEN = settings(deadline=None, max_examples=150)


def spelled(secret: str) -> list[str]:
    """Ways in which programs print a value."""
    raw = secret.encode()
    return [
        secret,
        urllib.parse.quote(secret),
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        urllib.parse.quote(secret, safe="").lower() if secret.islower() else urllib.parse.quote(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(secret))[3:-3],
        repr(secret)[1:-1],
        repr(raw)[2:-1],
        html.escape(secret),
    ]


@OPEN
@given(SECRETS, TEXT, TEXT)
def test_no_spelling_of_a_secret_gets_through(secret: str, before: str, after: str) -> None:
    assume(secret.strip() == secret)
    masker = Masker([secret])
    for form in spelled(secret):
        line = f"{before} {form} {after}"
        assert form not in masker.text(line).replace("***", "\0")


@OPEN
@given(SECRETS, st.binary(max_size=20), st.binary(max_size=20))
def test_base64_of_anything_that_holds_a_secret_does_not_tell_it(
    secret: str, before: bytes, after: bytes
) -> None:
    masker = Masker([secret])
    raw = secret.encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        shown = masker.mask(encode(before + raw + after))
        assert b"***" in shown
        core = encode(raw)[: len(raw) * 8 // 6]
        assert core not in shown


@OPEN
@given(SECRETS, TEXT, TEXT, st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_a_stream_cut_anywhere_is_masked_like_one_in_one_piece(
    secret: str, before: str, after: str, cuts: list[int]
) -> None:
    masker = Masker([secret])
    data = f"{before}{secret}{after}\nnext {secret}\n{secret}".encode()
    stream = StreamMasker(masker)
    out, rest, turn = b"", data, 0
    while rest:
        size = cuts[turn % len(cuts)]
        out, rest, turn = out + stream.feed(rest[:size]), rest[size:], turn + 1
    out += stream.flush()
    assert out == masker.mask(data)
    assert secret.encode() not in out


@OPEN
@given(SECRETS, st.integers(0, 3000), st.integers(1, 700))
def test_a_line_too_long_to_hold_is_masked_at_its_cuts_too(secret: str, offset: int, size: int) -> None:
    masker = Masker([secret])
    data = b"~" * offset + secret.encode() + b"~" * 3000 + secret.encode()
    stream = StreamMasker(masker, limit=256)
    out = b"".join(stream.feed(data[i : i + size]) for i in range(0, len(data), size)) + stream.flush()
    assert secret.encode() not in out
    assert out == masker.mask(data)


@OPEN
@given(TEXT)
def test_text_without_a_secret_is_left_as_it_is(text: str) -> None:
    assume("kq7-Zx9" not in text)
    data = text.encode()
    assert Masker(["kq7-Zx9-value"]).mask(data) == data
    assert Masker([]).mask(data) == data


def test_a_short_value_is_masked_as_a_word_and_left_within_others() -> None:
    masker = Masker(["pass1"])
    assert (
        masker.text("pass1 postgres://u:pass1@h bypass12 pass1x") == "*** postgres://u:***@h bypass12 pass1x"
    )


def test_secrets_that_overlap_are_masked_whole() -> None:
    masker = Masker(["abcdefgh-1", "fgh-1-mnopq"])
    assert masker.text("x abcdefgh-1-mnopq y") == "x *** y"


def test_each_line_of_a_key_is_masked_by_itself_and_in_base64() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n9w0BAQEFAASCBKcwggSj\nAg==\n-----END KEY-----\n"
    masker = Masker([key])
    shown = masker.text(
        f"line MIIEvQIBADANBgkqhkiG\n{json.dumps(key)}\n{base64.b64encode(key.encode()).decode()}"
    )
    for line in ("MIIEvQIBADANBgkqhkiG", "9w0BAQEFAASCBKcwggSj"):
        assert line not in shown
    wrapped = base64.encodebytes(key.encode()).decode()
    assert masker.text(wrapped).replace("*", "").strip() in ("", "g==")


def test_passwords_within_addresses_and_json_values_count_and_plain_settings_do_not() -> None:
    found = secrets_of(
        {
            "secrets.toml": (
                '[sources.x]\ndsn = "postgresql://u:p%40ssw0rd@db.acme.com/main?sslkey=k3y-file"\n'
                "[sources.x.credentials]\n"
                'host = "db.acme.com"\nport = 5432\ndatabase = "main"\n'
                'password = "hunter2"\nactive = true\nn = 12\n'
            ),
            "values.json": json.dumps(
                {"KEY": json.dumps({"private_key": "a\nb-secret-line"}), "SINCE": "2024-01-01"}
            ),
        },
        {"HTTPS_PROXY": "http://me:pr0xy-pass@proxy:3128", "PATH": "/usr/bin"},
        public=["x"],
    )
    assert {"p@ssw0rd", "p%40ssw0rd", "k3y-file", "hunter2", "a\nb-secret-line", "pr0xy-pass"} <= found
    assert found.isdisjoint({"db.acme.com", "5432", "main", "True", "12", "2024-01-01", "/usr/bin"})


def test_names_of_the_source_and_its_places_are_not_masked() -> None:
    found = secrets_of(
        {"secrets.toml": 'a = "jira_issues"\nb = "localhost"\nc = "s3cr3t!!"'}, {}, ["jira_issues"]
    )
    assert found == {"s3cr3t!!"}


def test_a_torn_secrets_file_is_still_searched_for_its_values() -> None:
    assert secrets_of({"secrets.toml": 'a = "s3cr3t!!"\nb = ['}, {}) == {"s3cr3t!!"}


def test_without_tomllib_the_secrets_are_read_by_dlts_own_toml_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tomllib", None)
    text = '[a.b]\nc = "s3cr3t!!"\nflag = true\nn = 123456\nl = ["x-in-a-list"]\n'
    assert secrets_of({"secrets.toml": text}, {}) == {"s3cr3t!!", "123456", "x-in-a-list"}
    assert secrets_of({"secrets.toml": text + "torn = ["}, {}) >= {"s3cr3t!!", "x-in-a-list"}
