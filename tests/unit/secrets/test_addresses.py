"""Connection strings that can't be read as they are meant are refused before the run, and not shown."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given as given_that
from hypothesis import strategies as st

from launcher.check.verdicts import Level, check_source
from launcher.errors import ConfigurationError
from launcher.secrets.addresses import Fault, doubtful, fault_of
from launcher.secrets.gather import read_environment
from launcher.secrets.literals import looks_secret, take_out
from tests.unit.secrets.asking import cut, given, source

BROKEN = "postgresql://reader:pa@Ta1lOfSecret@db.acme.com:5432/crm"
SOURCES = """\
sources:
  - name: crm
    destination: {destination}
    dlt_native: {{source_module: sql_database, source_function: sql_database, function_kwargs: {kwargs}}}
"""


def refused(root: Path, kwargs: str = "{}", destination: str = "duckdb", **files: str) -> str:
    """The text of the refusal, which shows nothing of the address."""
    project = given(root, SOURCES.format(kwargs=kwargs, destination=destination), **files)
    with pytest.raises(ConfigurationError) as caught:
        cut(project, "crm")
    text = f"{caught.value.message}\n{caught.value.hint}".replace(f"{root}/", "")
    assert not [part for part in ("reader", "pa@", "Ta1l", "acme") if part in text]
    assert "@ as %40, / as %2F" in caught.value.hint
    return text.partition("\n")[0]


WHY = "its user or password holds a character that has to be percent-encoded"


def test_one_in_the_secrets_is_refused_with_its_field(tmp_path: Path) -> None:
    text = refused(tmp_path, secrets=f'[sources.crm]\ncredentials = "{BROKEN}"\n')
    assert text == f"sources.yml:2: crm: [sources.crm] credentials: {WHY}"


def test_one_of_the_destination_is_refused_with_its_field(tmp_path: Path) -> None:
    secrets = f'[destination.postgres]\ncredentials = "{BROKEN}"\n'
    text = refused(tmp_path, destination="postgres", secrets=secrets)
    assert text == f"sources.yml:2: crm: [destination.postgres] credentials: {WHY}"


def test_one_in_a_variable_is_refused_with_the_variable(tmp_path: Path) -> None:
    text = refused(tmp_path, env=f"SOURCES__CRM__CREDENTIALS='{BROKEN}'\n")
    assert text == f"sources.yml:2: crm: SOURCES__CRM__CREDENTIALS: {WHY}"


def test_one_behind_a_reference_is_refused_with_argument_and_variable(tmp_path: Path) -> None:
    text = refused(tmp_path, kwargs='{credentials: "env:CRM_URL"}', env=f"CRM_URL='{BROKEN}'\n")
    assert text == f"sources.yml:2: crm: function_kwargs.credentials (env:CRM_URL): {WHY}"


def test_a_literal_one_is_refused_and_every_one_is_told_at_once(tmp_path: Path) -> None:
    kwargs = f'{{a: ["{BROKEN}"], b: {{c: "redis://:p@x@h"}}, d: "https://x/y@z"}}'
    text = refused(tmp_path, kwargs=kwargs)
    at = "sources.yml:2: crm: function_kwargs"
    assert text == f"{at}.a[0]: {WHY}; {at}.b.c: {WHY}"


def test_check_tells_it_as_wrong(tmp_path: Path) -> None:
    secrets = f'[sources.crm]\ncredentials = "{BROKEN}"\n'
    project = given(tmp_path, SOURCES.format(kwargs="{}", destination="duckdb"), secrets=secrets)
    rows = check_source(project, source(project, "crm"), read_environment(project, {}))
    assert [row.text for row in rows if row.level is Level.WRONG and WHY in row.text]
    assert "Ta1l" not in repr(rows)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:pa@Ta1l@h:5432/crm",
        "mysql+pymysql://u:pa@Ta1l@h/crm",
        "mongodb://u:pa@Ta1l@h1,h2/crm",
        "mongodb://u:pa:Ta1l@h/crm",
        "mongodb+srv://u:100%@h/crm",
        "snowflake://u:pa@Ta1l@acct/crm",
        "mssql+pyodbc://u:pa@Ta1l@h/x?driver=ODBC+Driver",
        "redis://:pa@Ta1l@h",
        "redis://:pa?Ta1l@h/0",
        "redis://:pa[Ta1l@h/0",
        "amqp://u:pa/Ta1l@h/v",
        "amqp://u:pa#Ta1l@h/v",
        "https://u:pa@Ta1l@h/x",
        "https://u:pa/Ta1l@h/x",
        "https://pa@Ta1l@h/x",
        "postgresql://u:pa@Ta/1l@h/x",
        "postgresql://u:pa@Ta?1l@h/x",
        "postgresql://u:pa@Ta#1l@h/x",
        "postgresql://u:pa/a@Ta1l@h/x",
    ],
)
def test_an_address_with_a_password_that_ends_too_early_has_a_fault(address: str) -> None:
    assert fault_of(address) is Fault.USERINFO


def test_a_port_that_is_no_number_is_a_fault_where_a_password_stands_before_it() -> None:
    assert fault_of("postgresql://u:p@h:54x/db") is Fault.PORT
    assert fault_of("postgresql://u:p@h1:1,h2:x/db") is Fault.PORT


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:pa:Ta1l@h/crm",
        "postgresql://u:p%40x@[::1]:5432/db",
        "postgresql://u:p@h1:5432,h2:5433/db?options=a@b",
        "postgresql://u:p@/db?host=/var/run",
        "postgresql:///db?user=a@b",
        "postgresql://u:p@h:{port}/db",
        "mongodb://u:p@h1:27017,h2:27018/db?x=a@b",
        "mongodb+srv://u:p@c.mongodb.net/db",
        "mssql+pymssql://u:p@h\\inst/db",
        "mssql+pyodbc:///?odbc_connect=Driver%3DX%3BPWD%3Da%40b",
        "oracle+oracledb://u:p@(DESCRIPTION=(ADDRESS=(HOST=h)(PORT=1521)))/",
        "snowflake://u:p@acct.eu/db/schema?warehouse=w&role=r",
        "databricks://token:dapi@h:443?http_path=/sql/x",
        "bigquery://project/ds",
        "redis://[::1]:6379/0?x=a@b",
        "duckdb:///data/x@y.duckdb",
        "https://x/y@z",
        "https://x:8443/y@z?m=a@b",
        "https://medium.com/@user",
        "https://u:tok@github.com/o/r@v1",
        "git+https://tok@github.com/o/r@v1",
        "https://bot@acme.com:tok@acme.atlassian.net/x",
        "ssh://git@github.com:o/r.git",
        "s3://bucket/a@b",
        "abfss://c@a.dfs.core.windows.net/x@y",
        "jdbc:sqlserver://h:1433;user=a;password=x@y",
        "written as https://user:p@ss@host",
        "bot@acme.com",
        "",
    ],
)
def test_an_address_that_some_program_reads_as_it_is_meant_has_none(address: str) -> None:
    assert fault_of(address) is None
    assert not doubtful(address)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:pa/Ta1l@h/crm",
        "postgresql://u:pa#Ta1l@h/crm",
        "postgresql://u:pa?Ta1l@h/crm",
        "postgresql://u:pa%Ta1l@h/crm",
        "postgresql://u:pa Ta1l@h/crm",
        "postgresql://u:pa[Ta1l@h/crm",
        "mysql://user@server:pw@server.mysql.database.azure.com/db",
    ],
)
def test_one_that_only_some_programs_read_is_warned_of(tmp_path: Path, address: str) -> None:
    from sqlalchemy.engine import make_url

    url = make_url(address.replace("mysql:", "postgresql:"))
    assert url.host in ("h", "server.mysql.database.azure.com")
    secrets = f'[sources.crm]\ncredentials = "{address}"\n'
    project = given(tmp_path, SOURCES.format(kwargs="{}", destination="duckdb"), secrets=secrets)
    (warning,) = cut(project, "crm").warnings
    assert "[sources.crm] credentials: some drivers end its user or password too early" in warning
    assert "a1l" not in warning


def test_a_text_that_is_no_reference_is_not_taken_for_the_variable_of_that_name(tmp_path: Path) -> None:
    kwargs = "{url: 'env:CRM_URL', label: CRM_URL}"
    project = given(tmp_path, SOURCES.format(kwargs=kwargs, destination="duckdb"))
    (warning,) = cut(project, "crm", {"CRM_URL": "postgresql://u:pa#Ta1l@h/crm"}).warnings
    assert "function_kwargs.url (env:CRM_URL): some drivers end" in warning


SPECIAL = st.text("@:/?#[]%&;=+ aB1", min_size=1, max_size=8).filter(
    lambda password: not re.search(r"@.*\?.*=", password)  # such an end might be a query
)


@given_that(SPECIAL)
def test_a_databases_address_has_a_fault_exactly_where_sqlalchemy_takes_another_host(password: str) -> None:
    from sqlalchemy.engine import make_url

    address = f"postgresql://reader:{password}@db.acme.com:5432/crm"
    try:
        host = make_url(address).host
    except ValueError:
        host = None
    assert (fault_of(address) is None) == (host == "db.acme.com")


@given_that(SPECIAL)
def test_a_brokers_address_without_a_fault_leads_urllib_to_its_host(password: str) -> None:
    address = f"amqp://reader:{password}@db.acme.com:5432/crm"
    if fault_of(address) is None and not re.match(r"[0-9]+[/?#]", password):
        with contextlib.suppress(ValueError):  # brackets, of which each Python thinks otherwise
            assert urlsplit(address).hostname == "db.acme.com"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://reader:pa/Ta1l@h/crm",
        "https://u:pa#Ta1l@h/x",
        "host=db user=reader password=Ta1l",
        "Driver={X};Server=h;UID=u;PWD={Ta1l}",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=Ta1l==;EndpointSuffix=x",
        "jdbc:sqlserver://h:1433;user=a;password=Ta1l",
    ],
)
def test_a_literal_connection_string_is_a_secret_however_it_is_written(text: str) -> None:
    assert looks_secret("any", text)
    assert "Ta1l" not in repr(take_out({"any": text}).kwargs)
    assert not looks_secret("query", "select * from t where password = 'x'")
