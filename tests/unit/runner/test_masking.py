"""Secret values stay in, however they are written and wherever the stream is cut."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import sys
import unicodedata
import urllib.parse

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runner.supervise.masking import SHORT, Masker, StreamMasker
from runner.supervise.secret_values import secrets_of

SECRETS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=SHORT, max_size=60
)
TEXT = st.text(st.characters(codec="utf-8"), max_size=200)


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
        html.escape(secret).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        shlex.quote(secret).removeprefix("'").removesuffix("'") if "'" in secret else secret,
        secret.replace("'", "''"),
        json.dumps(secret).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")[1:-1],
        urllib.parse.quote(secret, safe="!~*'()"),
        secret.encode().hex(),
        secret.encode().hex().upper(),
        unicodedata.normalize("NFC", secret),
        unicodedata.normalize("NFD", secret),
    ]


@given(SECRETS, TEXT, TEXT)
def test_no_spelling_of_a_secret_gets_through(secret: str, before: str, after: str) -> None:
    assume(secret.strip() == secret)
    masker = Masker([secret])
    for form in spelled(secret):
        line = f"{before} {form} {after}"
        assert form not in masker.text(line).replace("***", "\0")


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


@given(SECRETS, st.integers(0, 3000), st.integers(1, 700))
def test_a_line_too_long_to_hold_is_masked_at_its_cuts_too(secret: str, offset: int, size: int) -> None:
    masker = Masker([secret])
    data = b"~" * offset + secret.encode() + b"~" * 3000 + secret.encode()
    stream = StreamMasker(masker, limit=256)
    out = b"".join(stream.feed(data[i : i + size]) for i in range(0, len(data), size)) + stream.flush()
    assert secret.encode() not in out
    assert out == masker.mask(data)


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


def toml(**values: object) -> dict[str, str]:
    return {"secrets.toml": "[sources.x]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items())}


BROKEN = [
    "postgresql://reader:pa@Ta1lOfSecret@db.acme.internal:5432/crm",
    "mysql+pymysql://reader:pa/Ta1lOfSecret@db.acme.internal/crm",
    "mongodb://reader:pa:Ta1lOfSecret@db.acme.internal,two.acme.internal:27017/crm?email=a@b.c",
    "redis://:pa#Ta1lOfSecret@db.acme.internal:6379/0",
    "amqp://reader:pa?Ta1lOfSecret@db.acme.internal/vhost",
    "snowflake://reader:pa%Ta1lOfSecret@acme-eu/crm",
    "mssql+pyodbc://reader:pa[Ta1lOfSecret@db.acme.internal/crm",
    "postgresql://reader:pa%40Ta1lOfSecret@db.acme.internal/crm",
    "https://reader:pa@Ta1lOfSecret@db.acme.internal/x",
    "jdbc:postgresql://reader:pa@Ta1lOfSecret@db.acme.internal/x",
    "host=db.acme.internal user=reader password='pa Ta1lOfSecret'",
    "host=db.acme.internal user=reader password=pa Ta1lOfSecret dbname=crm",
    "Driver={ODBC};Server=db.acme.internal;UID=reader;PWD={pa@Ta1lOfSecret};",
    "mssql+pyodbc:///?odbc_connect=Server%3Ddb%3BPWD%3Dpa%40Ta1lOfSecret%3B",
    "jdbc:sqlserver://db.acme.internal:1433;user=reader;password=pa@Ta1lOfSecret",
    "postgresql://reader:pa;x=@Ta1lOfSecret@db.acme.internal/crm",
]


@pytest.mark.parametrize("address", BROKEN)
def test_whatever_a_driver_takes_for_the_password_or_the_host_behind_it_is_masked(address: str) -> None:
    masker = Masker(secrets_of(toml(credentials=address), {}))
    for cut in ("Ta1lOfSecret", "ta1lofsecret", "Ta1lOfSecret@db.acme.internal"):
        for told in (cut, repr(cut), f'"{cut}"', json.dumps(f"host {cut}:5432"), cut.encode().hex()):
            shown = masker.text(f"could not translate host name {told} to address")
            assert "***" in shown
            assert "a1lof" not in shown.lower()


@given(
    st.sampled_from(["postgresql", "mongodb", "redis", "mysql+pymysql"]),
    st.text("@:/?#[]%&;=+ \\aB1", max_size=6),
    st.text("@:/?#[]%&;=+ \\aB1", max_size=6),
)
def test_a_word_of_a_password_is_masked_whatever_stands_before_and_behind_it(
    scheme: str, before: str, after: str
) -> None:
    assume(not re.search(r"[aB1\\]$|%[aB1]?$", before) and not re.match(r"[aB1\\]|%[aB1]{2}", after))
    assume(not re.search(r"\?.*=", before + after))  # a query's values are its own
    address = f"{scheme}://reader:{before}Ta1lOfSecret{after}@db.acme.internal:5432/crm"
    masker = Masker(secrets_of(toml(credentials=address), {}))
    assert "Ta1l" not in masker.text("no host Ta1lOfSecret")


def test_a_tail_too_short_to_be_masked_by_itself_is_masked_with_the_host_behind_it() -> None:
    masker = Masker(secrets_of(toml(credentials="postgresql://reader:secretp@ss@db.acme.internal/crm"), {}))
    assert masker.text('host name "ss@db.acme.internal" is unknown') == 'host name "***" is unknown'
    assert masker.text("FATAL for user secretp") == "FATAL for user ***"


@pytest.mark.parametrize("field", ["credentials", "host"])
def test_of_an_address_that_is_written_well_the_host_and_the_rest_stay_legible(field: str) -> None:
    for address in (
        "postgresql://reader:read-me-9@db.acme.internal:5432/crm?application_name=a@b",
        "https://reader:read-me-9@git.acme.internal/org/repo@v1",
        "mongodb://reader:read-me-9@db.acme.internal:1,two.acme.internal:2/crm",
    ):
        masker = Masker(secrets_of(toml(**{field: address}), {}))
        assert masker.text("reader:read-me-9") == "reader:***"
        for plain in ("db.acme.internal", "git.acme.internal:5432", "crm", "reader", "org", "two"):
            assert masker.text(f"no host {plain} here") == f"no host {plain} here"
        assert masker.text(f"told {address}") == "told ***"


def test_an_address_in_the_plain_configuration_keeps_its_password_too() -> None:
    config = '[sources.x]\nbase_url = "https://reader:read-me-9@api.acme.com"\nname = "acme"\n'
    assert secrets_of({"config.toml": config}, {}) == {"read-me-9"}
    asked = [{"url": "https://reader:read-me-9@api.acme.com"}, {"DSN": "host=db password=read-me-8"}]
    assert secrets_of({}, {}, asked=asked) == {"read-me-9", "read-me-8"}


def test_a_password_with_an_at_sign_is_masked_where_code_puts_it_into_an_address_as_it_stands() -> None:
    masker = Masker(secrets_of(toml(password="pa@Ta1lOfSecret", login="bot@acme.com"), {}))
    assert masker.text('host "Ta1lOfSecret@db.acme.com"') == 'host "***@db.acme.com"'


def test_plain_settings_are_legible_by_their_fields_names() -> None:
    plain = {
        "subdomain": "acme-eu",
        "domain": "acme.example.com",
        "host": "9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c.eu-west-1.found.io",
        "port": 5432,
        "database": "warehouse",
        "userName": "analytics_reader_2024",
        "user": "reader@acme-server",
        "email": "john.doe@acme.com",
        "account": "xy12345.eu-central-1",
        "bucket_url": "s3://acme-lake-7f3a9b2c1d0e",
        "base-url": "https://acme-eu.zendesk.com/",
        "project_id": "acme-prod-123456",
    }
    assert secrets_of(toml(**plain), {}) == set()


def test_on_doubt_a_setting_is_masked() -> None:
    doubtful = {
        "username": "sk_live_Tr0ub4dor",
        "user": "ghp_a1b2c3",
        "account": "a1b2c3d4e5f6a7b8",
        "host": "https://reader:read-me-9@db.acme.com",
        "database": "Xk9wQz2LmN7vRt4p",
        "base_url": "https://hooks.acme.com/T0B1C2D3E4/xyz",
        "nickname": "acme-eu",
        "server": "reader:pa@Ta1l@db.acme.com",
    }
    assert set(doubtful.values()) <= secrets_of(toml(**doubtful), {})


def test_a_value_that_is_a_secret_elsewhere_is_masked_under_a_plain_name_too() -> None:
    assert secrets_of(toml(username="acme-eu", password="acme-eu"), {}) == {"acme-eu"}


def test_a_variable_is_a_plain_setting_where_every_argument_that_asks_for_it_is_one() -> None:
    files = {"values.json": json.dumps({"SUB": "acme-eu", "KEY": "acme-us"})}
    asked = [{"subdomain": "env:SUB", "domain": "env:KEY", "auth": {"token": "env:KEY"}}]
    assert secrets_of(files, {}, asked=asked) == {"acme-us"}
    assert secrets_of(files, {}) == {"acme-eu", "acme-us"}


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
