"""Drivers and readers come by themselves, from what the entry says."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from launcher import config
from launcher.environment.describe import describe, drivers_of
from launcher.environment.values import Environment


def described(root: Path, entry: str, secrets: str = "", **environ: str) -> Environment:
    (root / "sources.yml").write_text(
        f"project: acme\nsources:\n  - name: crm\n{textwrap.indent(entry, '    ')}\n"
    )
    (root / ".dlt").mkdir()
    (root / ".dlt/secrets.toml").write_text(secrets)
    project = config.load(root / "sources.yml")
    (source,) = project.sources
    reached = drivers_of(project, source, environ)
    return describe(project, source, base_identity="sha256:base", reached=reached)


def names(environment: Environment) -> set[str]:
    return {item.text for item in environment.requirements if not item.text.startswith("duckdb==")}


SQL = "dlt_native: {source_module: sql_database, source_function: sql_database%s}"


def test_a_connection_string_in_the_secrets_brings_its_driver_and_says_so(tmp_path: Path) -> None:
    made = described(tmp_path, SQL % "", '[sources.crm]\ncredentials = "mysql+pymysql://reader:any@db/crm"\n')
    assert names(made) == {"pymysql[rsa]"}
    assert made.notes == ("source 'crm': 'mysql+pymysql://' brings pymysql[rsa]",)
    assert [(item.text, item.origin) for item in made.added] == [
        ("pymysql[rsa]", "for 'mysql+pymysql://', sources.yml:3 (crm)")
    ]


def test_a_drivername_brings_its_driver_too(tmp_path: Path) -> None:
    secrets = '[sources.crm.credentials]\ndrivername = "postgresql+psycopg2"\nhost = "db"\n'
    assert names(described(tmp_path, SQL % "", secrets)) == {"psycopg2-binary"}


def test_postgres_without_a_driver_gets_both_that_sqlalchemy_may_take(tmp_path: Path) -> None:
    entry = SQL % ', function_kwargs: {credentials: "env:CRM"}'
    assert names(described(tmp_path, entry, CRM="postgresql://reader:any@db/crm")) == {
        "psycopg2-binary",
        "psycopg[binary]",
    }


def test_a_driver_that_the_entry_names_is_left_alone(tmp_path: Path) -> None:
    entry = SQL % "" + '\ncontainer: {requirements: ["pymysql==1.1.0"]}'
    made = described(tmp_path, entry, '[sources.crm]\ncredentials = "mysql+pymysql://reader:any@db/crm"\n')
    assert names(made) == {"pymysql==1.1.0"}
    assert (made.notes, made.added) == ((), ())


def test_an_address_whose_driver_has_no_wheels_is_told_with_the_one_to_write(tmp_path: Path) -> None:
    made = described(tmp_path, SQL % "", '[sources.crm]\ncredentials = "mysql://reader:any@db/crm"\n')
    assert names(made) == set()
    assert "write 'mysql+pymysql://'" in made.notes[0]


def test_the_destinations_address_brings_its_driver(tmp_path: Path) -> None:
    entry = "destination: sqlalchemy\ndlt_native: {source_module: shop, source_function: rows}"
    secrets = '[destination.sqlalchemy]\ncredentials = "mysql+pymysql://loader:any@db/dwh"\n'
    assert names(described(tmp_path, entry, secrets)) == {"pymysql[rsa]"}


def test_an_address_of_a_source_that_is_no_database_brings_nothing(tmp_path: Path) -> None:
    entry = "dlt_native: {source_module: shop, source_function: rows}"
    assert names(described(tmp_path, entry, '[sources.crm]\ndsn = "mysql+pymysql://a:b@db/crm"\n')) == set()


@pytest.mark.parametrize(
    ("function", "resources", "brought"),
    [
        ("readers", "", {"pandas"}),
        ("readers", ", resources: [read_parquet]", set()),
        ("filesystem", "", set()),
    ],
)
def test_a_reader_of_csv_brings_pandas(
    tmp_path: Path, function: str, resources: str, brought: set[str]
) -> None:
    entry = f"dlt_native: {{source_module: filesystem, source_function: {function}{resources}}}"
    assert names(described(tmp_path, entry)) == brought


def test_own_code_that_reads_csv_or_signs_tokens_brings_what_that_needs(tmp_path: Path) -> None:
    (tmp_path / "custom_sources").mkdir()
    (tmp_path / "custom_sources/shop.py").write_text(
        "from dlt.sources.filesystem import filesystem, read_csv\n"
        "from dlt.sources.helpers.rest_client.auth import OAuthJWTAuth\n"
    )
    made = described(tmp_path, "dlt_native: {source_module: shop, source_function: rows}")
    assert names(made) == {"pandas", "pyjwt", "cryptography"}


def test_a_bucket_that_files_are_read_from_brings_its_driver(tmp_path: Path) -> None:
    entry = (
        "dlt_native: {source_module: filesystem, source_function: filesystem, "
        'function_kwargs: {bucket_url: "s3://acme/in"}}'
    )
    made = described(tmp_path, entry)
    assert "s3" in made.dlt_extras
    assert [(item.text, item.origin) for item in made.added] == [
        ("dlt[s3]", "for 's3://', sources.yml:3 (crm)")
    ]
